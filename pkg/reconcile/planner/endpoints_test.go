package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// listed are the hosts' numbers that a unit publishes to its clients, as in "0 1 2"; all units must
// publish the same.
func listed(t *testing.T, o observation.Observation) string {
	t.Helper()
	var list []string
	for i := range o.Units {
		if slices.Contains(planner.Desired(o, "etcd/0").Clients.Endpoints, url(i)) {
			list = append(list, strings.TrimPrefix(o.Units[i].Name, "etcd/"))
		}
	}
	for _, u := range o.Units[1:] {
		c := planner.Desired(o, u.Name).Clients
		if len(c.Endpoints) > 0 && !slices.Equal(c.Endpoints, planner.Desired(o, "etcd/0").Clients.Endpoints) {
			t.Errorf("%s publishes %v, etcd/0 %v", u.Name, c.Endpoints, planner.Desired(o, "etcd/0").Clients.Endpoints)
		}
	}
	return strings.Join(list, " ")
}

func TestClientsAreGivenMembersThatServe(t *testing.T) {
	serve := func(o *observation.Observation, i int) {
		o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Answered: true, Serves: true, MemberID: id(i), ClusterID: clusterID, Leader: id(0)}
		delete(o.History.UnhealthySince, url(i))
	}
	for _, c := range []struct {
		name string
		do   func(o *observation.Observation)
		want string
	}{
		{"all serve", func(*observation.Observation) {}, "0 1 2 3 4"},
		{"one restarts", func(o *observation.Observation) { down(o, 1, 59*time.Second) }, "0 1 2 3 4"},
		{"one has been down for a minute", func(o *observation.Observation) { down(o, 1, time.Minute) }, "0 2 3 4"},
		{"and comes back", func(o *observation.Observation) { down(o, 1, time.Minute); apply(o); serve(o, 1) }, "0 1 2 3 4"},
		{"a daemon that begins finds one down that is off the list",
			func(o *observation.Observation) { down(o, 1, time.Minute); apply(o); down(o, 1, time.Second) }, "0 2 3 4"},
		{"a daemon that begins finds one down that is on it", func(o *observation.Observation) { down(o, 1, 0) }, "0 1 2 3 4"},
		{"two have been down for an hour", func(o *observation.Observation) { down(o, 1, time.Hour); down(o, 2, time.Hour) }, "0 3 4"},
		{"so have three, and the list is from before", func(o *observation.Observation) {
			for i := range 3 {
				down(o, i, time.Hour)
			}
		}, "0 1 2 3 4"},
		{"the quorum is lost", func(o *observation.Observation) {
			for i := range 5 {
				down(o, i, time.Hour)
			}
			o.Etcd.Listed, o.Etcd.Members = false, nil
		}, "0 1 2 3 4"},
		{"the quorum is lost after one was taken off", func(o *observation.Observation) {
			down(o, 1, time.Hour)
			apply(o)
			for i := range 5 {
				down(o, i, time.Hour)
			}
			o.Etcd.Listed, o.Etcd.Members = false, nil
		}, "0 2 3 4"},
		{"data is lost", func(o *observation.Observation) { down(o, 1, time.Second); o.Units[1].Facts.Member.Present = false }, "0 2 3 4"},
		{"a unit leaves", func(o *observation.Observation) { o.Units[1].Dying = true }, "0 2 3 4"},
		{"a unit joins", func(o *observation.Observation) { join(o); learn(o, 0) }, "0 1 2 3 4"},
		{"it is a voter, and does not serve yet", func(o *observation.Observation) {
			join(o)
			learn(o, 0)
			o.Etcd.Members[5].Learner = false
			down(o, 5, 0)
		}, "0 1 2 3 4"},
		{"it is a voter that serves", func(o *observation.Observation) {
			join(o)
			learn(o, 0)
			o.Etcd.Members[5].Learner = false
		}, "0 1 2 3 4 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := settled(5)
			c.do(&o)
			if got := listed(t, o); got != c.want {
				t.Errorf("clients are given %s, not %s", got, c.want)
			}
		})
	}
}

// At birth, and of a cluster whose units publish nothing yet, clients hear of those that serve; of
// all if none does.
func TestClientsAreGivenSomeMemberFromTheBeginning(t *testing.T) {
	fresh := func() observation.Observation {
		o := settled(3)
		for i := range o.Units {
			o.Units[i].Facts.Applied = nil
		}
		return o
	}
	o := fresh()
	down(&o, 2, 0)
	if got := listed(t, o); got != "0 1" {
		t.Errorf("one does not serve yet: %s", got)
	}
	o = fresh()
	for i := range 3 {
		down(&o, i, time.Hour)
	}
	if got := listed(t, o); got != "0 1 2" {
		t.Errorf("none serves: %s", got)
	}
}

// A client may read one unit's databag and no other: from its first delivery on a unit publishes
// those that serve, and itself when it votes.
func TestAUnitPublishesTheOthersToItsClientsUntilItsMemberVotes(t *testing.T) {
	o := settled(3)
	others := planner.Desired(o, "etcd/0").Clients
	others.Members = nil
	same := func(what string) {
		t.Helper()
		got := planner.Desired(o, "etcd/3").Clients
		got.Members = nil
		if diff := cmp.Diff(others, got); diff != "" {
			t.Errorf("%s publishes, instead of what the others publish (-):\n%s", what, diff)
		}
	}
	join(&o)
	o.Units[3].Facts.Snap = nil
	same("a unit that is not prepared")
	o.Units[3].Facts.Snap = &v1alpha1.SnapFacts{Version: "3.6.99"}
	same("a unit with another snap")
	m := etcdops.Member{ID: id(3), PeerURLs: []string{peer(3)}, Learner: true}
	o.Etcd.Members = append(o.Etcd.Members, m)
	same("the unit of a member that was added")
	o.Etcd.Members = o.Etcd.Members[:3]
	learn(&o, 0)
	same("a learner's unit")
	o.Etcd.Members[3].Learner = false
	if c := planner.Desired(o, "etcd/3").Clients; len(c.Endpoints) != 4 || c.Version != "3.6.99" {
		t.Errorf("a voter's unit publishes %+v", c)
	}
	o.Etcd.Members = o.Etcd.Members[:3]
	same("the unit of a member that was removed")
	o.Units[3].Facts.Member = v1alpha1.MemberFacts{}
	o.CA.Bundle, _ = bundleOf("one")
	for i := range 3 {
		o.Units[i].Facts.Certificates.CA = []string{"another"}
	}
	if c := planner.Desired(o, "etcd/3").Clients; len(c.Endpoints) > 0 {
		t.Errorf("a unit whose certificates the members do not trust publishes %+v", c)
	}
	if c := planner.Desired(o, "etcd/0").Clients; len(c.Endpoints) != 3 {
		t.Errorf("a member's unit publishes %+v", c)
	}
}

// The only member is of a unit that leaves, and the one that stays has yet to join.
func TestClientsAreGivenWhoLeavesAsLongAsNobodyElseHasTheData(t *testing.T) {
	o := settled(1)
	join(&o)
	o.Units[0].Dying = true
	if got := planner.Desired(o, "etcd/1").Clients.Endpoints; !slices.Equal(got, []string{url(0)}) {
		t.Errorf("published %v", got)
	}
	learn(&o, 0)
	o.Etcd.Members[1].Learner = false
	if got := planner.Desired(o, "etcd/1").Clients.Endpoints; !slices.Equal(got, []string{url(1)}) {
		t.Errorf("published %v", got)
	}
}

// A member that was added and never started has no name in etcd's list: the old charm failed over
// it.
func TestCharmDefect16TheClusterForProxiesLeavesOutAMemberThatNeverStarted(t *testing.T) {
	o := settled(3)
	join(&o)
	o.Etcd.Members = append(o.Etcd.Members, etcdops.Member{ID: id(3), PeerURLs: []string{peer(3)}})
	want := []v1alpha1.NamedMember{{Name: "etcd0", PeerURL: peer(0)}, {Name: "etcd1", PeerURL: peer(1)}, {Name: "etcd2", PeerURL: peer(2)}}
	if got := planner.Desired(o, "etcd/0").Clients.Cluster; !slices.Equal(got, want) {
		t.Errorf("proxies are given %v, not %v", got, want)
	}
}

func TestClientsAreGivenWhereMembersServeNow(t *testing.T) {
	o := settled(3)
	o.Etcd.Members[1].ClientURLs = []string{"https://10.9.9.9:4001"}
	o.Etcd.Health["https://10.9.9.9:4001"] = o.Etcd.Health[url(1)]
	delete(o.Etcd.Health, url(1))
	if got := planner.Desired(o, "etcd/0").Clients.Endpoints; !slices.Contains(got, "https://10.9.9.9:4001") || slices.Contains(got, url(1)) {
		t.Errorf("clients are given %v", got)
	}
}

func TestDueIsWhenASilentMemberGoesOffTheList(t *testing.T) {
	o := settled(5)
	if at := planner.Due(o); !at.IsZero() {
		t.Errorf("settled, and due at %s", at)
	}
	down(&o, 1, 20*time.Second)
	down(&o, 2, 50*time.Second)
	at := planner.Due(o)
	if want := o.Now.Add(10 * time.Second); !at.Equal(want) {
		t.Errorf("due at %s, not %s", at, want)
	}
	before := o
	o.Now = at
	if got := changed(before, o); got != "etcd/0, etcd/1, etcd/2, etcd/3, etcd/4" {
		t.Errorf("when it is due %q change", got)
	}
	if next := planner.Due(o); !next.Equal(o.Now.Add(30 * time.Second)) {
		t.Errorf("the other one is due at %s", next)
	}
}

// A monitor that forgot a member which is down would never report it, and would count a quorum of
// those that are left.
func TestAMonitorIsGivenVotersThatAreDown(t *testing.T) {
	all := []string{url(0), url(1), url(2)}
	watched := func(o observation.Observation) []string { return planner.Desired(o, "etcd/0").Clients.Members }
	o := settled(3)
	if got := watched(o); !slices.Equal(got, all) {
		t.Fatalf("watched %v", got)
	}
	down(&o, 1, time.Hour)
	if got := watched(o); !slices.Equal(got, all) || slices.Contains(planner.Desired(o, "etcd/0").Clients.Endpoints, url(1)) {
		t.Errorf("one has been down for an hour: watched %v, published %v", got, planner.Desired(o, "etcd/0").Clients.Endpoints)
	}
	down(&o, 0, time.Hour)
	o.Etcd.Listed, o.Etcd.Members = false, nil
	if got := watched(o); !slices.Equal(got, all) {
		t.Errorf("the quorum is lost: watched %v", got)
	}
	o = settled(3)
	o.Units[1].Dying = true
	if got := watched(o); !slices.Equal(got, []string{url(0), url(2)}) {
		t.Errorf("a unit leaves: watched %v", got)
	}
	o = settled(3)
	join(&o)
	learn(&o, 0)
	if got := watched(o); !slices.Equal(got, all) {
		t.Errorf("a learner is there: watched %v", got)
	}
	if got := planner.Desired(o, "etcd/3").Clients.Members; !slices.Equal(got, all) {
		t.Errorf("the learner's own unit, which may lead in Juju, watches %v", got)
	}
	o = settled(3)
	o.Latch.ClusterID = ""
	if got := watched(o); !slices.Equal(got, all) {
		t.Errorf("members run, and the latch is not written yet: watched %v; one that goes now must know whom to ask", got)
	}
	for i := range o.Units {
		o.Units[i].Facts.Member = v1alpha1.MemberFacts{}
	}
	o.Etcd = etcdops.View{}
	if got := watched(o); len(got) > 0 {
		t.Errorf("before there is a cluster: watched %v", got)
	}
}

// Clients of another model are given the addresses that Juju gives for their relation, of each
// member whose certificate is good for it.
func TestClientsOfAnotherModelAreGivenAddressesThatCertificatesAreGoodFor(t *testing.T) {
	o := settled(3)
	for i, address := range []string{"198.51.100.1", "198.51.100.2", ""} {
		f := o.Units[i].Facts
		f.Certificates.Server = &v1alpha1.LeafFacts{Fingerprint: "f", SANs: []string{f.Addresses.Peer, f.Addresses.Client}}
		if address != "" {
			f.Addresses.Relations = map[string]string{"db:7": address}
		}
	}
	leaf := o.Units[0].Facts.Certificates.Server
	if got := planner.Desired(o, "etcd/2").Clients.Relations; len(got) > 0 {
		t.Errorf("before any certificate is good for it: %v", got)
	}
	leaf.SANs = append(leaf.SANs, "198.51.100.1")
	c := planner.Desired(o, "etcd/2").Clients
	if want := []string{url(1), url(2), "https://198.51.100.1:2379"}; !slices.Equal(c.Relations["db:7"], want) || len(c.Relations) != 1 {
		t.Errorf("relations %v, want %v", c.Relations, want)
	}
	if want := []string{url(0), url(1), url(2)}; !slices.Equal(c.Endpoints, want) {
		t.Errorf("all others are given %v", c.Endpoints)
	}
}

// Who reads the plan sees what is to be changed on each unit, not what might be.
func TestAnUpdateNamesWhatItChanges(t *testing.T) {
	const not = "Not as they should be: "
	for _, c := range []struct {
		name string
		do   func(o *observation.Observation)
		want string
	}{
		{"an option", func(o *observation.Observation) { o.Options.SnapshotCount = 5000 }, not + "etcd/0, etcd/1, etcd/2 (options)."},
		{"the clients' port", func(o *observation.Observation) { o.Options.Port = 4001 }, not + "etcd/0, etcd/1, etcd/2 (options, ports)."},
		{"one has been down for long", func(o *observation.Observation) { down(o, 2, time.Hour) },
			not + "etcd/0, etcd/2 (clients' endpoints, status), etcd/1 (clients' endpoints)."},
		{"a word that Juju shows is old", func(o *observation.Observation) {
			o.Units[1].Shown = v1alpha1.StatusText{State: "blocked", Message: "Errored with 0 known peers: no leader"}
			o.History.ServesSince = map[string]time.Time{url(1): o.Now.Add(-time.Hour)}
		}, not + "etcd/1 (status)."},
		{"a name in certificates", func(o *observation.Observation) { o.Policy.Certificates.ExtraSANs = []string{"etcd.example.com"} },
			not + "etcd/0, etcd/1, etcd/2 (files)."},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := running(3)
			for i, u := range o.Units {
				spec := planner.Desired(o, u.Name)
				o.Units[i].Shown, o.Units[i].Facts.Applied.Clients = spec.Status.Unit, spec.Clients.Endpoints
				if spec.Status.Application != nil {
					o.ApplicationStatus = *spec.Status.Application
				}
			}
			c.do(&o)
			if step, _ := planner.Next(o); step.Reason != c.want {
				t.Errorf("%s: %q, want %q", step.Kind, step.Reason, c.want)
			}
		})
	}
}

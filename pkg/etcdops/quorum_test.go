package etcdops_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"jujuetcd.io/pkg/etcdops"
)

// world is a small cluster to make views from: per voter and learner whether it serves.
type world struct {
	voters, learners []bool
	unstartedVoter   bool
	unlisted         bool
}

func (w world) view() etcdops.View {
	v := etcdops.View{Listed: !w.unlisted, ClusterID: 0xc, Health: map[string]etcdops.EndpointHealth{}}
	add := func(id int, learner, up bool) {
		url := "https://127.0.0." + string(rune('0'+id)) + ":2379"
		v.Members = append(v.Members, etcdops.Member{
			ID: etcdops.MemberID(id), Name: "etcd" + string(rune('0'+id)), Learner: learner, ClientURLs: []string{url},
			PeerURLs: []string{strings.Replace(url, "2379", "2380", 1)},
		})
		h := etcdops.EndpointHealth{Endpoint: url, Fault: etcdops.FaultRefused}
		if up {
			h = etcdops.EndpointHealth{
				Endpoint: url, Serves: true, Answered: true, Learner: learner, MemberID: etcdops.MemberID(id), ClusterID: 0xc,
				Leader: 1, RaftIndex: 100, AppliedIndex: 100,
			}
		}
		v.Health[url] = h
	}
	for i, up := range w.voters {
		add(1+i, false, up)
	}
	for i, up := range w.learners {
		add(1+len(w.voters)+i, true, up)
	}
	if w.unstartedVoter {
		v.Members = append(v.Members, etcdops.Member{ID: 99, PeerURLs: []string{"https://127.0.0.99:2380"}})
	}
	return v
}

func ups(n, down int) []bool {
	list := make([]bool, n)
	for i := range list {
		list[i] = i >= down
	}
	return list
}

func TestQuorumIsTheSmallestMajority(t *testing.T) {
	for n := 1; n <= 9; n++ {
		q := etcdops.Quorum(n)
		if 2*q <= n || 2*(q-1) > n {
			t.Errorf("Quorum(%d) = %d is not the smallest majority", n, q)
		}
	}
}

func TestToleranceIsHealthyLessQuorum(t *testing.T) {
	for n := 1; n <= 7; n++ {
		for down := 0; down <= n; down++ {
			v := world{voters: ups(n, down)}.view()
			if got, want := etcdops.Tolerance(v), n-down-(n/2+1); got != want {
				t.Errorf("%d voters, %d down: Tolerance = %d, want %d", n, down, got, want)
			}
		}
	}
	if got := etcdops.Tolerance(world{voters: ups(3, 0), unlisted: true}.view()); got >= 0 {
		t.Errorf("without a list: Tolerance = %d, want negative", got)
	}
}

// random is any cluster that etcd could show.
func random(r *rand.Rand) world {
	w := world{unlisted: r.IntN(8) == 0, unstartedVoter: r.IntN(8) == 0}
	for range 1 + r.IntN(7) {
		w.voters = append(w.voters, r.IntN(4) > 0)
	}
	for range r.IntN(3) - 1 {
		w.learners = append(w.learners, r.IntN(4) > 0)
	}
	return w
}

// serving counts voters by the world itself, not by the code under test.
func serving(w world, except int) int {
	n := 0
	for i, up := range w.voters {
		if up && i != except {
			n++
		}
	}
	return n
}

func TestNoGuardLetsTheClusterFallBelowQuorum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		w := random(r)
		v := w.view()
		voters := len(w.voters)
		if w.unstartedVoter {
			voters++
		}
		for i := range w.voters {
			id := etcdops.MemberID(i + 1)
			left := serving(w, i)
			if err := etcdops.CanStop(v, id); err == nil {
				if w.unlisted || voters > 1 && left < voters/2+1 {
					t.Fatalf("CanStop lets voter %d of %+v stop", i, w)
				}
			}
			if err := etcdops.CanRemove(v, id); err == nil {
				if w.unlisted || voters == 1 || left < (voters-1)/2+1 {
					t.Fatalf("CanRemove lets voter %d of %+v go", i, w)
				}
				if w.voters[i] && left < voters-1 {
					t.Fatalf("CanRemove lets voter %d of %+v go while another one is down", i, w)
				}
			}
		}
		for i := range w.voters {
			if err := etcdops.CanMove(v, etcdops.MemberID(i+1), "https://127.9.9.9:2380"); err == nil {
				if w.unlisted || w.unstartedVoter || len(w.learners) > 0 || voters > 1 && serving(w, -1) < voters/2+1 {
					t.Fatalf("CanMove lets voter %d of %+v move", i, w)
				}
			}
		}
		for i := range w.learners {
			id := etcdops.MemberID(i + 1 + len(w.voters))
			if err := etcdops.CanMove(v, id, "https://127.9.9.9:2380"); err == nil {
				t.Fatalf("CanMove lets learner %d of %+v move", i, w)
			}
			if err := etcdops.CanPromote(v, id, 0); err == nil {
				up := serving(w, -1)
				if w.unlisted || !w.learners[i] || voters > 1 && up < (voters+1)/2+1 {
					t.Fatalf("CanPromote lets learner %d of %+v vote", i, w)
				}
			}
		}
		if err := etcdops.CanAdd(v); err == nil {
			if w.unlisted || w.unstartedVoter || len(w.learners) > 0 || serving(w, -1) < voters {
				t.Fatalf("CanAdd lets a member into %+v", w)
			}
		}
	}
}

func TestHealthyClustersMayDoWhatTheyNeed(t *testing.T) {
	for n := 1; n <= 7; n++ {
		v := world{voters: ups(n, 0)}.view()
		if err := etcdops.CanAdd(v); err != nil {
			t.Errorf("%d healthy voters: %v", n, err)
		}
		if err := etcdops.CanStop(v, 1); err != nil && n != 2 {
			t.Errorf("%d healthy voters: %v", n, err)
		}
		if err := etcdops.CanRemove(v, 1); (err != nil) != (n == 1) {
			t.Errorf("%d healthy voters: CanRemove: %v", n, err)
		}
		grown := world{voters: ups(n, 0), learners: []bool{true}}.view()
		if err := etcdops.CanPromote(grown, etcdops.MemberID(n+1), 0); err != nil {
			t.Errorf("%d healthy voters and a learner: %v", n, err)
		}
		if err := etcdops.CanMove(v, 1, "https://127.9.9.9:2380"); err != nil {
			t.Errorf("%d healthy voters: CanMove: %v", n, err)
		}
		// The one that is down may go, which is the only way to repair.
		if n >= 3 {
			v := world{voters: ups(n, 1)}.view()
			if err := etcdops.CanMove(v, 1, "https://127.9.9.9:2380"); err != nil {
				t.Errorf("%d voters, the one that moves down: %v", n, err)
			}
			if err := etcdops.CanRemove(v, 1); err != nil {
				t.Errorf("%d voters, one down: %v", n, err)
			}
		}
	}
}

func TestGuardsSayTheNumbers(t *testing.T) {
	three := world{voters: ups(3, 1)}.view()
	two := world{voters: ups(2, 0)}.view()
	learner := world{voters: ups(3, 0), learners: []bool{true}}.view()
	lagging := learner
	lagging.Health = map[string]etcdops.EndpointHealth{}
	for url, h := range learner.Health {
		if h.MemberID == 4 {
			h.AppliedIndex = 10
		}
		lagging.Health[url] = h
	}
	silent := func(h *etcdops.EndpointHealth) { h.Answered, h.Serves, h.Fault = false, false, etcdops.FaultRefused }
	split := world{voters: ups(3, 0)}.view()
	split.Health["https://127.0.0.9:2379"] = etcdops.EndpointHealth{Answered: true, ClusterID: 0xd, Fault: etcdops.FaultOtherID}
	torn := change(world{voters: ups(3, 0)}.view(), 2, func(h *etcdops.EndpointHealth) { h.Leader = 2 })
	sick := change(world{voters: ups(3, 0)}.view(), 2, func(h *etcdops.EndpointHealth) { h.Fault = etcdops.FaultTLS })
	alarm := world{voters: ups(1, 0)}.view()
	alarm.Alarms = []etcdops.Alarm{{Member: 1, Kind: "NOSPACE"}}

	tests := []struct {
		name string
		err  error
		kind error
		text string
	}{
		{"stop one of three with one down", etcdops.CanStop(three, 2), etcdops.ErrGuard,
			"cannot stop member etcd2: 1 of 3 voters would be left, and a quorum is 2 (etcd1: down (connection refused))"},
		{"stop one of two", etcdops.CanStop(two, 2), etcdops.ErrGuard,
			"cannot stop member etcd2: 1 of 2 voters would be left, and a quorum is 2"},
		{"stop one of two, outage accepted", etcdops.CanStop(two, 2, etcdops.AcceptOutage), nil, ""},
		{"stop a learner", etcdops.CanStop(learner, 4), nil, ""},
		{"stop an unknown member", etcdops.CanStop(two, 7), etcdops.ErrNotMember,
			"cannot stop member 0000000000000007: it is none of the 2 members"},
		{"stop unlisted", etcdops.CanStop(etcdops.View{Err: "no leader"}, 7, etcdops.AcceptOutage), etcdops.ErrUnlisted,
			"cannot stop member 0000000000000007: there is no current member list (no leader)"},
		{"remove the last", etcdops.CanRemove(alarm, 1), etcdops.ErrGuard,
			"cannot remove member etcd1: it is the only voter, and the data would go with it"},
		{"remove a live one of three with one down", etcdops.CanRemove(three, 2), etcdops.ErrGuard,
			"cannot remove member etcd2: 1 of the remaining 2 voters serve, and a quorum of them is 2 (etcd1: down (connection refused))"},
		{"remove a live one of four with one down", etcdops.CanRemove(world{voters: ups(4, 1)}.view(), 4), etcdops.ErrGuard,
			"cannot remove member etcd4: it serves, and 1 of 4 voters do not; repair or remove those first (etcd1: down (connection refused))"},
		{"add with one down", etcdops.CanAdd(three), etcdops.ErrUnhealthy,
			"cannot add a member: 2 of 3 voters are healthy, and all must be (etcd1: down (connection refused))"},
		{"add beside a learner", etcdops.CanAdd(learner), etcdops.ErrTooManyLearners,
			"cannot add a member: member etcd4 is still a learner"},
		{"add beside an unstarted one", etcdops.CanAdd(world{voters: ups(3, 0), unstartedVoter: true}.view()), etcdops.ErrGuard,
			"cannot add a member: member 0000000000000063 at https://127.0.0.99:2380 has been added and has not started yet"},
		{"add with an alarm", etcdops.CanAdd(alarm), etcdops.ErrGuard,
			"cannot add a member: alarm NOSPACE is active"},
		{"add with two clusters", etcdops.CanAdd(split), etcdops.ErrOtherCluster,
			"cannot add a member: 2 different clusters answer (000000000000000c and 000000000000000d)"},
		{"add where voters follow two leaders", etcdops.CanAdd(torn), etcdops.ErrGuard,
			"cannot add a member: the 3 voters do not agree on a leader"},
		{"lead as a learner", etcdops.CanLead(learner, 4), etcdops.ErrGuard,
			"cannot move leadership to member etcd4: it is a learner"},
		{"lead while out of reach", etcdops.CanLead(three, 1), etcdops.ErrGuard,
			"cannot move leadership to member etcd1: it is not healthy: down (connection refused)"},
		{"lead with a fault", etcdops.CanLead(sick, 2), etcdops.ErrGuard,
			"cannot move leadership to member etcd2: it is not healthy: TLS handshake failed"},
		{"lead", etcdops.CanLead(three, 2), nil, ""},
		{"promote one that lags", etcdops.CanPromote(lagging, 4, 50), etcdops.ErrNotReady,
			"cannot promote member etcd4: it is 90 entries behind, and the limit is 50"},
		{"promote one that lags within the limit", etcdops.CanPromote(lagging, 4, 90), nil, ""},
		{"promote one that answers and does not serve",
			etcdops.CanPromote(change(learner, 4, func(h *etcdops.EndpointHealth) {
				h.Serves, h.Fault = false, etcdops.FaultNoLeader
			}), 4, 90), etcdops.ErrNotReady,
			"cannot promote member etcd4: it does not serve: no leader"},
		{"promote while nobody says how far the voters are",
			etcdops.CanPromote(change(change(change(learner, 1, silent), 2, silent), 3, silent), 4, 90), etcdops.ErrNotReady,
			"cannot promote member etcd4: how far it is behind cannot be told"},
		{"move to the URL of another", etcdops.CanMove(world{voters: ups(3, 0)}.view(), 1, "https://127.0.0.2:2380"), etcdops.ErrPeerURLInUse,
			"cannot change the peer URL of member etcd1: member etcd2 has https://127.0.0.2:2380"},
		{"promote a voter", etcdops.CanPromote(lagging, 1, 90), etcdops.ErrGuard,
			"cannot promote member etcd1: it is a voter already"},
		{"promote into an even number with one down",
			etcdops.CanPromote(world{voters: ups(3, 1), learners: []bool{true}}.view(), 4, 0), etcdops.ErrGuard,
			"cannot promote member etcd4: 2 voters serve, and a quorum of 4 would be 3 (etcd1: down (connection refused))"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !errors.Is(test.err, test.kind) {
				t.Errorf("error %v is not %v", test.err, test.kind)
			}
			if test.err != nil && test.err.Error() != test.text {
				t.Errorf("got  %s\nwant %s", test.err, test.text)
			}
		})
	}
}

// TestOnlyAnAlarmIsNoReasonNotToCountOnAVoter: a member that refuses new connections, or is another
// cluster's, cannot be counted on even if it answers now.
func TestOnlyAnAlarmIsNoReasonNotToCountOnAVoter(t *testing.T) {
	for _, fault := range []etcdops.Fault{etcdops.FaultNone, etcdops.FaultAlarm, etcdops.FaultTLS, etcdops.FaultNoLeader,
		etcdops.FaultLagging, etcdops.FaultOtherID, etcdops.FaultOther} {
		h := etcdops.EndpointHealth{Serves: true, Fault: fault}
		if want := fault == etcdops.FaultNone || fault == etcdops.FaultAlarm; h.Votes() != want {
			t.Errorf("with the fault %q it is counted on: %t, want %t", fault, h.Votes(), want)
		}
		h.Learner = true // by its own word: the list may be older
		if h.Votes() {
			t.Errorf("with the fault %q a learner is counted on", fault)
		}
	}
}

// TestAChangeIsDoneOnlyWhereAListShowsIt: what cannot be seen has not happened, and half of it
// neither.
func TestAChangeIsDoneOnlyWhereAListShowsIt(t *testing.T) {
	learner := world{voters: ups(3, 0), learners: []bool{true}}.view()
	voter, url := world{voters: ups(4, 0)}.view(), "https://127.0.0.4:2380"
	for _, test := range []struct {
		change     etcdops.Change
		before, at etcdops.View
	}{
		{etcdops.AddLearner{PeerURL: url}, world{voters: ups(3, 0)}.view(), learner},
		{etcdops.Promote{Member: 4}, learner, voter},
		{etcdops.Remove{Member: 4}, voter, world{voters: ups(3, 0)}.view()},
		{etcdops.MoveLeader{To: 1}, change(voter, 2, func(h *etcdops.EndpointHealth) { h.Leader = 2 }), voter},
		{etcdops.UpdatePeerURL{Member: 3, PeerURL: url}, world{voters: ups(3, 0)}.view(),
			etcdops.View{Listed: true, Members: []etcdops.Member{{ID: 3, PeerURLs: []string{url}}}}},
		{etcdops.Disarm{Member: 1}, full(), voter},
	} {
		unlisted := test.at
		unlisted.Listed = false
		if test.change.Done(test.before) || !test.change.Done(test.at) || test.change.Done(unlisted) {
			t.Errorf("%s is done before %t, afterwards %t, without a list %t", test.change.Kind(),
				test.change.Done(test.before), test.change.Done(test.at), test.change.Done(unlisted))
		}
	}
}

// A member that has moved is counted on when it serves where the others look for it. Before that it
// may be found through the one that has not moved alone, which must then not stop.
func TestAMemberThatHasMovedCountsWhereItsPeersLookForIt(t *testing.T) {
	v := world{voters: ups(3, 0)}.view()
	move := func(id int) string {
		old, at := v.Members[id-1].ClientURLs[0], "https://127.0.1."+string(rune('0'+id))+":2379"
		h := v.Health[old]
		h.Endpoint = at
		v.Health[at] = h
		v.Health[old] = etcdops.EndpointHealth{Endpoint: old, Fault: etcdops.FaultRefused}
		return strings.Replace(at, "2379", "2380", 1)
	}
	two, three := move(2), move(3)
	if err := etcdops.CanStop(v, 1); !errors.Is(err, etcdops.ErrGuard) {
		t.Errorf("the one that the others are found through stops: %v", err)
	}
	if err := etcdops.CanMove(v, 2, two); err != nil {
		t.Errorf("the first is not named: %v", err)
	}
	v.Members[1].PeerURLs = []string{two}
	if err := etcdops.CanStop(v, 2); !errors.Is(err, etcdops.ErrGuard) {
		t.Errorf("the first stops while the other one is found through one alone: %v", err)
	}
	if err := etcdops.CanMove(v, 3, three); err != nil {
		t.Errorf("the second is not named: %v", err)
	}
	v.Members[2].PeerURLs = []string{three}
	for id := range 3 {
		if err := etcdops.CanStop(v, etcdops.MemberID(id+1)); err != nil {
			t.Errorf("all find each other, and %d does not stop: %v", id+1, err)
		}
	}
	if places := v.Places(); len(places) != 5 {
		t.Errorf("members answer or should at %q", places)
	}
}

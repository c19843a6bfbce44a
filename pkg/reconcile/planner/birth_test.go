package planner_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// clusterID is that of every cluster that is born.
const clusterID = etcdops.ClusterID(0xc1)

// prepared is a virgin application whose units are ready for their first start.
func prepared(n int) observation.Observation {
	o := virgin(n)
	apply(&o)
	return o
}

// latched is one whose seeds are latched.
func latched(n int) observation.Observation {
	o := prepared(n)
	o.Latch.Seeds = &v1alpha1.Seeds{Token: "t"}
	for i := range n {
		o.Latch.Seeds.Members = append(o.Latch.Seeds.Members, v1alpha1.Seed{
			Unit: o.Units[i].Name, Name: etcdops.MemberName(o.Units[i].Name), PeerURL: peer(i)})
	}
	return o
}

// serve lets a started seed answer.
func serve(o *observation.Observation, i int) {
	o.Units[i].Facts.Member = v1alpha1.MemberFacts{Present: true, Started: true, StartedNew: true, MemberID: id(i).String(), ClusterID: clusterID.String()}
	o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Serves: true, Answered: true, ClusterID: clusterID, MemberID: id(i), Leader: id(0)}
}

func TestBirth(t *testing.T) {
	const wait = planner.StepWait
	for _, c := range []struct {
		name  string
		start observation.Observation
		do    func(o *observation.Observation)
		want  want
	}{
		{"all units are prepared at once", virgin(3), func(*observation.Observation) {}, want{planner.StepPrepare, "etcd/0, etcd/1, etcd/2", false, ""}},
		{"then the seeds are latched", prepared(3), func(*observation.Observation) {}, want{planner.StepLatchSeeds, "etcd/0", false, "etcd/0, etcd/1, etcd/2"}},
		{"an odd number of seeds, the rest joins later", prepared(4), func(*observation.Observation) {}, want{planner.StepLatchSeeds, "etcd/0", false, "born from etcd/0, etcd/1, etcd/2."}},
		{"one unit is a cluster", prepared(1), func(*observation.Observation) {}, want{planner.StepLatchSeeds, "etcd/0", false, "born from etcd/0."}},
		{"then all seeds start at once", latched(3), func(*observation.Observation) {}, want{planner.StepStart, "etcd/0, etcd/1, etcd/2", false, ""}},
		{"the seeds start together", latched(3), func(o *observation.Observation) {
			o.Units[0].Task = &observation.Task{ID: 2, Running: true, Enqueued: o.Now, Harmless: true}
		}, want{wait, "", false, "All start at once"}},
		{"but not later than a busy agent", latched(3), func(o *observation.Observation) {
			o.Units[0].Task = &observation.Task{ID: 2, Running: true, Enqueued: o.Now.Add(-time.Minute), Harmless: true}
		}, want{planner.StepStart, "etcd/1, etcd/2", false, ""}},
		{"who has started is waited for", latched(3), func(o *observation.Observation) {
			for i := range o.Units {
				serve(o, i)
				o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Answered: true, Fault: etcdops.FaultNoLeader}
			}
		}, want{wait, "", false, "2 have to answer"}},
		{"a quorum's cluster ID is latched", latched(3), func(o *observation.Observation) { serve(o, 0); serve(o, 1) },
			want{planner.StepLatchCluster, "etcd/0", false, "2 of 3 seeds answer"}},
		{"one of three is no quorum", latched(3), func(o *observation.Observation) { serve(o, 0) },
			want{planner.StepStart, "etcd/1, etcd/2", false, ""}},
		{"a majority of the seeds is gone", latched(3), func(o *observation.Observation) { o.Units = o.Units[:1] },
			want{wait, "", true, "cannot take part any more"}},
		{"a minority of the seeds is gone", latched(3), func(o *observation.Observation) { o.Units = o.Units[:2] },
			want{planner.StepStart, "etcd/0, etcd/1", false, ""}},

		{"data is somewhere", virgin(3), func(o *observation.Observation) { o.Units[1].Facts.Member.Present = true },
			want{wait, "", true, "nothing is latched"}},
		{"a member was started somewhere", virgin(3), func(o *observation.Observation) { o.Units[1].Facts.Member.Started = true },
			want{wait, "", true, "its data is lost"}},
		{"what a unit that is dead has published is not shown", virgin(3), func(o *observation.Observation) {
			o.Units[1] = observation.Unit{Name: "etcd/1", Number: 1, Dying: true, Dead: true, Unread: true, Provisioned: true}
		}, want{wait, "", false, "does not tell now what etcd/1 has published"}},
		{"who is dead is handed nothing", prepared(3), func(o *observation.Observation) {
			o.Units[0].Dying, o.Units[0].Dead = true, true
		}, want{wait, "", false, "etcd/0 has run its last hook"}},
		{"something answers", virgin(3), func(o *observation.Observation) {
			h := o.Etcd.Health[url(2)]
			h.Answered = true
			o.Etcd.Health[url(2)] = h
		}, want{wait, "", true, "Something that is etcd answers"}},
		{"an address was not asked", virgin(3), func(o *observation.Observation) { delete(o.Etcd.Health, url(2)) },
			want{wait, "", false, "has not been asked"}},
		{"facts are missing", virgin(3), func(o *observation.Observation) { o.Units[1].Facts, o.Units[1].FirstSeen = nil, o.Now },
			want{wait, "", false, "has not published facts"}},
		{"facts never come", virgin(3), func(o *observation.Observation) { o.Units[1].Facts = nil },
			want{wait, "", true, "has published no facts"}},
		{"something is unseen", virgin(3), func(o *observation.Observation) { o.Blind = []string{"the options cannot be read"} },
			want{wait, "", false, "the options cannot be read"}},
		{"no authority", virgin(3), func(o *observation.Observation) { o.CA = observation.CertificateAuthority{} },
			want{wait, "", true, "Missing relation to certificate authority."}},
		{"no certificate yet", virgin(3), func(o *observation.Observation) { o.Units[2].Facts.Certificates.Server = nil },
			want{wait, "", false, "etcd/2 has no server certificate"}},
		{"no client certificate yet", virgin(3), func(o *observation.Observation) { o.CA.ClientCertificate = false },
			want{wait, "", false, "client certificate"}},
		{"a machine that is not there yet is waited for", virgin(3), func(o *observation.Observation) {
			o.Units[2].Provisioned, o.Units[2].Facts = false, nil
			for i := range o.Units {
				o.Units[i].FirstSeen = o.Now.Add(-59 * time.Second)
			}
		}, want{wait, "", false, "etcd/2 is not provisioned yet"}},
		{"a machine that does not come is not waited for", virgin(3), func(o *observation.Observation) { o.Units[2].Provisioned, o.Units[2].Facts = false, nil },
			want{planner.StepPrepare, "etcd/0, etcd/1", false, ""}},
		{"an option is out of range", virgin(3), func(o *observation.Observation) { o.Options.Faults = []string{"Option port is 0; it must be a port."} },
			want{wait, "", true, "Option port is 0"}},
		{"a unit that cannot be prepared does not hold up the others", prepared(3), func(o *observation.Observation) {
			o.Units[2].Facts.Snap = nil
			o.Units[2].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Failures: 3}
		}, want{planner.StepLatchSeeds, "etcd/0", false, "born from etcd/0."}},
		{"units that all cannot be prepared are tried again", virgin(3), func(o *observation.Observation) {
			for i := range o.Units {
				o.Units[i].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Failures: 5, At: o.Now.Add(-time.Minute), NotBefore: o.Now}
			}
		}, want{planner.StepPrepare, "etcd/0, etcd/1, etcd/2", false, ""}},
		{"an installation that takes its time is waited for", prepared(3), func(o *observation.Observation) {
			o.Units[2].Facts.Snap = nil
			o.Units[2].Last = &observation.Result{Outcome: v1alpha1.OutcomeInProgress, Failures: 9, NotBefore: o.Now.Add(time.Second)}
		}, want{wait, "", false, "in progress"}},
		{"no leader, no latch", prepared(3), func(o *observation.Observation) { o.Units[0].Leader = false; apply(o) }, want{wait, "", false, "Juju has no leader"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := planner.Clone(c.start)
			c.do(&o)
			expect(t, o, c.want)
		})
	}
}

func TestASeedBeginsWhereTheSeedsHaveIt(t *testing.T) {
	for name, change := range map[string]func(o *observation.Observation){
		"the option management_port is set meanwhile": func(o *observation.Observation) { o.Options.ManagementPort = 7002 },
		"its machine has another address meanwhile": func(o *observation.Observation) {
			o.Units[1].Facts.Addresses.Peer = "10.0.9.9"
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := latched(3)
			change(&o)
			for i := range o.Units {
				spec := planner.Desired(o, o.Units[i].Name)
				seed := o.Latch.Seeds.Members[i]
				if got := spec.Etcd.AdvertisePeerURLs; len(got) != 1 || got[0] != seed.PeerURL {
					t.Errorf("%s advertises %v, and the seeds have it at %s: its etcd would not start", seed.Unit, got, seed.PeerURL)
				}
				if got := planner.PortOf(spec.Etcd.ListenPeerURLs[0]); got != planner.PortOf(seed.PeerURL) {
					t.Errorf("%s listens at port %d for its peers", seed.Unit, got)
				}
			}
		})
	}
}

func TestNewIsHandedOnlyToSeedsBeforeTheClusterIsLatched(t *testing.T) {
	o := latched(3)
	join(&o)
	for _, name := range []string{"etcd/0", "etcd/1", "etcd/2"} {
		if i := planner.Desired(o, name).Etcd.Initial; i == nil || i.State != v1alpha1.InitialNew || len(i.Members) != 3 || i.Token != "t" {
			t.Errorf("%s: %+v", name, i)
		}
	}
	if i := planner.Desired(o, "etcd/3").Etcd.Initial; i != nil {
		t.Errorf("etcd/3 is no seed: %+v", i)
	}
	o.Latch.ClusterID = clusterID.String()
	for _, u := range o.Units {
		if i := planner.Desired(o, u.Name).Etcd.Initial; i != nil {
			t.Errorf("%s after the birth: %+v", u.Name, i)
		}
	}
}

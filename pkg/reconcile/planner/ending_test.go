package planner_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// current gives all agents the protocol that knows the mark.
func current(o *observation.Observation) {
	for _, u := range o.Units {
		if u.Facts != nil {
			u.Facts.Protocol = v1alpha1.Protocol
		}
	}
}

// going is a settled cluster of which Juju keeps no unit.
func going() observation.Observation {
	o := settled(3)
	current(&o)
	for i := range o.Units {
		o.Units[i].Dying = true
	}
	return o
}

// succeeded is an application whose units were all removed while the latch was marked, and that has
// three new ones, prepared.
func succeeded() observation.Observation {
	o := virgin(6)
	o.Units = o.Units[3:]
	o.Units[0].Leader = true
	current(&o)
	o.VolumesReported = true
	o.Latch.ClusterID = clusterID.String()
	o.Latch.Seeds = &v1alpha1.Seeds{Token: "uuid-etcd-4"}
	o.Latch.Ending = &v1alpha1.Ending{ClusterID: clusterID.String(), Token: "uuid-etcd-4"}
	for i := range 3 {
		o.Latch.Seeds.Members = append(o.Latch.Seeds.Members, v1alpha1.Seed{
			Unit: unitName(i), Name: etcdops.MemberName(unitName(i)), PeerURL: peer(i)})
		o.Latch.Ending.Endpoints = append(o.Latch.Ending.Endpoints, url(i))
	}
	apply(&o)
	return o
}

func unitName(i int) string { return settled(i + 1).Units[i].Name }

// abandoned is the same without the mark: whether the units were removed or are only not seen,
// nobody can tell.
func abandoned() observation.Observation {
	o := succeeded()
	o.Latch.Ending = nil
	apply(&o)
	return o
}

// says lets a person ask by an action of the second unit.
func says(o *observation.Observation, id string) {
	o.Units[1].Facts.Request = &v1alpha1.Request{Task: 7, Kind: v1alpha1.ActionBeginAnew, Subject: id}
	apply(o)
}

// holding lets a unit have the data of a member.
func holding(o *observation.Observation, i int) {
	o.Units[i].Facts.Member = v1alpha1.MemberFacts{Present: true, Started: true, MemberID: id(i).String(), ClusterID: clusterID.String()}
}

func TestAClusterOfWhichNoUnitStaysEnds(t *testing.T) {
	const wait = planner.StepWait
	hint := "juju run etcd/leader begin-anew cluster-id=" + clusterID.String()
	for _, c := range []struct {
		name  string
		start observation.Observation
		do    func(o *observation.Observation)
		want  want
	}{
		{"the latch is marked while all leave", going(), func(*observation.Observation) {}, want{planner.StepLatchEnding, "etcd/0", false, "Juju keeps no unit"}},
		{"with the claim, if there was none", going(), func(o *observation.Observation) { o.Claimed = 0 }, want{planner.StepClaim, "etcd/0", false, "Juju keeps no unit"}},
		{"before a quorum has reported the ID, too", going(), func(o *observation.Observation) { o.Latch.ClusterID = "" },
			want{planner.StepLatchEnding, "etcd/0", false, ""}},
		{"not while one stays", going(), func(o *observation.Observation) { o.Units[2].Dying = false }, want{planner.StepUpdate, "etcd/2", false, ""}},
		{"not what has never been born", going(), func(o *observation.Observation) { o.Latch = v1alpha1.Latch{Epoch: &epochA} },
			want{wait, "", false, "nothing left to guard"}},
		{"once", going(), func(o *observation.Observation) {
			o.Latch.Ending = &v1alpha1.Ending{ClusterID: o.Latch.ClusterID, Token: o.Latch.Seeds.Token}
		}, want{wait, "", false, "nothing left to guard"}},
		{"another cluster's mark is none", going(), func(o *observation.Observation) {
			o.Latch.Ending = &v1alpha1.Ending{ClusterID: o.Latch.ClusterID, Token: "older"}
		}, want{planner.StepLatchEnding, "etcd/0", false, ""}},
		{"not with an application that goes", going(), func(o *observation.Observation) { o.ApplicationDying = true }, want{wait, "", false, "removing the application"}},
		{"not by one that stands by", going(), func(o *observation.Observation) { o.Latch.Epoch = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"} },
			want{wait, "", false, "nothing left to guard"}},
		{"not from a latch that was not read", going(), func(o *observation.Observation) { o.LatchRead = false }, want{wait, "", false, "nothing left to guard"}},
		{"not through an agent that does not know it", going(), func(o *observation.Observation) { o.Units[0].Facts.Protocol = 1 },
			want{wait, "", false, "nothing left to guard"}},
		{"the mark is taken back when a unit that stays is a member", settled(3), func(o *observation.Observation) {
			current(o)
			o.Latch.Ending = &v1alpha1.Ending{ClusterID: o.Latch.ClusterID, Token: o.Latch.Seeds.Token}
			o.Units[0].Dying, o.Units[1].Dying = true, true
		}, want{planner.StepLatchEnding, "etcd/0", false, "etcd/2 stays, and is a member"}},
		{"not when one has only been added", settled(3), func(o *observation.Observation) {
			current(o)
			o.Latch.Ending = &v1alpha1.Ending{ClusterID: o.Latch.ClusterID, Token: o.Latch.Seeds.Token}
			for i := range o.Units {
				o.Units[i].Dying = true
			}
			join(o)
			learn(o, 0)
		}, want{planner.StepPromote, "etcd/3", false, ""}},

		{"units that come later begin anew", succeeded(), func(*observation.Observation) {}, want{planner.StepLatchSeeds, "etcd/3", false, "born from etcd/3, etcd/4, etcd/5"}},
		{"and are prepared first", succeeded(), func(o *observation.Observation) { o.Units[1].Facts.Applied = nil }, want{planner.StepPrepare, "etcd/4", false, ""}},
		{"not while one has data", succeeded(), func(o *observation.Observation) { holding(o, 0) }, want{planner.StepUpdate, "etcd/3", false, "status"}},
		{"not while one that goes has data", succeeded(), func(o *observation.Observation) { holding(o, 2); o.Units[2].Dying = true },
			want{wait, "", true, hint}},
		{"not while one has lost data", succeeded(), func(o *observation.Observation) {
			o.Units[0].Facts.Member = v1alpha1.MemberFacts{Started: true, Token: "uuid-etcd-4"}
		}, want{wait, "", true, "A member was started on etcd/3 before"}},
		{"not before all have reported what they have", succeeded(), func(o *observation.Observation) { o.Units[2].Facts, o.Units[2].FirstSeen = nil, o.Now },
			want{wait, "", false, "etcd/5 has not published facts"}},
		{"not while etcd answers where the cluster was", succeeded(), func(o *observation.Observation) {
			o.Etcd.Health[url(1)] = etcdops.EndpointHealth{Endpoint: url(1), Answered: true, Fault: etcdops.FaultNoLeader}
		}, want{wait, "", true, "still answers at " + url(1)}},
		{"not before all places were asked", succeeded(), func(o *observation.Observation) { delete(o.Etcd.Health, url(1)) },
			want{wait, "", false, "Nobody has asked yet"}},
		{"not before the seeds' places were asked", succeeded(), func(o *observation.Observation) {
			o.Latch.Ending.Endpoints = nil
			delete(o.Etcd.Health, url(1))
		}, want{wait, "", false, "Nobody has asked yet"}},
		{"not while its members list themselves: units join them", succeeded(), func(o *observation.Observation) {
			lives := settled(3)
			o.Etcd.Listed, o.Etcd.ClusterID, o.Etcd.Members, o.Latch.Ending.Endpoints = true, clusterID, lives.Etcd.Members, nil
			for i := range 3 {
				o.Etcd.Health[url(i)] = lives.Etcd.Health[url(i)]
			}
			o.History.StableSince, o.History.LastChange = lives.History.StableSince, lives.History.LastChange
			apply(o)
		}, want{planner.StepAddLearner, "etcd/3", false, ""}},
		{"not beside a volume", succeeded(), func(o *observation.Observation) { o.Volumes = []string{"data/0"} }, want{wait, "", true, "storage data/0"}},
		{"not where Juju does not report volumes", succeeded(), func(o *observation.Observation) { o.VolumesReported = false }, want{wait, "", true, "does not tell of storage"}},
		{"not under the mark of another cluster", succeeded(), func(o *observation.Observation) { o.Latch.Ending.ClusterID = "00000000000000ff" }, want{wait, "", true, hint}},
		{"not under the mark of another birth", succeeded(), func(o *observation.Observation) { o.Latch.Ending.Token = "older" }, want{wait, "", true, hint}},
		{"not while something is unseen", succeeded(), func(o *observation.Observation) { o.Blind = []string{"the options cannot be read"} },
			want{wait, "", false, "the options cannot be read"}},
		{"not through an agent that does not know it", succeeded(), func(o *observation.Observation) { o.Units[0].Facts.Protocol = 1 },
			want{wait, "", true, "older than this daemon"}},

		{"without the mark a person is asked", abandoned(), func(*observation.Observation) {}, want{wait, "", true, hint}},
		{"whose word is taken", abandoned(), func(o *observation.Observation) { says(o, clusterID.String()) },
			want{planner.StepLatchSeeds, "etcd/3", false, "born from etcd/3, etcd/4, etcd/5"}},
		{"for this cluster only", abandoned(), func(o *observation.Observation) { says(o, "00000000000000ff") }, want{wait, "", true, hint}},
		{"for this action only", abandoned(), func(o *observation.Observation) {
			says(o, clusterID.String())
			o.Units[1].Facts.Request.Kind = "recover"
		}, want{wait, "", true, hint}},
		{"once only", abandoned(), func(o *observation.Observation) {
			says(o, clusterID.String())
			o.Latch.Handled = map[string]int64{"etcd/4": 7}
		}, want{wait, "", true, hint}},
		{"volumes are the person's", abandoned(), func(o *observation.Observation) {
			says(o, clusterID.String())
			o.Volumes = []string{"data/0"}
		}, want{planner.StepLatchSeeds, "etcd/3", false, ""}},
		{"what answers is not", abandoned(), func(o *observation.Observation) {
			says(o, clusterID.String())
			o.Etcd.Health[url(1)] = etcdops.EndpointHealth{Endpoint: url(1), Answered: true, Fault: etcdops.FaultNoLeader}
		}, want{wait, "", true, "still answers"}},
		{"nor is data", abandoned(), func(o *observation.Observation) { says(o, clusterID.String()); holding(o, 2) },
			want{planner.StepAnswer, "etcd/3", false, "still has data or members"}},
		{"members whose data is lost begin anew on a person's word", settled(3), func(o *observation.Observation) {
			current(o)
			o.Etcd.Listed, o.Etcd.Members = false, nil
			for i := range o.Units {
				down(o, i, time.Hour)
				o.Units[i].Facts.Member = v1alpha1.MemberFacts{Started: true, Token: "t"}
			}
			says(o, clusterID.String())
		}, want{planner.StepLatchSeeds, "etcd/0", false, "born from etcd/0, etcd/1, etcd/2"}},
		{"and without one wait", settled(3), func(o *observation.Observation) {
			o.Etcd.Listed, o.Etcd.Members = false, nil
			for i := range o.Units {
				down(o, i, time.Hour)
				o.Units[i].Facts.Member = v1alpha1.MemberFacts{Started: true, Token: "t"}
			}
			apply(o) // all have it
		}, want{wait, "", true, "The data of all members of cluster " + clusterID.String() + " is lost: bring it back, or give it up"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := planner.Clone(c.start)
			c.do(&o)
			expect(t, o, c.want)
		})
	}
}

// A birth in place of another cluster takes that one's identity out of the latch in one write with
// its own, under a token that no cluster here has had, and with the person's request.
func TestABirthAnewIsOneWriteUnderAnotherToken(t *testing.T) {
	o := abandoned()
	says(&o, clusterID.String())
	for _, want := range []string{"uuid-etcd-4-2", "uuid-etcd-4-3"} {
		step, _ := planner.Next(o)
		if step.Kind != planner.StepLatchSeeds {
			t.Fatalf("%s: %s", step.Kind, step.Reason)
		}
		request := step.Units[0].Spec.Latch
		if request.Seeds != nil || request.Rebirth == nil || request.Handled["etcd/4"] == 0 {
			t.Fatalf("%+v", request)
		}
		next, err := o.Latch.Apply(*request, epochA)
		if err != nil || next.ClusterID != "" || next.Seeds.Token != want || next.Ends() || next.Handled["etcd/4"] != o.Units[1].Facts.Request.Task {
			t.Fatalf("%+v, %v", next, err)
		}
		if start := step.Units[0].Spec.Service.State; start != v1alpha1.ServiceStopped {
			t.Errorf("the write of the latch starts a member: %s", start)
		}
		// That one is lost, too.
		o.Latch = next
		o.Latch.ClusterID = "00000000000000d1"
		o.Units[1].Facts.Request = &v1alpha1.Request{Task: 8, Kind: v1alpha1.ActionBeginAnew, Subject: o.Latch.ClusterID}
		apply(&o)
	}
}

// The mark says where the members were, and the application's words do not outlive it.
func TestTheMarkSaysWhereTheMembersWere(t *testing.T) {
	o := going()
	step, _ := planner.Next(o)
	request := step.Units[0].Spec.Latch
	if got := request.Ending.Endpoints; !slices.Equal(got, []string{url(0), url(1), url(2)}) {
		t.Errorf("the members were at %v", got)
	}
	if app := step.Units[0].Spec.Status.Application; app == nil || app.State != "waiting" || app.Message != "No unit stays: the cluster ends with the last one." {
		t.Errorf("the application says %+v", app)
	}
	o.Claimed = 0
	step, _ = planner.Next(o)
	latch, err := o.Latch.Apply(*step.Units[0].Spec.Latch, step.Units[0].Spec.Delivery.Epoch)
	if err != nil || !latch.Ends() || latch.Epoch.Number != epochA.Number+1 {
		t.Errorf("with the claim: %+v, %v", latch, err)
	}
}

// While no cluster ID is latched one seed is never begun again alone.
func TestSeedsThatHaveLostTheirDataAreBornAnewTogether(t *testing.T) {
	const wait = planner.StepWait
	// lost lets a seed's disk be lost after its first start, so long ago.
	lost := func(o *observation.Observation, ago time.Duration, seeds ...int) {
		current(o)
		for _, i := range seeds {
			o.Units[i].Facts.Member = v1alpha1.MemberFacts{StartedNew: true, Token: "t", MemberID: id(i).String()}
			o.History.UnhealthySince[url(i)] = o.Now.Add(-ago)
		}
	}
	for _, c := range []struct {
		name string
		do   func(o *observation.Observation)
		want want
	}{
		{"one alone does not begin again: the others are started", func(o *observation.Observation) { lost(o, time.Hour, 0) },
			want{planner.StepStart, "etcd/1, etcd/2", false, ""}},
		{"nor with the others' data there: their quorum is latched", func(o *observation.Observation) { lost(o, time.Hour, 0); serve(o, 1); serve(o, 2) },
			want{planner.StepLatchCluster, "etcd/0", false, "2 of 3 seeds answer"}},
		{"two that have lost theirs wait for a person beside one that has its data", func(o *observation.Observation) {
			lost(o, time.Hour, 0, 1)
			serve(o, 2)
			o.Etcd.Health[url(2)] = etcdops.EndpointHealth{Endpoint: url(2), Answered: true, Fault: etcdops.FaultNoLeader}
		}, want{wait, "", true, "etcd/0, etcd/1 cannot take part any more"}},
		{"where no seed has data all are born anew", func(o *observation.Observation) { lost(o, time.Hour, 0, 1, 2) },
			want{planner.StepLatchSeeds, "etcd/0", false, "no seed has data"}},
		{"those that have not begun with them", func(o *observation.Observation) { lost(o, time.Hour, 0, 1) },
			want{planner.StepLatchSeeds, "etcd/0", false, "etcd/0, etcd/1 lost"}},
		{"not at once: facts may be older than the data", func(o *observation.Observation) { lost(o, time.Second, 0, 1, 2) },
			want{wait, "", false, "have been started"}},
		{"not while one may still be started", func(o *observation.Observation) {
			lost(o, time.Hour, 0, 1)
			o.Units[2].Task = &observation.Task{ID: 3, Enqueued: o.Now, Ours: true, Deadline: o.Now.Add(time.Minute), Harmless: true}
		}, want{wait, "", false, "may still start etcd/2"}},
		{"not while one answers", func(o *observation.Observation) {
			lost(o, time.Hour, 0, 1)
			o.Etcd.Health[url(2)] = etcdops.EndpointHealth{Endpoint: url(2), Answered: true, Fault: etcdops.FaultNoLeader}
		}, want{wait, "", false, "answers on etcd/2"}},
		{"not without one that may run somewhere", func(o *observation.Observation) { lost(o, time.Hour, 0, 1); o.Units = o.Units[:2] },
			want{wait, "", true, "cannot take part any more"}},
		{"not without one that goes", func(o *observation.Observation) { lost(o, time.Hour, 0, 1); o.Units[2].Dying = true },
			want{wait, "", true, "cannot take part any more"}},
		{"and then all are started", func(o *observation.Observation) {
			lost(o, time.Hour, 0, 1, 2)
			o.Latch.Seeds.Token = "t-2"
		}, want{planner.StepStart, "etcd/0, etcd/1, etcd/2", false, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := latched(3)
			c.do(&o)
			expect(t, o, c.want)
		})
	}
	o := latched(3)
	lost(&o, time.Hour, 0, 1, 2)
	step, _ := planner.Next(o)
	latch, err := o.Latch.Apply(*step.Units[0].Spec.Latch, epochA)
	if err != nil || latch.Seeds.Token == o.Latch.Seeds.Token || len(latch.Seeds.Members) != 3 {
		t.Errorf("%+v, %v", latch, err)
	}
	for i, c := range []func(){
		func() { o.Units[1].Facts.Addresses.Peer = "10.0.9.9" },
		func() { o.Options.ManagementPort = 7002 },
	} {
		c()
		step, _ := planner.Next(o)
		seeds := step.Units[0].Spec.Latch.Rebirth.Seeds.Members
		if got, want := seeds[1].PeerURL, fmt.Sprintf("https://10.0.9.9:%d", []int{2380, 7002}[i]); got != want {
			t.Errorf("%s is born anew at %s, and is found at %s", seeds[1].Unit, got, want)
		}
	}
}

// A seed whose disk was lost joins the cluster that the others' quorum has made: its old identity
// is removed first.
func TestASeedThatHasLostItsDataJoinsWhenTheOthersAreTheCluster(t *testing.T) {
	o := settled(3)
	current(&o)
	o.Units[2].Facts.Member = v1alpha1.MemberFacts{StartedNew: true, Token: "t", MemberID: id(2).String()}
	o.Etcd.Members[2].Name, o.Etcd.Members[2].ClientURLs = "", nil
	down(&o, 2, time.Hour)
	expect(t, o, want{planner.StepRemove, "etcd/2", false, ""})
}

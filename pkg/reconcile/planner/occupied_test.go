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

// occupy makes the machine of the unit with this index another's, as its agent reports it.
func occupy(o *observation.Observation, i int, data *v1alpha1.LeftData, owners ...string) {
	t := &v1alpha1.TakenFacts{Data: data}
	for _, name := range owners {
		t.Units = append(t.Units, v1alpha1.UnitRef{Unit: name, ModelUUID: o.ModelUUID})
	}
	if data != nil && len(owners) == 1 && data.Of == nil {
		of := t.Units[0]
		data.Of = &of
	}
	u := &o.Units[i]
	u.Facts = &v1alpha1.UnitFacts{Addresses: u.Facts.Addresses, Taken: t}
}

// gone lets Juju not show a unit any more, since so long.
func gone(o *observation.Observation, name string, since time.Duration, whole bool) {
	if o.History.Gone == nil {
		o.History.Gone = map[string]observation.Gone{}
	}
	o.History.Gone[name] = observation.Gone{Since: o.Now.Add(-since), Whole: whole}
}

func dataOf(cluster etcdops.ClusterID, member etcdops.MemberID) *v1alpha1.LeftData {
	return &v1alpha1.LeftData{Dir: "/var/snap/etcd/common/data", ClusterID: cluster.String(), MemberID: member.String()}
}

// handed are the units that the plan's steps deliver to, but for words alone.
func handed(steps []planner.Step) []string {
	var names []string
	for _, s := range steps {
		for _, d := range s.Units {
			names = append(names, d.Unit)
		}
	}
	return names
}

// A unit on another's machine is neither prepared, nor born, nor added, nor handed anything that
// would be applied there.
func TestNothingIsDeliveredToAUnitOnAnothersMachine(t *testing.T) {
	t.Run("birth", func(t *testing.T) {
		o := virgin(4)
		occupy(&o, 3, dataOf(0xee, 0x99), "ea/0")
		steps := planner.Plan(o)
		if slices.Contains(handed(steps), "etcd/3") || !slices.ContainsFunc(steps, func(s planner.Step) bool { return s.Kind == planner.StepLatchSeeds }) {
			t.Errorf("%+v", steps)
		}
		for _, s := range steps {
			if s.Kind == planner.StepLatchSeeds && len(s.Units[0].Spec.Latch.Seeds.Members) != 3 {
				t.Errorf("born from %+v", s.Units[0].Spec.Latch.Seeds)
			}
		}
	})
	t.Run("growth", func(t *testing.T) {
		o := settled(3)
		join(&o)
		occupy(&o, 3, dataOf(0xee, 0x99), "ea/0")
		apply(&o)
		steps := planner.Plan(o)
		if slices.Contains(handed(steps), "etcd/3") || slices.ContainsFunc(steps, func(s planner.Step) bool { return s.Kind == planner.StepAddLearner }) {
			t.Errorf("%+v", steps)
		}
		spec := planner.Desired(o, "etcd/0")
		want := "3 members, can lose 1: etcd/3 is not a member; etcd/3: ea/0 of application ea runs on this machine: one machine can carry one member; " +
			"remove one of the two units, or what a removed one has left"
		if app := spec.Status.Application; app.State != etcdops.Blocked || app.Message != want {
			t.Errorf("the application says %s %q\nwant %q", app.State, app.Message, want)
		}
	})
	t.Run("a member that an agent of before has let two units share", func(t *testing.T) {
		o := settled(3)
		occupy(&o, 2, dataOf(clusterID, id(2)), "ea/0")
		if steps := planner.Plan(o); slices.Contains(handed(steps), "etcd/2") {
			t.Errorf("%+v", steps)
		}
	})
	t.Run("all of them", func(t *testing.T) {
		o := virgin(2)
		occupy(&o, 0, nil, "ea/0")
		occupy(&o, 1, nil, "ea/1")
		step, _ := planner.Next(o)
		if step.Kind != planner.StepWait || !step.Person || !strings.Contains(step.Reason, "etcd/0: ea/0 of application ea runs on this machine") {
			t.Errorf("%+v", step)
		}
	})
	t.Run("Juju's leader", func(t *testing.T) {
		o := virgin(3)
		occupy(&o, 0, nil, "ea/0")
		steps := planner.Plan(o)
		last := steps[len(steps)-1]
		if slices.Contains(handed(steps), "etcd/0") || !last.Person || !strings.Contains(last.Reason, "remove it") {
			t.Errorf("%+v", steps)
		}
	})
}

// Data that no unit has recorded, and an etcd that none has started, hold up a birth until a person
// has looked.
func TestWhatNobodyHasRecordedIsAPersons(t *testing.T) {
	for _, c := range []struct {
		taken v1alpha1.TakenFacts
		want  string
	}{
		{v1alpha1.TakenFacts{Data: dataOf(0xee, 0x99)}, "etcd/1: data of a member of cluster 00000000000000ee is in /var/snap/etcd/common/data"},
		{v1alpha1.TakenFacts{Runs: true}, "etcd/1: an etcd that no unit has started runs on this machine"},
	} {
		o := virgin(3)
		o.Units[1].Facts = &v1alpha1.UnitFacts{Addresses: o.Units[1].Facts.Addresses, Taken: &c.taken}
		step, _ := planner.Next(o)
		if step.Kind != planner.StepWait || !step.Person || !strings.HasPrefix(step.Reason, c.want) {
			t.Errorf("%+v", step)
		}
	}
}

// What a unit has left that Juju does not show any more is cleared by a delivery that names it, and
// by no other: not before it has been gone for a while, not if the data may be another's, and not
// while its cluster, which is ours, has its member.
func TestOnlyWhatAUnitHasLeftThatIsGoneIsCleared(t *testing.T) {
	left := func(o *observation.Observation) { occupy(o, 3, dataOf(0xee, 0x99), "ea/0") }
	for _, c := range []struct {
		name  string
		do    func(*observation.Observation)
		clear bool
		whole bool
	}{
		{"its application is gone", func(o *observation.Observation) { left(o); gone(o, "ea/0", time.Minute, true) }, true, true},
		{"its application has others", func(o *observation.Observation) { left(o); gone(o, "ea/0", time.Minute, false) }, true, false},
		{"Juju shows it", left, false, false},
		{"Juju has just ceased to show it", func(o *observation.Observation) { left(o); gone(o, "ea/0", 29*time.Second, true) }, false, false},
		{"the data may be another's", func(o *observation.Observation) {
			left(o)
			o.Units[3].Facts.Taken.Data.Of = nil
			gone(o, "ea/0", time.Minute, true)
		}, false, false},
		{"it was of another model", func(o *observation.Observation) {
			left(o)
			o.Units[3].Facts.Taken.Units[0].ModelUUID, o.Units[3].Facts.Taken.Data.Of.ModelUUID = "other", "other"
			gone(o, "ea/0", time.Minute, true)
		}, false, false},
		{"it was of an application that had this one's name", func(o *observation.Observation) {
			occupy(o, 3, dataOf(0xee, 0x99), "etcd/9")
			gone(o, "etcd/9", time.Minute, false)
		}, true, true},
		{"one of two is gone", func(o *observation.Observation) {
			occupy(o, 3, nil, "ea/0", "eb/0")
			gone(o, "ea/0", time.Minute, true)
		}, false, false},
		{"both are gone, one with its application", func(o *observation.Observation) {
			occupy(o, 3, nil, "ea/0", "eb/0")
			gone(o, "ea/0", time.Minute, false)
			gone(o, "eb/0", time.Minute, true)
		}, true, false},
		{"a member of ours that was removed", func(o *observation.Observation) {
			occupy(o, 3, dataOf(clusterID, 0x99), "etcd/9")
			gone(o, "etcd/9", time.Minute, false)
		}, true, false},
		{"a member of ours", func(o *observation.Observation) {
			occupy(o, 3, dataOf(clusterID, id(2)), "etcd/9")
			gone(o, "etcd/9", time.Minute, false)
		}, false, false},
		{"a member of ours that was removed, and there is no quorum", func(o *observation.Observation) {
			occupy(o, 3, dataOf(clusterID, 0x99), "etcd/9")
			gone(o, "etcd/9", time.Minute, false)
			o.Etcd.Listed = false
		}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := settled(3)
			join(&o)
			c.do(&o)
			step, _ := planner.Next(o)
			i := slices.IndexFunc(step.Units, func(d observation.Delivery) bool { return d.Unit == "etcd/3" })
			if (i >= 0) != c.clear {
				t.Fatalf("%+v", step)
			}
			if !c.clear {
				return
			}
			want := &v1alpha1.Orphans{Units: o.Units[3].Facts.Taken.Units, Whole: c.whole}
			if got := step.Units[i].Spec.Delivery.Orphans; !cmp.Equal(got, want) {
				t.Errorf("names %+v, want %+v", got, want)
			}
			if d := step.Units[i].Spec; d.Service.State != v1alpha1.ServiceStopped || d.Etcd.Initial != nil {
				t.Errorf("it starts something: %+v", d)
			}
		})
	}
}

// While it is not known which cluster is born here, one that a unit of this application has left
// may be it.
func TestAClusterThatIsBeingBornIsNoFormerOne(t *testing.T) {
	o := virgin(4)
	o.Latch.Seeds = &v1alpha1.Seeds{Token: "t", Members: []v1alpha1.Seed{{Unit: "etcd/0", Name: "etcd0", PeerURL: peer(0)}}}
	occupy(&o, 3, dataOf(0xee, 0x99), "etcd/9")
	gone(&o, "etcd/9", time.Minute, false)
	step, _ := planner.Next(o)
	i := slices.IndexFunc(step.Units, func(d observation.Delivery) bool { return d.Unit == "etcd/3" })
	if i < 0 || step.Units[i].Spec.Delivery.Orphans.Whole {
		t.Errorf("%+v", step)
	}
}

// A member that serves, whose unit is gone, goes when a unit of its cluster waits for its machine;
// one at a time, and behind the guard.
func TestAMemberWithoutAUnitMakesWay(t *testing.T) {
	waiting := func() observation.Observation {
		o := settled(3)
		for i := range 3 { // all units were removed by force, and three others have come to their machines
			o.Units[i].Name, o.Units[i].Number = "etcd/"+string(rune('3'+i)), 3+i
			name := "etcd/" + string(rune('0'+i))
			occupy(&o, i, dataOf(clusterID, id(i)), name)
			gone(&o, name, time.Minute, false)
		}
		return o
	}
	o := waiting()
	step, _ := planner.Next(o)
	if step.Kind != planner.StepMoveLeader || step.Member != id(0) {
		t.Fatalf("it leads, and does not hand over: %+v", step)
	}
	o = planner.Predict(o, step)
	if step, _ = planner.Next(o); step.Kind != planner.StepRemove || step.Member != id(0) {
		t.Fatalf("%+v", step)
	}
	// Then its machine is cleared, before the next one goes.
	o = planner.Predict(o, step)
	if step, _ = planner.Next(o); step.Kind != planner.StepPrepare || step.Units[0].Unit != "etcd/3" || step.Units[0].Spec.Delivery.Orphans == nil {
		t.Fatalf("%+v", step)
	}
	o = planner.Predict(o, step)
	if step, _ = planner.Next(o); step.Kind == planner.StepRemove {
		t.Errorf("the next one goes before the first has been replaced: %+v", step)
	}

	unwanted := waiting()
	unwanted.Units = unwanted.Units[1:]
	if step, _ = planner.Next(unwanted); step.Kind != planner.StepRemove || step.Member != id(1) {
		t.Errorf("nobody waits for the machine of the first: %+v", step)
	}
	shown := waiting()
	shown.History.Gone = nil
	if step, _ = planner.Next(shown); step.Kind == planner.StepRemove {
		t.Errorf("removed, though Juju shows its unit: %+v", step)
	}
	ill := waiting()
	down(&ill, 1, time.Second)
	down(&ill, 2, time.Second)
	if step, _ = planner.Next(ill); step.Kind == planner.StepRemove {
		t.Errorf("removed against the guard: %+v", step)
	}
}

// What answers on another's machine is not taken for this cluster's.
func TestAnothersMachineIsNotAsked(t *testing.T) {
	o := settled(3)
	join(&o)
	for _, c := range []struct {
		name string
		data *v1alpha1.LeftData
		want bool
	}{{"another cluster's", dataOf(0xee, 0x99), true}, {"nobody's", nil, true}, {"a member of ours that has no unit", dataOf(clusterID, 0x99), false}} {
		occupy(&o, 3, c.data, "etcd/9")
		if got := planner.Elsewhere(o, o.Units[3]); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if planner.Elsewhere(o, o.Units[0]) {
		t.Error("one's own machine")
	}
}

package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
	"jujuetcd.io/pkg/reconcile/planner"
)

// owing is a settled cluster of n whose members owe the defragmentation of task 41.
func owing(n int) observation.Observation {
	o := settled(n)
	for i := range o.Units {
		o.Units[i].Facts.Protocol = v1alpha1.Protocol
	}
	o.Latch.Stamps = map[string]int64{v1alpha1.StampDefrag: 41}
	apply(&o)
	return o
}

// TestEachMemberDefragmentsOnceAndTheLeaderLast: the request is seen to once.
func TestEachMemberDefragmentsOnceAndTheLeaderLast(t *testing.T) {
	o := owing(3)
	o.Latch.Stamps = nil
	apply(&o)
	run(t, &o)
	ask(&o, 1, 41, v1alpha1.ActionDefrag, "")
	steps := run(t, &o)
	want := []string{"Stamp etcd/0", "UpdateUnits etcd/0, etcd/1, etcd/2", "DefragmentMember etcd/1", "DefragmentMember etcd/2", "DefragmentMember etcd/0"}
	if !slices.Equal(steps, want) {
		t.Errorf("steps:\n%s", strings.Join(steps, "\n"))
	}
	if o.Latch.Stamps[v1alpha1.StampDefrag] != 41 || o.Latch.Handled["etcd/1"] != 41 {
		t.Errorf("latch %+v", o.Latch)
	}
	if again := run(t, &o); len(again) != 0 {
		t.Errorf("again: %s", again)
	}
}

// TestADefragmentationIsOfOneMemberThatMay: only that delivery permits it, and it is a disruption.
func TestADefragmentationIsOfOneMemberThatMay(t *testing.T) {
	o := owing(3)
	step, _ := planner.Next(o)
	if step.Kind != planner.StepDefragment || len(step.Units) != 1 || step.Unit != "etcd/1" || step.Member != id(1) || !step.Disruptive() {
		t.Fatalf("%+v", step)
	}
	if d := step.Units[0].Spec; !d.Delivery.AllowDefrag || d.Delivery.AllowRestart || d.Service.DefragStamp != 41 || len(d.Delivery.Endpoints) != 3 {
		t.Errorf("%+v", d.Delivery)
	}
	if planner.Desired(o, "etcd/1").Delivery.AllowDefrag {
		t.Error("any delivery permits it")
	}
	for _, mine := range []int64{41, 42} {
		o := owing(1)
		o.Units[0].Facts.Defragmented = &v1alpha1.DefragFacts{Stamp: mine}
		if step, any := planner.Next(o); any {
			t.Errorf("what has been done for %d is done again: %s %s", mine, step.Kind, step.Reason)
		}
	}
}

func TestADefragmentationWaitsForWhatMayNotBeBesideIt(t *testing.T) {
	const begins = "etcd/1 is to defragment its database. "
	outOfSpace := func(o *observation.Observation) {
		a := alarmed()
		o.Etcd.Alarms, o.Etcd.Health, o.History.StableSince = a.Etcd.Alarms, a.Etcd.Health, time.Time{}
		for url, h := range o.Etcd.Health {
			h.DBSize = 2 << 30
			o.Etcd.Health[url] = h
		}
		apply(o)
	}
	for _, test := range []struct {
		name string
		n    int
		do   func(*observation.Observation)
		kind planner.StepKind
		want string
	}{
		{"nothing is beside it", 3, func(*observation.Observation) {}, planner.StepDefragment, begins[:len(begins)-1]},
		{"one of two may", 2, func(*observation.Observation) {}, planner.StepDefragment, begins[:len(begins)-1]},
		{"the only one costs an outage", 1, func(*observation.Observation) {}, planner.StepDefragment,
			"etcd/0 is to defragment its database. The only voter stands still: nothing is served until it is over."},
		{"a member is down", 3, func(o *observation.Observation) { down(o, 2, time.Minute); apply(o) }, planner.StepWait,
			begins + "But not now: cannot defragment the database of member etcd1: "},
		{"the last change was just now", 3, func(o *observation.Observation) { o.History.LastChange = o.Now }, planner.StepWait,
			begins + "The cluster has to be stable for 5s."},
		{"out of space", 3, outOfSpace, planner.StepDefragment, begins[:len(begins)-1]},
		{"out of space, and the last change was just now", 3, func(o *observation.Observation) { outOfSpace(o); o.History.LastChange = o.Now }, planner.StepWait,
			begins + "The last change has to be over for 5s."},
		{"data differ", 3, func(o *observation.Observation) {
			outOfSpace(o)
			o.Etcd.Alarms[0].Kind = "CORRUPT"
		}, planner.StepWait, begins + "But not now: cannot defragment the database of member etcd1: "},
		{"somebody is busy", 3, func(o *observation.Observation) {
			o.Units[2].Facts.Busy = &v1alpha1.BusyFacts{ID: "41", Kind: "defrag"}
		}, planner.StepWait, "Cannot defragment a database while etcd/2 is busy: defrag."},
		{"a restart may still run", 3, func(o *observation.Observation) {
			o.Units[2].Task = &observation.Task{ID: 7, Running: true, Enqueued: o.Now}
		}, planner.StepWait, "Cannot defragment a database while task 7 may still run on etcd/2."},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := owing(test.n)
			test.do(&o)
			step, _ := planner.Next(o)
			if step.Kind != test.kind || !strings.HasPrefix(step.Reason, test.want) {
				t.Errorf("%s %s", step.Kind, step.Reason)
			}
		})
	}
}

// TestADefragmentationHoldsNobodyBack: what it waits for may be ended by what comes after it.
func TestADefragmentationHoldsNobodyBack(t *testing.T) {
	o := owing(3)
	down(&o, 2, time.Minute)
	o.Units[2].Facts.RestartPending = true
	apply(&o)
	if step, _ := planner.Next(o); step.Kind != planner.StepRestart || step.Unit != "etcd/2" {
		t.Errorf("%s %s", step.Kind, step.Reason)
	}
}

// TestAnAgentThatDoesNotKnowDefragmentationIsNotAsked: the request waits for it, and a unit that
// comes later with such an agent is passed over.
func TestAnAgentThatDoesNotKnowDefragmentationIsNotAsked(t *testing.T) {
	o := owing(3)
	o.Latch.Stamps = nil
	o.Units[2].Facts.Protocol = v1alpha1.ProtocolDefrag - 1
	apply(&o)
	run(t, &o)
	ask(&o, 1, 41, v1alpha1.ActionDefrag, "")
	if steps := run(t, &o); len(steps) == 0 || !strings.Contains(steps[len(steps)-1], "waits for the agent of etcd/2, which is older than this daemon: refresh the charm.") {
		t.Errorf("steps:\n%s", strings.Join(steps, "\n"))
	}
	o = owing(3)
	o.Units[2].Facts.Protocol = v1alpha1.ProtocolDefrag - 1
	apply(&o)
	for _, step := range run(t, &o) {
		if strings.Contains(step, string(planner.StepDefragment)+" etcd/2") {
			t.Error(step)
		}
	}
}

// TestALearnerIsNotDefragmented: etcd refuses that, and it is no member that was there.
func TestALearnerIsNotDefragmented(t *testing.T) {
	o := owing(3)
	join(&o)
	learn(&o, 0)
	o.Units[3].Facts.Protocol = v1alpha1.Protocol
	apply(&o)
	promoted := false
	for _, step := range planner.Plan(o) {
		promoted = promoted || step.Kind == planner.StepPromote
		if step.Kind == planner.StepDefragment && !promoted {
			t.Errorf("%s: %s", step.Kind, step.Reason)
		}
	}
	if !promoted {
		t.Error("the learner is held up")
	}
}

// TestNobodyDefragmentsForADefaultThatNobodyChose: the delivery would bring it.
func TestNobodyDefragmentsForADefaultThatNobodyChose(t *testing.T) {
	o := owing(3)
	o.Options = options.Parse(map[string]any{"snapshot_count": "none"})
	for i := range o.Units {
		o.Units[i].Facts.Applied.Options = nil
	}
	apply(&o)
	if step, ok := planner.Next(o); ok && step.Kind == planner.StepDefragment {
		t.Errorf("%s %s", step.Kind, step.Reason)
	}
}

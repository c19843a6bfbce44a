package planner_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// TestASnapshotIsTakenBeforeARiskyStep: where the policy wants it, unless there is a fresh one; and where none can be
// had the step goes on, and says so.
func TestASnapshotIsTakenBeforeARiskyStep(t *testing.T) {
	bucket := func(o *observation.Observation) string { return v1alpha1.TickID(o.Now.Truncate(10 * time.Minute)) }
	fails := func(o *observation.Observation, units ...int) {
		for _, i := range units {
			tried(o, i, bucket(o), 0, "the disk is full.")
		}
	}
	for name, c := range map[string]struct {
		change  func(o *observation.Observation)
		kind    planner.StepKind
		unit    string
		without string
	}{
		"one is taken":        {func(*observation.Observation) {}, planner.StepSnapshot, "etcd/1", ""},
		"none is wanted":      {func(o *observation.Observation) { o.Policy.Snapshots.BeforeRiskySteps = false }, planner.StepJournal, "", ""},
		"a fresh one counts":  {func(o *observation.Observation) { took(o, 2, v1alpha1.TickID(o.Now.Add(-14*time.Minute))) }, planner.StepJournal, "", ""},
		"an old one does not": {func(o *observation.Observation) { took(o, 2, v1alpha1.TickID(o.Now.Add(-16*time.Minute))) }, planner.StepSnapshot, "etcd/1", ""},
		"nor one that is gone": {func(o *observation.Observation) {
			took(o, 2, v1alpha1.TickID(o.Now.Add(-time.Minute)))
			o.Units[2].Facts.Snapshots.Last.Missing = true
		}, planner.StepSnapshot, "etcd/1", ""},
		"it has failed, and is taken elsewhere": {func(o *observation.Observation) { fails(o, 1) }, planner.StepSnapshot, "etcd/2", ""},
		"it has failed twice":                   {func(o *observation.Observation) { fails(o, 1, 2) }, planner.StepJournal, "", "etcd/2: the disk is full"},
		"its facts do not show it yet": {func(o *observation.Observation) {
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Snapshot: &v1alpha1.SnapshotOrder{ID: bucket(o)}, At: o.Now.Add(-29 * time.Second),
				Hash: o.Units[1].Facts.Applied.Hash}
		}, planner.StepWait, "", ""},
		"and never do": {func(o *observation.Observation) {
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Snapshot: &v1alpha1.SnapshotOrder{ID: bucket(o)}, At: o.Now.Add(-30 * time.Second),
				Hash: o.Units[1].Facts.Applied.Hash}
		}, planner.StepSnapshot, "etcd/1", ""},
		"another unit is being restarted": {func(o *observation.Observation) { o.Units[2].Task = &observation.Task{ID: 9, Enqueued: o.Now} }, planner.StepWait, "", ""},
		"only the leader can take one": {func(o *observation.Observation) {
			for i := range o.Units[1:] {
				o.Units[1+i].Facts.Protocol = v1alpha1.ProtocolSchedule - 1
			}
		}, planner.StepSnapshot, "etcd/0", ""},
		"nobody can": {func(o *observation.Observation) {
			for i := range o.Units {
				o.Units[i].Facts.Protocol = v1alpha1.ProtocolSchedule - 1
			}
		}, planner.StepJournal, "", "no unit can take one now"},
	} {
		t.Run(name, func(t *testing.T) {
			o, _, _ := rotatable(t, 5)
			o.Policy.Snapshots.BeforeRiskySteps, o.Policy.Snapshots.Keep = true, 7
			apply(&o)
			run(t, &o)
			ask(&o, 0, 40, v1alpha1.ActionRotateCA, "")
			c.change(&o)
			step, _ := planner.Next(o)
			if step.Kind != c.kind || c.unit != "" && step.Unit != c.unit {
				t.Fatalf("%s %s: %s; want %s %s", step.Kind, step.Unit, step.Reason, c.kind, c.unit)
			}
			if step.Kind == planner.StepSnapshot {
				if order := step.Units[0].Spec.Delivery.Snapshot; order == nil || order.ID != bucket(&o) || order.Keep != 7 {
					t.Errorf("%+v", order)
				}
				o = planner.Predict(o, step)
				if next, _ := planner.Next(o); next.Kind != planner.StepJournal {
					t.Errorf("after it comes %s: %s", next.Kind, next.Reason)
				}
				return
			}
			if step.Kind != planner.StepJournal {
				return
			}
			if got := step.Units[0].Spec.Latch.Journal.To.Notes["without a snapshot"]; got != c.without {
				t.Errorf("it notes %q, want %q", got, c.without)
			}
			o = planner.Predict(o, step)
			app := planner.Desired(o, "etcd/0").Status.Application.Message
			if said := strings.Contains(app, "no snapshot was taken before CA rotation of task 40: "+c.without); said != (c.without != "") {
				t.Errorf("it says %q", app)
			}
		})
	}
}

// TestWhatHealsWaitsForNoSnapshot: a restore where the quorum is lost begins at once, and a restart is none of the steps
// that a snapshot is taken before.
func TestWhatHealsWaitsForNoSnapshot(t *testing.T) {
	o := restoring(t, 3)
	o.Policy.Snapshots.BeforeRiskySteps = true
	if step, _ := planner.Next(o); step.Kind != planner.StepSnapshot {
		t.Errorf("over a cluster that serves: %s %s", step.Kind, step.Reason)
	}
	nobodyListed(&o)
	step, _ := planner.Next(o)
	for range 3 {
		if step.Kind == planner.StepUpdate { // that the quorum is lost is told first
			o = planner.Predict(o, step)
			step, _ = planner.Next(o)
		}
	}
	if step.Kind != planner.StepJournal || step.Units[0].Spec.Latch.Journal.To.Notes["without a snapshot"] != "there is no quorum" {
		t.Errorf("without a quorum: %s %s", step.Kind, step.Reason)
	}
	o = upToDate(t, 3)
	o.Policy.Snapshots.BeforeRiskySteps = true
	ask(&o, 1, 41, v1alpha1.ActionRestart, "")
	if step, _ := planner.Next(o); step.Kind == planner.StepSnapshot {
		t.Error("a snapshot is taken before a restart")
	}
}

package planner_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// TestWhatMayBeDoneBesideAPersonsAction: each row is what a person runs, or a unit is at, and what
// of all that is due is done beside it.
func TestWhatMayBeDoneBesideAPersonsAction(t *testing.T) {
	const wait = planner.StepWait
	runs := func(i int, tasks ...observation.Task) func(o *observation.Observation) {
		return func(o *observation.Observation) { o.Units[i].Others = tasks }
	}
	joins := func(o *observation.Observation) { join(o) }
	restarts := func(o *observation.Observation) { o.Units[2].Facts.RestartPending = true }
	promotes := func(o *observation.Observation) { join(o); learn(o, 0); apply(o) }
	removes := func(o *observation.Observation) { leaves(o, time.Hour) }
	updates := func(o *observation.Observation) { o.Units[1].Facts.Applied, o.Units[2].Facts.Applied = nil, nil }
	prepares := func(o *observation.Observation) { join(o); o.Units[3].Facts.Snap = nil }
	for _, c := range []struct {
		name   string
		due    func(o *observation.Observation)
		beside func(o *observation.Observation)
		want   want
	}{
		{"nothing is added", joins, runs(1, observation.Task{ID: 12, Name: "restore", Running: true}),
			want{wait, "", false, "Cannot add a learner while task 12 (restore) may still run on etcd/1."}},
		{"nor beside one that waits", joins, runs(1, observation.Task{ID: 12, Name: "restore"}), want{wait, "", false, "task 12 (restore) may still run on etcd/1"}},
		{"nor for as long as Juju shows it", joins, func(o *observation.Observation) {
			runs(1, observation.Task{ID: 12, Name: "restore", Enqueued: o.Now.Add(-24 * time.Hour)})(o)
			o.Units[1].Lost = true
		}, want{wait, "", false, "task 12 (restore) may still run on etcd/1"}},
		{"nor beside a command", joins, runs(1, observation.Task{ID: 12, Name: "juju-exec", Running: true}), want{wait, "", false, "task 12 (juju-exec)"}},
		{"nor beside what only an agent reports", joins, runs(1, observation.Task{Name: "restore", Running: true}),
			want{wait, "", false, "the action restore may still run on etcd/1"}},
		{"the one that runs is named", joins, runs(1, observation.Task{ID: 9, Name: "health", Running: true}, observation.Task{ID: 12, Name: "restore"},
			observation.Task{ID: 11, Name: "snap-upgrade", Running: true}), want{wait, "", false, "task 11 (snap-upgrade)"}},
		{"nothing is restarted", restarts, runs(0, observation.Task{ID: 12, Name: "restore", Running: true}),
			want{wait, "", false, "Cannot restart a member while task 12 (restore) may still run on etcd/0."}},
		{"nothing is promoted", promotes, runs(0, observation.Task{ID: 12, Name: "restore", Running: true}), want{wait, "", false, "Cannot promote the learner while task 12"}},
		{"nothing is removed", removes, runs(0, observation.Task{ID: 12, Name: "restore", Running: true}), want{wait, "", false, "Cannot remove a member while task 12"}},
		{"a delivery does not go there", updates, runs(1, observation.Task{ID: 12, Name: "restore", Running: true}), want{planner.StepUpdate, "etcd/2", false, ""}},
		{"and says why", func(o *observation.Observation) { o.Units[1].Facts.Applied = nil }, runs(1, observation.Task{ID: 12, Name: "restore"}),
			want{wait, "", false, "task 12 (restore) is pending on etcd/1"}},
		{"others are prepared", prepares, runs(1, observation.Task{ID: 12, Name: "restore", Running: true}), want{planner.StepPrepare, "etcd/3", false, ""}},

		{"health holds up no joiner", joins, runs(1, observation.Task{ID: 12, Name: v1alpha1.ActionHealth, Running: true}), want{planner.StepAddLearner, "etcd/3", false, ""}},
		{"nor a restart of that very unit", restarts, runs(2, observation.Task{ID: 12, Name: v1alpha1.ActionHealth}), want{planner.StepRestart, "etcd/2", false, ""}},
		{"nor a delivery to it", updates, runs(1, observation.Task{ID: 12, Name: v1alpha1.ActionHealth, Running: true}), want{planner.StepUpdate, "etcd/1, etcd/2", false, ""}},
		{"nor does begin-anew", joins, runs(1, observation.Task{ID: 12, Name: v1alpha1.ActionBeginAnew}), want{planner.StepAddLearner, "etcd/3", false, ""}},
		{"a settled cluster stays so", func(*observation.Observation) {}, runs(1, observation.Task{ID: 12, Name: "restore", Running: true}), want{}},

		{"nothing is restarted while a unit is busy", restarts, busyWith(0, "restore"), want{wait, "", false, "Cannot restart a member while etcd/0 is busy: restore."}},
		{"nor the one that is", restarts, busyWith(2, "restore"), want{wait, "", false, "Cannot restart a member while etcd/2 is busy: restore."}},
		{"nor is one added", joins, busyWith(1, "move"), want{wait, "", false, "Cannot add a learner while etcd/1 is busy: move."}},
		{"what disturbs nobody is delivered", updates, busyWith(1, "restore"), want{planner.StepUpdate, "etcd/1, etcd/2", false, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := settled(3)
			c.due(&o)
			c.beside(&o)
			expect(t, o, c.want)
		})
	}
}

// busyWith lets a unit be at work that lasts.
func busyWith(i int, kind string) func(o *observation.Observation) {
	return func(o *observation.Observation) { o.Units[i].Facts.Busy = &v1alpha1.BusyFacts{ID: "7", Kind: kind} }
}

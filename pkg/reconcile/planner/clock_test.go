package planner_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// clock lets the unit's clock be so far ahead of ours.
func clock(o *observation.Observation, i int, ahead time.Duration) {
	o.Units[i].Clock = &observation.Clock{Ahead: ahead, At: o.Now}
}

// The property: whose clock is off, and by how much, is reported; it is the daemon's if all units
// are off alike.
func TestAClockThatIsOffIsReported(t *testing.T) {
	for _, c := range []struct {
		name      string
		ahead     []time.Duration
		app, unit string // what the application says, and etcd/1
	}{
		{"all are right", []time.Duration{0, 0, 0}, "3 members, can lose 1", "Healthy with 3 known peers"},
		{"one is a little off", []time.Duration{0, 50 * time.Second, 0}, "3 members, can lose 1", "Healthy with 3 known peers"},
		{"one is ahead", []time.Duration{0, 8 * time.Minute, 0},
			"3 members, can lose 1: The clock of etcd/1 is 8 min ahead of the jujuetcd controller's: set it; until then the unit refuses what stops or starts its etcd",
			"Healthy with 3 known peers: the clock of this machine is 8 min ahead of the jujuetcd controller's"},
		{"one is behind", []time.Duration{0, -8 * time.Minute, 0}, "The clock of etcd/1 is 8 min behind the jujuetcd controller's", "8 min behind"},
		{"all are ahead alike", []time.Duration{10 * time.Minute, 10*time.Minute + 20*time.Second, 10 * time.Minute},
			"The clock of the jujuetcd controller's machine is 10 min behind those of all units: set it", "Healthy with 3 known peers"},
		{"one of those that seem off alike is right", []time.Duration{70 * time.Second, 70 * time.Second, 30 * time.Second},
			"The clocks of etcd/0, etcd/1 are off by minutes: set them; until then these units refuse what stops or starts their etcd", "1 min ahead"},
		{"all are off, and not alike", []time.Duration{10 * time.Minute, 20 * time.Minute, 10 * time.Minute}, "The clocks of etcd/0, etcd/1, etcd/2 are off by minutes", "20 min ahead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := settledAndShown(3)
			for i, ahead := range c.ahead {
				clock(&o, i, ahead)
			}
			app, word := planner.Desired(o, "etcd/0").Status.Application, planner.Desired(o, "etcd/1").Status
			if strings.Contains(app.Message, "clock") != strings.Contains(c.app, "clock") {
				t.Errorf("the application says %+v", app)
			}
			if strings.Contains(word.Unit.Message, "clock") != strings.Contains(c.unit, "ahead") && !strings.Contains(c.unit, "behind") {
				t.Errorf("the unit says %+v", word)
			}
			if !strings.Contains(app.Message, c.app) || (app.State == "active") != !strings.Contains(app.Message, "clock") {
				t.Errorf("the application says %+v", app)
			}
			if !strings.Contains(word.Unit.Message, c.unit) || (word.Notice != "") != strings.Contains(word.Unit.Message, "clock") {
				t.Errorf("the unit says %+v", word)
			}
		})
	}
	// A sole unit is off by itself: there is nobody to agree with.
	o := settledAndShown(1)
	clock(&o, 0, 10*time.Minute)
	if app := planner.Desired(o, "etcd/0").Status.Application; !strings.Contains(app.Message, "The clock of etcd/0 is 10 min ahead") {
		t.Errorf("%+v", app)
	}
}

// What is reported of a clock is looked at again, so that one that was set is seen to be right.
func TestAClockThatWasOffIsLookedAtAgain(t *testing.T) {
	o := settledAndShown(3)
	clock(&o, 1, 8*time.Minute)
	for i := range o.Units {
		spec := planner.Desired(o, o.Units[i].Name)
		o.Units[i].Facts.Applied.Hash, o.Units[i].Shown = spec.Hash(), spec.Status.Unit
	}
	o.ApplicationStatus = *planner.Desired(o, "etcd/0").Status.Application
	if step, ok := planner.Next(o); ok {
		t.Fatalf("%s: %s", step.Kind, step.Reason)
	}
	o.Now = o.Now.Add(5 * time.Minute)
	if step, _ := planner.Next(o); step.Kind != planner.StepUpdate || step.Target("etcd") != "etcd/1" {
		t.Errorf("%s %s: %s", step.Kind, step.Target("etcd"), step.Reason)
	}
	if plan := planner.Plan(o); len(plan) != 1 {
		t.Errorf("a plan of %d steps, the last of which is to %s: %s", len(plan), plan[len(plan)-1].Kind, plan[len(plan)-1].Reason)
	}
}

// A unit whose clock is behind may begin later than its deadline says here: others wait for so much
// longer.
func TestATaskOnAClockThatIsBehindMayRunLonger(t *testing.T) {
	o := settled(3)
	join(&o)
	o.Units[1].Task = &observation.Task{ID: 7, Enqueued: o.Now.Add(-v1alpha1.DeliveryTTL - v1alpha1.LongestRun)}
	clock(&o, 1, -3*time.Minute)
	apply(&o)
	if step, _ := planner.Next(o); step.Kind != planner.StepWait || !strings.Contains(step.Reason, "may still run") {
		t.Errorf("%s: %s", step.Kind, step.Reason)
	}
}

// The property: a unit that does not take what it is handed is in the application's status, in
// words that stay the same.
func TestDeliveriesThatFailForEverAreReported(t *testing.T) {
	for _, c := range []struct {
		name   string
		result observation.Result
		want   string // empty: nothing is reported
	}{
		{"twice", observation.Result{Outcome: v1alpha1.OutcomeRefused, Reason: v1alpha1.ReasonOlderEpoch, Failures: 2, Message: "m"}, ""},
		{"an older epoch", observation.Result{Outcome: v1alpha1.OutcomeRefused, Reason: v1alpha1.ReasonOlderEpoch, Failures: 3,
			Message: "cannot apply a delivery of epoch 3 of a: epoch 9 of b has been applied"},
			"Deliveries to etcd/1 fail again and again: the last was refused: cannot apply a delivery of epoch 3 of a: epoch 9 of b has been applied"},
		{"a task that Juju cannot end", observation.Result{Outcome: v1alpha1.OutcomeFailed, Reason: "Juju", Failures: 9, Message: "task 481 on etcd/1 is failed: argument list too long"},
			"the last was not carried out: task on etcd/1 is failed: argument list too long"},
		{"late", observation.Result{Outcome: v1alpha1.OutcomeRefused, Reason: v1alpha1.ReasonLate, Failures: 4, Message: "it is 12:00:03 here"},
			"etcd/1 refuses deliveries as late: its agent is busy for minutes, or its clock is off"},
		{"the guard", observation.Result{Outcome: v1alpha1.OutcomeRefused, Reason: v1alpha1.ReasonQuorumGuard, Failures: 9}, ""},
		{"in progress", observation.Result{Outcome: v1alpha1.OutcomeInProgress, Failures: 9}, ""},
		{"applied", observation.Result{Outcome: v1alpha1.OutcomeApplied, Failures: 9}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := settledAndShown(3)
			o.Units[1].Last = &c.result
			app := planner.Desired(o, "etcd/0").Status.Application
			if reported := app.State != "active"; reported != (c.want != "") || !strings.Contains(app.Message, c.want) {
				t.Errorf("the application says %+v", app)
			}
		})
	}
}

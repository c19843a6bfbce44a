package planner_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// drilling is a settled cluster at 12:00:30 with a snapshot of each hour, the last one on etcd/1, and a drill each hour.
func drilling(n int) observation.Observation {
	o := scheduled(n)
	o.Policy.Snapshots.Drill = "@hourly"
	took(&o, min(1, n-1), hour(12))
	return o
}

// drilled lets a drill have gone well on a unit.
func drilled(o *observation.Observation, i int, tick string) {
	o.Units[i].Facts.Drill = &v1alpha1.DrillFacts{
		Last:  &v1alpha1.DoneDrill{ID: tick, Unit: o.Units[i].Name, Snapshot: "s.tar.gz", Hashed: true},
		Tried: v1alpha1.TriedSnapshot{ID: tick},
	}
}

// failedDrill lets one have failed, or have begun.
func failedDrill(o *observation.Observation, i int, tick string, attempt int32, fault string) {
	s := v1alpha1.DrillFacts{}
	if o.Units[i].Facts.Drill != nil {
		s = *o.Units[i].Facts.Drill
	}
	s.Tried = v1alpha1.TriedSnapshot{ID: tick, Attempt: attempt, Fault: fault}
	o.Units[i].Facts.Drill = &s
}

// drillOrder is whom the next step asks for which drill.
func drillOrder(t *testing.T, o observation.Observation) (unit string, of v1alpha1.DrillOrder) {
	t.Helper()
	step, ok := planner.Next(o)
	if !ok || step.Kind != planner.StepDrill {
		return "", of
	}
	if len(step.Units) != 1 || step.Disruptive() || step.Units[0].Unit != step.Unit || step.Units[0].Spec.Delivery.AllowReset {
		t.Fatalf("%+v", step)
	}
	return step.Unit, *step.Units[0].Spec.Delivery.Drill
}

func olderDrills(o *observation.Observation, units ...int) {
	for _, i := range units {
		o.Units[i].Facts.Protocol = v1alpha1.ProtocolDrill - 1
	}
}

// TestADrillIsAskedForWhenItIsDue, once for each time, of a unit that has a snapshot, in a cluster at rest.
func TestADrillIsAskedForWhenItIsDue(t *testing.T) {
	const fault = "the hash is another one"
	for name, c := range map[string]struct {
		n       int
		change  func(o *observation.Observation)
		unit    string
		attempt int32
	}{
		"the first one, at once":        {3, func(*observation.Observation) {}, "etcd/1", 0},
		"of one member":                 {1, func(*observation.Observation) {}, "etcd/0", 0},
		"none":                          {3, func(o *observation.Observation) { o.Policy.Snapshots.Drill = "" }, "", 0},
		"without a schedule":            {3, func(o *observation.Observation) { o.Policy.Snapshots.Schedule = "" }, "", 0},
		"with nothing to try":           {3, func(o *observation.Observation) { o.Units[1].Facts.Snapshots = nil }, "", 0},
		"with what is gone":             {3, func(o *observation.Observation) { o.Units[1].Facts.Snapshots.Last.Missing = true }, "", 0},
		"the newest is tried":           {3, func(o *observation.Observation) { took(o, 2, hour(11)) }, "etcd/1", 0},
		"also where it is another's":    {3, func(o *observation.Observation) { took(o, 1, hour(11)); took(o, 2, hour(12)) }, "etcd/2", 0},
		"not the leader's":              {3, func(o *observation.Observation) { took(o, 0, hour(12)); took(o, 1, hour(11)) }, "etcd/1", 0},
		"but where nobody else has any": {3, func(o *observation.Observation) { took(o, 0, hour(12)); o.Units[1].Facts.Snapshots = nil }, "etcd/0", 0},
		"it was done":                   {3, func(o *observation.Observation) { drilled(o, 0, hour(12)) }, "", 0},
		"the last one was":              {3, func(o *observation.Observation) { drilled(o, 0, hour(11)) }, "etcd/1", 0},
		"a wrong clock's":               {3, func(o *observation.Observation) { drilled(o, 0, hour(23)) }, "etcd/1", 0},
		"it has failed":                 {3, func(o *observation.Observation) { failedDrill(o, 1, hour(12), 0, fault) }, "", 0},
		"an earlier one has":            {3, func(o *observation.Observation) { failedDrill(o, 1, hour(11), 2, fault) }, "etcd/1", 0},
		"it was begun, and is over":     {3, func(o *observation.Observation) { failedDrill(o, 1, hour(12), 0, "") }, "etcd/1", 0},
		"agents are older":              {3, func(o *observation.Observation) { olderDrills(o, 0, 1, 2) }, "", 0},
		"its agent is lost":             {3, func(o *observation.Observation) { o.Units[1].Lost = true }, "", 0},
		"a member is down":              {3, func(o *observation.Observation) { down(o, 2, time.Second); apply(o) }, "", 0},
		"a learner catches up":          {3, func(o *observation.Observation) { join(o); learn(o, 100000); apply(o) }, "", 0},
		"beside a disruption":           {3, func(o *observation.Observation) { o.Units[2].Task = &observation.Task{ID: 9, Enqueued: o.Now} }, "", 0},
		"beside what is harmless": {3, func(o *observation.Observation) {
			o.Units[2].Task = &observation.Task{ID: 9, Enqueued: o.Now, Harmless: true}
		}, "etcd/1", 0},
		"beside a restore": {3, func(o *observation.Observation) {
			o.Units[2].Facts.Busy = &v1alpha1.BusyFacts{ID: "1", Kind: "restore"}
		}, "", 0},
		"it is paused":      {3, func(o *observation.Observation) { o.Policy.Paused = true }, "", 0},
		"a snapshot is due": {3, func(o *observation.Observation) { took(o, 1, hour(11)) }, "", 0},
		"while a procedure is under way": {3, func(o *observation.Observation) {
			o.Latch.Journal = `[{"procedure":"restore","id":"7","phase":"join","seq":4,"since":"2026-11-22T11:00:00Z","notes":{"unit":"etcd/1","from":"00000000000000d9"}}]`
		}, "", 0},
		"and is tried elsewhere": {3, func(o *observation.Observation) {
			took(o, 2, hour(12))
			failedDrill(o, 1, hour(12), 0, fault)
			o.Now = o.Now.Add(2 * time.Minute)
		}, "etcd/2", 1},
		"its facts do not show it yet": {3, func(o *observation.Observation) {
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Drill: &v1alpha1.DrillOrder{ID: hour(12)}, At: o.Now.Add(-29 * time.Second),
				Hash: o.Units[1].Facts.Applied.Hash}
		}, "", 0},
		"and never do": {3, func(o *observation.Observation) {
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Drill: &v1alpha1.DrillOrder{ID: hour(12)}, At: o.Now.Add(-30 * time.Second),
				Hash: o.Units[1].Facts.Applied.Hash}
		}, "etcd/1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := drilling(c.n)
			c.change(&o)
			apply(&o)
			unit, of := drillOrder(t, o)
			if unit != c.unit || unit != "" && of != (v1alpha1.DrillOrder{ID: hour(12), Attempt: c.attempt}) {
				t.Errorf("%q is asked for %+v, want %q for attempt %d", unit, of, c.unit, c.attempt)
			}
		})
	}
}

// TestDrillsThatFailAreReported: in the condition and in juju status, from the first fault on, and when two times were
// missed.
func TestDrillsThatFailAreReported(t *testing.T) {
	const fault = "the hash is another one."
	for name, c := range map[string]struct {
		change    func(o *observation.Observation)
		condition string
		status    string
	}{
		"done":      {func(o *observation.Observation) { drilled(o, 1, hour(12)) }, "True AsWanted s.tar.gz was restored on etcd/1 for a trial", ""},
		"by keys":   {func(o *observation.Observation) { drilled(o, 1, hour(12)); o.Units[1].Facts.Drill.Last.Hashed = false }, "True AsWanted", ""},
		"none yet":  {func(*observation.Observation) {}, "Unknown NoneYet No restore drill was done yet.", ""},
		"old fault": {func(o *observation.Observation) { drilled(o, 1, hour(12)); failedDrill(o, 2, hour(12), 0, fault) }, "True AsWanted", ""},
		"failed": {func(o *observation.Observation) { drilled(o, 1, hour(11)); failedDrill(o, 2, hour(12), 0, fault) },
			"False Failing The restore drill of 2026-11-22T12:00:00Z has failed: etcd/2: the hash is another one.",
			"The restore drill of 2026-11-22T12:00:00Z has failed: etcd/2: the hash is another one"},
		"one missed": {func(o *observation.Observation) { drilled(o, 1, hour(11)) }, "True AsWanted", ""},
		"two missed": {func(o *observation.Observation) { drilled(o, 1, hour(10)); o.Now = o.Now.Add(5 * time.Minute) },
			"False Overdue No restore drill was done since 2026-11-22T10:00:00Z: none could be asked for.", "No restore drill was done since 2026-11-22T10:00:00Z"},
		"agents are older": {func(o *observation.Observation) { olderDrills(o, 0, 1, 2) }, "False Overdue No restore drill could be done yet: the agent of etcd/0",
			"No restore drill could be done yet: the agent of etcd/0 is older than this daemon"},
		"nothing to try": {func(o *observation.Observation) {
			drilled(o, 1, hour(10))
			o.Units[1].Facts.Snapshots.Last.Missing = true
			o.Now = o.Now.Add(5 * time.Minute)
		}, "False Overdue", "since 2026-11-22T10:00:00Z: there is no snapshot of the schedule"},
		"no timetable": {func(o *observation.Observation) { o.Policy.Snapshots.Drill = ""; failedDrill(o, 2, hour(12), 0, fault) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := drilling(3)
			c.change(&o)
			status := reports(t, o, v1alpha1.ConditionDrill, c.condition, c.status)
			if s := status.Drills; (s != nil) != (c.condition != "") || s != nil && (s.Failing != (c.status != "") || s.Next.UTC().Hour() != 13) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestATimetableOfDrillsSettles: the plan is the one drill, and what units should be is the same before and after it; who
// plans looks again at the next time, or attempt.
func TestATimetableOfDrillsSettles(t *testing.T) {
	o := drilling(3)
	before := planner.Desired(o, "etcd/1")
	plan := planner.Plan(o)
	if len(plan) != 1 || plan[0].Kind != planner.StepDrill || plan[0].Target("etcd") != "etcd/1" {
		t.Fatalf("%+v", plan)
	}
	after := planner.Predict(o, plan[0])
	if spec := planner.Desired(after, "etcd/1"); spec.Hash() != before.Hash() {
		t.Error("what a unit should be is another after a drill")
	}
	o.Policy.Snapshots.Schedule = "@daily"
	took(&o, 1, hour(0))
	failedDrill(&o, 1, hour(12), 0, "no")
	noon := o.Now.Add(-30 * time.Second)
	if got := planner.Due(o).Sub(noon); got != 2*time.Minute {
		t.Errorf("the next attempt is seen to %s after noon", got)
	}
	drilled(&o, 1, hour(12))
	if got := planner.Due(o).Sub(noon); got != time.Hour {
		t.Errorf("the next time is seen to %s after noon", got)
	}
}

// TestWhateverIsTheMatterADrillIsBesideNothing: whatever units have done and whatever is down, who is asked votes, serves
// and has a snapshot, while every member is healthy and nothing that may disturb is on its way.
func TestWhateverIsTheMatterADrillIsBesideNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	asked := 0
	for range 500 {
		n := 1 + rng.IntN(4)
		o := drilling(n)
		o.Now = o.Now.Add(time.Duration(rng.IntN(50)) * time.Minute)
		quiet := true
		for i := range n {
			if rng.IntN(2) == 0 {
				took(&o, i, hour(12))
			}
			if rng.IntN(3) == 0 {
				failedDrill(&o, i, hour(11+rng.IntN(2)), int32(rng.IntN(6)), []string{"", "no"}[rng.IntN(2)])
			}
			switch rng.IntN(10) {
			case 0:
				olderDrills(&o, i)
			case 1:
				harmless := rng.IntN(2) == 0
				o.Units[i].Task = &observation.Task{ID: 9, Enqueued: o.Now, Harmless: harmless}
				quiet = quiet && harmless
			case 2:
				o.Units[i].Facts.Busy = &v1alpha1.BusyFacts{ID: "1", Kind: "restore"}
				quiet = false
			}
		}
		if n > 2 && rng.IntN(3) == 0 {
			down(&o, n-1, time.Second)
			quiet = false
		}
		unit, of := drillOrder(t, o)
		if unit == "" {
			continue
		}
		asked++
		again, same := drillOrder(t, o)
		if !quiet || again != unit || same != of || of.ID != hour(12) {
			t.Fatalf("%s is asked for %+v, %s for %+v, quiet %t", unit, of, again, same, quiet)
		}
		for _, u := range o.Units {
			if u.Name == unit && (u.Facts.Snapshots == nil || u.Facts.Protocol < v1alpha1.ProtocolDrill) {
				t.Fatalf("%s is asked, which has none", unit)
			}
		}
	}
	if asked < 50 {
		t.Errorf("only %d were asked for", asked)
	}
}

package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// scheduled is a settled cluster at 12:00:30 with a snapshot each hour.
func scheduled(n int) observation.Observation {
	o := settled(n)
	o.Now = o.Now.Add(30 * time.Second)
	o.Policy.Snapshots.Schedule, o.Policy.Snapshots.Keep = "@hourly", 5
	for i := range o.Units {
		o.Units[i].Facts.Protocol = v1alpha1.Protocol
	}
	apply(&o)
	return o
}

// hour is the ID of an hour of that day.
func hour(h int) string {
	return v1alpha1.TickID(time.Date(2026, 11, 22, h, 0, 0, 0, time.UTC))
}

// took lets a unit have taken the snapshot of a time.
func took(o *observation.Observation, i int, tick string) {
	o.Units[i].Facts.Snapshots = &v1alpha1.SnapshotFacts{
		Last:  &v1alpha1.TakenSnapshot{ID: tick, Unit: o.Units[i].Name, Path: "/s", Size: 7},
		Tried: v1alpha1.TriedSnapshot{ID: tick},
	}
}

// tried lets a unit have tried to.
func tried(o *observation.Observation, i int, tick string, attempt int32, fault string) {
	s := v1alpha1.SnapshotFacts{}
	if o.Units[i].Facts.Snapshots != nil {
		s = *o.Units[i].Facts.Snapshots
	}
	s.Tried = v1alpha1.TriedSnapshot{ID: tick, Attempt: attempt, Fault: fault}
	o.Units[i].Facts.Snapshots = &s
}

// order is whom the next step asks for which snapshot.
func order(t *testing.T, o observation.Observation) (unit string, of v1alpha1.SnapshotOrder) {
	t.Helper()
	step, ok := planner.Next(o)
	if !ok || step.Kind != planner.StepSnapshot {
		return "", of
	}
	if len(step.Units) != 1 || step.Disruptive() || step.Units[0].Unit != step.Unit {
		t.Fatalf("%+v", step)
	}
	return step.Unit, *step.Units[0].Spec.Delivery.Snapshot
}

// TestASnapshotIsAskedForWhenItIsDue, once for each time, of a voter that serves.
func TestASnapshotIsAskedForWhenItIsDue(t *testing.T) {
	const fault = "cannot take a snapshot: the disk is full."
	for name, c := range map[string]struct {
		n       int
		change  func(o *observation.Observation)
		unit    string
		attempt int32
	}{
		"the first one, at once":  {3, func(*observation.Observation) {}, "etcd/1", 0},
		"of one member":           {1, func(*observation.Observation) {}, "etcd/0", 0},
		"of two members":          {2, func(*observation.Observation) {}, "etcd/1", 0},
		"no schedule":             {3, func(o *observation.Observation) { o.Policy.Snapshots.Schedule = "" }, "", 0},
		"one that cannot be read": {3, func(o *observation.Observation) { o.Policy.Snapshots.Schedule = "often" }, "", 0},
		"it was taken":            {3, func(o *observation.Observation) { took(o, 0, hour(12)) }, "", 0},
		"by one that leaves":      {3, func(o *observation.Observation) { took(o, 2, hour(12)); leaves(o, time.Second) }, "", 0},
		"the last one was":        {3, func(o *observation.Observation) { took(o, 1, hour(11)) }, "etcd/2", 0},
		"days were missed":        {3, func(o *observation.Observation) { took(o, 1, hour(1)); took(o, 2, hour(2)) }, "etcd/1", 0},
		"a wrong clock's":         {3, func(o *observation.Observation) { took(o, 1, hour(23)) }, "etcd/2", 0},
		"one a little ahead": {3, func(o *observation.Observation) {
			took(o, 1, v1alpha1.TickID(o.Now.Add(4*time.Minute)))
		}, "", 0},
		"a time that cannot be read": {3, func(o *observation.Observation) { took(o, 1, "9") }, "etcd/2", 0},
		"it has failed":              {3, func(o *observation.Observation) { tried(o, 1, hour(12), 0, fault) }, "", 0},
		"and is tried elsewhere": {3, func(o *observation.Observation) {
			tried(o, 1, hour(12), 0, fault)
			o.Now = o.Now.Add(2 * time.Minute)
		}, "etcd/2", 1},
		"and by the first again": {3, func(o *observation.Observation) {
			tried(o, 1, hour(12), 0, fault)
			tried(o, 2, hour(12), 1, fault)
			o.Now = o.Now.Add(5 * time.Minute)
		}, "etcd/1", 2},
		"the only one again": {1, func(o *observation.Observation) {
			tried(o, 0, hour(12), 0, fault)
			o.Now = o.Now.Add(2 * time.Minute)
		}, "etcd/0", 1},
		"a day's, many hours later": {1, func(o *observation.Observation) {
			o.Policy.Snapshots.Schedule = "@daily"
			tried(o, 0, hour(0), 14, fault)
		}, "etcd/0", 16},
		"not twice in an hour then": {1, func(o *observation.Observation) {
			o.Policy.Snapshots.Schedule = "@daily"
			tried(o, 0, hour(0), 16, fault)
			o.Now = o.Now.Add(39 * time.Minute)
		}, "", 0},
		"it has failed for an earlier time": {3, func(o *observation.Observation) { tried(o, 1, hour(11), 3, fault) }, "etcd/1", 0},
		"it was begun, and goes on there":   {3, func(o *observation.Observation) { tried(o, 2, hour(12), 0, "") }, "etcd/2", 0},
		"its facts do not show it yet": {3, func(o *observation.Observation) {
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Snapshot: &v1alpha1.SnapshotOrder{ID: hour(12), Keep: 5}, At: o.Now.Add(-29 * time.Second),
				Hash: o.Units[1].Facts.Applied.Hash}
		}, "", 0},
		"and never do": {3, func(o *observation.Observation) {
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Snapshot: &v1alpha1.SnapshotOrder{ID: hour(12), Keep: 5}, At: o.Now.Add(-30 * time.Second),
				Hash: o.Units[1].Facts.Applied.Hash}
		}, "etcd/1", 0},
		"the delivery has failed": {3, func(o *observation.Observation) {
			o.Units[2].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Snapshot: &v1alpha1.SnapshotOrder{ID: hour(12), Keep: 5}, At: o.Now.Add(-time.Second)}
		}, "etcd/2", 0},
		"and may be made again later": {3, func(o *observation.Observation) {
			o.Units[2].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Snapshot: &v1alpha1.SnapshotOrder{ID: hour(12), Keep: 5}, At: o.Now, NotBefore: o.Now.Add(time.Second)}
		}, "", 0},
		"another delivery has failed": {3, func(o *observation.Observation) {
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, At: o.Now, NotBefore: o.Now.Add(time.Second)}
		}, "etcd/2", 0},
		"its unit has a task": {3, func(o *observation.Observation) {
			o.Units[1].Task = &observation.Task{ID: 9, Enqueued: o.Now, Harmless: true}
		}, "etcd/2", 0},
		"beside a disruption": {3, func(o *observation.Observation) { o.Units[2].Task = &observation.Task{ID: 9, Enqueued: o.Now} }, "", 0},
		"beside a person's": {3, func(o *observation.Observation) {
			o.Units[2].Others = []observation.Task{{ID: 9, Name: "restore", Enqueued: o.Now}}
		}, "", 0},
		"beside a restore": {3, func(o *observation.Observation) {
			o.Units[2].Facts.Busy = &v1alpha1.BusyFacts{ID: "1", Kind: "restore"}
		}, "", 0},
		"agents are older":       {3, func(o *observation.Observation) { older(o, 0, 1, 2) }, "", 0},
		"one of them is":         {3, func(o *observation.Observation) { older(o, 1) }, "etcd/2", 0},
		"only the leader is not": {3, func(o *observation.Observation) { older(o, 1, 2) }, "etcd/0", 0},
		"a member is down": {3, func(o *observation.Observation) {
			down(o, 1, time.Second)
			apply(o)
		}, "etcd/2", 0},
		"the quorum is lost": {3, func(o *observation.Observation) {
			down(o, 1, time.Second)
			down(o, 2, time.Second)
			o.Etcd.Listed, o.Etcd.Err = false, "no leader"
		}, "", 0},
		"its agent is lost": {3, func(o *observation.Observation) { o.Units[1].Lost = true }, "etcd/2", 0},
		"it is paused":      {3, func(o *observation.Observation) { o.Policy.Paused = true }, "", 0},
		"it is another daemon's": {3, func(o *observation.Observation) {
			o.Latch.Epoch = &v1alpha1.Epoch{Number: 4, Holder: "daemon-b"}
		}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := scheduled(c.n)
			c.change(&o)
			apply(&o) // what is reported is on its way before
			tick := hour(12)
			if o.Policy.Snapshots.Schedule == "@daily" {
				tick = hour(0)
			}
			unit, of := order(t, o)
			if unit != c.unit || unit != "" && of != (v1alpha1.SnapshotOrder{ID: tick, Attempt: c.attempt, Keep: 5}) {
				t.Errorf("%q is asked for %+v, want %q for attempt %d", unit, of, c.unit, c.attempt)
			}
		})
	}
}

func older(o *observation.Observation, units ...int) {
	for _, i := range units {
		o.Units[i].Facts.Protocol = v1alpha1.ProtocolSchedule - 1
	}
}

// TestAScheduleSettles: the plan is the one snapshot, and what units should be is the same before and
// after it.
func TestAScheduleSettles(t *testing.T) {
	o := scheduled(3)
	before := planner.Desired(o, "etcd/1")
	plan := planner.Plan(o)
	if len(plan) != 1 || plan[0].Kind != planner.StepSnapshot || plan[0].Target("etcd") != "etcd/1" {
		t.Fatalf("%+v", plan)
	}
	after := planner.Predict(o, plan[0])
	if spec := planner.Desired(after, "etcd/1"); spec.Hash() != before.Hash() {
		t.Error("what a unit should be is another after a snapshot")
	}
	if last := o.Units[1].Facts.Snapshots; last != nil {
		t.Error("the observation was changed")
	}
}

// TestWhoPlansLooksAgainWhenTheScheduleSaysSo.
func TestWhoPlansLooksAgainWhenTheScheduleSaysSo(t *testing.T) {
	o := scheduled(3)
	noon := o.Now.Add(-30 * time.Second)
	for name, c := range map[string]struct {
		change func()
		want   time.Duration
	}{
		"the next attempt":     {func() { tried(&o, 1, hour(12), 0, "no") }, 2 * time.Minute},
		"and the one after it": {func() { o.Now = noon.Add(2 * time.Minute) }, 5 * time.Minute},
		"the next time":        {func() { took(&o, 1, hour(12)) }, time.Hour},
		"it is overdue":        {func() { took(&o, 1, hour(11)); o.Now = noon.Add(time.Hour + 41*time.Minute) }, 2 * time.Hour},
	} {
		o = scheduled(3)
		c.change()
		if got := planner.Due(o).Sub(noon); got != c.want {
			t.Errorf("%s: %s after noon, want %s", name, got, c.want)
		}
	}
	o = scheduled(3)
	took(&o, 1, hour(10))
	o.Now = noon.Add(time.Minute)
	tried(&o, 2, hour(12), 0, "no")
	if got := planner.Due(o).Sub(noon); got != 2*time.Minute {
		t.Errorf("%s after noon", got)
	}
	o.Now = noon.Add(3 * time.Minute)
	tried(&o, 2, hour(12), 1, "no")
	if got := planner.Due(o).Sub(noon); got != 5*time.Minute {
		t.Errorf("when two were missed in a row: %s after noon", got)
	}
	o.Policy.Snapshots.Schedule = ""
	if due := planner.Due(o); !due.IsZero() {
		t.Errorf("without a schedule: %s", due)
	}
}

// reports holds what is told of a timetable against what should be: in its condition, none for an
// empty text, and in the application's status, which is blocked where anything is expected there.
func reports(t *testing.T, o observation.Observation, kind, condition, shown string) v1alpha1.EtcdClusterStatus {
	t.Helper()
	status := planner.Status(o)
	got := ""
	if c := meta.FindStatusCondition(status.Conditions, kind); c != nil {
		got = strings.Join([]string{string(c.Status), c.Reason, c.Message}, " ")
	}
	if !strings.HasPrefix(got, condition) || (got == "") != (condition == "") {
		t.Errorf("the condition is %q, want %q", got, condition)
	}
	app := planner.Desired(o, "etcd/0").Status.Application
	if (app.State == etcdops.Blocked) != (shown != "") || !strings.Contains(app.Message, shown) {
		t.Errorf("the application is %+v, want %q", app, shown)
	}
	return status
}

// TestAScheduleThatIsNotKeptIsReported: in the condition at the first fault, in juju status when two
// times were missed in a row.
func TestAScheduleThatIsNotKeptIsReported(t *testing.T) {
	const fault = "the disk of this machine is full"
	for name, c := range map[string]struct {
		change    func(o *observation.Observation)
		condition string // what it says; with its reason before it
		status    string
	}{
		"kept":       {func(o *observation.Observation) { took(o, 1, hour(12)) }, "True AsWanted /s of etcd/1 is the last one.", ""},
		"none yet":   {func(*observation.Observation) {}, "Unknown NoneYet No snapshot of the schedule was taken yet.", ""},
		"is missing": {func(o *observation.Observation) { took(o, 1, hour(12)); o.Units[1].Facts.Snapshots.Last.Missing = true }, "False Gone /s of etcd/1 is not there", ""},
		"one fault": {func(o *observation.Observation) {
			took(o, 1, hour(11))
			tried(o, 2, hour(12), 0, fault)
		}, "False Failing etcd/2, for the snapshot of 2026-11-22T12:00:00Z: The disk of this machine is full.", ""},
		"retention has a fault": {func(o *observation.Observation) {
			took(o, 1, hour(12))
			tried(o, 1, hour(12), 0, fault)
		}, "False Failing etcd/1, for", ""},
		"an old fault": {func(o *observation.Observation) {
			took(o, 1, hour(12))
			tried(o, 2, hour(11), 0, fault)
		}, "True AsWanted", ""},
		"two times": {func(o *observation.Observation) {
			took(o, 1, hour(10))
			tried(o, 2, hour(12), 1, fault)
			tried(o, 1, hour(12), 0, "another")
			o.Now = o.Now.Add(5 * time.Minute)
		}, "False Overdue No snapshot of the schedule was taken since 2026-11-22T10:00:00Z: etcd/2: the disk of this machine is full.",
			"No snapshot of the schedule was taken since 2026-11-22T10:00:00Z: etcd/2: the disk of this machine is full"},
		"two times, a moment ago": {func(o *observation.Observation) {
			took(o, 1, hour(10))
			tried(o, 2, hour(11), 1, fault)
		}, "False Failing", ""},
		"nobody could": {func(o *observation.Observation) {
			took(o, 1, hour(5))
			older(o, 0, 1, 2)
		}, "False Overdue No snapshot of the schedule was taken since 2026-11-22T05:00:00Z: the agent of etcd/0 is older than this daemon: refresh the charm.",
			"the agent of etcd/0 is older than this daemon: refresh the charm"},
		"nobody was asked":    {func(o *observation.Observation) { took(o, 1, hour(5)) }, "False Overdue", "2026-11-22T05:00:00Z: none could be asked for"},
		"the first one fails": {func(o *observation.Observation) { tried(o, 1, hour(12), 0, fault) }, "False Failing", ""},
		"and fails": {func(o *observation.Observation) { tried(o, 1, hour(12), 1, fault) },
			"False Overdue No snapshot of the schedule could be taken yet: etcd/1: the disk", "could be taken yet: etcd/1: the disk of this machine is full"},
		"agents are older": {func(o *observation.Observation) { older(o, 0, 1, 2) }, "False Overdue", "could be taken yet: the agent of etcd/0 is older than this daemon"},
		"no schedule":      {func(o *observation.Observation) { o.Policy.Snapshots.Schedule = ""; tried(o, 1, hour(1), 1, fault) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := scheduled(3)
			c.change(&o)
			status := reports(t, o, v1alpha1.ConditionSnapshots, c.condition, c.status)
			if s := status.Snapshots; (s != nil) != (c.condition != "") || s != nil && (s.Overdue != (c.status != "") || s.Next.UTC().Hour() != 13) {
				t.Errorf("%+v", s)
			}
			if name == "is missing" && status.Snapshots.Last != nil {
				t.Error("what is gone is the last one")
			}
		})
	}
}

// TestASnapshotDoesNotWaitForWhatWaits: a learner that does not catch up, or a member that is down,
// is when one is needed.
func TestASnapshotDoesNotWaitForWhatWaits(t *testing.T) {
	o := scheduled(3)
	join(&o)
	learn(&o, 100000)
	apply(&o)
	if unit, _ := order(t, o); unit != "etcd/1" {
		step, _ := planner.Next(o)
		t.Errorf("while a learner catches up: %+v", step)
	}
	if plan := planner.Plan(o); !slices.ContainsFunc(plan, func(s planner.Step) bool { return s.Kind == planner.StepPromote || s.Kind == planner.StepWait }) {
		t.Errorf("nothing else is planned: %+v", plan)
	}
}

// Nothing in Juju changes when a time has come: who is at work on the units is read first, at once.
func TestWhatBeginsByTheClockWaitsUntilItIsKnownWhatRuns(t *testing.T) {
	for want, o := range map[planner.StepKind]observation.Observation{planner.StepSnapshot: scheduled(3), planner.StepDrill: drilling(3)} {
		if step, pending := planner.Next(o); step.Kind != want || !pending {
			t.Errorf("planned is %s: %s", step.Kind, step.Reason)
		}
		o.TasksStale = true
		step, pending := planner.Next(o)
		if step.Kind != planner.StepWait || !pending || !step.Until.Equal(o.Now) || !strings.Contains(step.Reason, "before it has been read what runs on the units") {
			t.Errorf("%s: planned is %s until %s: %s", want, step.Kind, step.Until, step.Reason)
		}
	}
}

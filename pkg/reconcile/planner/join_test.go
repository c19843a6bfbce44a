package planner_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

const taken = "cannot start etcd: another process listens at 10.0.0.4:2380; end it, or choose another port"

// fails lets the unit's last delivery have failed so often.
func fails(o *observation.Observation, i int, reason, message string, times int) {
	spec := planner.Desired(*o, o.Units[i].Name)
	o.Units[i].Last = &observation.Result{Hash: spec.Hash(), Outcome: v1alpha1.OutcomeFailed, Reason: reason,
		Message: message, Failures: times, At: o.Now.Add(-time.Minute), NotBefore: o.Now.Add(-time.Second)}
}

// takenBack lets the unit's member have been taken back so often, the last time so long ago.
func takenBack(o *observation.Observation, i, times int, ago time.Duration) {
	key := planner.JoinKey(o.Units[i].Name)
	o.History.Attempts[key] = times
	o.History.NotBefore[key] = o.Now.Add(planner.JoinPause(times) - ago)
	if o.History.Faults == nil {
		o.History.Faults = map[string]string{}
	}
	o.History.Faults[key] = "it has made no progress for 5m0s"
}

// added makes the last unit's member one that was added and has never run.
func added(o *observation.Observation) {
	learn(o, 0)
	i := len(o.Units) - 1
	o.Etcd.Members[i].Name, o.Etcd.Members[i].ClientURLs = "", nil
	down(o, i, 0)
	o.Units[i].Facts.Member = v1alpha1.MemberFacts{}
	o.History.StableSince = o.Now.Add(-time.Hour)
}

func TestTheRowOfThoseThatJoin(t *testing.T) {
	const wait = planner.StepWait
	for name, c := range map[string]struct {
		do   func(o *observation.Observation)
		want want
	}{
		"the lower number first": {func(*observation.Observation) {}, want{planner.StepAddLearner, "etcd/3", false, ""}},
		"whose port is taken is not added, and holds up nobody": {func(o *observation.Observation) {
			fails(o, 3, v1alpha1.ReasonPortInUse, taken, 1)
			o.Units[3].Facts.Applied = nil
			o.Units[3].Last.NotBefore = o.Now.Add(time.Second)
		}, want{planner.StepAddLearner, "etcd/4", false, ""}},
		"whose start has failed is made ready again first": {func(o *observation.Observation) {
			fails(o, 3, v1alpha1.ReasonPortInUse, taken, 1)
			o.Units[3].Last.Hash = "of the start"
		}, want{planner.StepPrepare, "etcd/3", false, ""}},
		"and so is one of whose start Juju has not reported the end": {func(o *observation.Observation) {
			fails(o, 3, "Juju", "the task is gone", 1)
			spec := planner.Desired(*o, "etcd/3")
			o.Units[3].Facts.Applied.Hash, o.Units[3].Last.Hash = spec.Hash(), "of the start"
		}, want{planner.StepPrepare, "etcd/3", false, ""}},
		"whose member was taken back is behind the others": {func(o *observation.Observation) { takenBack(o, 3, 1, time.Hour) },
			want{planner.StepAddLearner, "etcd/4", false, ""}},
		"and is added when it is its turn": {func(o *observation.Observation) {
			takenBack(o, 3, 1, time.Hour)
			takenBack(o, 4, 2, time.Hour)
		}, want{planner.StepAddLearner, "etcd/3", false, ""}},
		"not at once": {func(o *observation.Observation) {
			o.Units = o.Units[:4]
			takenBack(o, 3, 1, 59*time.Second)
		}, want{wait, "", false, "etcd/3 could not join, once, and is tried again after"}},
		"after a pause": {func(o *observation.Observation) {
			o.Units = o.Units[:4]
			takenBack(o, 3, 1, time.Minute)
		}, want{planner.StepAddLearner, "etcd/3", false, ""}},
		"that grows": {func(o *observation.Observation) {
			o.Units = o.Units[:4]
			takenBack(o, 3, 3, 4*time.Minute-time.Second)
		}, want{wait, "", false, "etcd/3 could not join, 3 times"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := settled(3)
			join(&o)
			join(&o)
			c.do(&o)
			for _, u := range o.Units { // what is said of them has changed
				if spec := planner.Desired(o, u.Name); u.Last == nil {
					u.Facts.Applied.Hash = spec.Hash()
				}
			}
			expect(t, o, c.want)
		})
	}
}

// A member whose etcd cannot start is in the way of everybody: it is taken back before the long
// wait for progress is over.
func TestAMemberThatCannotStartIsTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		times  int
		ran    bool
		want   planner.StepKind
	}{
		"tried again":               {v1alpha1.ReasonStartFailed, 3, false, planner.StepStart},
		"given up":                  {v1alpha1.ReasonStartFailed, 4, false, planner.StepRemove},
		"not for Juju's fault":      {"Juju", 9, false, planner.StepStart},
		"not one that has run once": {v1alpha1.ReasonStartFailed, 9, true, planner.StepUpdate}, // the status
	} {
		t.Run(name, func(t *testing.T) {
			o := settled(3)
			join(&o)
			added(&o)
			fails(&o, 3, c.reason, "cannot keep etcd running", c.times)
			if c.ran {
				o.Units[3].Facts.Member.Present, o.Units[3].Facts.Member.Started = true, true
				o.Units[3].Facts.Member.MemberID, o.Units[3].Facts.Member.ClusterID = id(3).String(), clusterID.String()
			}
			step, _ := planner.Next(o)
			if step.Kind != c.want || (step.TakesBack != "") != (c.want == planner.StepRemove) {
				t.Fatalf("%s %q (takes back: %q), want %s", step.Kind, step.Reason, step.TakesBack, c.want)
			}
			if c.want != planner.StepRemove {
				return
			}
			after := planner.Predict(o, step)
			if at := after.History.NotBefore[planner.JoinKey("etcd/3")]; !at.Equal(o.Now.Add(time.Minute)) || after.History.Attempts[planner.JoinKey("etcd/3")] != 1 {
				t.Errorf("the plan takes it for tried again at %s", at)
			}
		})
	}
}

// What keeps a unit from joining is its status and the application's, in its own words, and no
// other unit's.
func TestWhatKeepsAUnitFromJoiningIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		o    observation.Observation
		do   func(o *observation.Observation)
		unit string
		want string
		app  string
	}{
		"a taken port": {settled(3), func(o *observation.Observation) { join(o); fails(o, 3, v1alpha1.ReasonPortInUse, taken, 1) }, "etcd/3",
			taken, "3 members, can lose 1: etcd/3 is not a member; etcd/3: " + taken},
		"a full disk": {settled(3), func(o *observation.Observation) { join(o); fails(o, 3, v1alpha1.ReasonDiskFull, "the disk is full", 1) }, "etcd/3",
			"the disk is full", "etcd/3: the disk is full"},
		"a start that fails": {settled(3), func(o *observation.Observation) {
			join(o)
			added(o)
			fails(o, 3, v1alpha1.ReasonStartFailed, "cannot keep etcd running: last words", 1)
		}, "etcd/3", "cannot keep etcd running: last words", "etcd/3: cannot keep etcd running: last words"},
		"the pause": {settled(3), func(o *observation.Observation) { join(o); takenBack(o, 3, 2, 0) }, "etcd/3",
			"could not join, 2 times: it has made no progress for 5m0s; it is tried again after 12:02:00, behind the others", "etcd/3: could not join"},
		"at birth, being prepared": {virgin(3), func(o *observation.Observation) { fails(o, 1, v1alpha1.ReasonPortInUse, taken, 1) }, "etcd/1",
			taken, "etcd/1: " + taken},
		"at birth, being started": {latched(3), func(o *observation.Observation) { fails(o, 1, v1alpha1.ReasonStartFailed, "last words", 1) }, "etcd/1",
			"last words", "etcd/1: last words"},
	} {
		t.Run(name, func(t *testing.T) {
			c.do(&c.o)
			words := planner.Desired(c.o, c.unit).Status.Unit
			if words.State != "blocked" || words.Message != c.want {
				t.Errorf("%s: %+v, want %q", c.unit, words, c.want)
			}
			app := planner.Desired(c.o, "etcd/0").Status.Application
			if app == nil || app.State != "blocked" || !strings.Contains(app.Message, c.app) {
				t.Errorf("application: %+v, want %q", app, c.app)
			}
			if other := planner.Desired(c.o, "etcd/2").Status.Unit; strings.Contains(other.Message, c.want) {
				t.Errorf("another unit: %+v", other)
			}
		})
	}
}

// A member that votes is published as ever: what its last delivery said is not about its start.
func TestAMembersFailedDeliveryIsNoFailedStart(t *testing.T) {
	o := settled(3)
	before := planner.Desired(o, "etcd/2").Status.Unit
	fails(&o, 2, v1alpha1.ReasonMachine, "cannot write x", 1)
	if got := planner.Desired(o, "etcd/2").Status.Unit; got != before {
		t.Errorf("%+v, want %+v", got, before)
	}
}

// Before a member goes, the list without it is also in the databags of those that have yet to join:
// clients may read no other.
func TestWhoJoinsPublishesTheShorterListBeforeAMemberGoes(t *testing.T) {
	o := settled(4)
	join(&o)
	o.Units[2].Dying = true
	stale := o.Units[4].Facts.Applied.Clients
	apply(&o)
	o.Units[4].Facts.Applied.Clients, o.Units[4].Facts.Applied.Hash = stale, "old"
	if planner.ClientsInformed(o) {
		t.Error("a unit that joins publishes the one that leaves, and clients count as informed")
	}
	if step, _ := planner.Next(o); step.Kind != planner.StepPrepare || step.Units[0].Unit != "etcd/4" {
		t.Errorf("step %s: %s", step.Kind, step.Reason)
	}
	apply(&o)
	if step, _ := planner.Next(o); step.Kind != planner.StepRemove {
		t.Errorf("step %s: %s", step.Kind, step.Reason)
	}
}

package planner_test

import (
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

const restoredID = "00000000000000d1"

// restoring is a cluster of n units of which etcd/1 has data ready, by task 60.
func restoring(t *testing.T, n int) observation.Observation {
	t.Helper()
	o := upToDate(t, n)
	for i := range o.Units {
		o.Units[i].Facts.Member.ClusterID = clusterID.String()
	}
	o.Units[1].Facts.Restore = &v1alpha1.RestoreFacts{ID: "60", ClusterID: restoredID, Token: "t-restored-60", Name: "etcd1", PeerURL: peer(1)}
	ask(&o, 1, 60, v1alpha1.ActionRestore, "")
	return o
}

// nobodyListed lets etcd answer nowhere, as where all members are stopped.
func nobodyListed(o *observation.Observation) {
	o.Etcd = etcdops.View{Err: "nobody answers", Health: o.Etcd.Health}
	for i := range o.Units {
		o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Fault: etcdops.FaultRefused}
	}
}

// to runs a restore until it is in the phase, and is the last step.
func to(t *testing.T, o *observation.Observation, phase string) planner.Step {
	t.Helper()
	for range 20 {
		if all := entries(t, *o); len(all) == 1 && strings.HasSuffix(all[0], phase) {
			step, _ := planner.Next(*o)
			return step
		}
		step, ok := planner.Next(*o)
		if !ok || step.Kind == planner.StepWait {
			t.Fatalf("it does not come to %s: %v %s %q", phase, ok, step.Kind, step.Reason)
		}
		*o = planner.Predict(*o, step)
	}
	t.Fatalf("it does not come to %s", phase)
	return planner.Step{}
}

// TestARestoreStopsAllRestoresOneAndLetsTheOthersJoin: nobody runs with the old data any more once
// the restored cluster is latched, and all come back as its members.
func TestARestoreStopsAllRestoresOneAndLetsTheOthersJoin(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		o := restoring(t, max(n, 2))
		if n == 1 { // the others are gone from Juju, though their members are not
			o.Units = o.Units[1:2]
			o.Units[0].Leader = true
		}
		halt := to(t, &o, "/stop")
		if halt.Kind != planner.StepHalt || len(halt.Units) != n {
			t.Fatalf("of %d: %s %q", n, halt.Kind, halt.Reason)
		}
		put := to(t, &o, "/restore")
		i := slices.IndexFunc(put.Units, func(d observation.Delivery) bool { return d.Unit == "etcd/1" })
		if put.Kind != planner.StepHalt || i < 0 {
			t.Fatalf("of %d: %s %q %v", n, put.Kind, put.Reason, put.Target("etcd"))
		}
		for j, d := range put.Units {
			if j != i && (d.Spec.Service.State != v1alpha1.ServiceHalted || d.Spec.Etcd.Restore != nil || d.Spec.Delivery.AllowReset) {
				t.Errorf("%s is handed %+v", d.Unit, d.Spec)
			}
		}
		after := planner.Predict(o, put)
		for _, u := range after.Units {
			if s := planner.Desired(after, u.Name); s.Delivery.AllowReset {
				t.Errorf("%s may set its data aside before the restored cluster is latched", u.Name)
			}
		}
		d := put.Units[i].Spec
		if d.Etcd.Restore == nil || d.Etcd.Restore.ID != "60" || d.Etcd.Restore.Back || d.Service.State != v1alpha1.ServiceRunning ||
			d.Delivery.Under == nil || d.Delivery.Under.Phase != "restore" || d.Delivery.ExpectMemberID != "" || d.Delivery.AllowReset {
			t.Errorf("%+v", d)
		}
		to(t, &o, "/join")
		if o.Latch.ClusterID != restoredID || o.Latch.Token() != "t-restored-60" || len(o.Latch.Seeds.Members) != 1 {
			t.Errorf("the latch is %+v", o.Latch)
		}
		for _, u := range o.Units {
			if s := planner.Desired(o, u.Name); u.Name != "etcd/1" && s.Service.State == v1alpha1.ServiceRunning {
				t.Errorf("%s is to run with the old data", u.Name)
			}
			out := planner.Clone(o)
			nobodyListed(&out)
			if s := planner.Desired(out, u.Name); u.Name != "etcd/1" && s.Service.State == v1alpha1.ServiceRunning {
				t.Errorf("%s is to run with the old data where nobody is listed", u.Name)
			}
		}
		steps := run(t, &o)
		if all := entries(t, o); len(all) != 0 || len(o.Etcd.Voters()) != n {
			t.Errorf("of %d it ends with %v and %d voters:\n%s", n, all, len(o.Etcd.Voters()), strings.Join(steps, "\n"))
		}
		for _, u := range o.Units {
			if u.Facts.Member.ClusterID != restoredID {
				t.Errorf("%s has the data of %s", u.Name, u.Facts.Member.ClusterID)
			}
		}
	}
}

// TestARestoreGoesOnWithoutThoseThatAreNoQuorum of the old cluster, and no further.
func TestARestoreGoesOnWithoutThoseThatAreNoQuorum(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(o *observation.Observation)
		want string
	}{
		"one of three is lost":    {func(o *observation.Observation) { o.Units[2].Lost = true }, "/restore"},
		"one has failed":          {func(o *observation.Observation) { o.Units[2].Failed = true }, "/restore"},
		"one leaves":              {func(o *observation.Observation) { o.Units[2].Dying = true }, "/restore"},
		"two of three are lost":   {func(o *observation.Observation) { o.Units[2].Lost, o.Units[0].Lost = true, true }, "may still be a quorum"},
		"one is lost, one leaves": {func(o *observation.Observation) { o.Units[2].Lost, o.Units[0].Dying = true, true }, "may still be a quorum"},
		"one is lost, and a member has no unit": {func(o *observation.Observation) {
			o.Units[2].Lost = true
			entry := o.Latch.Journal
			o.Latch.Journal = strings.Replace(entry, `"unitless":"0"`, `"unitless":"1"`, 1)
		}, "may still be a quorum"},
		"one has not answered yet": {func(o *observation.Observation) {
			o.Units[2].Task = &observation.Task{ID: 70, Ours: true, Enqueued: o.Now, Deadline: o.Now.Add(1e9)}
		}, "etcd/2"},
	} {
		t.Run(name, func(t *testing.T) {
			o := restoring(t, 3)
			o.Units[0].Leader, o.Units[1].Leader = false, true
			step := to(t, &o, "/stop")
			c.do(&o)
			for range 5 {
				if step, _ = planner.Next(o); step.Kind != planner.StepHalt && step.Kind != planner.StepUpdate {
					break
				}
				o = planner.Predict(o, step)
				nobodyListed(&o)
			}
			if step.Kind == planner.StepJournal {
				o = planner.Predict(o, step)
				step.Reason = entries(t, o)[0]
			}
			if !strings.Contains(step.Reason, c.want) {
				t.Errorf("%s %q", step.Kind, step.Reason)
			}
		})
	}
}

// TestARestoreGoesBackUntilItIsLatched: the unit takes back what was there, and all run again.
func TestARestoreGoesBackUntilItIsLatched(t *testing.T) {
	for _, phase := range []string{"/stop", "/restore", "/join"} {
		o := restoring(t, 3)
		step := to(t, &o, phase)
		o = planner.Predict(o, step)
		ask(&o, 0, 61, v1alpha1.ActionGoBack, entries(t, o)[0])
		taken := false
		for range 20 {
			step, ok := planner.Next(o)
			if !ok || step.Kind == planner.StepWait {
				break
			}
			for _, d := range step.Units {
				if r := d.Spec.Etcd.Restore; r != nil && r.Back {
					taken = d.Unit == "etcd/1" && d.Spec.Service.State == v1alpha1.ServiceHalted
				}
			}
			o = planner.Predict(o, step)
		}
		back := o.Latch.ClusterID == clusterID.String()
		if all := entries(t, o); len(all) != 0 || back != (phase != "/join") || taken != (phase == "/restore") {
			t.Errorf("from %s it ends with %v, cluster %s, taken back %v", phase, all, o.Latch.ClusterID, taken)
		}
		for _, u := range o.Units {
			if s := planner.Desired(o, u.Name); s.Service.State != v1alpha1.ServiceRunning {
				t.Errorf("from %s %s is left %s", phase, u.Name, s.Service.State)
			}
		}
	}
}

// TestARestoreThatNothingIsReadyForIsSeenTo, and begins nothing.
func TestARestoreThatNothingIsReadyForIsSeenTo(t *testing.T) {
	for name, do := range map[string]func(o *observation.Observation){
		"nothing is ready":     func(o *observation.Observation) { o.Units[1].Facts.Restore = nil },
		"another task's is":    func(o *observation.Observation) { o.Units[1].Facts.Restore.ID = "59" },
		"the unit leaves":      func(o *observation.Observation) { o.Units[1].Dying = true },
		"it is what is there":  func(o *observation.Observation) { o.Units[1].Facts.Restore.ClusterID = clusterID.String() },
		"an agent is too old ": func(o *observation.Observation) { o.Units[2].Facts.Protocol = v1alpha1.ProtocolRestore - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			o := restoring(t, 3)
			do(&o)
			run(t, &o)
			if all := entries(t, o); len(all) != 0 {
				t.Errorf("%v has begun", all)
			}
		})
	}
}

// TestWhoComesBackWithTheDataOfTheReplacedClusterIsNoSecondOne: the old data is set aside, and
// nobody else's judgement is frozen by it.
func TestWhoComesBackWithTheDataOfTheReplacedClusterIsNoSecondOne(t *testing.T) {
	o := restoring(t, 3)
	to(t, &o, "/join")
	old := etcdops.EndpointHealth{Endpoint: url(2), Serves: true, Answered: true, ClusterID: clusterID, MemberID: id(2), Leader: id(2)}
	o.Etcd.Health[url(2)] = old
	step, ok := planner.Next(o)
	if !ok || step.Kind == planner.StepWait {
		t.Fatalf("%v %s %q", ok, step.Kind, step.Reason)
	}
	delivered := false
	for range 20 {
		step, ok := planner.Next(o)
		if !ok || step.Kind == planner.StepWait {
			break
		}
		for _, d := range step.Units {
			if d.Unit == "etcd/2" && d.Spec.Delivery.AllowReset {
				delivered = true
			}
		}
		o = planner.Predict(o, step)
	}
	if !delivered {
		t.Error("etcd/2 was never told to set the old data aside")
	}
	// A third cluster is one too many.
	o = restoring(t, 3)
	to(t, &o, "/join")
	o.Units[2].Facts.Member.ClusterID = "00000000000000ee"
	if step, _ := planner.Next(o); step.Kind != planner.StepWait || !step.Person || !strings.Contains(step.Reason, "Two different clusters") {
		t.Errorf("%s %q", step.Kind, step.Reason)
	}
}

// TestAMemberWithoutAUnitMayStillRun: nobody can tell it to stop.
func TestAMemberWithoutAUnitMayStillRun(t *testing.T) {
	o := restoring(t, 3)
	o.Units = o.Units[:2]
	to(t, &o, "/stop")
	all, err := o.Latch.Entries()
	if err != nil || all[0].Notes["unitless"] != "1" || all[0].Notes["members"] != "3" {
		t.Errorf("%v, %v", all, err)
	}
}

// TestWhoCannotBeReachedIsWaitedForUntilItJoins, or is removed.
func TestWhoCannotBeReachedIsWaitedForUntilItJoins(t *testing.T) {
	o := restoring(t, 3)
	o.Units[0].Leader, o.Units[1].Leader = false, true
	to(t, &o, "/stop")
	o.Units[2].Lost = true
	to(t, &o, "/join")
	steps := run(t, &o)
	if all := entries(t, o); len(all) != 1 || len(o.Etcd.Voters()) != 2 || !strings.Contains(steps[len(steps)-1], "etcd/2") {
		t.Fatalf("it ends with %v and %d voters:\n%s", all, len(o.Etcd.Voters()), strings.Join(steps, "\n"))
	}
	back := planner.Clone(o)
	back.Units[2].Lost = false
	run(t, &back)
	if all := entries(t, back); len(all) != 0 || len(back.Etcd.Voters()) != 3 {
		t.Errorf("back: %v, %d voters", all, len(back.Etcd.Voters()))
	}
	o.Units = o.Units[:2]
	run(t, &o)
	if all := entries(t, o); len(all) != 0 || len(o.Etcd.Voters()) != 2 {
		t.Errorf("removed: %v, %d voters", all, len(o.Etcd.Voters()))
	}
}

// TestARestoreIsLatchedWhenTheUnitHasSeenItAnswer: that its data is in its place is not enough, nor is
// another cluster's.
func TestARestoreIsLatchedWhenTheUnitHasSeenItAnswer(t *testing.T) {
	for name, change := range map[string]func(f *v1alpha1.UnitFacts){
		"it has not answered": func(f *v1alpha1.UnitFacts) { f.Restore.Done = false },
		"another one answers": func(f *v1alpha1.UnitFacts) { f.Member.ClusterID = clusterID.String() },
		"its disk is lost":    func(f *v1alpha1.UnitFacts) { f.Member.Present = false },
		"it tells nothing":    func(f *v1alpha1.UnitFacts) { f.Restore = nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := restoring(t, 3)
			o = planner.Predict(o, to(t, &o, "/restore"))
			change(o.Units[1].Facts)
			apply(&o)
			if step, _ := planner.Next(o); step.Kind != planner.StepWait {
				t.Errorf("%s %q", step.Kind, step.Reason)
			}
		})
	}
}

// TestAStoppedUnitSaysWhatItIsStoppedFor, and the application what is waited for, in words that are
// the same whatever etcd answers: so they cost no further round of deliveries.
func TestAStoppedUnitSaysWhatItIsStoppedFor(t *testing.T) {
	o := restoring(t, 3)
	step := to(t, &o, "/stop")
	for _, d := range step.Units {
		if got := d.Spec.Status.Unit; got.State != etcdops.Maintenance || got.Message != "stopped for restore of task 60" {
			t.Errorf("%s shows %+v", d.Unit, got)
		}
		if app := d.Spec.Status.Application; (app != nil) != (d.Unit == "etcd/0") ||
			app != nil && (app.State != etcdops.Maintenance || app.Message != "restore of task 60 is under way, until all members are stopped") {
			t.Errorf("%s shows of the application %+v", d.Unit, app)
		}
	}
	o = planner.Predict(o, step)
	nobodyListed(&o)
	if s := planner.Status(o); s.Phase != v1alpha1.PhaseProgressing {
		t.Errorf("the cluster is %s", s.Phase)
	}
	if step, _ = planner.Next(o); step.Kind != planner.StepJournal {
		t.Errorf("words cost a round: %s %q", step.Kind, step.Reason)
	}
	o.Units[2].Lost, o.Units[0].Lost = true, true
	if app := planner.Desired(o, "etcd/0").Status.Application; app == nil || !strings.Contains(app.Message, "may still be a quorum") {
		t.Errorf("it shows %+v", app)
	}
}

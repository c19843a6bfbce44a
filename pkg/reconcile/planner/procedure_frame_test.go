package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// upToDate is a settled cluster whose agents know all that this version knows.
func upToDate(t *testing.T, n int) observation.Observation {
	t.Helper()
	o := settled(n)
	for i := range o.Units {
		o.Units[i].Facts.Protocol = v1alpha1.Protocol
	}
	apply(&o)
	run(t, &o)
	return o
}

func entries(t *testing.T, o observation.Observation) (all []string) {
	t.Helper()
	list, err := o.Latch.Entries()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		all = append(all, e.Moment())
	}
	return all
}

// TestWhatStopsMembersIsSentUnderItsPhase: the unit refuses a halt that does not name the journal's
// entry, and nothing disruptive is handed out beside it.
func TestWhatStopsMembersIsSentUnderItsPhase(t *testing.T) {
	o := upToDate(t, 3)
	ask(&o, 0, 50, planner.DrillStop, "")
	begin, _ := planner.Next(o)
	if begin.Kind != planner.StepJournal || begin.Disruptive() {
		t.Fatalf("began with %s, disruptive %v", begin.Kind, begin.Disruptive())
	}
	o = planner.Predict(o, begin)
	step, _ := planner.Next(o)
	if step.Kind != planner.StepHalt || !step.Disruptive() || len(step.Units) != 3 {
		t.Fatalf("then %s %q of %d units, disruptive %v", step.Kind, step.Reason, len(step.Units), step.Disruptive())
	}
	for _, d := range step.Units {
		if u := d.Spec.Delivery.Under; u == nil || u.ID != "50" || u.Phase != "stop" || u.Back || d.Spec.Service.State != v1alpha1.ServiceHalted {
			t.Errorf("%s: %s under %v", d.Unit, d.Spec.Service.State, u)
		}
	}
	o.Units[1].Others = []observation.Task{{ID: 8, Name: v1alpha1.ActionRestart, Running: true}}
	if held, _ := planner.Next(o); v1alpha1.Disturbs(v1alpha1.ActionRestart) && held.Kind != planner.StepWait {
		t.Errorf("beside a person's action: %s", held.Kind)
	}
}

// TestAPhaseThatHaltsIsLeftWhenNoHaltMayStillRun: the unit reads the latch once, when it begins.
func TestAPhaseThatHaltsIsLeftWhenNoHaltMayStillRun(t *testing.T) {
	o := upToDate(t, 3)
	ask(&o, 0, 50, planner.DrillStop, "etcd/2")
	for range 2 { // begun, and halted
		step, _ := planner.Next(o)
		o = planner.Predict(o, step)
	}
	ask(&o, 1, 51, v1alpha1.ActionGoBack, entries(t, o)[0])
	if step, _ := planner.Next(o); step.Kind != planner.StepJournal {
		t.Fatalf("it does not go back: %s %q", step.Kind, step.Reason)
	}
	o.Units[2].Task = &observation.Task{ID: 9, Enqueued: o.Now, Ours: true, Deadline: o.Now.Add(time.Minute)}
	apply(&o)
	if step, _ := planner.Next(o); step.Kind != planner.StepWait || !strings.Contains(step.Reason, "may still run") {
		t.Errorf("left while it runs: %s %q", step.Kind, step.Reason)
	}
}

// TestInASolePhaseNothingIsConcludedFromEtcd: members that were stopped on purpose are neither
// missed, nor added, nor replaced, also where the network is closed to us; and what a person asks
// for is seen.
func TestInASolePhaseNothingIsConcludedFromEtcd(t *testing.T) {
	for name, change := range map[string]func(o *observation.Observation){
		"open":                  func(*observation.Observation) {},
		"closed":                func(o *observation.Observation) { o.Closed, o.Through = true, "" },
		"a unit leaves":         func(o *observation.Observation) { o.Units[2].Dying = true },
		"two clusters are seen": func(o *observation.Observation) { o.Units[2].Facts.Member.ClusterID = "cafe" },
		"all data is gone": func(o *observation.Observation) {
			for i := range o.Units {
				o.Units[i].Facts.Member = v1alpha1.MemberFacts{Started: true}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := upToDate(t, 3)
			ask(&o, 0, 50, planner.DrillStop, "")
			for range 2 { // begun, and halted
				step, _ := planner.Next(o)
				o = planner.Predict(o, step)
			}
			o.Etcd = etcdops.View{Err: "nobody answers", Health: o.Etcd.Health, Members: o.Etcd.Members}
			change(&o)
			for i := range o.Units {
				u := &o.Units[i]
				u.Task, u.Last = nil, nil
				spec := planner.Desired(o, u.Name)
				u.Facts.Applied = &v1alpha1.AppliedFacts{Hash: spec.Hash()}
			}
			step, ok := planner.Next(o)
			if !ok || step.Kind != planner.StepJournal {
				t.Errorf("%v %s %q", ok, step.Kind, step.Reason)
			}
			ask(&o, 1, 51, v1alpha1.ActionGoBack, entries(t, o)[0])
			if step, _ := planner.Next(o); step.Kind != planner.StepJournal || !strings.Contains(step.Reason, "goes back") {
				t.Errorf("asked to go back: %s %q", step.Kind, step.Reason)
			}
		})
	}
}

// TestAnUrgentProcedureWaitsForNothing: neither for a quorum, nor for what is under way, which it
// puts aside.
func TestAnUrgentProcedureWaitsForNothing(t *testing.T) {
	o, _, _ := rotatable(t, 3)
	run(t, &o)
	ask(&o, 0, 40, v1alpha1.ActionRotateCA, "easyrsa")
	step, _ := planner.Next(o)
	o = planner.Predict(o, step)
	down(&o, 2, time.Minute) // so that the first phase is not proven
	ask(&o, 1, 50, planner.DrillWatch, "")
	for _, step := range planner.Plan(o) {
		if step.Kind == planner.StepJournal {
			t.Fatalf("one that is not urgent began: %s", step.Reason)
		}
	}
	o.Units[1].Facts.Request = nil
	ask(&o, 2, 51, planner.DrillStop, "")
	o.Etcd.Listed, o.Etcd.Err = false, "nobody answers"
	o.History.NoQuorumSince = o.Now.Add(-time.Hour)
	for i := range o.Units {
		spec := planner.Desired(o, o.Units[i].Name)
		o.Units[i].Facts.Applied.Hash = spec.Hash()
	}
	for range 3 { // words and proofs come first
		if step, _ = planner.Next(o); len(entries(t, o)) == 1 && step.Kind != planner.StepWait {
			o = planner.Predict(o, step)
			o.Etcd.Listed = false
		}
	}
	if got := entries(t, o); len(got) != 2 || !strings.HasPrefix(got[1], "51") {
		t.Fatalf("under way: %v", got)
	}
	if list, err := o.Latch.Entries(); err != nil || list[1].Notes["on top of"] != list[0].Moment() {
		t.Errorf("what is put aside is not noted: %+v, %v", list, err)
	}
	if step, _ := planner.Next(o); step.Kind != planner.StepHalt {
		t.Errorf("then %s %q", step.Kind, step.Reason)
	}
}

// TestOnTopOfARestAnotherProcedureRuns: the lower one's phase holds on, its person's word takes
// effect when the upper one is over.
func TestOnTopOfARestAnotherProcedureRuns(t *testing.T) {
	o, before, after := rotatable(t, 3)
	run(t, &o)
	ask(&o, 0, 40, v1alpha1.ActionRotateCA, "easyrsa")
	if steps := run(t, &o); !strings.Contains(steps[len(steps)-1], "waits for you") {
		t.Fatalf("it does not rest:\n%s", strings.Join(steps, "\n"))
	}
	word := moment(t, o)
	ask(&o, 1, 50, planner.DrillWatch, "")
	run(t, &o)
	if got := entries(t, o); len(got) != 2 || got[0] != word {
		t.Fatalf("under way: %v", got)
	}
	tls := planner.Desired(o, "etcd/1").TLS
	if !strings.Contains(tls.CABundle, strings.TrimSpace(before)) || !strings.Contains(tls.CABundle, strings.TrimSpace(after)) ||
		!slices.Contains(tls.ExtraSANs, planner.DrillMarkOf) {
		t.Errorf("a unit is handed %+v, which both want otherwise", tls)
	}
	ask(&o, 2, 51, v1alpha1.ActionProceed, word)
	steps := run(t, &o)
	if got := entries(t, o); len(got) != 2 || got[0] != word || !strings.Contains(strings.Join(steps, "\n"), "takes effect when") {
		t.Fatalf("with a word for the lower one: %v\n%s", got, strings.Join(steps, "\n"))
	}
	o.Now = o.Now.Add(2 * planner.DrillSoaks)
	run(t, &o)
	if got := entries(t, o); len(got) != 1 || got[0] == word {
		t.Errorf("when the upper one is over: %v", got)
	}
}

// TestASoakBeginsAgainWithWhatHappens: since the phase was entered, and since the members were
// stable as far as this daemon has looked.
func TestASoakBeginsAgainWithWhatHappens(t *testing.T) {
	begun := upToDate(t, 3)
	ask(&begun, 0, 50, planner.DrillWatch, "")
	run(t, &begun)
	for name, c := range map[string]struct {
		change func(o *observation.Observation)
		over   bool
	}{
		"the time has passed": {func(o *observation.Observation) {}, true},
		"a daemon has just begun": {func(o *observation.Observation) {
			o.History.LastChange = o.Now
		}, false},
		"a member was down a minute ago": {func(o *observation.Observation) {
			o.History.StableSince = o.Now.Add(-time.Minute)
		}, false},
		"a member is down": {func(o *observation.Observation) { down(o, 2, time.Second) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := planner.Clone(begun)
			o.Now = o.Now.Add(2 * planner.DrillSoaks)
			c.change(&o)
			for i := range o.Units {
				spec := planner.Desired(o, o.Units[i].Name)
				o.Units[i].Facts.Applied.Hash = spec.Hash()
			}
			plan := planner.Plan(o)
			if over := slices.ContainsFunc(plan, func(s planner.Step) bool { return s.Kind == planner.StepJournal }); over != c.over {
				t.Errorf("%+v", plan)
			}
		})
	}
}

// TestATimeInTheFutureBeginsAnew: a daemon whose clock was ahead has written it, and it would hold
// up everything until then.
func TestATimeInTheFutureBeginsAnew(t *testing.T) {
	o := upToDate(t, 3)
	ask(&o, 0, 50, planner.DrillWatch, "")
	run(t, &o)
	o.Now = o.Now.Add(-time.Hour)
	o.History.StableSince, o.History.LastChange = o.Now.Add(-time.Hour), o.Now.Add(-time.Hour)
	step, _ := planner.Next(o)
	if step.Kind != planner.StepJournal || !strings.Contains(step.Reason, "anew") {
		t.Fatalf("%s %q", step.Kind, step.Reason)
	}
	list, err := planner.Predict(o, step).Latch.Entries()
	if err != nil || len(list) != 1 || list[0].Since.After(o.Now) || list[0].Phase != "watch" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestAProcedureThatRestartsNobodyNeedsNoThirdMember, and one that halts waits for agents that can.
func TestAProcedureThatRestartsNobodyNeedsNoThirdMember(t *testing.T) {
	o := upToDate(t, 2)
	ask(&o, 0, 50, planner.DrillWatch, "")
	if step, _ := planner.Next(o); step.Kind != planner.StepJournal {
		t.Errorf("%s %q", step.Kind, step.Reason)
	}
	ask(&o, 0, 50, planner.DrillStop, "")
	o.Units[1].Facts.Protocol = v1alpha1.ProtocolHalt - 1
	apply(&o)
	for _, s := range planner.Plan(o) {
		if s.Kind == planner.StepJournal {
			t.Errorf("it begins beside an agent that cannot halt: %q", s.Reason)
		}
	}
}

// TestAProcedureWhoseUnitVanishesGoesBackOrWaitsForAPerson: nothing is ever proven of a unit that
// is not there.
func TestAProcedureWhoseUnitVanishesGoesBackOrWaitsForAPerson(t *testing.T) {
	begun := upToDate(t, 3)
	ask(&begun, 0, 50, planner.DrillStop, "etcd/2")
	step, _ := planner.Next(begun)
	begun = planner.Predict(begun, step)
	begun.Units = begun.Units[:2]
	step, _ = planner.Next(begun)
	if step.Kind != planner.StepJournal || !strings.Contains(step.Reason, "etcd/2") {
		t.Fatalf("%s %q", step.Kind, step.Reason)
	}
	list, err := planner.Predict(begun, step).Latch.Entries()
	if err != nil || len(list) != 1 || !list[0].Back {
		t.Errorf("%+v, %v", list, err)
	}
	begun.ApplicationStatus.Message = planner.DrillNoWayBack
	if step, _ = planner.Next(begun); step.Kind != planner.StepWait || !step.Person || !strings.Contains(step.Reason, "etcd/2") {
		t.Errorf("without a way back: %s %q", step.Kind, step.Reason)
	}
}

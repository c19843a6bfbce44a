package planner_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

const (
	goBackWords  = " The way back is: juju run etcd/leader go-back."
	proceedWords = ", then run: juju run etcd/leader proceed."
)

// TestStatusShowsWhereAProcedureIs: its phase, what the gate waits for or a person has to do, and
// whether there is a way back.
func TestStatusShowsWhereAProcedureIs(t *testing.T) {
	// act has a person run an action and lets all happen that follows by itself.
	act := func(t *testing.T, o *observation.Observation, task int64, kind string) {
		subject := ""
		if kind == v1alpha1.ActionProceed || kind == v1alpha1.ActionGoBack {
			subject = moment(t, *o)
		}
		ask(o, 0, task, kind, subject)
		run(t, o)
	}
	// begin lets only the request be seen to.
	begin := func(t *testing.T, o *observation.Observation, task int64, kind string) {
		if step, ok := planner.Next(*o); ok && step.Kind != planner.StepWait {
			t.Fatalf("not settled: %+v", step)
		}
		subject := ""
		if kind != v1alpha1.ActionRotateCA {
			subject = moment(t, *o)
		}
		ask(o, 0, task, kind, subject)
		step, _ := planner.Next(*o)
		if step.Kind != planner.StepJournal {
			t.Fatalf("%s: %s", step.Kind, step.Reason)
		}
		*o = planner.Predict(*o, step)
	}
	for _, test := range []struct {
		name  string
		until func(*testing.T, *observation.Observation, string)
		want  []v1alpha1.ProcedureStatus
	}{
		{"nothing asked for", func(*testing.T, *observation.Observation, string) {}, nil},
		{"just begun", func(t *testing.T, o *observation.Observation, _ string) { begin(t, o, 50, v1alpha1.ActionRotateCA) },
			[]v1alpha1.ProcedureStatus{{Phase: "trust", Message: "It goes on until members trust both authorities: " +
				"etcd/0 does not trust both authorities yet." + goBackWords}}},
		{"all trust both", func(t *testing.T, o *observation.Observation, _ string) { act(t, o, 50, v1alpha1.ActionRotateCA) },
			[]v1alpha1.ProcedureStatus{{Phase: "trust", WaitsForPerson: true, Message: "Members trust both authorities. " +
				"Give clients that are not related the CA bundle of both" + proceedWords + goBackWords}}},
		{"a member is down", func(t *testing.T, o *observation.Observation, _ string) {
			act(t, o, 50, v1alpha1.ActionRotateCA)
			o.Units[1].Facts.RestartPending = true
		}, []v1alpha1.ProcedureStatus{{Phase: "trust", Message: "It goes on until members trust both authorities: " +
			"etcd/1 runs with another configuration than it should." + goBackWords}}},
		{"new leaves", func(t *testing.T, o *observation.Observation, after string) {
			act(t, o, 50, v1alpha1.ActionRotateCA)
			o.CA.Own = pki.Fingerprints(after)
			act(t, o, 51, v1alpha1.ActionProceed)
		}, []v1alpha1.ProcedureStatus{{Phase: "leaves", WaitsForPerson: true, Message: "Certificates of the new authority are in use. " +
			"Give clients that are not related certificates of the new authority" + proceedWords}}},
		{"no way back", func(t *testing.T, o *observation.Observation, after string) {
			act(t, o, 50, v1alpha1.ActionRotateCA)
			o.CA.Own = pki.Fingerprints(after)
			act(t, o, 51, v1alpha1.ActionProceed)
			begin(t, o, 52, v1alpha1.ActionProceed)
		}, []v1alpha1.ProcedureStatus{{Phase: "forget", Message: "It goes on until members trust the new authority alone: " +
			"etcd/0 does not trust the new authority, easyrsa alone yet."}}},
		{"going back", func(t *testing.T, o *observation.Observation, _ string) {
			act(t, o, 50, v1alpha1.ActionRotateCA)
			begin(t, o, 51, v1alpha1.ActionGoBack)
		}, []v1alpha1.ProcedureStatus{{Phase: "trust", Back: true, Message: "It goes on until members trust the old authority alone: " +
			"etcd/0 does not trust the old authority alone yet."}}},
		{"a newer daemon's", func(_ *testing.T, o *observation.Observation, _ string) {
			o.Latch.Journal = `[{"procedure":"CA rotation","phase":"rest","id":"50","seq":1,"since":null}]`
		}, []v1alpha1.ProcedureStatus{{Phase: "rest", WaitsForPerson: true,
			Message: "Nothing is done for it: a newer daemon has written the journal. Go on with that version."}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, _, after := rotatable(t, 3)
			run(t, &o)
			test.until(t, &o, after)
			s := planner.Status(o)
			for i := range test.want {
				test.want[i].Name, test.want[i].ID = "CA rotation", "50"
			}
			if diff := cmp.Diff(test.want, s.Procedures, cmpopts.IgnoreFields(v1alpha1.ProcedureStatus{}, "Since")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, c := range s.Conditions {
				if c.Type == v1alpha1.ConditionProgressing && len(test.want) > 0 && o.Latch.Handled != nil && !strings.Contains(c.Message, "CA rotation of task 50") {
					t.Errorf("the condition does not name it: %s", c.Message)
				}
			}
		})
	}
}

// TestAPlanNamesTheStepsOfTheJournal: with a target, and a reason that a line of a terminal holds.
func TestAPlanNamesTheStepsOfTheJournal(t *testing.T) {
	const line = 80 - len("     ")
	o, _, after := rotatable(t, 3)
	run(t, &o)
	o.CA.Own = pki.Fingerprints(after)
	seen := map[string]bool{}
	look := func() {
		for _, s := range planner.Status(o).Plan {
			kind := planner.StepKind(s.Kind)
			if kind != planner.StepJournal && kind != planner.StepStamp {
				continue
			}
			seen[s.Kind] = true
			if s.Target != "etcd/0" || s.Reason == "" || len(s.Reason) > line {
				t.Errorf("%s %q: %q (%d)", s.Kind, s.Target, s.Reason, len(s.Reason))
			}
		}
	}
	for i, kind := range []string{v1alpha1.ActionRotateCA, v1alpha1.ActionProceed, v1alpha1.ActionRestart, v1alpha1.ActionProceed} {
		subject := ""
		if kind == v1alpha1.ActionProceed {
			subject = moment(t, o)
		}
		ask(&o, 0, int64(1000+i), kind, subject)
		look()
		run(t, &o)
	}
	for _, kind := range []planner.StepKind{planner.StepJournal, planner.StepStamp} {
		if !seen[string(kind)] {
			t.Errorf("no plan has a step %s", kind)
		}
	}
}

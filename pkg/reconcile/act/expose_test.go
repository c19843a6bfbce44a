package act_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/pkg/reconcile/planner"
)

func TestExposureIsMadeByWhoHoldsTheEpochOnly(t *testing.T) {
	step := planner.Step{Kind: planner.StepExpose, CIDRs: []string{"10.9.9.9/32", "192.0.2.0/24"}}
	r := newRig(t)
	if err := r.actor.Act(t.Context(), r.observation(), step); err != nil {
		t.Fatal(err)
	}
	if want := []string{"etcd:db 10.9.9.9/32", "etcd:db 192.0.2.0/24"}; !slices.Equal(r.juju.Exposed, want) {
		t.Errorf("exposed %q, want %q", r.juju.Exposed, want)
	}
	if attempts, notBefore := r.memory.Attempts(); attempts["Expose"] != 0 || !notBefore["Expose"].Equal(r.now.Add(30*time.Second)) {
		t.Errorf("%d failures, not made again before %s", attempts["Expose"], notBefore["Expose"])
	}
	r = newRig(t)
	r.hold(5, "other")
	if err := r.actor.Act(t.Context(), r.observation(), step); !errors.Is(err, act.ErrFenced) || len(r.juju.Exposed) != 0 {
		t.Errorf("%v, exposed %q", err, r.juju.Exposed)
	}
}

func TestRefusedExposureIsRememberedUntilOneIsNot(t *testing.T) {
	step := planner.Step{Kind: planner.StepExpose, CIDRs: []string{"10.9.9.9/32"}}
	r := newRig(t)
	r.juju.Fail["ExposeTo"] = errors.New("operation is blocked")
	for range 2 {
		if err := r.actor.Act(t.Context(), r.observation(), step); err == nil {
			t.Fatal("a refused exposure is none")
		}
	}
	attempts, notBefore := r.memory.Attempts()
	if attempts["Expose"] != 2 || !notBefore["Expose"].After(r.now) || r.memory.Faults()["Expose"] != "operation is blocked" {
		t.Errorf("%d attempts, not before %s, %q", attempts["Expose"], notBefore["Expose"], r.memory.Faults())
	}
	r.juju.Fail = nil
	if err := r.actor.Act(t.Context(), r.observation(), step); err != nil {
		t.Fatal(err)
	}
	if attempts, _ := r.memory.Attempts(); attempts["Expose"] != 0 || len(r.memory.Faults()) != 0 {
		t.Errorf("%v, %v after a success", attempts, r.memory.Faults())
	}
}

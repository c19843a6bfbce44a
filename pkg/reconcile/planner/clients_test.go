package planner_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/planner"
)

func TestClientsAreToldWhenEveryUnitThatCanHasToldThem(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(o *planner.Observation)
		told bool
	}{
		"all have applied":                        {func(o *planner.Observation) { apply(o) }, true},
		"nobody has yet":                          {func(*planner.Observation) {}, false},
		"one has not":                             {func(o *planner.Observation) { apply(o); o.Units[1].Facts.Applied = nil }, false},
		"one is lost":                             {func(o *planner.Observation) { apply(o); o.Units[1].Facts.Applied, o.Units[1].Lost = nil, true }, true},
		"one has a task that it may still begin":  {func(o *planner.Observation) { apply(o); busy(o, time.Second) }, false},
		"one has a task that it never got to":     {func(o *planner.Observation) { apply(o); busy(o, planner.DeliveryTTL) }, true},
		"one has refused and is left alone a bit": {func(o *planner.Observation) { apply(o); refused(o, time.Second) }, true},
		"one has refused and is tried again now":  {func(o *planner.Observation) { apply(o); refused(o, 0) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := settled(3)
			o.Units[2].Dying = true
			c.do(&o)
			if got := planner.ClientsTold(o); got != c.told {
				t.Errorf("told: %t, want %t", got, c.told)
			}
		})
	}
}

func busy(o *planner.Observation, since time.Duration) {
	o.Units[1].Facts.Applied, o.Units[1].Task = nil, &planner.Task{ID: 5, Harmless: true, Enqueued: o.Now.Add(-since)}
}

func refused(o *planner.Observation, rest time.Duration) {
	o.Units[1].Facts.Applied = nil
	o.Units[1].Last = &planner.Result{Outcome: v1alpha1.OutcomeRefused, NotBefore: o.Now.Add(rest)}
}

// The plan shows the removal behind what clients are told, and does not end at the time that they are given.
func TestPlanGoesOnBehindTheTimeThatClientsAreGiven(t *testing.T) {
	o := settled(3)
	o.Units[2].Dying = true
	o.Clients = []planner.Client{{Name: "kube/0", Idle: true, Since: o.Now.Add(-time.Hour)}}
	var kinds []planner.StepKind
	for _, s := range planner.Plan(o) {
		kinds = append(kinds, s.Kind)
	}
	if len(kinds) < 2 || kinds[0] != planner.StepUpdate || kinds[1] != planner.StepRemove {
		t.Errorf("plan %v", kinds)
	}
}

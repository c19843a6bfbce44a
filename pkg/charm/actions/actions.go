package actions

import (
	"context"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/etcdops"
)

// Machine is what is needed of the unit's machine; a *machine.Machine is one, whose methods say
// more.
type Machine interface {
	Facts(ctx context.Context) (v1alpha1.UnitFacts, error)
	Health(ctx context.Context) (etcdops.EndpointHealth, etcdops.View, error)
}

// action is one that runs.
type action struct {
	run     *dispatch.Run
	machine Machine
}

// Do runs the action that the dispatch is of.
func Do(ctx context.Context, run *dispatch.Run, machine Machine) error {
	a := action{run, machine}
	if run.Env.Name == v1alpha1.ActionHealth {
		return a.health(ctx)
	}
	if k, known := kinds[run.Env.Name]; known {
		return a.record(ctx, k)
	}
	return fmt.Errorf("cannot run action %q: this charm has no such action", run.Env.Name)
}

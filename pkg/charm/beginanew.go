package charm

import (
	"context"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// beginAnew is the action of the same name: a person gives up the cluster whose ID is typed in. The unit only records it, where it can be
// right: whether nothing of the cluster is left anywhere, and that it happens once, is the daemon's.
func (a *Agent) beginAnew(ctx context.Context) error {
	id, err := a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterClusterID)
	if err != nil {
		return err
	}
	p, err := a.run.Published(ctx)
	if err != nil {
		return err
	}
	if p.None() {
		return a.run.Tools.FailAction(ctx, "cannot begin anew: this unit has told the others nothing of itself yet; run it again in a minute")
	}
	bag, err := a.run.LatchBag(ctx, p.Relation)
	if err != nil {
		return err
	}
	latch, err := v1alpha1.LatchFromDatabag(bag)
	if err != nil {
		return err
	}
	machine, err := a.machine.Facts(ctx)
	if err != nil {
		return err
	}
	switch {
	case latch.ClusterID == "":
		return a.run.Tools.FailAction(ctx, "cannot begin anew: there was no cluster here that could be given up")
	case id != latch.ClusterID:
		return a.run.Tools.FailAction(ctx, fmt.Sprintf("cannot begin anew: %.40q is not the ID of the cluster that was here; juju status tells it", id))
	case machine.Member.Present:
		return a.run.Tools.FailAction(ctx, "cannot begin anew: this unit has data of the cluster; remove the unit if it is to be given up")
	}
	facts := p.Facts
	facts.Request = &v1alpha1.Request{Task: a.run.Env.Action, Kind: v1alpha1.ActionBeginAnew, Subject: id}
	if err := a.publish(ctx, p, facts); err != nil {
		return err
	}
	return a.run.Tools.SetActionResult(ctx, "output", "asked the controller to give up cluster "+id+
		"; it does so only where nothing of it is left, and juju status tells what is in the way")
}

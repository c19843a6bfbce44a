package actions

import (
	"context"
	"errors"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// record puts what a person asks for into the unit's facts, or fails the action with why it cannot
// be asked for.
func (a action) record(ctx context.Context, k kind) error {
	fail := func(why error) error {
		return a.run.Tools.FailAction(ctx, fmt.Sprintf("cannot %s: %v", k.what, why))
	}
	p, err := a.run.Published(ctx)
	if err != nil {
		return err
	}
	if p.None() {
		return fail(errors.New("this unit has told the others nothing of itself yet; run it again in a minute"))
	}
	bag, err := a.run.LatchBag(ctx, p.Relation)
	if err != nil {
		return err
	}
	latch, err := v1alpha1.LatchFromDatabag(bag)
	if err != nil {
		return fail(err)
	}
	if why := a.held(k, latch, p.Facts.Request); why != nil {
		return fail(why)
	}
	subject, why, err := k.subject(ctx, a, latch)
	if err != nil {
		return err
	}
	if why != nil {
		return fail(why)
	}
	facts := p.Facts
	facts.Request = &v1alpha1.Request{Task: a.run.Env.Action, Kind: a.run.Env.Name, Subject: subject}
	if err := a.run.Publish(ctx, p, facts, nil); err != nil {
		return err
	}
	return a.run.Tools.SetActionResult(ctx, v1alpha1.ResultOutput, k.answer(subject))
}

// held is why nothing can be asked for now; before is what this unit has recorded last.
func (a action) held(k kind, latch v1alpha1.Latch, before *v1alpha1.Request) error {
	task, name := a.run.Env.Action, a.run.Env.Name
	handled := latch.Handled[a.run.Env.Unit]
	waits := before != nil && before.Task > handled
	switch {
	case latch.ClusterID == "":
		return errors.New(k.unborn)
	case task <= handled, before != nil && task <= before.Task:
		// Juju runs actions in no certain order.
		return errors.New("a later action of this unit was seen to before this one; run it again")
	case waits && before.Kind != name && !(k.givesUp && latch.Ends()):
		why := fmt.Sprintf("task %d (%s) has not been seen to yet; juju status tells why", before.Task, before.Kind)
		if k.givesUp {
			// In a cluster that is lost what it waits for may never come.
			why += ", and another unit can be asked instead"
		}
		return errors.New(why)
	}
	return nil
}

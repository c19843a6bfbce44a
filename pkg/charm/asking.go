package charm

import (
	"context"
	"errors"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Actions that ask the controller for something that more than this unit takes: the unit only records who asked for what, in its facts.
// The controller sees to it once, and says in the latch which task was the last that it has seen to.

// requested are these actions, and what an answer says that happens now.
var requested = map[string]string{
	v1alpha1.ActionRestart:  "asked the controller to restart all members, one at a time",
	v1alpha1.ActionRotateCA: "asked the controller to replace the certificate authority; it waits for you (proceed) before it changes certificates, and before the old authority is forgotten",
	v1alpha1.ActionProceed:  "asked the controller to go on",
	v1alpha1.ActionGoBack:   "asked the controller to go back",
}

// request is one of these actions.
func (a *Agent) request(ctx context.Context) error {
	fail := func(why error) error {
		return a.run.Tools.FailAction(ctx, fmt.Sprintf("cannot ask the controller: %v", why))
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
	entries, err := latch.Entries()
	if err != nil {
		return fail(err)
	}
	handled := latch.Handled[a.run.Env.Unit]
	switch before := p.Facts.Request; {
	case latch.ClusterID == "":
		return fail(errors.New("there is no cluster yet"))
	case a.run.Env.Action <= handled, before != nil && a.run.Env.Action <= before.Task:
		// Juju runs actions in no certain order.
		return fail(errors.New("a later action of this unit was seen to before this one; run it again"))
	case before != nil && before.Task > handled && before.Kind != a.run.Env.Name:
		return fail(fmt.Errorf("task %d (%s) has not been seen to yet; juju status tells why", before.Task, before.Kind))
	}
	subject, why, err := a.subject(ctx, entries)
	if err != nil {
		return err
	}
	if why != nil {
		return fail(why)
	}
	facts := p.Facts
	facts.Request = &v1alpha1.Request{Task: a.run.Env.Action, Kind: a.run.Env.Name, Subject: subject}
	if err := a.publish(ctx, p, facts); err != nil {
		return err
	}
	return a.run.Tools.SetActionResult(ctx, "output", requested[a.run.Env.Name]+"; juju status tells how it goes")
}

// subject is what the action is for, or why there is no such thing.
func (a *Agent) subject(ctx context.Context, entries []v1alpha1.JournalEntry) (subject string, why, err error) {
	switch a.run.Env.Name {
	case v1alpha1.ActionRotateCA:
		subject, err = a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterProvider)
		return subject, nil, err
	case v1alpha1.ActionProceed, v1alpha1.ActionGoBack:
		if len(entries) == 0 {
			return "", errors.New("nothing is under way"), nil
		}
		return entries[len(entries)-1].Moment(), nil, nil
	}
	return "", nil, nil
}

package actions

import (
	"context"
	"errors"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// kind is an action that asks the controller for something.
type kind struct {
	// what follows "cannot" where it is refused.
	what string
	// unborn is why there is nothing to ask for where no cluster was born.
	unborn string
	// givesUp says that the cluster is given up: what was asked of one that has ended holds nothing
	// up.
	givesUp bool
	// subject is what the action is for, or why there is no such thing.
	subject func(ctx context.Context, a action, latch v1alpha1.Latch) (subject string, why, err error)
	// answer says what happens now.
	answer func(subject string) string
}

// kinds are these actions by their names.
var kinds = map[string]kind{
	v1alpha1.ActionRestart: living("asked the controller to restart all members, one at a time", nothing),
	v1alpha1.ActionDefrag:  living("asked the controller to have all members defragment their databases, one at a time", nothing),
	v1alpha1.ActionRotateCA: living("asked the controller to replace the certificate authority; "+
		"it waits for you (proceed) before it changes certificates, and before the old authority is forgotten", provider),
	v1alpha1.ActionProceed: living("asked the controller to go on", underway),
	v1alpha1.ActionGoBack:  living("asked the controller to go back", underway),
	v1alpha1.ActionBeginAnew: {
		what: "begin anew", unborn: "there was no cluster here that could be given up", givesUp: true, subject: lostCluster,
		answer: func(id string) string {
			return "asked the controller to give up cluster " + id +
				"; it does so only where nothing of it is left, and juju status tells what is in the way"
		},
	},
}

// living is a kind for a cluster that goes on, of which the journal must be one that can be read.
func living(answer string, subject func(context.Context, action, []v1alpha1.JournalEntry) (string, error, error)) kind {
	return kind{
		what: "ask the controller", unborn: "there is no cluster yet",
		subject: func(ctx context.Context, a action, latch v1alpha1.Latch) (string, error, error) {
			entries, err := latch.Entries()
			if err != nil {
				return "", err, nil
			}
			return subject(ctx, a, entries)
		},
		answer: func(string) string { return answer + "; juju status tells how it goes" },
	}
}

func nothing(context.Context, action, []v1alpha1.JournalEntry) (subject string, why, err error) {
	return "", nil, nil
}

// provider is the application whose certificate authority is to be used, as a person may have named
// it.
func provider(ctx context.Context, a action, _ []v1alpha1.JournalEntry) (subject string, why, err error) {
	subject, err = a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterProvider)
	return subject, nil, err
}

// underway is the phase that a person's word is for, and no later one.
func underway(_ context.Context, _ action, entries []v1alpha1.JournalEntry) (subject string, why, err error) {
	if len(entries) == 0 {
		return "", errors.New("nothing is under way"), nil
	}
	return entries[len(entries)-1].Moment(), nil, nil
}

// lostCluster is the cluster whose ID is typed in. Whether nothing of it is left anywhere, and that
// it is given up once, is the controller's.
func lostCluster(ctx context.Context, a action, latch v1alpha1.Latch) (subject string, why, err error) {
	id, err := a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterClusterID)
	if err != nil {
		return "", nil, err
	}
	machine, err := a.machine.Facts(ctx)
	if err != nil {
		return "", nil, err
	}
	switch {
	case id != latch.ClusterID:
		return "", fmt.Errorf("%.40q is not the ID of the cluster that was here; juju status tells it", id), nil
	case machine.Member.Present:
		return "", errors.New("this unit has data of the cluster; remove the unit if it is to be given up"), nil
	}
	return id, nil, nil
}

package charm

import (
	"context"

	"jujuetcd.io/pkg/charm/actions"
)

// endRestore takes up a restore whose action has not come to its end, because the agent died in it:
// it goes on or goes back, and the latch and the facts follow. One that cannot be ended now is left
// to the next hook: it holds nothing else up, and the log tells why.
func (a *Agent) endRestore(ctx context.Context) error {
	unfinished, err := a.machine.UnfinishedRestore()
	if err != nil || unfinished == nil {
		return err
	}
	done, restored, err := a.machine.ResumeRestore(ctx)
	if err != nil {
		a.run.Log.Error(err, "Left a restore for the next hook", "task", unfinished.Task)
		return nil
	}
	if !done {
		a.run.Log.Info("A restore whose action had not ended is not in force", "task", unfinished.Task)
		return nil
	}
	told, err := actions.FollowRestore(ctx, a.run, restored)
	if err != nil {
		// A hook that failed for it would be tried again and again, and hold up all others.
		a.run.Log.Error(err, "Left a restore for the next hook", "task", unfinished.Task)
		return nil
	}
	if !told {
		return nil
	}
	return a.machine.ForgetRestore()
}

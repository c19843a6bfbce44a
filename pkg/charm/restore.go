package charm

import (
	"context"
	"slices"
	"strconv"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/actions"
	"jujuetcd.io/pkg/machine/record"
)

// endRestore takes up a restore whose action has not come to its end, because the agent died in it:
// it goes on or goes back, and the latch and the facts follow. One that cannot be ended now is left
// to the next hook: it holds nothing else up, and the log tells why.
func (a *Agent) endRestore(ctx context.Context) error {
	if err := a.followV2(ctx); err != nil {
		return err
	}
	unfinished, err := a.machine.UnfinishedRestore()
	if err != nil || unfinished == nil {
		return err
	}
	if unfinished.Asked {
		return a.dropStaged(ctx, unfinished)
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

// followV2 has the latch tell of v2 keys whose action has not come to its end.
func (a *Agent) followV2(ctx context.Context) error {
	keys, err := a.machine.UnlatchedV2()
	if err != nil || keys == nil {
		return err
	}
	told, err := actions.FollowV2(ctx, a.run, *keys)
	if err != nil {
		a.run.Log.Error(err, "Left the latch of v2 keys for the next hook", "task", keys.Task)
		return nil
	}
	if !told {
		return nil
	}
	return a.machine.ForgetV2()
}

// dropStaged forgets a restore that the controller was asked for, once that was seen to and is not
// under way any more: it has ended, was gone back from, or led to nothing. A latch that cannot be
// read leaves it alone.
func (a *Agent) dropStaged(ctx context.Context, staged *record.Restore) error {
	peers, err := a.run.Peers(ctx)
	if err != nil || peers == "" {
		return err
	}
	bag, err := a.run.LatchBag(ctx, peers)
	if err != nil {
		return err
	}
	latch, err := v1alpha1.LatchFromDatabag(bag)
	if err != nil {
		a.run.Log.Error(err, "Left a restore that the controller was asked for", "task", staged.Task)
		return nil
	}
	entries, err := latch.Entries()
	underway := err != nil || slices.ContainsFunc(entries, func(e v1alpha1.JournalEntry) bool { return e.ID == strconv.FormatInt(staged.Task, 10) })
	if underway || latch.Handled[a.run.Env.Unit] < staged.Task {
		return nil
	}
	return a.machine.DropStaged()
}

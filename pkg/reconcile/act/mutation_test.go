//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package act_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"units are handed words only by who holds the epoch", "actor.go", "!claim && !holds(obs.Latch.Epoch, obs) {", "!claim && false {", ""},
		{"a failure backs off", "actor.go", "a.cfg.Now().Add(a.backoff(attempts[step.Key()]+1))", "a.cfg.Now().Add(0*a.backoff(attempts[step.Key()]))", ""},
		{"what was done rests", "actor.go", "a.cfg.Memory.Rest(step.Key(), a.cfg.Now().Add(rest))", "_ = rest", ""},
		{"an exposure needs the epoch", "actor.go", "if err := a.ownEpoch(ctx, obs); err != nil {", "if err := a.ownEpoch(ctx, obs); err != nil && false {", ""},
		{"the epoch is the one that was claimed", "change.go", "e.Number == obs.Claimed && ", "", ""},
		{"the epoch is this daemon's", "change.go", " && e.Holder == obs.Self", "", ""},
		{"the epoch is read before the lock is asked for", "change.go", "if err := a.ownEpoch(ctx, obs); err != nil {", "if err := a.ownEpoch(ctx, obs); err != nil && false {", ""},
		{"the epoch is read again under the lock", "change.go", "if err := a.ownEpoch(held, obs); err != nil {", "if err := a.ownEpoch(held, obs); err != nil && false {", ""},
		{"the lock is asked for right before the change", "change.go", "if err := etcdops.Fenced(ctx); err != nil {", "if err := etcdops.Fenced(ctx); err != nil && false {", ""},
		{"the guard is asked again under the lock", "change.go", "etcdops.Limits{Lag: obs.Policy.Growth.LagLimit}); err != nil {", "etcdops.Limits{Lag: obs.Policy.Growth.LagLimit}); err != nil && false {", ""},
		{"what is there already is not made again", "change.go", "if step.Change.Done(before) {", "if false {", ""},
		{"a lost answer is read from the list", "change.go", "step.Change.Done(after) {", "step.Change.Done(after) && false {", ""},
		{"one delivery at a time", "beside.go", "t.Unit == d.Unit && !t.Status", "t.Unit == \"\" && !t.Status", ""},
		{"another unit's task holds nobody back", "beside.go", "return t.Unit == d.Unit && ", "return ", ""},
		{"a harmless action holds up no delivery", "beside.go", " && v1alpha1.Disturbs(t.Name)\n}", "\n}", ""},
		{"our own tasks are judged by the planner", "beside.go", "t.Name != v1alpha1.ActionReconcile && ", "", ""},
		{"nothing disruptive beside a person's action", "actor.go", "if step.Disruptive() {", "if false {", ""},
		{"what went with its unit holds up nothing", "beside.go", "if ours && !t", "if (ours || true) && !t", ""},
		{"a harmless action holds up no change", "beside.go", " && v1alpha1.Disturbs(t.Name) {", " {", ""},
		{"a clock that is ahead gives a halt no more time", "clock.go", " && !s.NeedsPhase()", "", "TestOnlyWhatIsHarmless"},
		{"a task that went with its unit has ended", "deliver.go", "if errors.Is(err, jujuapi.ErrNotFound) {", "if errors.Is(err, context.Canceled) {", ""},
		{"a running task has not ended", "deliver.go", "if !task.Status.Final() {", "if false {", ""},
	})
}

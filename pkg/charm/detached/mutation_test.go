//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package detached_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"one work at a time", "lock.go", "syscall.LOCK_EX|syscall.LOCK_NB", "syscall.LOCK_SH|syscall.LOCK_NB", "Outlives"},
		{"the work has the lock", "run.go", "cmd.Stdin, cmd.Stderr = file, &stderr", "cmd.Stdin, cmd.Stderr = bytes.NewReader([]byte(`{\"Do\":\"wait\",\"Path\":\"\"}`)), &stderr", "Outlives"},
		{"who began it does not wait when its time is over", "run.go", "cmd.WaitDelay = time.Second", "cmd.WaitDelay = 0 * time.Second", "Outlives"},
		{"a work that dies is told from none", "run.go", "func (d died) Unwrap() error { return ErrDied }", "func (d died) Unwrap() error { return nil }", "Dies"},
		{"the order's file is for root alone", "lock.go", "syscall.O_NOFOLLOW, 0o600", "syscall.O_NOFOLLOW, 0o644", "WorkIsDone"},
	})
}

//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package dispatch_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"an action has a number", "env.go", "if err != nil || number < 1 {", "if err != nil && false {", "Dispatch"},
		{"one dispatch at a time", "lock.go", "syscall.LOCK_EX|syscall.LOCK_NB", "syscall.LOCK_SH|syscall.LOCK_NB", "Dispatches"},
		{"no dispatch beside what outlives one", "lock.go", "err = detached.Wait(ctx, root, unit)", "err = ctx.Err()", "Outlives"},
		{"a relation that is taken down is gone", "env.go", `strings.HasSuffix(e.Name, "-relation-broken")`, "e.Name == \"\"", "Relation"},
		{"what is published is not written again", "published.go", "if len(diff) == 0 {", "if false {", "Published"},
		{"no bucket is made for who gives secrets", "store.go", "if said[keyVersion] != \"\" {", "if said[keyVersion] == \"none\" {", "Secret"},
		{"who gives secrets is waited for", "store.go", "if r.Env.Kind == KindHook && r.Env.Name == v1alpha1.EndpointStore+\"-relation-created\" {", "if false {", "Secret"},
		{"no secret is asked for that cannot be read", "store.go", "if !r.Env.HasSecrets {", "if false {", "Secret"},
		{"no peers, no databag", "published.go", "if p.Relation == \"\" {", "if false {", "Published"},
	})
}

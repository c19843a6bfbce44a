//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package observe_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"no certificate that a member refuses", "authority.go", "return len(by) > 0 && len(members)", "return len(by) > 9 && len(members)", "TestTheDaemonShows"},
		{"what a process has not read is not trusted", "offers.go", "members = append(members, facts.Trusts())", "members = append(members, facts.Certificates.CA)", "TestTheDaemonShows"},
		{"both are trusted meanwhile", "authority.go", "(rotates || !early.Empty()) && ", "rotates && ", "TestTheDaemonShows"},
		{"who has none takes what there is", "authority.go", "credentials = early // those", "_ = early // those", "TestTheDaemonShows"},
		{"a foreign task is dated by our clock", "units.go", "l.Enqueued.Add(ahead)", "l.Enqueued", "TestWhenAForeignTask"},
		{"a hook that has just ended may have read what was before", "clients.go", "Since.Add(nextHook)", "Since.Add(0)", "TestObserveShowsClients"},
		{"who has heard the others has not heard who is back", "clients.go", "delete(h.before, n) // which is of when the others did", "", "TestWhatAUnitPublishes"},
		{"what a unit publishes when it is back is news", "clients.go", "return !slices.Contains(late, u) }) {", "return false }) {", "TestWhatAUnitPublishes"},
	})
}

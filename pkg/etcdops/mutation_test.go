//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package etcdops_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

// pure are the tests that need no etcd, and under those of what is done under the lock.
const (
	pure  = "Quorum|Tolerance|Guards|HealthyClustersMay|HasMoved|Words|Notice|ACertificateIs|IsCountedByItself|ChangeIsDone|Votes|OnlyAnAlarm|Promote"
	under = "UnderALock|APausedHolder|CameTooLate|GivenBack"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"CanDefragment: data that differ stay as they are", "defragment.go", "if !a.NoSpace() {", "if false {", "TestADefragmentationWaits"},
		{"CanDefragment: of one that is gone, too", "defragment.go", "v.Stray...) {", "[]Alarm(nil)...) {", "TestADefragmentationWaits"},
		{"CanDefragment: unknown alarms are not none", "defragment.go", "if v.AlarmsErr != \"\" {", "if false {", "TestADefragmentationWaits"},
		{"CanDefragment: nobody joins", "defragment.go", "case other.Learner, !other.Started():", "case false:", "TestADefragmentationWaits"},
		{"CanDefragment: everybody serves", "defragment.go", "case !h.Serves || h.Fault", "case h.Fault", "TestADefragmentationWaits"},
		{"CanDefragment: and does not lag", "defragment.go", " || h.Fault != FaultNone && h.Fault != FaultAlarm:", ":", "TestADefragmentationWaits"},
		{"CanDefragment: there is a leader", "defragment.go", "if v.Leader() == 0 {", "if false {", "TestADefragmentationWaits"},
		{"CanDefragment: no version that a crash damages", "defragment.go", "return is && err == nil && n < 6", "return is && err == nil && n < 5", "TestADefragmentationWaits"},
		{"v2 keys are read back", "v2keys.go", "return v.proves(ctx, keys, now)", "return nil", "TestV2Keys"},
		{"v2 keys keep their ends", "v2keys.go", "if !k.Expires.IsZero() {", "if false {", "TestV2Keys"},
		{"v2 keys that have ended stay away", "v2keys.go", "		case !ended:\n", "		default:\n", "TestV2Keys"},
		{"v2 keys of a directory that has ended, too", "v2keys.go", "gone = k.Key + \"/\"", "_ = k", "TestV2Keys"},
		{"who lags sends no snapshot", "snapshot.go", "m.ID == preferred && lag <= DefaultLagLimit", "m.ID == preferred", "TestASnapshotIsFrom"},
		{"a follower sends it before the leader", "snapshot.go", "lag == bestLag && best.ID == leader", "lag == bestLag && best.ID == leader && false", "TestASnapshotIsFrom"},
		{"who stands still is not waited for", "snapshot.go", "func() { cancel(errStalled) }", "func() {}", "TestAMemberSends"},
		{"CanStop: the quorum of the others", "quorum.go", "|| left >= Quorum(voters) || slices", "|| left >= 0 || slices", pure},
		{"CanStop: an outage must be accepted", "quorum.go", "|| slices.Contains(accept, AcceptOutage) {", "|| true {", pure},
		{"CanStop: not by an unhealthy count", "quorum.go", "if m.ID != id && (v.HealthOf(m).Votes() || v.votesWhereFound(m)) {", "if m.ID != id {", pure},
		{"the one that goes does not count", "quorum.go", "if m.ID != id && (v", "if (v", pure},
		{"who has moved counts where its peers look", "quorum.go", " || v.votesWhereFound(m)", "", pure},
		{"who has moved counts nowhere else", "quorum.go", "slices.ContainsFunc(m.PeerURLs, func(peer string) bool { return hostOf(peer) == hostOf(at) })", "at != \"\"", pure},
		{"CanRemove: never the last voter", "quorum.go", "if voters == 1 {\n\t\treturn refuse(ErrGuard, \"cannot remove", "if false {\n\t\treturn refuse(ErrGuard, \"cannot remove", pure},
		{"CanRemove: a quorum of those that stay", "quorum.go", "if left < Quorum(voters-1) {", "if false {", pure},
		{"CanRemove: the dead go first", "quorum.go", "if left < voters-1 && v.HealthOf(m).Votes() {", "if false {", pure},
		{"CanAdd: nobody unstarted", "quorum.go", "case len(unstarted) > 0:\n\t\treturn refuse(ErrGuard, act", "case false:\n\t\treturn refuse(ErrGuard, act", pure},
		{"CanAdd: one learner at a time", "quorum.go", "case len(learners) > 0:\n\t\treturn &refusal", "case false:\n\t\treturn &refusal", pure},
		{"CanAdd: all voters are healthy", "quorum.go", "case voters == 0 || healthy < voters:", "case voters == 0:", pure},
		{"CanAdd: no alarm", "quorum.go", "case len(v.Alarms) > 0:", "case false:", pure},
		{"CanAdd: one leader", "quorum.go", "case v.Leader() == 0:", "case false:", pure},
		{"CanPromote: it serves", "quorum.go", "case !h.Healthy():\n\t\treturn refuse(ErrNotReady", "case false:\n\t\treturn refuse(ErrNotReady", pure},
		{"CanPromote: its lag is known", "quorum.go", "case !known:", "case !known && false:", pure},
		{"CanPromote: it is near", "quorum.go", "case lag > lagLimit:", "case false:", pure},
		{"CanPromote: a quorum of the larger cluster without it", "quorum.go", "need := Quorum(voters + 1); voting < need", "need := Quorum(voters + 1); voting < 0", pure},
		{"CanPromote: it counts beside a single voter only", "quorum.go", "if voters == 1 {\n\t\tvoting++", "if true {\n\t\tvoting++", pure},
		{"CanPromote: a voter is none to promote", "quorum.go", "if !m.Learner {\n\t\treturn refuse(ErrGuard, \"cannot promote", "if false {\n\t\treturn refuse(ErrGuard, \"cannot promote", pure},
		{"CanLead: no learner", "quorum.go", "case m.Learner:\n\t\treturn refuse(ErrGuard, \"cannot move leadership", "case false:\n\t\treturn refuse(ErrGuard, \"cannot move leadership", pure},
		{"CanLead: it is healthy", "quorum.go", "case !h.Healthy():\n\t\treturn refuse(ErrGuard, \"cannot move", "case false:\n\t\treturn refuse(ErrGuard, \"cannot move", pure},
		{"CanMove: nobody else has the URL", "quorum.go", "case taken && other.ID != id:", "case taken && false:", pure},
		{"CanMove: nobody unstarted", "quorum.go", "case len(unstarted) > 0:\n\t\treturn refuse(ErrGuard, \"cannot change", "case false:\n\t\treturn refuse(ErrGuard, \"cannot change", pure},
		{"CanMove: nobody else joins", "quorum.go", "case len(learners) > 0:\n\t\treturn refuse(ErrGuard, \"cannot change", "case false:\n\t\treturn refuse(ErrGuard, \"cannot change", pure},
		{"CanMove: a quorum without it", "quorum.go", "case voters > 1 && left < Quorum(voters):", "case false:", pure},
		{"nothing is decided without a list", "quorum.go", "if !v.Listed {\n\t\twhy := v.Err", "if false {\n\t\twhy := v.Err", pure},
		{"nothing is decided where two clusters answer", "quorum.go", "ids := v.ClusterIDs(); len(ids) > 1", "ids := v.ClusterIDs(); len(ids) > 99", pure},
		{"nothing is decided about an unknown member", "quorum.go", "if !ok {\n\t\treturn Member{}, refuse(ErrNotMember", "if !ok && false {\n\t\treturn Member{}, refuse(ErrNotMember", pure},
		{"an alarm still votes, another fault does not", "view.go", "(h.Fault == FaultNone || h.Fault == FaultAlarm)", "true", pure},
		{"a learner does not vote", "view.go", "h.Serves && !h.Learner && (", "h.Serves && (", pure},
		{"another member's answer is not its own", "view.go", "if h.MemberID != 0 && h.MemberID != m.ID {", "if false {", pure + "|AnotherClusters"},
		{"no leader where voters disagree", "view.go", "h.Leader == 0 || leader != 0 && h.Leader != leader", "h.Leader == 0", pure},
		{"under the lock: it ends when the lock is lost", "under.go", "f.cancel(ErrLockLost)", "", under},
		{"under the lock: it ends with the lease by our clock", "under.go", "if f, ok := ctx.Value(fenceKey{}).(*fence); ok && f.over() {", "if false {\n\t\tvar f *fence", under},
		{"under the lock: a clock that is set back", "under.go", "max(now.Sub(f.asked), now.Round(0).Sub(f.asked.Round(0)))", "now.Sub(f.asked)", under},
		{"under the lock: counted from before it was asked for", "under.go", "if err := Fenced(held); err != nil {", "if err := Fenced(held); err != nil && false {", under},
		{"under the lock: it is given back", "under.go", "if err := lock.Unlock(free); err != nil && h.Left != nil {", "if err := free.Err(); err != nil && h.Left != nil {", under},
		{"a promotion is not done while it is a learner", "change_promote.go", "found && !m.Learner", "found && m.ID != 0", pure},
		{"nothing is added without a list", "change_addlearner.go", "return v.Listed && ", "return ", pure},
		{"nobody is promoted without a list", "change_promote.go", "return v.Listed && ", "return ", pure},
		{"nobody is gone without a list", "change_remove.go", "return v.Listed && ", "return ", pure},
		{"nobody leads without a list", "change_moveleader.go", "return v.Listed && ", "return ", pure},
		{"nobody has moved without a list", "change_peerurl.go", "return v.Listed && ", "return ", pure},
		{"nobody is touched without a list", "change_touch.go", "if !v.Listed {", "if false {", pure + "|ATouch"},
		{"Compact: not in the future by us", "compact.go", "if at > now.Header.Revision {", "if false {", "ACompaction"},
		{"Compact: what is compacted is told", "compact.go", "case errors.Is(err, rpctypes.ErrCompacted):", "case errors.Is(err, rpctypes.ErrCompacted) && false:", "ACompaction"},
		{"Compact: nobody serves", "compact.go", "if !v.Listed || len(order) == 0 {", "if false {", "ACompaction"},
		{"Disarm: no alarm but NOSPACE", "change_disarm.go", "if a.Kind != alarmSpace {", "if false {", "ADisarm"},
		{"Disarm: the alarms are known", "change_disarm.go", "if v.AlarmsErr != \"\" {", "if false {", "ADisarm"},
		{"Disarm: every member serves", "change_disarm.go", "case !h.Serves || h.Fault != FaultNone && h.Fault != FaultAlarm:", "case false:", "ADisarm"},
		{"Disarm: the quota is known", "change_disarm.go", "case h.Quota <= 0 || h.DBSize <= 0:", "case false:", "ADisarm"},
		{"Disarm: every database has room", "change_disarm.go", "case h.DBSize > h.Quota/roomIn*roomOf:", "case false:", "ADisarm"},
		{"Disarm: room is more than a byte", "change_disarm.go", "h.DBSize > h.Quota/roomIn*roomOf", "h.DBSize > h.Quota", "ADisarm"},
		{"Disarm: not beside a stranger's CORRUPT", "change_disarm.go", "range slices.Concat(v.Alarms, v.Stray) {", "range v.Alarms {", "ADisarm"},
		{"Disarm: a stranger has an alarm", "change_disarm.go", "!v.Listed || !slices.Contains(v.Stray, c.alarm())", "!v.Listed", "ADisarm"},
		{"Disarm: a stranger's alarm is not done", "change_disarm.go", " && !slices.Contains(v.Stray, c.alarm())\n", "\n", "ADisarm"},
		{"Disarm: what etcd reports is its quota", "change_disarm.go", "if h.Quota == 0 {", "if c.Quota != 0 {", "ADisarm"},
		{"Disarm: not done without a list", "change_disarm.go", "return v.Listed && v.AlarmsErr", "return v.AlarmsErr", pure},
		{"Disarm: not done where the alarms are not known", "change_disarm.go", " && v.AlarmsErr == \"\" && ", " && ", "ADisarm"},
		{"a health word gives way to what is seen", "words.go", "if last.beginsWith(healthPrefixes) {", "if false {", pure},
		{"no other word gives way", "words.go", "if last.beginsWith(healthPrefixes) {", "if true {", pure},
		{"the lock is made only where there is none", "lock.go", "If(clientv3.Compare(clientv3.CreateRevision(LockKey), \"=\", 0)).", "If().", "LockIsHeldByOne"},
		{"only one's own lock is given back", "lock.go", "If(clientv3.Compare(clientv3.LeaseValue(LockKey), \"=\", h.lease)).", "If().", "TakenAwayIsLost"},
	})
}

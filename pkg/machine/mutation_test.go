//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package machine_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

// Tests that miss the guards below: the others would find nothing more, and take their time.
const (
	admitting  = "TestAdmit|TestValidate"
	applying   = "TestUnitIsMadeReady|TestSecondApply|TestLongWork|TestOtherChannel|TestServiceStopped|TestStartWaits|TestFailedStart|TestRemovedMember|TestLostData|Begun|TestAdopted|TestAChangeOf"
	restarting = "TestRestartIsAllowed|TestRestartBySystemd|TestACrashed|TestNewAuthority|TestFactsTell"
	operating  = "TestOps"
	halting    = "TestAdmit|TestAHalt|TestHalt"
	drilling   = "TestADrill"
	scheduled  = "Schedul|TestASnapshotThatWasNotEnded"
	restoring  = "TestARestore|TestWhatCannotBeRestored|TestWhatIsReady"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"a defragmentation waits for its turn", "defragment.go", " || !a.spec.Delivery.AllowDefrag {", " {", "ADefragmentation"},
		{"and asks the guard", "defragment.go", "if err := etcdops.CanDefragment(view, a.data.Member); err != nil {", "if err := error(nil); err != nil {", "ADefragmentation"},
		{"and the disk", "defragment.go", "if err := snapshot.Free(a.m.path(a.data.Dir), live); err != nil {", "if err := error(nil); err != nil {", "ADefragmentation"},
		{"and takes the lock where that can be had", "defragment.go", "hold.Unlocked = !lockable(cluster.Look(ctx, endpoints))", "hold.Unlocked = cluster != nil", "ADefragmentation"},
		{"and does without where it cannot", "defragment.go", "hold.Unlocked = !lockable(cluster.Look(ctx, endpoints))", "hold.Unlocked = false", "ADefragmentation"},
		{"one that goes on is not begun again", "defragment.go", "return false, len(writes) > 0", "return false, len(writes) > 9", "ADefragmentation"},
		{"nor one that was over when its agent was gone", "defragment.go", "if file.inode != d.Inode {", "if file.inode != d.Inode && file.inode == 0 {", "ADefragmentation"},
		{"it is done once", "defragment.go", "if a.record.Defrag.Stamp >= stamp {", "if a.record.Defrag.Stamp > stamp {", "ADefragmentation"},
		{"what begins under a stamp owes nothing", "configure.go", "record.Defrag{Stamp: a.spec.Service.DefragStamp}", "record.Defrag{}", "AMemberThatIsBegun"},
		{"CORRUPT is not disarmed", "maintain.go", "if !a.NoSpace() {", "if false {", "APerson"},
		{"nor what the next write raises again", "maintain.go", "change.Guard(view, etcdops.Limits{}); err != nil {", "error(nil); err != nil {", "APerson"},
		{"nor what nobody knows", "maintain.go", "if view.AlarmsErr != \"\" {", "if false {", "APerson"},
		{"a person's change is for the own cluster", "maintain.go", "case own != \"\" && own != v.ClusterID.String():", "case false:", "APerson"},
		{"an alarm of one that is gone", "maintain.go", "for _, a := range slices.Concat(view.Alarms, view.Stray) {\n\t\tchange", "for _, a := range view.Alarms {\n\t\tchange", "APerson"},
		{"the option's quota", "maintain.go", "cmp.Or(r.Spec.Etcd.QuotaBackendBytes, etcdops.DefaultQuota)", "cmp.Or(etcdops.DefaultQuota, r.Spec.Etcd.QuotaBackendBytes)", "ADisarm"},
		{"a snapshot is the login user's", "snapshot.go", "return f.Chown(owner.UID, owner.GID)", "return nil", "TestASnapshotIs"},
		{"a folder that is one", "snapshot.go", "case err == nil && !info.IsDir():", "case err == nil && info == nil:", "TestWhereNoSnapshot"},
		{"a snapshot's folder is named from the root", "snapshot.go", "if !filepath.IsAbs(dir) {\n\t\treturn \"\"", "if false {\n\t\treturn \"\"", "TestWhereNoSnapshot"},
		{"a lost quorum is told of", "snapshot.go", "if source, at = furthest(view); at.Endpoint == \"\" {", "if true {", "TestASnapshotOfALost"},
		{"who has applied most", "snapshot.go", "h.AppliedIndex > at.AppliedIndex", "h.AppliedIndex < at.AppliedIndex", "TestASnapshotOfALost"},
		{"an order is done once", "scheduled.go", "a.hasKept(done.Last, order) || done", "done", scheduled},
		{"an attempt that has failed is not made again", "scheduled.go", " || done.Tried.FailedAt(order.ID, order.Attempt)", "", scheduled},
		{"who is killed has recorded what was begun", "scheduled.go", "r.Snapshots = &done\n\tif err := a.m.remember(r); err != nil {", "r.Snapshots = &done\n\tif err := error(nil); err != nil {", scheduled},
		{"nothing goes before its successor is recorded", "scheduled.go", "known what takes its place.\n\t\tif err := a.m.remember(r); err != nil {", "known what takes its place.\n\t\tif err := error(nil); err != nil {", scheduled},
		{"a snapshot of the schedule is of the own cluster", "scheduled.go", "if err := ownCluster(view, r, \"take a snapshot\"); err != nil {", "if err := error(nil); err != nil {", scheduled},
		{"and of one with a quorum", "scheduled.go", "if at.Endpoint == \"\" {", "if false {", scheduled},
		{"it ends in time", "scheduled.go", "context.WithTimeoutCause(ctx, limit, ", "context.WithTimeoutCause(ctx, 60*limit, ", scheduled},
		{"a file that is gone is no good snapshot", "scheduled.go", "last.Missing = err != nil || ", "last.Missing = err == nil && ", scheduled},
		{"what should be encrypted is", "scheduled.go", "taking.Encrypt, taking.Recipients = true, e.Recipients", "_ = e", "ThatEncrypts"},
		{"though nobody is named", "scheduled.go", "if e := spec.Encryption; e != nil {", "if e := spec.Encryption; e != nil && len(e.Recipients) > 0 {", "ForNobody"},
		{"also what was taken before it should be", "scheduled.go", " || a.spec.Encryption != nil && !taken.Encrypted", "", "WhatWasTakenInTheClear"},
		{"what is verified in the store is opened", "../snapshot/store/list.go", "opens = identity.Opens", "_ = identity", "AScheduleThatEncrypts"},
		{"a drill opens what is encrypted with the unit's identity", "drill.go", "Path: at.Path(v1alpha1.IdentityFile), ", "", "ADrillOpens"},
		{"a drill is done once", "drill.go", "done.Last != nil && done.Last.ID == order.ID || done", "done", drilling},
		{"a drill that has failed is not done again", "drill.go", " || done.Tried.FailedAt(order.ID, order.Attempt)", "", drilling},
		{"a drill leaves nothing", "drill.go", "err = errors.Join(err, m.ClearDrill())", "err = errors.Join(err)", drilling},
		{"it reads what was written", "drill.go", "m.path(last.Path), last.SHA256, m", "m.path(last.Path), \"\", m", drilling},
		{"it takes no memory from others", "drill.go", "free < need {", "false {", drilling},
		{"a drill ends in time", "drill.go", "context.WithTimeoutCause(ctx, limit, ", "context.WithTimeoutCause(ctx, 60000*limit, ", drilling},
		{"hashes that differ are a fault", "drill.go", "if o.Hash.Hash != has.Hash.Hash {", "if false {", drilling},
		{"what an agent leaves that dies is ended", "drill.go", "if err := endIn(dir); err != nil {", "if err := error(nil); err != nil {", drilling},
		{"its etcd is nobody", "drill_etcd.go", "if os.Geteuid() == 0 {", "if false {", drilling},
		{"and dies with its agent", "drill_etcd.go", "Setpgid: true, Pdeathsig: syscall.SIGKILL}", "Setpgid: true}", drilling},
		{"what is handed out is its user's", "durable/durable.go", "!f.Owner.has(info) || ", "", "HandedOut"},
		{"and nobody else's", "handout.go", "Mode: 0o600, Owner: owner", "Mode: 0o644, Owner: owner", "HandedOut"},
		{"whoever juju scp logs in as", "handout.go", "fields[0] != v1alpha1.LoginUser || ", "", "HandedOut"},
		{"another unit's delivery", "admit.go", "case spec.Unit != seen.Unit:", "case false:", admitting},
		{"another model's delivery", "admit.go", "case seen.ModelUUID != \"\" && spec.ModelUUID != seen.ModelUUID:", "case false:", admitting},
		{"data that would have to move", "admit.go", "if seen.Present && seen.DataDir != spec.Etcd.DataDir && !spec", "if false && !spec", admitting},
		{"a late delivery", "admit.go", "seen.Now.After(end)", "seen.Now.After(end) && false", admitting},
		{"another holder of the same epoch", "admit.go", "case !claims && epoch != *latched:", "case false:", admitting},
		{"an epoch below the latch's", "admit.go", "case latched != nil && epoch.Number < latched.Number:", "case false:", admitting},
		{"an older task", "admit.go", "(void || epoch == applied) && s.Action < seen.Record.Action:", "(void || epoch == applied) && s.Action < 0:", admitting},
		{"an older task of an older epoch is another matter", "admit.go", "(void || epoch == applied) && s.Action", "(void || true) && s.Action", admitting},
		{"only the Juju leader writes the latch", "admit.go", "if !s.Leader {", "if false {", admitting},
		{"a claim that was granted is granted again", "admit.go", "request.Claim = nil // granted already", "", admitting},
		{"another cluster's data", "admit.go", "if expected != \"\" && expected != seen.Cluster {", "if false {", admitting},
		{"the latched cluster is expected", "admit.go", "expected = s.Latch.ClusterID", "_ = s", admitting},
		{"another member's data", "admit.go", "if d.ExpectMemberID != \"\" && d.ExpectMemberID != seen.Member {", "if false {", admitting},
		{"a reset must be allowed", "admit.go", "return spec.Delivery.AllowReset && id", "return id", admitting},
		{"no reset of a member of the list", "admit.go", " && !slices.Contains(spec.Delivery.Members, id)", "", admitting},
		{"no reset without a list", "admit.go", "if spec.Delivery.AllowReset && len(spec.Delivery.Members) == 0 {", "if false {", admitting},
		{"a start where data is", "admit.go", "if seen.Present && !reset && !repeated", "if false && !repeated", admitting},
		{"the same start again", "admit.go", " && !repeated(spec, seen)", "", admitting},
		{"the expected member is let be", "admit.go", " && !expectedMember(spec, seen)", "", admitting},
		{"new where the cluster is", "admit.go", "if s.Latch.ClusterID != \"\" && !seen.Present {", "if false {", admitting},
		{"only latched seeds begin", "admit.go", "if !ok || own.Name != spec.Etcd.Name {", "if !ok && own.Name != own.Name {", admitting},
		{"with the latched token", "admit.go", "spec.Etcd.Initial.Token != seeds.Token || ", "", admitting},
		{"with the latched members", "admit.go", " || !slices.Equal(latched, given)", "", admitting},
		{"data that is lost", "admit.go", "return !present && (m.Started || m.StartedNew && (m.Token == \"\" || m.Token != mark))", "return false", admitting},
		{"data that nobody has seen may be lost, too", "admit.go", "m.StartedNew && (m.Token == \"\" || m.Token != mark)", "false", admitting},
		{"a mark of another cluster is none", "admit.go", " || m.Token != mark)", ")", admitting},
		{"no mark at all is none", "admit.go", "(m.Token == \"\" || m", "(false || m", admitting},
		{"only a cluster that was given up is outlived", "admit.go", " && s.Latch.Seeds.Token != token", "", admitting},
		{"no start without certificates", "serve.go", "if err := a.trusted(); err != nil {", "if err := a.trusted(); err != nil && false {", applying},
		{"a unit without data is told how to begin", "serve.go", "if !a.data.Present && a.spec.Etcd.Initial == nil {\n\t\treturn nil", "if false {\n\t\treturn nil", applying},
		{"whom the process trusts is recorded before the bundle changes", "configure.go", "a.record.Process = withAuthorities(a.record.Process, a.record.Config, pki.Fingerprints(disk))", "_ = pki.Fingerprints(disk)", restarting},
		{"it trusts what is on disk while it runs with that", "process.go", "p.Hash != \"\" && p.Hash == onDisk.Hash {", "false {", restarting},
		{"and not what is on disk only", "process.go", "p.Hash != \"\" && p.Hash == onDisk.Hash {", "true {", restarting},
		{"what is to be stopped is not started", "serve.go", "if a.spec.Service.State != v1alpha1.ServiceRunning {", "if false {", applying},
		{"a crashed member is left to systemd", "serve.go", "case state.Waits() && a.hasRun():", "case false:", restarting},
		{"no restart without permission", "serve.go", "case outdated(a.record) && a.spec.Delivery.AllowRestart:", "case outdated(a.record):", restarting},
		{"a restart behind CanStop", "serve.go", "err := may(cluster.Look(held, endpoints)); err != nil", "err := may(cluster.Look(held, endpoints)); err != nil && false", restarting},
		{"a restart only while the lock is held", "serve.go", "if err := etcdops.Fenced(ctx); err != nil {", "if err := etcdops.Fenced(ctx); err != nil && false {", "TestRestartIsNot"},
		{"a change of snapd's is waited for", "install.go", "if !change.Ready {", "if false {", applying},
		{"a change that failed is reported", "install.go", "return change.Failed()", "return nil", applying},
		{"a timer that is right is left", "install.go", "text == *want", "text == *want+text", "TestRefreshTimer"},
		{"nothing is stopped that is down", "install.go", "return !enabled && state.Down(), nil", "return !enabled && state.Down() && false, nil", applying},
		{"a halt needs a phase", "halted.go", "if !spec.NeedsPhase() {", "if true {", halting},
		{"a halt is held against the committed latch", "halted.go", "s.Latch.Permits(spec.Delivery.Under); err != nil", "s.Latch.Permits(spec.Delivery.Under); err != nil && false", halting},
		{"only what is to be halted is", "halted.go", "if a.spec.Service.State != v1alpha1.ServiceHalted {\n\t\treturn nil", "if a.spec.Service.State == v1alpha1.ServiceHalted {\n\t\treturn nil", halting},
		{"what is halted is left", "halted.go", "err != nil || off {", "err != nil || off && false {", halting},
		{"no halt while snapd is at the snap", "halted.go", "if len(doing) > 0 {", "if false {", halting},
		{"a halt waits for who holds the lock", "halted.go", "errors.Is(err, etcdops.ErrLocked), ", "", halting},
		{"a halt does not pass by a lock that somebody may hold", "halted.go", ", lockable(cluster.Look(ctx, endpoints)):", ":", halting},
		{"without a quorum nobody holds a lock", "halted.go", "return v.Listed && ", "return ", halting},
		{"a cluster with an alarm takes no lock", "halted.go", " && len(v.Alarms) == 0", "", halting},
		{"a machine that slept halts nothing", "halted.go", "late != nil {", "late != nil && false {", halting},
		{"a service that does not stop is reported", "halted.go", "if err == nil && !off {", "if err == nil && !off && false {", halting},
		{"what is to be halted is", "apply.go", "steps := []func(context.Context) error{a.halt}", "var steps []func(context.Context) error", halting},
		{"data that was seen must never be missing again", "apply.go", "m.Started = true\n", "", applying},
		{"no revision twice", "restore.go", "Before: a.reached(ctx)", "Before: 0", "TestARestoreIsAbove"},
		{"another cluster's revision", "restore_reached.go", "h.Fault != etcdops.FaultOtherID", "h.Fault != etcdops.FaultOther", "TestARestoreIsAbove"},
		{"no restore beside other members", "restore.go", "if !a.data.Present || len(view.Members) != 1 || view.Members[0].ID != a.data.Member {", "if false {", restoring},
		{"no restore beside one that is added meanwhile", "restore.go", "if len(view.Members) != 1 || view.Members[0].ID != a.data.Member {\n\t\t\treturn errors", "if _ = view; false {\n\t\t\treturn errors", restoring},
		{"restored data is there", "restore.go", "case err == nil && !made.Present:", "case false:", restoring},
		{"restored data is another cluster's", "restore.go", "case err == nil && a.data.Present && made.Cluster == a.data.Cluster:", "case false:", restoring},
		{"one restore at a time", "restore.go", "if r := a.record.Restore; r != nil && !r.Done && !r.Asked {", "if r := a.record.Restore; r != nil && false {", restoring},
		{"what is ready is for one task", "restore_asked.go", " && strconv.FormatInt(r.Restore.Task, 10) == spec.Etcd.Restore.ID", "", restoring},
		{"what is not ready is not restored", "restore_asked.go", "if want == nil || isStaged(spec, seen.Record) ||", "if true || want == nil || isStaged(spec, seen.Record) ||", restoring},
		{"what is restored is expected", "admit.go", " || isRestored(spec, seen)", "", restoring},
		{"what is not restored yet is not", "restore_asked.go", "return isStaged(spec, seen.Record) && seen.Cluster == seen.Record.Restore.Member.ClusterID", "return isStaged(spec, seen.Record)", restoring},
		{"a restore runs, its way back does not", "admit.go", "r.Back != (spec.Service.State == v1alpha1.ServiceHalted) || ", "", restoring},
		{"the restored cluster answers", "restore.go", "!view.Listed || view.ClusterID.String() != want.ClusterID || len(view.Members) != 1", "false", restoring},
		{"attached storage is not restored to", "restore.go", "case strings.HasPrefix(t.data.Dir, attached):", "case false:", restoring},
		{"an etcd that runs with the data of before is left alone", "restore_resume.go", "if !here.Present || here.Cluster.String() == r.Member.ClusterID {", "if true {", restoring},
		{"what a killed restore has left is removed", "restore_resume.go", "err = errors.Join(err, os.RemoveAll(dir))", "_ = dir", "TestWhatAKilledRestore"},
		{"what is recorded of a restore is not removed", "restore_resume.go", "t.taken != nil || t.record.Restore != nil {", "t.taken != nil {", "TestWhatAKilledRestore"},
		{"a restore is recorded before etcd is stopped", "restore.go", "a.record.Restore.From, a.record.Restore.Before = a.data.Cluster.String(), remembered(a.record.Member, a.data)\n\t}\n\treturn a.m.remember(&a.record)", "a.record.Restore.From, a.record.Restore.Before = a.data.Cluster.String(), remembered(a.record.Member, a.data)\n\t}\n\treturn nil", restoring},
		{"a way back is recorded until it is gone", "restore_resume.go", "	a.record.Member = r.Before\n", "	a.record.Member, a.record.Restore = r.Before, nil\n", restoring},
		{"v2: up to 3.5", "snapshot_v2.go", "version.Minor > lastV2", "version.Minor > lastV2+9", "V2KeysAreNothing"},
		{"v2: a snapshot of what is served", "snapshot_v2.go", " || !t.record.Spec.Etcd.EnableV2:", ":", "V2KeysOfARealEtcd/3.5"},
		{"v2: nothing is left of it", "snapshot_v2.go", "defer func() { _ = os.RemoveAll(private) }()", "", "V2KeysOfARealEtcd/3.5"},
		{"v2: other units serve it", "restore_v2.go", "if r.Others && !a.spec.Etcd.EnableV2 {", "if false {", "V2KeysOfARealEtcd/3.5"},
		{"v2: no other member", "restore_v2.go", "lock, err := a.alone(ctx)", "lock, err := true, error(nil)", "V2KeysOfARealEtcd/3.5"},
		{"v2: who was killed has not restarted", "restore_v2.go", " && a.record.Process.Read.Config == a.spec.ReadAtStart().Config", "", "V2KeysOfARealEtcd/3.4"},
		{"v2: the archive's etcd is ended", "restore_v2.go", "err = errors.Join(err, m.ClearDrill())", "err = errors.Join(err)", "V2KeysOfARealEtcd/3.5"},
		{"v2: of etcd 2, too", "../snapshot/unpack.go", "if err != nil || len(snaps) == 0 {", "if true {", "V2KeysOfARealEtcd/3.5"},
		{"v2: it goes with the cluster", "restore.go", "a.spec.Etcd.EnableV2 = false", "_ = a", "V2KeysOfARealEtcd/3.5"},
		{"v2: and comes back with it", "restore_resume.go", "a.spec.Etcd.EnableV2 = a.record.Restore.V2", "_ = a", "V2KeysOfARealEtcd/3.5"},
		{"a restore whose data is gone is forgotten", "restore_resume.go", "case r.Done && here.Present && here.Cluster.String() == r.Member.ClusterID:", "case r.Done && r.Task != 0:", restoring},
	})
}

//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package actions_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"no half credentials", "credentials.go", "c.Certificate == \"\" || c.Key == \"\":", "c.Certificate == \"\":", "HalfCredentials"},
		{"nor without a CA", "credentials.go", "case c.CA == \"\" || ", "case ", "HalfCredentials"},
		{"nor without endpoints", "credentials.go", "len(last.Clients.Endpoints) == 0:", "false:", "HalfCredentials"},
		{"what is packed is for its owner", "archive.go", "Mode: 0o600,", "Mode: 0o644,", "ClientCredentials"},
		{"no secret of the machine", "debug.go", "packed{d.Name, redacted(d.Text)}", "packed{d.Name, d.Text}", "NoSecret"},
		{"no secret of etcd", "debug.go", "packed{f.name, redacted(f.text)}", "packed{f.name, f.text}", "NoSecret"},
		{"no key that was cut off", "redact.go", "|\\z)`), noKey}", ")`), noKey}", "NoSecret"},
		{"no end of a key", "redact.go", `(?s)\A.*-----END`, `(?s)\A.*----- END`, "NoSecret"},
		{"no password in an URL", "redact.go", `(://)[^\s/@`, `(:///)[^\s/@`, "NoSecret"},
		{"no token in an URL", "redact.go", `|token|signature|`, `|signature|`, "NoSecret"},
		{"unknown alarms are not none", "space.go", "case view.AlarmsErr != \"\":", "case false:", "Alarms"},
		{"nor those of who does not answer", "space.go", "case !view.Listed:", "case false:", "Alarms"},
		{"a useless disarm says what helps", "space.go", "case errors.Is(err, etcdops.ErrNoRoom):", "case false:", "Disarm"},
		{"only what nobody named may be compacted already", "space.go", "revision == 0 && errors", "errors", "Compaction"},
		{"a revision is a number", "../hooktool/action.go", "if err != nil || number < 1 {", "if err != nil {", "Compaction"},
		{"a secret has a name of Juju's", "../hooktool/secret.go", "if SecretID(uri) == \"\" {", "if false {", "TheStoreIsListed"},
		{"of any size", "../hooktool/action.go", "decoder.UseNumber()", "_ = decoder", "Compaction"},
		{"keys of the v2 API are others", "snapshot.go", "taken, err = a.machine.TakeV2Snapshot(ctx, s)", "taken, behind, err = a.machine.TakeSnapshot(ctx, s)", "OfTheV2Keys"},
		{"keys that are none", "snapshot.go", "err = errors.New(\"keys-version must be either v2 or v3\")", "_ = errors.ErrUnsupported", "OfTheV2Keys"},
		{"v2 keys are not given up unasked", "restore_v2.go", "case request.replace != id:", "case false:", "AV3Archive"},
		{"v2: nor by the worker", "worker.go", "if o.NotV3 != \"\" {", "if false {", "AV3Archive"},
		{"v2: others keep what they have", "restore_v2.go", "return a.mayReplace(ctx, here, request)", "return nil", "AV3Archive"},
		{"v2: the latch tells of it", "restore_v2.go", "if err := a.latchV2(ctx, here); err != nil {", "if err := error(nil); err != nil {", "V2KeysAreAdded"},
		{"v2: the data stays", "worker.go", "if archive.Form == snapshot.FormV2 {\n\t\treturn", "if false {\n\t\treturn", "V2KeysAreAdded"},
		{"a list that fits", "snapshots.go", "< hooktool.MaxResult-1024 {", "> hooktool.MaxResult-1<<40 {", "SnapshotsAreListed"},
		{"what waits is not lost", "record.go", "case waits && before.Kind != name", "case waits && name == \"\"", ""},
		{"nor to one that gives the cluster up", "record.go", "!(k.givesUp && latch.Ends())", "!k.givesUp", ""},
		{"what has ended holds nothing up", "record.go", "!(k.givesUp && latch.Ends())", "true", ""},
		{"what was handled is not asked again", "record.go", "case task <= handled, before", "case before", ""},
		{"an older task is not recorded", "record.go", ", before != nil && task <= before.Task:", ":", ""},
		{"nothing is asked of what was not born", "record.go", "case latch.ClusterID == \"\":", "case false:", ""},
		{"facts come first", "record.go", "if p.None() {", "if false {", ""},
		{"a journal beyond us is not gone on with", "kinds.go", "return \"\", err, nil\n\t\t\t}\n\t\t\treturn subject", "_ = err\n\t\t\t}\n\t\t\treturn subject", ""},
		{"the cluster is named", "kinds.go", "case id != latch.ClusterID:", "case false:", ""},
		{"data is not given up", "kinds.go", "case machine.Member.Present:", "case machine.Member.Present && false:", ""},
		{"no restore that would lock the charm out", "worker.go", "archive.Auth && !o.DisableAuth", "false", "ARestoreThatCannot"},
		{"no restore beside other units", "restore.go", "case len(here.others) > 0 && !here.latch.V2():", "case false:", "ARestoreThatCannot"},
		{"a quorum is not replaced unnamed", "restore.go", "case view.Listed && request.replace == \"\":", "case view.Listed && request.replace == \"none\":", "ARestoreThatCannot"},
		{"a cluster is replaced by its own name", "restore.go", "case request.replace != \"\" && request.replace != here.latch.ClusterID:", "case false:", "ARestoreThatCannot"},
		{"a restore whose program died is ended", "restore.go", "case errors.Is(err, detached.ErrDied) && !order.Stage:", "case false:", "WhoseProgramDies"},
		{"what is made ready for the controller is not put in its place", "restore.go", "detached.ErrDied) && !order.Stage", "detached.ErrDied) && order.Task > 0", "WhoseProgramDies"},
		{"others keep what they have", "restore.go", "Stage: len(place.others) > 0,", "Stage: false,", "ARestoreBeside"},
		{"no restore beside a procedure", "restore.go", "case len(entries) > 0:", "case false:", "ARestoreThatCannot"},
		{"no restore by another than the leader", "restore.go", "case len(here.others) == 0 && !leader:", "case len(here.others) == 0 && !leader && a.run == nil:", "ARestoreThatCannot"},
		{"no restore in the place of what has come since", "restore.go", "From: restored.Latched", "From: latch.ClusterID", "ARestoreTakesThePlace"},
		{"the facts tell of a restore with the latch", "restore.go", "facts.Member, facts.Running, facts.RestartPending = now.Member, now.Running, now.RestartPending", "_ = now", "ARestoreIsLatched"},
	})
}

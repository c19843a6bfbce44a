//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package charm_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

// Tests that miss the guards below: the others would find nothing more, and take their time.
const (
	delivering = "Refused|Unreadable|Leader|SecondIdentical|Ports|CannotBePrepared|OnlyAReconcile|ToolThatFails|Latch|Ops|NewerDaemon"
	leaving    = "LeavingUnit|JustJoined|WithoutAMember"
	certifying = "Certificate|Offer|Answer|Provider|Request|Refusals|Key|CharmPain|CharmDefect|Peers|SeveralUnits|Client"
	showing    = "Status|Record|Health|Shown"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"another unit's delivery", "reconcile.go", "if spec.Unit != a.run.Env.Unit || spec.ModelUUID", "if spec.ModelUUID", delivering},
		{"another model's delivery", "reconcile.go", "|| spec.ModelUUID != a.run.Env.ModelUUID {", "{", delivering},
		{"a refused delivery settles nothing", "reconcile.go", "if status.Outcome != v1alpha1.OutcomeRefused {", "if true {", delivering},
		{"a refused delivery writes nothing in Juju", "reconcile.go", "if status.Outcome == v1alpha1.OutcomeRefused {", "if false {", delivering},
		{"ops write nothing in Juju", "reconcile.go", "if len(spec.Ops) > 0 {", "if false {", delivering},
		{"ports are set alone", "reconcile.go", "case !due.none() && (a.run.Tools.Pending() > 0 || p.Differ(*status.Facts)):", "case false:", delivering},
		{"no ports beside the latch", "reconcile.go", ", !due.none() && spec.Latch != nil:", ":", delivering},
		{"what was not applied is not marked so", "reconcile.go", "case status.Outcome != v1alpha1.OutcomeApplied, ", "case ", delivering},
		{"only the Juju leader writes the latch", "latch.go", "if !leader {", "if false {", delivering},
		{"the machine judges by what Juju has committed", "latch.go", "judged := latch\n", "judged := next\n", delivering},
		{"a granted claim is judged by", "latch.go", "judged.Epoch = next.Epoch", "_ = next.Epoch", delivering},
		{"the application's word is the leader's", "status.go", "if word.Application == nil || !leader {", "if word.Application == nil {", delivering + "|" + showing},
		{"no word twice", "status.go", "shown, err := a.run.Tools.Status(ctx)\n\tif err != nil || shown == want {", "shown, err := a.run.Tools.Status(ctx)\n\tif err != nil || shown.State == \"none\" {", delivering + "|" + showing},
		{"no word of the application twice", "status.go", "shown, err := a.run.Tools.ApplicationStatus(ctx)\n\tif err != nil || shown == want {", "shown, err := a.run.Tools.ApplicationStatus(ctx)\n\tif err != nil || shown.State == \"none\" {", delivering + "|" + showing},
		{"a channel that a person has named", "status.go", "return err == nil && (option == \"\" || option == \"auto\")", "_ = option\n\treturn err == nil", showing},
		{"a unit that never started asks nobody", "stop.go", "err == nil && !facts.Member.Started && !facts.Member.Present {", "err != nil && facts.Member.Started {", leaving},
		{"the last ones go", "stop.go", "if last == nil || a.everyoneLeaves(ctx) {", "if last == nil {", leaving},
		{"one that stays is not the last", "stop.go", "unit != a.run.Env.Unit && state != \"dying\" && state != \"dead\"", "unit == \"\" && state == \"\"", leaving},
		{"a list that is missing removes nobody", "stop.go", "if !view.Listed {\n\t\treturn false", "if false {\n\t\treturn false", leaving},
		{"the last member stays", "stop.go", "return !found || len(view.Members) == 1", "return !found", leaving},
		{"the controller goes first", "stop.go", "if !a.run.Now().Before(deadline) {", "if !deadline.IsZero() {", leaving},
		{"behind the guard", "stop.go", "err := etcdops.CanRemove(view, member.ID); err != nil", "err := etcdops.CanRemove(view, member.ID); err != nil && false", leaving},
		{"only while the lock is held", "stop.go", "if err := etcdops.Fenced(ctx); err != nil {", "if err := etcdops.Fenced(ctx); err != nil && false {", leaving + "|Lock|Paused"},
		{"the others are asked", "stop.go", "last.Clients.Members, ", "", leaving},
		{"a renewal is asked for once", "certificates/classic.go", " || bag[keyServerRenewal] == why {", " {", certifying},
		{"leaves of another authority are not taken", "certificates/choice.go", "strange = len(trusted) > 0", "strange = false", certifying},
		{"who is set aside is not asked", "certificates/choice.go", "c.aside = append(c.aside, s.relation)", "_ = s.relation", certifying + "|Authority"},
		{"no secret but the store's is read", "hook.go", "hooktool.SecretID(provider.SecretURI()) != id {", "false {", "TheStoresSecret"},
		{"clients are given all or nothing", "clients.go", "err != nil || !complete(shared)", "err != nil", certifying},
		{"nothing is published before there is a list", "clients.go", "if last == nil || len(last.Clients.Endpoints) == 0 {", "if last == nil {", certifying},
		{"v2 keys are latched by a hook", "restore.go", "if err := a.followV2(ctx); err != nil {", "if err := error(nil); err != nil {", "AHookLatchesV2"},
		{"those of the cluster that is latched", "actions/restore_v2.go", "latch.V2() || latch.ClusterID != keys.Cluster", "latch.V2()", "AHookLatchesV2"},
	})
}

package charm_test

import (
	"errors"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
)

// TestAHookEndsARestoreWhoseActionHasNot: the latch follows, written by the Juju leader alone and in
// the place of the cluster that was there then; what the machine went back from is not latched. No
// hook fails for it, and the record forgets it only when the latch tells of it.
func TestAHookEndsARestoreWhoseActionHasNot(t *testing.T) {
	const restored = "00000000000000d1"
	for _, c := range []struct {
		name    string
		change  func(b *bench)
		latched string
	}{
		{"by the leader", func(*bench) {}, restored},
		{"not by another unit", func(b *bench) { b.juju.Leader = false }, aCluster},
		{"not in the place of what has come since", func(b *bench) { b.machine.restored.Latched = "00000000000000ff" }, aCluster},
		{"not one that was gone back from", func(b *bench) { b.machine.restored = machine.Restored{} }, aCluster},
		{"not where the latch cannot be read", func(b *bench) { b.juju.Bags["cluster:0 etcd"][v1alpha1.LatchEpochKey] = "{" }, aCluster},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.latch()
			b.juju.Leader = true
			b.machine.unfinished = &record.Restore{Task: 7}
			b.machine.restored = machine.Restored{From: aCluster, Latched: aCluster, To: restored, Token: "token-restored-7", Name: "etcd0",
				PeerURL: "https://10.0.0.4:2380"}
			c.change(b)
			b.hook("update-status")
			if got := b.juju.Bags["cluster:0 etcd"][v1alpha1.LatchClusterIDKey]; got != c.latched {
				t.Errorf("latched is %s, want %s", got, c.latched)
			}
			if b.machine.unfinished == nil {
				t.Error("it is forgotten before Juju has committed the latch")
			}
			b.hook("update-status")
			if forgotten := b.machine.unfinished == nil; forgotten != (c.latched == restored) {
				t.Errorf("forgotten: %t", forgotten)
			}
		})
	}
}

// TestAHookLatchesV2KeysWhoseActionHasNot: without it a channel of etcd 3.6 would be taken, which does
// not start on them.
func TestAHookLatchesV2KeysWhoseActionHasNot(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(b *bench)
		latched bool
	}{
		{"by the leader", func(*bench) {}, true},
		{"not by another unit", func(b *bench) { b.juju.Leader = false }, false},
		{"not of a cluster that is gone", func(b *bench) { b.machine.v2.Cluster = "00000000000000ff" }, false},
		{"not where the latch cannot be read", func(b *bench) { b.juju.Bags["cluster:0 etcd"][v1alpha1.LatchEpochKey] = "{" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.latch()
			b.juju.Leader = true
			b.machine.v2 = &record.V2{Task: 7, Cluster: aCluster}
			c.change(b)
			gone := b.machine.v2.Cluster != aCluster
			b.hook("update-status")
			stamps := b.juju.Bags["cluster:0 etcd"][v1alpha1.LatchStampsKey]
			if has := strings.Contains(stamps, v1alpha1.StampV2(aCluster)); has != c.latched {
				t.Errorf("the stamps are %s", stamps)
			}
			if b.machine.v2 == nil != gone {
				t.Error("they are forgotten before Juju has committed the latch")
			}
			b.hook("update-status")
			if forgotten := b.machine.v2 == nil; forgotten != (c.latched || gone) {
				t.Errorf("forgotten: %t", forgotten)
			}
		})
	}
}

// TestARestoreThatTheControllerWasAskedForIsTheControllers: no hook ends it, or takes it back. It is
// forgotten when it was seen to, and is not under way any more.
func TestARestoreThatTheControllerWasAskedForIsTheControllers(t *testing.T) {
	for _, c := range []struct {
		name, handled, journal string
		forgotten              bool
	}{
		{"nobody has seen to it", "", "", false},
		{"an earlier one was seen to", `{"etcd/0":6}`, "", false},
		{"it is under way", `{"etcd/0":7}`, `[{"procedure":"restore","phase":"stop","id":"7","seq":1,"since":null}]`, false},
		{"a newer daemon's journal", `{"etcd/0":7}`, `[{"more":1}]`, false},
		{"a latch that cannot be read", "{", "", false},
		{"another procedure is under way", `{"etcd/0":7}`, `[{"procedure":"CA rotation","phase":"trust","id":"8","seq":1,"since":null}]`, true},
		{"it is over", `{"etcd/0":7}`, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.latch()
			b.juju.Leader = true
			b.machine.unfinished = &record.Restore{Task: 7, Asked: true}
			b.machine.restored = machine.Restored{From: aCluster, Latched: aCluster, To: "00000000000000d1", Token: "t"}
			bag := b.juju.Bags["cluster:0 etcd"]
			bag[v1alpha1.LatchHandledKey], bag[v1alpha1.LatchJournalKey] = c.handled, c.journal
			b.hook("update-status")
			if got := bag[v1alpha1.LatchClusterIDKey]; got != aCluster {
				t.Errorf("a hook has latched %s", got)
			}
			if forgotten := b.machine.unfinished == nil; forgotten != c.forgotten {
				t.Errorf("forgotten: %t", forgotten)
			}
		})
	}
}

// TestEveryHookClearsAwayWhatDrillsAndRestoresHaveLeft, and one that cannot fails for it no more than for a full disk.
func TestEveryHookClearsAwayWhatDrillsAndRestoresHaveLeft(t *testing.T) {
	b := newBench(t)
	b.machine.uncleared = errors.New("cannot remove it")
	b.hook("update-status")
	b.hook("config-changed")
	if b.machine.cleared != 2*2 {
		t.Errorf("cleared %d times", b.machine.cleared)
	}
}

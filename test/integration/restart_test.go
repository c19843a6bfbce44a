//go:build integration

package integration

import (
	"strings"
	"testing"

	"jujuetcd.io/test/rig"
)

// TestARollingRestartRestartsEachMemberOnce: one action restarts all members, each once, under
// writes. How long it holds them up is reported beside what a careful person takes who restarts the
// same members by hand, in the same run. Another one has them all defragment their databases.
func TestARollingRestartRestartsEachMemberOnce(t *testing.T) {
	w := begin(t, "--update-status", "5s", jujusDelays)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	units := []string{"etcd/0", "etcd/1", "etcd/2"}
	config, endpoints := w.serving()

	starts, processes := w.starts(), w.processes(t)
	writer := w.write()
	quiet := len(w.Log("jujuetcd"))
	w.juju("run", "etcd/1", "restart")
	eventuallyStarts(t, w, starts, 1)
	w.settledOptions(t)
	w.await(rig.Healthy("etcd", 3))
	phases := w.phases(quiet)
	asked := writer.VerifyNoneLost()
	once(t, w, starts)
	before := strings.Split(processes, "; ")
	for i, now := range strings.Split(w.processes(t), "; ") {
		if now == before[i] {
			t.Errorf("it is still the process %s", now)
		}
	}

	writer = w.write()
	starts = w.starts()
	for _, unit := range units {
		w.juju("exec", "--unit", unit, "--", "systemctl", "restart", "snap.etcd.etcd")
		// Whoever goes on before that member serves again stops a second one of three.
		eventually(w.ctx, t, "all members serve", func() bool { return rig.ThroughEach(w.ctx, config, endpoints) == nil })
	}
	byHand := writer.VerifyNoneLost()
	once(t, w, starts)
	t.Logf("longest gap between two acknowledged writes: %d ms by the action, %d ms by hand", asked.LongestGap.Milliseconds(), byHand.LongestGap.Milliseconds())
	t.Logf("by the action: %s\n%s", asked, phases)
	t.Logf("by hand: %s", byHand)

	defragments(t, w, config, endpoints)

	// What was seen to is not seen to again.
	w.settledOptions(t)
	w.await(rig.Healthy("etcd", 3))
	still := w.processes(t)
	w.juju("config", "etcd", "extra_sans=etcd.example.com")
	w.settledOptions(t)
	if now := w.processes(t); now != still {
		t.Errorf("restarted again: %s, before %s", now, still)
	}
	if n := len(w.defragmented()); n != 3 {
		t.Errorf("defragmented again: %d times", n)
	}
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
}

// once fails the test unless each member was started once since then.
func once(t *testing.T, w *world, before map[string]int) {
	t.Helper()
	for unit, n := range w.starts() {
		if got := n - before[unit]; got != 1 {
			t.Errorf("%s was started %d times, not once", unit, got)
		}
	}
}

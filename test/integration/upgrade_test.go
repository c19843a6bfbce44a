//go:build integration

package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// A new revision of the charm in a running cluster restarts nothing: the same processes serve, and no write is lost.
func TestARefreshOfTheCharmRestartsNothing(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	config, endpoints := w.client()
	writer := etcdtest.StartWriter(t, config, endpoints)
	before := w.processes(t)

	was := w.juju("status", "--format", "json")
	w.juju("refresh", "etcd", "--path", filepath.Join(w.Root, "dist/etcd.charm"))
	w.eventually(t, "every unit has run the hook upgrade-charm", func() bool {
		log := w.juju("debug-log", "--replay", "--no-tail")
		for _, unit := range []string{"etcd/0", "etcd/1", "etcd/2"} {
			ran := false
			for _, line := range strings.Split(log, "\n") {
				ran = ran || strings.Contains(line, "upgrade-charm") && strings.Contains(line, strings.ReplaceAll(unit, "/", "-"))
			}
			if !ran {
				return false
			}
		}
		return true
	})
	w.await(rig.Healthy("etcd", 3))
	w.eventually(t, "the cluster is settled", func() bool { return w.cluster(w.Socket()).Status.Phase == "Steady" })

	if after := w.processes(t); after != before {
		t.Errorf("the processes were %s and are %s", before, after)
	}
	if now := w.juju("status", "--format", "json"); charmOf(now) == charmOf(was) {
		t.Errorf("the charm is still %s: nothing was refreshed", charmOf(now))
	}
	t.Log(writer.VerifyNoneLost())
}

// processes are the units' etcd processes.
func (w *world) processes(t *testing.T) string {
	t.Helper()
	var all []string
	for _, unit := range []string{"etcd/0", "etcd/1", "etcd/2"} {
		out := w.juju("exec", "--unit", unit, "--", "systemctl", "show", "--property=MainPID,NRestarts", "snap.etcd.etcd")
		all = append(all, unit+" "+strings.Join(strings.Fields(out), " "))
	}
	return strings.Join(all, "; ")
}

// charmOf is the charm's URL in a status.
func charmOf(status string) string {
	_, rest, _ := strings.Cut(status, `local:etcd-`)
	number, _, _ := strings.Cut(rest, `"`)
	return "local:etcd-" + number
}

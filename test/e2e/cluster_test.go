//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/test/e2e/nspawn"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// The life of one cluster on real machines, in the order in which things happen to it. Machine 0 is the certificate authority's;
// machine n has unit etcd/(n-1).
func TestAClusterLivesOnRealMachines(t *testing.T) {
	began := time.Now()
	w := begin(t)
	t.Logf("jujusim and a certificate authority: %.1f s", time.Since(began).Seconds())
	must(t, w.StartDaemon("jujuetcd", w.password, "admin/demo"))

	w.bornTogether()
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))
	writer := etcdtest.StartWriter(t, config, endpoints)
	w.asTheFilesSay()
	w.outlives()
	w.killed()
	w.linkCut()
	w.powerCut()
	w.grows()
	_, all := w.client()
	writer.SetEndpoints(all...)
	t.Logf("while all of this happened: %s", writer.VerifyNoneLost())
	w.wiped()
	t.Logf("all of it: %.1f s", time.Since(began).Seconds())
}

// bornTogether: three machines boot, snapd installs etcd from the charm's resource, certificates come, and three members start
// together.
func (w *world) bornTogether() {
	w.t.Helper()
	began := time.Now()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "-n", "3")
	w.juju("integrate", "etcd", "easyrsa")
	w.await(healthy(3))
	w.t.Logf("three machines booted, etcd installed and started as three: %.1f s", time.Since(began).Seconds())
}

// asTheFilesSay: what snapd and systemd say of the service is what pkg/machine has made of it.
func (w *world) asTheFilesSay() {
	w.t.Helper()
	for n := 1; n <= 3; n++ {
		if list := w.mustOn(n, "snap", "list", "etcd"); !strings.Contains(list, "x1") {
			w.t.Errorf("machine %d: the snap is not the charm's resource: %s", n, list)
		}
		for name, want := range map[string]string{
			"ActiveState": "active", "RestartUSec": "10s", "StartLimitIntervalUSec": "0", "UnitFileState": "enabled", "NRestarts": "0",
		} {
			if got := w.property(w.ctx, n, name); got != want {
				w.t.Errorf("machine %d: %s of the service is %q, not %q", n, name, got, want)
			}
		}
		if unit := w.mustOn(n, "systemctl", "cat", service); !strings.Contains(unit, "\nConditionPathExists="+machine.DataDir+"/member/wal") {
			w.t.Errorf("machine %d: the service does not require its data:\n%s", n, unit)
		}
		if mode := w.mustOn(n, "stat", "-L", "-c", "%a", machine.CommonDir+"/server.key"); mode != "600" {
			w.t.Errorf("machine %d: the server's key has mode %s", n, mode)
		}
	}
}

// outlives: what a restore does is done by systemd, and what the charm builds on is so: the unit runs on when who
// began it is told to end, and a lock on its standard input is held for as long as it runs.
func (w *world) outlives() {
	w.t.Helper()
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(w.t, err)
	defer client.Close()
	list, err := client.MemberList(w.ctx)
	must(w.t, err)
	out, err := w.Juju(w.ctx, "run", "etcd/0", "restore", "snapshot=/home/ubuntu/missing.db", fmt.Sprintf("replace=%016x", list.Header.ClusterId))
	if err == nil || !strings.Contains(out+err.Error(), "verifying /home/ubuntu/missing.db") || !strings.Contains(out+err.Error(), "no such file") {
		w.t.Errorf("a restore of a file that is not there: %v, %s", err, out)
	}
	const script = `set -e
		exec 9<>/tmp/order; flock -n 9
		systemd-run --quiet --pipe --wait --collect --service-type=exec --unit=outlives --property=TimeoutStopSec=150s sleep 60 <&9 & caller=$!
		until systemctl is-active -q outlives; do sleep 0.1; done
		exec 9>&-
		kill -TERM $caller; wait $caller || true
		systemctl is-active outlives; flock -n /tmp/order true || echo locked
		systemctl stop outlives; flock -n /tmp/order echo free`
	if got := w.mustOn(1, "bash", "-c", script); got != "active\nlocked\nfree" {
		w.t.Errorf("systemd-run does what the charm does not reckon with: %q", got)
	}
}

// killed: systemd starts a killed member again after the charm's 10 s, not earlier.
func (w *world) killed() {
	w.t.Helper()
	pid := w.property(w.ctx, 1, "MainPID")
	began := time.Now()
	w.mustOn(1, "sh", "-c", "kill -9 "+pid)
	w.awaitTrue("systemd to start etcd again", func(ctx context.Context) bool {
		now := w.property(ctx, 1, "MainPID")
		return now != "" && now != "0" && now != pid
	})
	took := time.Since(began)
	if took < 9*time.Second {
		w.t.Errorf("systemd started etcd again after %s: a crash would not be seen", took)
	}
	w.await(healthy(3))
	w.t.Logf("kill -9: started by systemd after %.1f s, three healthy after %.1f s", took.Seconds(), time.Since(began).Seconds())
}

// linkCut: a machine without network is told, the others go on, and it comes back with the link.
func (w *world) linkCut() {
	w.t.Helper()
	began := time.Now()
	must(w.t, nspawn.SetLink(w.ctx, "n3", false))
	w.await(rig.ApplicationShows("etcd", "active", "2 of 3 healthy"))
	seen := time.Since(began)
	healed := time.Now()
	must(w.t, nspawn.SetLink(w.ctx, "n3", true))
	w.await(healthy(3))
	w.t.Logf("link cut: told after %.1f s; three healthy %.1f s after it was healed", seen.Seconds(), time.Since(healed).Seconds())
}

// powerCut: a machine that loses its power comes back with its member.
func (w *world) powerCut() {
	w.t.Helper()
	member := w.mustOn(2, "ls", machine.DataDir+"/member/wal")
	status, err := w.Status(w.ctx)
	must(w.t, err)
	began := time.Now()
	w.juju("fault", "stop-machine", "2")
	w.await(rig.ApplicationShows("etcd", "active", "2 of 3 healthy"))
	seen := time.Since(began)
	back := time.Now()
	w.juju("fault", "start-machine", "2")
	w.await(healthy(3))
	// Where it was the Juju leader, its 30 s of leadership must be over before another unit may tell.
	w.t.Logf("power cut of etcd/1 (Juju leader: %s): told after %.1f s; three healthy %.1f s after the power was back",
		status.Leader("etcd"), seen.Seconds(), time.Since(back).Seconds())
	if now := w.mustOn(2, "ls", machine.DataDir+"/member/wal"); !strings.Contains(now, strings.Fields(member)[0]) {
		w.t.Errorf("the member began anew: its log was %s and is %s", member, now)
	}
}

// grows: a fourth machine joins as a learner and is promoted.
func (w *world) grows() {
	w.t.Helper()
	began := time.Now()
	w.juju("add-unit", "etcd")
	w.await(healthy(4))
	w.t.Logf("a fourth machine booted and joined: %.1f s", time.Since(began).Seconds())
}

// wiped: a member whose data is gone is never started again under its old identity; systemd itself refuses.
func (w *world) wiped() {
	w.t.Helper()
	w.KillDaemon() // nobody but systemd is to decide
	began := time.Now()
	w.mustOn(1, "sh", "-c", "rm -rf "+machine.DataDir+"/member && kill -9 "+w.property(w.ctx, 1, "MainPID"))
	w.awaitTrue("systemd to give up", func(ctx context.Context) bool {
		return w.property(ctx, 1, "ActiveState") == "inactive" && w.property(ctx, 1, "ConditionResult") == "no"
	})
	if pid := w.property(w.ctx, 1, "MainPID"); pid != "0" {
		w.t.Errorf("etcd runs without its data, as process %s", pid)
	}
	if _, err := w.on(w.ctx, 1, "ls", machine.DataDir+"/member"); err == nil {
		w.t.Error("a wiped member has been started: there is data again")
	}
	w.t.Logf("wiped and killed: systemd did not start it, %.1f s", time.Since(began).Seconds())
}

// healthy is the condition that all units say so, and the leader for all of them: a unit whose machine is away keeps its last word.
func healthy(n int) rig.Condition {
	return rig.All(rig.Healthy("etcd", n), rig.ApplicationShows("etcd", "active", fmt.Sprintf("%d members, can lose", n)))
}

//go:build integration

package integration

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/test/rig"
)

// A member that is killed shows within seconds, is restarted after the charm's 10 s, and heals by
// itself. The times are those of juju status, whole and without the share of the action that
// carries them.
func TestAKilledMemberShowsAndHeals(t *testing.T) {
	runAlone(t) // on a busy machine its etcd looks ill more than once, and each time costs actions
	w := begin(t, jujusDelays)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))

	before := w.tasks()
	killed := time.Now()
	w.juju("fault", "kill", "etcd/2")
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	unhealthy, err := w.api.AwaitUnit(ctx, "etcd/2", "blocked", "UnHealthy with 3 known peers: ")
	must(t, err)
	s, err := w.Status(w.ctx)
	must(t, err)
	line, app := s.Unit("etcd/2").Workload.Message, s.Applications["etcd"].Status.Message
	if !strings.Contains(app, "etcd/2") && !strings.Contains(line, "down") {
		t.Errorf("the status does not say what is wrong: unit %q, application %q", line, app)
	}
	for _, other := range []string{"etcd/0", "etcd/1"} {
		if got := s.Unit(other).Workload; got.Current != "active" || got.Message != "Healthy with 3 known peers" {
			t.Errorf("%s says %s: another unit's trouble is not its own", other, got)
		}
	}
	healthy, err := w.api.AwaitUnit(ctx, "etcd/2", "active", "Healthy with 3 known peers")
	must(t, err)
	if gap := healthy.Sub(killed); gap < 10*time.Second {
		t.Errorf("healthy again after %s: the service restarts after 10 s, so that a crash shows", gap)
	}
	after := w.tasks()
	down, up := w.queued("etcd/2")
	t.Logf("kill -9: unhealthy in juju status after %.2f s (%.2f s without the action), healthy after %.2f s (%.2f s without); %d actions",
		unhealthy.Sub(killed).Seconds(), down.Sub(killed).Seconds(),
		healthy.Sub(killed).Seconds(), up.Sub(killed).Seconds(), after-before)
	if n := after - before; n > 4 {
		t.Errorf("%d actions for one member's trouble: one or two each way are enough", n)
	}
}

// queued says when the last two reconciles of the unit were queued: what came before is ours, what
// came after is the share of the action.
func (w *world) queued(unit string) (first, last time.Time) {
	w.t.Helper()
	tasks, err := w.api.ListTasks(w.ctx, jujuapi.TaskFilter{Actions: []string{"reconcile"}, Units: []string{unit}})
	must(w.t, err)
	slices.SortFunc(tasks, func(a, b jujuapi.Task) int { return a.Enqueued.Compare(b.Enqueued) })
	if len(tasks) < 2 {
		w.t.Fatalf("%s has had %d reconciles only", unit, len(tasks))
	}
	return tasks[len(tasks)-2].Enqueued, tasks[len(tasks)-1].Enqueued
}

// A voter whose data is wiped while it is down has forgotten its votes: it does not start again by
// itself.
func TestAMemberThatIsWipedWhileDownDoesNotStartByItself(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	s, err := w.Status(w.ctx)
	must(t, err)
	config, endpoints := w.client()
	must(t, w.StopDaemon()) // nobody but the machine itself decides now

	root := w.MachineRoot(s.Unit("etcd/1").Machine)
	data := filepath.Join(root, "var/snap/etcd/common/data")
	w.juju("fault", "kill", "etcd/1")
	must(t, os.RemoveAll(filepath.Join(data, "member")))

	// Its service is due after 10 s; five more are enough to see that it was not started.
	deadline := time.Now().Add(15 * time.Second)
	for time.Now().Before(deadline) {
		if _, err := os.Stat(filepath.Join(data, "member", "wal")); err == nil {
			t.Fatal("the wiped member has made itself a new log: it came back under its old identity")
		}
		select {
		case <-w.ctx.Done():
			t.Fatal(w.ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
	for _, endpoint := range endpoints {
		c, err := rig.Connect(config, endpoint)
		must(t, err)
		ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
		_, err = c.Get(ctx, "x")
		cancel()
		_ = c.Close()
		if wiped := strings.Contains(endpoint, s.Unit("etcd/1").PublicAddress); wiped == (err == nil) {
			t.Errorf("%s: wiped %t, and a read says %v", endpoint, wiped, err)
		}
	}
	t.Log("15 s after the kill the wiped member is still down; the other two serve")
}

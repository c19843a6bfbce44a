//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/sim/netns"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// Where the daemon cannot reach any client port of etcd, a cluster is born, grows and shrinks all
// the same, through its units: no unit is blamed for it, a condition shows, and when nothing is
// left to do next to nothing is asked. The time to three healthy is told next to the open
// network's, in the same run.
func TestAClosedNetworkIsWorkedThroughTheUnits(t *testing.T) {
	runBeside(t)
	var open time.Duration
	var openTasks int
	if os.Geteuid() == 0 {
		t.Run("open", func(t *testing.T) {
			w := begin(t)
			w.daemon()
			began := time.Now()
			w.deploy("3")
			w.await(rig.Healthy("etcd", 3))
			open, openTasks = time.Since(began), w.tasks()
		})
	}

	w := begin(t)
	network, err := w.NewClosedNetwork(w.ctx, "admin/demo")
	if errors.Is(err, netns.ErrNotRoot) {
		t.Skipf("THIS TEST DID NOT RUN: %v", err)
	}
	must(t, err)
	t.Cleanup(network.Close)
	must(t, network.StartDaemon(w.Rig, "jujuetcd", w.password, "admin/demo"))
	ctx, stop := context.WithCancel(w.ctx)
	watched := make(chan []string)
	go func() { watched <- w.blamed(ctx) }()
	began := time.Now()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	closed, closedTasks := time.Since(began), w.tasks()
	if text := w.condition("etcd", v1alpha1.ConditionReachable); !strings.Contains(text, "False") || !strings.Contains(text, "through its units") {
		t.Errorf("the condition does not say it: %s", text)
	}

	writer := w.write()
	began = time.Now()
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 4))
	grown := time.Since(began)
	leader := w.etcdLeader()
	began = time.Now()
	w.juju("remove-unit", leader)
	w.await(rig.Healthy("etcd", 3))
	shrunk := time.Since(began)
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))
	writer.SetEndpoints(endpoints...)
	report := writer.VerifyNoneLost()
	stop()
	for _, line := range <-watched {
		t.Errorf("a unit was blamed for the closed network: %s", line)
	}

	// What follows from a removal comes in its own time: Juju chooses another leader, which is told
	// of the application's status. The window begins when nothing has been asked for a while.
	const calm = 3 * time.Second
	last, since := -1, time.Now()
	etcdtest.Eventually(t, time.Minute, "the cluster settles", func(ctx context.Context) bool {
		if n := w.tasks(); n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) < calm {
			return false
		}
		pending, err := w.api.ListTasks(ctx, jujuapi.TaskFilter{Actions: []string{"reconcile"},
			Status: []jujuapi.TaskStatus{jujuapi.TaskPending, jujuapi.TaskRunning}})
		return err == nil && len(pending) == 0 && strings.Contains(w.condition("etcd", v1alpha1.ConditionProgressing), "nothing to do")
	})
	settled := w.tasks()
	<-time.After(6 * time.Second) // a window to count in
	n := w.tasks() - settled
	if n > 1 {
		t.Errorf("%d actions in 6 s of a settled cluster: one look a minute is what is said", n)
	}
	t.Logf("to three healthy: open network %.1f s (%d actions), closed %.1f s (%d actions); closed 3 -> 4 in %.1f s, "+
		"4 -> 3 without the leader in %.1f s; %s; %d actions in 6 settled seconds",
		open.Seconds(), openTasks, closed.Seconds(), closedTasks, grown.Seconds(), shrunk.Seconds(), report, n)
}

// blamed collects statuses that report what the daemon cannot reach, until the context ends.
func (w *world) blamed(ctx context.Context) []string {
	seen := map[string]bool{}
	var lines []string
	_, _ = w.Await(ctx, func(s rig.Status) (bool, string) {
		for _, name := range s.UnitNames("etcd") {
			line := name + ": " + s.Unit(name).Workload.String()
			if (strings.Contains(line, "reach") || strings.Contains(line, "no answer")) && !seen[line] {
				seen[line] = true
				lines = append(lines, line)
			}
		}
		return false, "told to stop"
	})
	return lines
}

// condition is the status, reason and message of a cluster's condition as the daemon reports it.
func (w *world) condition(cluster, kind string) string {
	w.t.Helper()
	text, err := w.Jujuetcd(w.ctx, "get", "cluster", cluster, "--socket", w.Socket(), "-o", "json")
	must(w.t, err)
	var object v1alpha1.EtcdCluster
	must(w.t, json.Unmarshal([]byte(text), &object))
	for _, c := range object.Status.Conditions {
		if c.Type == kind {
			return string(c.Status) + " " + c.Reason + " " + c.Message
		}
	}
	return "none"
}

//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// A settled cluster costs nothing: for one real minute, update-status included, no action is enqueued, no databag is written
// and no file is written by an agent, and the model is polled no faster than is said: every 5 s, give or take a fifth.
func TestASettledClusterCostsNothing(t *testing.T) {
	frames := filepath.Join(t.TempDir(), "frames.jsonl")
	runAlone(t)
	w := begin(t, "--record", frames, "--update-status", "15s")
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	w.await(rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))
	// Ports are set by a delivery of their own: between the two none is pending, and the cluster is not settled.
	etcdtest.Eventually(t, time.Minute, "nothing is planned, and no reconcile is pending", func(ctx context.Context) bool {
		if c := w.cluster(w.Socket()); c.Status.Phase != v1alpha1.PhaseSteady || len(c.Status.Plan) > 0 {
			return false
		}
		open, err := w.api.ListTasks(ctx, jujuapi.TaskFilter{Actions: []string{"reconcile"},
			Status: []jujuapi.TaskStatus{jujuapi.TaskPending, jujuapi.TaskRunning}})
		return err == nil && len(open) == 0
	})

	began := time.Now()
	tasks, bags, files := w.tasks(), w.bags(), w.allAgentFiles()
	polls, hooks := countFrames(t, frames, `"FullStatus"`), w.updateStatusHooks()
	<-time.After(time.Minute)
	if n := w.tasks() - tasks; n != 0 {
		t.Errorf("%d actions were enqueued in a settled minute", n)
	}
	if diff := cmp.Diff(bags, w.bags()); diff != "" {
		t.Errorf("databags changed in a settled minute (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(files, w.allAgentFiles()); diff != "" {
		t.Errorf("agents wrote files in a settled minute (-before +after):\n%s", diff)
	}
	took := time.Since(began)
	hooks = w.updateStatusHooks() - hooks
	if hooks < 6 {
		t.Errorf("update-status has run %d times only, on three units in a minute at every 15 s", hooks)
	}
	polls = countFrames(t, frames, `"FullStatus"`) - polls
	rate := float64(polls) / took.Seconds()
	if rate > 1/4.0+0.05 || polls == 0 {
		t.Errorf("%d polls in %.0f s: every 5 s, less a fifth, is what is said", polls, took.Seconds())
	}
	t.Logf("%.0f s: 0 actions, 0 databag writes, 0 files; %d update-status hooks; %d polls (one in %.1f s)",
		took.Seconds(), hooks, polls, 1/rate)
}

func (w *world) bags() map[string]map[string]string {
	w.t.Helper()
	units, app, err := w.api.Databags(w.ctx, "etcd")
	must(w.t, err)
	all := maps.Clone(units)
	all["(application)"] = app
	return all
}

func (w *world) allAgentFiles() map[string]map[string]string {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	all := map[string]map[string]string{}
	for _, name := range s.UnitNames("etcd") {
		all[name] = w.agentFiles(s.Unit(name).Machine)
	}
	return all
}

// updateStatusHooks counts the update-status hooks that etcd's units have run, from the model's log.
func (w *world) updateStatusHooks() int {
	w.t.Helper()
	n := 0
	for line := range bytes.Lines([]byte(w.juju("debug-log", "--no-tail", "--replay"))) {
		if bytes.Contains(line, []byte(`ran "update-status" hook`)) && bytes.Contains(line, []byte("unit-etcd-")) {
			n++
		}
	}
	return n
}

// countFrames counts recorded requests that hold the text. The test's own polls through the CLI are not on the API.
func countFrames(t *testing.T, path, text string) int {
	t.Helper()
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	n := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), []byte(text)) {
			n++
		}
	}
	must(t, lines.Err())
	return n
}

//go:build integration

package integration

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// On Juju 3.6 the daemon does not poll: a cluster is born, and once it has settled the model is read by the resync of its snapshot
// and by that of the databags alone, each once a minute, until something changes.
func TestOn36AClusterIsBornAndTheModelIsReadWhenItChanges(t *testing.T) {
	frames := filepath.Join(t.TempDir(), "frames.jsonl")
	w := begin(t, "--profile", "3.6", "--record", frames)
	w.daemon()
	began := time.Now()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	took := time.Since(began)
	w.await(rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))
	if countFrames(t, frames, `"Next"`) == 0 {
		t.Error("the daemon has not listened")
	}
	born := countFrames(t, frames, `"FullStatus"`)

	// It has settled when nothing is pending and nothing has been read for a while.
	reads := born
	quiet := time.Now()
	etcdtest.Eventually(t, 90*time.Second, "the daemon is at rest", func(ctx context.Context) bool {
		open, err := w.api.ListTasks(ctx, jujuapi.TaskFilter{Actions: []string{"reconcile"},
			Status: []jujuapi.TaskStatus{jujuapi.TaskPending, jujuapi.TaskRunning}})
		if now := countFrames(t, frames, `"FullStatus"`); now != reads || err != nil || len(open) > 0 {
			reads, quiet = now, time.Now()
		}
		return time.Since(quiet) > 7*time.Second // A daemon that polls has polled.
	})
	const window = 12 * time.Second
	<-time.After(window)
	settled := countFrames(t, frames, `"FullStatus"`) - reads
	if settled > 2 {
		t.Errorf("the model was read %d times in %s in which nothing changed", settled, window)
	}

	reads += settled
	changed := time.Now()
	w.juju("expose", "etcd")
	etcdtest.Eventually(t, 30*time.Second, "a change is followed", func(context.Context) bool {
		return countFrames(t, frames, `"FullStatus"`) > reads
	})
	t.Logf("born in %.1f s with %d reads of the model; settled: %d in %.0f s; a change was followed in %.1f s",
		took.Seconds(), born, settled, window.Seconds(), time.Since(changed).Seconds())
}

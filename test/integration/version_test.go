//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// nextVersion is what makes another version of daemon and agent of this tree: a protocol of its own, and a field in what each of them
// says that the other side does not know, the daemon's a part of the desired state's hash.
var nextVersion = []struct{ file, old, new string }{
	{"pkg/apis/v1alpha1/protocol.go", fmt.Sprint("const Protocol = ", v1alpha1.Protocol), fmt.Sprint("const Protocol = ", v1alpha1.Protocol+1)},
	{"pkg/apis/v1alpha1/unit_types.go", "\tUnit string `json:\"unit\"`\n\t// Application is", "\tUnit string `json:\"unit\"`\n\tLater string `json:\"later,omitempty\"`\n\t// Application is"},
	{"pkg/apis/v1alpha1/facts.go", "\tProtocol int    `json:\"protocol\"`", "\tProtocol int    `json:\"protocol\"`\n\tLater string `json:\"later,omitempty\"`"},
	{"pkg/reconcile/planner/desired.go", "Unit: u.Name, Application: in.Application, ModelUUID", "Later: \"said by a newer daemon\", Unit: u.Name, Application: in.Application, ModelUUID"},
	{"pkg/charm/facts.go", "facts.Protocol = v1alpha1.Protocol", "facts.Protocol, facts.Later = v1alpha1.Protocol, \"said by a newer agent\""},
}

// buildNext builds the next version's daemon and charm, as bin/jujuetcd and dist/etcd.charm of a folder that it returns.
func buildNext(t *testing.T) string {
	t.Helper()
	checkout, err := filepath.Abs("../..")
	must(t, err)
	root := t.TempDir()
	replaced := map[string]string{}
	for _, edit := range nextVersion {
		path := filepath.Join(checkout, edit.file)
		source := read(t, path)
		if n := strings.Count(source, edit.old); n != 1 {
			t.Fatalf("%s has %q %d times", edit.file, edit.old, n)
		}
		replaced[path] = filepath.Join(root, strings.ReplaceAll(edit.file, "/", "_"))
		must(t, os.WriteFile(replaced[path], []byte(strings.Replace(source, edit.old, edit.new, 1)), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "overlay.json"), overlay, 0o600))
	must(t, os.Mkdir(filepath.Join(root, "dist"), 0o700))
	for _, args := range [][]string{
		{"build", "-o", filepath.Join(root, "bin/jujuetcd"), "./cmd/jujuetcd"},
		{"run", "./deploy/charm/pack", "-out", filepath.Join(root, "dist"), "-arch", "host"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = checkout
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath -overlay="+filepath.Join(root, "overlay.json"))
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			t.Fatalf("cannot build the next version: go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return root
}

// Daemon and agent of different versions work together, whichever is the newer one: a cluster is born, grows, and settles, and
// neither an upgrade of the daemon, nor its way back, nor one of the charm restarts an etcd.
func TestADaemonAndAgentsOfDifferentVersionsWorkTogether(t *testing.T) {
	next := buildNext(t)
	w := begin(t)
	today := w.Root
	start := func(root string) {
		t.Helper()
		w.Root = root
		w.daemon()
		w.Root = today
	}
	protocols := func() []int {
		var all []int
		for _, facts := range w.facts(t) {
			all = append(all, facts.Protocol)
		}
		return all
	}

	start(next)
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	w.staysSettled(t, "a newer daemon has brought up the cluster")
	config, endpoints := w.client()
	writer := etcdtest.StartWriter(t, config, endpoints)
	before := w.processes(t)
	stays := func(what string) {
		t.Helper()
		w.staysSettled(t, what)
		if after := w.processes(t); after != before {
			t.Errorf("%s: the processes were %s and are %s", what, before, after)
		}
	}

	must(t, w.StopDaemon())
	start(today)
	stays("the daemon went back to the agents' version")

	w.juju("refresh", "etcd", "--path", filepath.Join(next, "dist/etcd.charm"))
	w.eventually(t, "every agent is newer than the daemon", func() bool {
		all := protocols()
		return len(all) == 3 && !slices.Contains(all, v1alpha1.Protocol)
	})
	stays("the agents are newer than the daemon")
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 4))
	stays("the cluster grew with newer agents")

	must(t, w.StopDaemon())
	start(next)
	stays("the daemon has followed")
	t.Log(writer.VerifyNoneLost())
}

// staysSettled waits until there is nothing to do, and then holds that nothing is done for a while: two sides that read each
// other's words differently would deliver again and again.
func (w *world) staysSettled(t *testing.T, what string) {
	t.Helper()
	const quiet = 12 * time.Second // two polls, and a delivery's first two backoffs
	w.eventually(t, what+", and it settles", func() bool {
		c := w.cluster(w.Socket())
		open, err := w.api.ListTasks(w.ctx, jujuapi.TaskFilter{Actions: []string{"reconcile"},
			Status: []jujuapi.TaskStatus{jujuapi.TaskPending, jujuapi.TaskRunning}})
		return c.Status.Phase == v1alpha1.PhaseSteady && len(c.Status.Plan) == 0 && err == nil && len(open) == 0
	})
	tasks := w.tasks()
	<-time.After(quiet)
	if n := w.tasks() - tasks; n != 0 {
		t.Errorf("%s: %d actions in %s of a settled cluster", what, n, quiet)
	}
}

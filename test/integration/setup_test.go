//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/rig"
)

// world is a rig with a certificate authority in the model and a user for the daemon.
type world struct {
	*rig.Rig
	t        *testing.T
	ctx      context.Context
	api      *rig.API
	password string
	// optionPolicies is the directory of policy files that the daemon was started with, if it was.
	optionPolicies string
}

// beside are the tests that run beside others already.
var beside sync.Map

// runBeside lets a test run beside others, as many as -parallel says: each has a world of its own, and waits more than it works.
// Parts of a test follow one another, because they are compared.
func runBeside(t *testing.T) {
	if _, already := beside.LoadOrStore(t, true); !already && !strings.Contains(t.Name(), "/") {
		t.Parallel()
	}
}

// runAlone keeps a test from running beside others: it is about what happens of itself, and a machine that is busy with others'
// worlds makes an etcd look ill for a moment.
func runAlone(t *testing.T) { beside.Store(t, true) }

// begin starts jujusim with easyrsa deployed and active, and no daemon yet.
func begin(t *testing.T, simArgs ...string) *world {
	t.Helper()
	w := beginEmpty(t, simArgs...)
	w.juju("deploy", filepath.Join(w.Root, "dist/easyrsa.charm"))
	w.await(rig.UnitShows("easyrsa/0", "active", ""))
	return w
}

// beginEmpty starts jujusim with nothing in the model, and no daemon yet.
func beginEmpty(t *testing.T, simArgs ...string) *world {
	t.Helper()
	runBeside(t)
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute) // the rotation has taken four on a busy machine
	t.Cleanup(cancel)
	root, err := filepath.Abs("../..")
	must(t, err)
	r, err := rig.New(root)
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			for _, name := range []string{"jujuetcd", "jujusim"} {
				t.Logf("the end of %s's log:\n%s", name, end(r.Log(name), 40))
			}
		}
		if err := r.Close(); err != nil && !t.Failed() {
			t.Errorf("cannot clean up: %v", err)
		}
	})
	programs, err := etcdbin.Dir(ctx, etcdbin.Default)
	must(t, err)
	must(t, r.Store("3.6/stable", programs, filepath.Base(programs)))
	must(t, r.StartSim(ctx, simArgs...))
	w := &world{Rig: r, t: t, ctx: ctx}
	w.password = strings.TrimSpace(w.juju("add-user", "jujuetcd"))
	w.juju("grant", "jujuetcd", "write", "demo")
	w.api, err = r.API(ctx, "admin/demo")
	must(t, err)
	t.Cleanup(func() { _ = w.api.Close() })
	return w
}

func (w *world) juju(args ...string) string {
	w.t.Helper()
	out, err := w.Juju(w.ctx, args...)
	must(w.t, err)
	return out
}

func (w *world) await(c rig.Condition) time.Duration {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 3*time.Minute)
	defer cancel()
	took, err := w.Await(ctx, c)
	must(w.t, err)
	return took
}

func (w *world) daemon(args ...string) {
	w.t.Helper()
	must(w.t, w.StartDaemon("jujuetcd", w.password, "admin/demo", args...))
}

// deploy deploys n units of etcd and relates them to the certificate authority.
func (w *world) deploy(n string) {
	w.t.Helper()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "-n", n)
	w.juju("integrate", "etcd", "easyrsa")
}

// client returns the endpoints of all units and what it takes to be let in.
func (w *world) client() (*tls.Config, []string) {
	w.t.Helper()
	credentials, err := w.Credentials(w.ctx, "etcd")
	must(w.t, err)
	config, err := credentials.TLS()
	must(w.t, err)
	s, err := w.Status(w.ctx)
	must(w.t, err)
	return config, s.Endpoints("etcd")
}

// tasks counts the reconciles that Juju has had.
func (w *world) tasks() int {
	w.t.Helper()
	n, err := w.api.Tasks(w.ctx)
	must(w.t, err)
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func end(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// oneMemberEach fails the test unless all serve, and the members are those of the units, each a voter, each once.
func (w *world) oneMemberEach(t *testing.T, want ...string) {
	t.Helper()
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	list, err := client.MemberList(w.ctx)
	must(t, err)
	var names []string
	for _, m := range list.Members {
		if m.IsLearner {
			t.Errorf("%s is still a learner", m.Name)
		}
		names = append(names, m.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("members are %v, not %v", names, want)
	}
}

// onProfiles runs a test on one profile of Juju, or, with JUJUETCD_MATRIX=full, on each: what does not depend on Juju's version is tried on
// all of them only where there is time.
func onProfiles(t *testing.T, profile string, test func(t *testing.T, profile string)) {
	t.Helper()
	runBeside(t)
	profiles := []string{profile}
	if fullMatrix() {
		profiles = []string{"3.6", "4.0"}
	}
	for _, p := range profiles {
		t.Run("Juju "+p, func(t *testing.T) { test(t, p) })
	}
}

// fullMatrix says that make test-full runs.
func fullMatrix() bool { return os.Getenv("JUJUETCD_MATRIX") == "full" }

// sample is what is always tried, with what make test-full tries besides.
func sample(always []int, besides ...int) []int {
	if fullMatrix() {
		return append(always, besides...)
	}
	return always
}

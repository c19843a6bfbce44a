//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/e2e/nspawn"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/rig"
)

const service = "snap.etcd.etcd.service"

// world is a rig with real machines, a certificate authority and a user for the daemon.
type world struct {
	*rig.Rig
	t        *testing.T
	ctx      context.Context
	password string
}

func begin(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	t.Cleanup(cancel)
	root, err := os.MkdirTemp("", "r-")
	must(t, err)
	must(t, build(ctx, root))
	programs, err := etcdbin.Dir(ctx, etcdbin.Default)
	must(t, err)
	snaps := filepath.Join(root, "snaps")
	must(t, os.MkdirAll(snaps, 0o755))
	must(t, nspawn.PackEtcd(ctx, filepath.Join(snaps, "etcd.snap"), programs, filepath.Base(programs)))
	t.Setenv("E2E_SNAPS", snaps)
	r, err := rig.New(root)
	must(t, err)
	w := &world{Rig: r, t: t, ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			w.logState()
		}
		if err := r.Close(); err != nil && !t.Failed() {
			t.Errorf("cannot clean up: %v", err)
		}
	})
	// update-status runs as seldom as Juju runs it, so that what heals within this test does not
	// owe it to that hook.
	must(t, r.StartSim(ctx))
	w.password = strings.TrimSpace(w.juju("add-user", "jujuetcd"))
	w.juju("grant", "jujuetcd", "write", "demo")
	w.juju("deploy", filepath.Join(root, "dist/easyrsa.charm"))
	w.await(rig.UnitShows("easyrsa/0", "active", ""))
	return w
}

// logState logs what there is to see when a test has failed.
func (w *world) logState() {
	for _, name := range []string{"jujuetcd", "jujusim"} {
		w.t.Logf("the end of %s's log:\n%s", name, end(w.Log(name), 40))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	status, _ := w.Juju(ctx, "status")
	w.t.Logf("juju status:\n%s", status)
	for machine := range 10 {
		if _, err := os.Stat(w.leaderFile(machine)); err != nil {
			continue
		}
		for _, command := range []string{"snap changes", "systemctl status --no-pager " + service,
			"journalctl --no-pager -o cat -n 15 -u " + service, "ip -br addr"} {
			out, err := w.on(ctx, machine, "sh", "-c", command)
			w.t.Logf("machine %d: %s: %v\n%s", machine, command, err, out)
		}
	}
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

// awaitTrue polls a condition of the world that Juju does not show.
func (w *world) awaitTrue(what string, condition func(ctx context.Context) bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !condition(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
	return time.Since(began)
}

// leaderFile is where the fleet tells a machine's first process.
func (w *world) leaderFile(machine int) string {
	return w.MachineRoot("n"+strconv.Itoa(machine)) + ".leader"
}

// on runs a command on a machine.
func (w *world) on(ctx context.Context, machine int, command ...string) (string, error) {
	text, err := os.ReadFile(w.leaderFile(machine))
	if err != nil {
		return "", err
	}
	leader, err := strconv.Atoi(string(text))
	if err != nil {
		return "", err
	}
	out, err := nspawn.Command(ctx, leader, command[0], command[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s on machine %d: %w: %s", command[0], machine, err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func (w *world) mustOn(machine int, command ...string) string {
	w.t.Helper()
	out, err := w.on(w.ctx, machine, command...)
	must(w.t, err)
	return out
}

// property is one of systemd's properties of etcd's service; empty while the machine does not
// answer.
func (w *world) property(ctx context.Context, machine int, name string) string {
	out, err := w.on(ctx, machine, "systemctl", "show", "--value", "--property="+name, service)
	if err != nil {
		return ""
	}
	return out
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

//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// deploySigned deploys etcd under a provider that signs requests, with its options.
func (w *world) deploySigned(n string, options ...string) {
	w.t.Helper()
	args := []string{"deploy", filepath.Join(w.Root, "dist/selfsigned.charm")}
	for _, o := range options {
		args = append(args, "--config", o)
	}
	w.juju(args...)
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "-n", n)
	w.juju("integrate", "etcd:certificates", "selfsigned:certificates")
}

// requests is what the provider reports of the requests that it has seen.
func (w *world) requests() string {
	w.t.Helper()
	out := w.juju("run", "selfsigned/0", "outstanding")
	_, text, _ := strings.Cut(out, "requests: ")
	line, _, _ := strings.Cut(text, "\n")
	return strings.Trim(line, `"'`)
}

// With a provider that signs requests (certificate_signing_requests in, certificates out), keys
// stay where they are used, and whoever approves by hand sees each request once: over the cluster's
// birth, another Juju leader, and another process of the daemon.
func TestAProviderThatSignsIsAskedForEachCertificateOnce(t *testing.T) {
	frames := filepath.Join(t.TempDir(), "frames.jsonl")
	w := begin(t, "--record", frames, "--update-status", "5s")
	w.daemon()
	w.deploySigned("3", "approve=manual")
	// A server and a client certificate for each unit, and the daemon's own.
	const all = "7 outstanding, 7 ever seen"
	etcdtest.Eventually(t, time.Minute, "all is asked for in one round", func(context.Context) bool { return w.requests() == all })
	s, err := w.Status(w.ctx)
	must(t, err)
	for _, unit := range s.UnitNames("etcd") {
		if line := s.Unit(unit).Workload; line.Current != "waiting" && line.Current != "maintenance" {
			t.Errorf("%s says %s while it waits for its certificates", unit, line)
		}
	}
	w.juju("run", "selfsigned/0", "approve")
	w.await(rig.Healthy("etcd", 3))

	// Keys: units' and the daemon's are where they are used, for root alone.
	mine := w.fileHoldingKey(filepath.Join(w.Dir, "state", "clusters"))
	if mine == "" {
		t.Error("the daemon has no key of its own in its state directory")
	}
	if n, classic := scanFrames(t, frames); n < 50 || classic != 0 {
		t.Errorf("%d frames, %d with a private key", n, classic)
	}
	for unit, bag := range w.remote(t, "unit-selfsigned-0", "certificates") {
		for key, value := range bag {
			refuseKey(t, "databag of "+unit+", key "+key, value)
		}
		if bag["common_name"] != "" || !strings.Contains(bag["certificate_signing_requests"], "CERTIFICATE REQUEST") {
			t.Errorf("%s asks with %v", unit, bag)
		}
	}

	leader := s.Leader("etcd")
	w.juju("remove-unit", leader)
	w.await(rig.Healthy("etcd", 2))
	must(t, w.StopDaemon())
	w.daemon()
	w.juju("add-unit", "etcd")
	etcdtest.Eventually(t, time.Minute, "only the new unit asks", func(context.Context) bool { return w.requests() == "2 outstanding, 9 ever seen" })
	w.juju("run", "selfsigned/0", "approve")
	w.await(rig.Healthy("etcd", 3))
	if got := w.requests(); got != "0 outstanding, 9 ever seen" {
		t.Errorf("after another leader and another process of the daemon: %s", got)
	}
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))

	// What the provider refuses, in request_errors, the unit shows, and nobody else is troubled by
	// it.
	w.juju("config", "selfsigned", "deny=No addresses here.")
	w.juju("add-unit", "etcd")
	w.await(rig.UnitShows("etcd/4", "blocked", "selfsigned refuses to sign the server certificate: No addresses here."))
	w.await(rig.UnitShows("etcd/3", "active", "Healthy with 3 known peers"))
}

// fileHoldingKey is a file below a folder that holds a private key; each must be for its owner
// alone.
func (w *world) fileHoldingKey(dir string) string {
	w.t.Helper()
	found := ""
	must(w.t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "PRIVATE KEY") {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			w.t.Errorf("%s holds a key with mode %v", path, info.Mode().Perm())
		}
		found = path
		return err
	}))
	return found
}

// Certificates that live for 75 s are renewed, the daemon's own among them, and served by the same
// processes on both ports.
func TestCertificatesAreRenewedUnderWritesWithoutARestart(t *testing.T) {
	w := begin(t, "--update-status", "4s")
	w.daemon()
	w.deploySigned("3", "validity=75s", "intermediate=true")
	born := time.Now()
	w.await(rig.Healthy("etcd", 3))
	before, processes := w.served(t), w.processes(t)
	writer := w.write()
	etcdtest.Eventually(t, 100*time.Second, "all ports serve another certificate", func(context.Context) bool {
		now := w.served(t)
		for port, serial := range before {
			if now[port] == serial {
				return false
			}
		}
		return true
	})
	report := writer.VerifyNoneLost()
	if now := w.processes(t); now != processes {
		t.Errorf("restarted: %s, before %s", now, processes)
	}
	// Past the end of all that was issued at first, everybody is still let in.
	etcdtest.Eventually(t, time.Minute, "the first certificates have ended", func(context.Context) bool {
		s, err := w.Status(w.ctx)
		return err == nil && time.Now().After(born.Add(85*time.Second)) && s.Applications["etcd"].Status.Current == "active"
	})
	w.await(rig.Healthy("etcd", 3))
	// With what a client is given now, which on a busy machine may have some seconds left.
	etcdtest.Eventually(t, time.Minute, "all serve a client that comes now", func(context.Context) bool {
		config, endpoints := w.client()
		err := rig.ThroughEach(w.ctx, config, endpoints)
		if err != nil {
			t.Log(err)
		}
		return err == nil
	})
	t.Logf("%d ports serve renewed certificates, the processes are the same; %s", len(before), report)
}

// served are the serials that the units' client and peer ports show to a fresh handshake.
func (w *world) served(t *testing.T) map[string]string {
	t.Helper()
	config, _ := w.client()
	s, err := w.Status(w.ctx)
	must(t, err)
	serials := map[string]string{}
	for _, unit := range s.UnitNames("etcd") {
		for _, port := range []string{"2379", "2380"} {
			address := net.JoinHostPort(s.Unit(unit).PublicAddress, port)
			conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address, config)
			must(t, err)
			serials[address] = conn.ConnectionState().PeerCertificates[0].SerialNumber.Text(16)
			must(t, conn.Close())
		}
	}
	return serials
}

// Without its authority the cluster goes on, and a daemon that is started then still looks after
// it; only who comes anew has to wait. Another authority is refused in one sentence, and the former
// one is welcome back.
func TestTheClusterGoesOnWithoutItsAuthorityAndRefusesAnother(t *testing.T) {
	w := begin(t, "--update-status", "5s")
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	processes := w.processes(t)
	writer := w.write()

	w.juju("remove-relation", "etcd", "easyrsa")
	w.await(rig.UnitShows("etcd/0", "blocked", "Missing relation to certificate authority."))
	must(t, w.StopDaemon())
	w.daemon()
	w.awaitCondition(v1alpha1.ConditionReachable, "True")
	w.juju("add-unit", "etcd")
	w.await(rig.UnitShows("etcd/3", "blocked", "Missing relation to certificate authority."))

	w.juju("deploy", filepath.Join(w.Root, "dist/selfsigned.charm"))
	w.juju("integrate", "etcd:certificates", "selfsigned:certificates")
	w.await(rig.ApplicationShows("etcd", "blocked", "selfsigned offers another certificate authority than the one in use"))
	w.await(rig.UnitShows("etcd/0", "active", "Healthy with 3 known peers"))
	w.awaitCondition(v1alpha1.ConditionReachable, "True")
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints[:3]))
	if now := w.processes(t); now != processes {
		t.Errorf("restarted: %s, before %s", now, processes)
	}

	w.juju("remove-relation", "etcd", "selfsigned")
	w.juju("integrate", "etcd", "easyrsa")
	w.await(rig.Healthy("etcd", 4))
	if now := w.processes(t); now != processes {
		t.Errorf("restarted: %s, before %s", now, processes)
	}
	t.Log(writer.VerifyNoneLost())
}

// awaitCondition waits until a cluster's condition has the status.
func (w *world) awaitCondition(kind, status string) {
	w.t.Helper()
	last := ""
	etcdtest.Eventually(w.t, time.Minute, fmt.Sprintf("condition %s is %s", kind, status), func(ctx context.Context) bool {
		if out, err := w.Jujuetcd(ctx, "get", "cluster", "etcd", "--socket", w.Socket(), "-o", "json"); err != nil || out == "" {
			return false
		}
		last = w.condition("etcd", kind)
		return strings.HasPrefix(last, status+" ")
	})
}

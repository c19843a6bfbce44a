//go:build integration

package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// etcdctl2 runs the etcdctl of 3.4 with the v2 API.
func (w *world) etcdctl2(t *testing.T, args ...string) string {
	t.Helper()
	programs, err := etcdbin.Dir(w.ctx, "3.4")
	must(t, err)
	cmd := exec.CommandContext(w.ctx, filepath.Join(programs, "etcdctl"), args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("etcdctl %q: %v: %s", args, err, out)
	}
	return string(out)
}

// v2Flags are those of etcdctl for members that have what it takes to be let in in a folder.
func v2Flags(dir, endpoint string) []string {
	return []string{"--endpoints", endpoint, "--ca-file", filepath.Join(dir, "ca.crt"), "--cert-file", filepath.Join(dir, "client.crt"),
		"--key-file", filepath.Join(dir, "client.key")}
}

// formerV2Archive is what the former charm's snapshot with keys-version=v2 has made of an etcd 3.4.
func (w *world) formerV2Archive(t *testing.T, to string) {
	t.Helper()
	dir := t.TempDir()
	former := etcdtest.Start(t, etcdtest.Options{Minor: "3.4", Args: []string{"--enable-v2"}})
	leaf := former.CA.Issue(t, "client")
	for name, data := range map[string][]byte{"ca.crt": former.CA.PEM, "client.crt": leaf.CertPEM, "client.key": leaf.KeyPEM} {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	flags := v2Flags(dir, former.Endpoints()[0])
	w.etcdctl2(t, append(flags, "set", "/registry/colour", "blue")...)
	w.etcdctl2(t, append(flags, "mkdir", "/registry/empty")...)
	w.etcdctl2(t, append(flags, "set", "/lease", "held", "--ttl", "7200")...)
	backup := filepath.Join(dir, "backup")
	w.etcdctl2(t, "backup", "--data-dir", former.Members[0].DataDir, "--backup-dir", backup)
	out, err := exec.CommandContext(w.ctx, "tar", "czf", to, "-C", backup, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
}

// TestV2KeysAreRestoredAfterV3OnesAndTakenAgain: as the former charm's documentation promises, the second restore adds to the first; its
// keys are there for an etcdctl of 3.4 through each of three members; a snapshot has them again; nothing takes them away unasked, and a
// channel without the v2 API is refused in words.
func TestV2KeysAreRestoredAfterV3OnesAndTakenAgain(t *testing.T) {
	w := begin(t)
	programs, err := etcdbin.Dir(w.ctx, "3.5")
	must(t, err)
	must(t, w.Store("3.5/stable", programs, filepath.Base(programs)))
	w.deploy("1")
	w.juju("config", "etcd", "channel=3.5/stable")
	w.daemon()
	w.await(rig.Healthy("etcd", 1))
	if said := w.failure(t, "etcd/0", "snapshot", "keys-version=v2"); !strings.Contains(said, "members run without the v2 API here") {
		t.Errorf("a snapshot of v2 keys where there are none fails with %q", said)
	}
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	_, err = client.Put(w.ctx, "kept", "1")
	must(t, err)
	v3 := w.nested(t, "etcd/0", "snapshot")["snapshot.path"]
	_, err = client.Put(w.ctx, "later", "2")
	must(t, err)
	root := w.MachineRoot(machineOf(t, w, "etcd/0"))
	w.formerV2Archive(t, filepath.Join(root, "home/ubuntu/v2.tar.gz"))

	w.juju("run", "etcd/0", "restore", "snapshot="+v3)
	restored := w.nested(t, "etcd/0", "restore", "snapshot=/home/ubuntu/v2.tar.gz")
	t.Log(restored)
	if !strings.Contains(restored["output"], "2 v2 keys and 2 directories are added") || !strings.Contains(restored["restored.from"], "v2 keys") {
		t.Errorf("the results are %q", restored)
	}
	both := func() {
		t.Helper()
		kept, err := client.Get(w.ctx, "kept")
		later, err2 := client.Get(w.ctx, "later")
		must(t, errors.Join(err, err2))
		if len(kept.Kvs) != 1 || len(later.Kvs) != 0 {
			t.Errorf("of the v3 archive there are %d, and of what it replaced %d", len(kept.Kvs), len(later.Kvs))
		}
		_, endpoints := w.client()
		for _, endpoint := range endpoints {
			flags := v2Flags(filepath.Join(root, "var/snap/etcd/common"), endpoint)
			if got, want := w.etcdctl2(t, append(flags, "ls", "-r", "-p", "--sort")...), "/lease\n/registry/\n/registry/colour\n/registry/empty/\n"; got != want {
				t.Errorf("through %s there are\n%s", endpoint, got)
			}
			if got := w.etcdctl2(t, append(flags, "-o", "extended", "get", "/lease")...); !strings.Contains(got, "TTL: 7") || !strings.Contains(got, "held") {
				t.Errorf("the lease is %s", got)
			}
		}
	}
	both()
	w.await(rig.Healthy("etcd", 1))

	taken := w.nested(t, "etcd/0", "snapshot", "keys-version=v2")
	a, err := snapshot.Inspect(w.ctx, filepath.Join(root, taken["snapshot.path"]), taken["snapshot.sha256"])
	must(t, err)
	if a.Form != snapshot.FormV2 || a.Origin == nil || a.Origin.ClusterID != restored["restored.cluster-id"] || taken["copy.cmd"] != "juju scp etcd/0:"+taken["snapshot.path"]+" ." {
		t.Errorf("it is %+v, and the results are %q", a, taken)
	}
	if list := w.nested(t, "etcd/0", "list-snapshots")["output"]; !strings.Contains(list, "v2 keys") {
		t.Errorf("the list is\n%s", list)
	}
	if said := w.failure(t, "etcd/0", "restore", "snapshot="+v3); !strings.Contains(said, "restore the v3 archive first") {
		t.Errorf("a v3 archive in the place of v2 keys fails with %q", said)
	}

	w.juju("add-unit", "etcd", "-n", "2")
	w.await(rig.Healthy("etcd", 3))
	both()
	w.juju("run", "etcd/0", "restore", "snapshot="+taken["snapshot.path"]) // again, among three that serve the v2 API
	both()
	w.juju("config", "etcd", "channel=3.6/stable")
	w.await(rig.ApplicationShows("etcd", "blocked", "Option channel is 3.6/stable, and the cluster has keys of the v2 API, which ends with etcd 3.5"))
	w.juju("config", "etcd", "channel=3.5/stable")
	w.await(rig.Healthy("etcd", 3))
}

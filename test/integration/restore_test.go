//go:build integration

package integration

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/test/rig"
)

// TestASnapshotIsRestoredOnASoleUnitAndGrownToThree: what was written after the snapshot is gone, and
// is kept beside; a client that watched before is told so and never sees an older revision; the
// cluster is another one, healthy, and grows. Killed in the middle, it goes on or goes back.
func TestASnapshotIsRestoredOnASoleUnitAndGrownToThree(t *testing.T) {
	w := begin(t, "--update-status", "5s")
	w.daemon()
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.serving()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()

	_, err = client.Put(w.ctx, "kept", "old")
	must(t, err)
	w.saveSnapshot(t, client, "/home/ubuntu/saved.db")
	last, err := client.Put(w.ctx, "kept", "new")
	must(t, err)
	_, err = client.Put(w.ctx, "later", "x")
	must(t, err)
	before := identity(w.ctx, t, client)
	watching, stop := context.WithCancel(w.ctx)
	defer stop()
	watch := client.Watch(clientv3.WithRequireLeader(watching), "kept", clientv3.WithRev(last.Header.Revision+100))

	w.damage(t, "/home/ubuntu/saved.db", "/home/ubuntu/damaged.db")
	if out, err := w.Juju(w.ctx, "run", "etcd/0", "restore", "snapshot=/home/ubuntu/damaged.db"); err == nil || !strings.Contains(err.Error()+out, "damaged") {
		t.Errorf("a damaged archive: %v, %s", err, out)
	}
	if now := identity(w.ctx, t, client); now != before {
		t.Fatalf("it is cluster %x after a damaged archive, and was %x", now, before)
	}
	t.Log(w.juju("run", "etcd/0", "restore", "snapshot=/home/ubuntu/saved.db", "skip-backup=false"))

	got, err := client.Get(w.ctx, "kept")
	must(t, err)
	if string(got.Kvs[0].Value) != "old" || got.Header.Revision <= last.Header.Revision+100 {
		t.Errorf("kept is %q at revision %d, and %d was written before", got.Kvs[0].Value, got.Header.Revision, last.Header.Revision)
	}
	if got, err := client.Get(w.ctx, "later"); err != nil || len(got.Kvs) != 0 {
		t.Errorf("what was written after the snapshot is there: %v, %v", got, err)
	}
	if after := identity(w.ctx, t, client); after == before {
		t.Errorf("it is still cluster %x", after)
	}
	for answer := range watch {
		if len(answer.Events) > 0 {
			t.Errorf("a client that watched before saw %v", answer.Events)
		}
		if err := answer.Err(); err != nil {
			if !errors.Is(err, rpctypes.ErrCompacted) || answer.CompactRevision == 0 {
				t.Errorf("the watch of before ended with %v", err)
			}
			break
		}
	}
	w.await(rig.Healthy("etcd", 1))
	w.juju("add-unit", "etcd", "-n", "2")
	w.await(rig.Healthy("etcd", 3))
	_, endpoints = w.serving()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))

	// With others there it is refused, and so is what is damaged; nothing is touched.
	grown := identity(w.ctx, t, client)
	for unit, why := range map[string]string{"etcd/0": "other units", "etcd/1": "can only be run on the leader unit"} {
		if out, err := w.Juju(w.ctx, "run", unit, "restore", "snapshot=/home/ubuntu/saved.db"); err == nil || !strings.Contains(err.Error()+out, why) {
			t.Errorf("restore on %s among three: %v, %s", unit, err, out)
		}
	}
	if now := identity(w.ctx, t, client); now != grown {
		t.Errorf("it is cluster %x, and was %x", now, grown)
	}
}

// saveSnapshot puts what etcdctl snapshot save would write on the machine of etcd/0.
func (w *world) saveSnapshot(t *testing.T, client *clientv3.Client, path string) {
	t.Helper()
	from, err := client.Snapshot(w.ctx)
	must(t, err)
	defer from.Close()
	status, err := w.Status(w.ctx)
	must(t, err)
	to, err := os.Create(filepath.Join(w.MachineRoot(status.Unit("etcd/0").Machine), path))
	must(t, err)
	_, err = io.Copy(to, from)
	must(t, errors.Join(err, to.Close()))
}

// damage writes a copy of an archive with one byte changed.
func (w *world) damage(t *testing.T, from, to string) {
	t.Helper()
	status, err := w.Status(w.ctx)
	must(t, err)
	root := w.MachineRoot(status.Unit("etcd/0").Machine)
	data, err := os.ReadFile(filepath.Join(root, from))
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(filepath.Join(root, to), data, 0o600))
}

// identity is the ID of the cluster that answers.
func identity(ctx context.Context, t *testing.T, client *clientv3.Client) uint64 {
	t.Helper()
	list, err := client.MemberList(ctx)
	must(t, err)
	return list.Header.ClusterId
}

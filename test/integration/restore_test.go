//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// TestASnapshotIsRestoredOnASoleUnitAndGrownToThree: what was written after the snapshot is gone, and
// is kept beside; a client that watched before is told so and never sees an older revision; the
// cluster is another one, healthy, and grows. Among three it is restored with a quorum, and without one.
func TestASnapshotIsRestoredOnASoleUnitAndGrownToThree(t *testing.T) {
	onProfiles(t, "4.0", snapshotIsRestored)
}

func snapshotIsRestored(t *testing.T, profile string) {
	w := begin(t, "--profile", profile, "--update-status", "5s")
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

	// With others there it is refused, unless the cluster is named; nothing is touched.
	grown := identity(w.ctx, t, client)
	if out, err := w.Juju(w.ctx, "run", "etcd/0", "restore", "snapshot=/home/ubuntu/saved.db"); err == nil || !strings.Contains(err.Error()+out, "run it with replace=") {
		t.Errorf("restore among three: %v, %s", err, out)
	}
	if now := identity(w.ctx, t, client); now != grown {
		t.Errorf("it is cluster %x, and was %x", now, grown)
	}

	// Named, it is restored on a unit that does not lead in Juju, and the others join it.
	client.SetEndpoints(endpoints...)
	_, err = client.Put(w.ctx, "later", "y")
	must(t, err)
	s, err := w.Status(w.ctx)
	must(t, err)
	leader := s.Leader("etcd")
	unit := "etcd/1"
	if leader == unit {
		unit = "etcd/2"
	}
	w.restoredOnSeveral(t, client, unit, fmt.Sprintf("replace=%016x", grown))

	// Without a quorum nobody has to name it: two of three have lost their data.
	var lost []string
	for _, u := range []string{"etcd/0", "etcd/1", "etcd/2"} {
		if u != leader && len(lost) < 2 {
			lost = append(lost, u)
		}
	}
	for _, u := range lost {
		w.juju("fault", "lose-disk", u)
	}
	w.restoredOnSeveral(t, client, leader)
}

// restoredOnSeveral restores the snapshot on a unit of three, and waits until all are members of the
// new cluster.
func (w *world) restoredOnSeveral(t *testing.T, client *clientv3.Client, unit string, parameters ...string) {
	t.Helper()
	s, err := w.Status(w.ctx)
	must(t, err)
	saved, err := os.ReadFile(filepath.Join(w.MachineRoot(s.Unit("etcd/0").Machine), "/home/ubuntu/saved.db"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(w.MachineRoot(s.Unit(unit).Machine), "/home/ubuntu/several.db"), saved, 0o600))
	before := w.cluster(w.Socket()).Status.ClusterID
	began := time.Now()
	t.Log(w.juju(append([]string{"run", unit, "restore", "snapshot=/home/ubuntu/several.db"}, parameters...)...))
	etcdtest.Eventually(t, 3*time.Minute, "the restored cluster has three members", func(ctx context.Context) bool {
		c := w.cluster(w.Socket())
		return c.Status.ClusterID != before && c.Status.ClusterID != "" && len(c.Status.Procedures) == 0 && c.Status.Phase == v1alpha1.PhaseSteady
	})
	w.await(rig.Healthy("etcd", 3))
	t.Logf("restored on %s, and three members after %s", unit, time.Since(began))
	_, endpoints := w.serving()
	client.SetEndpoints(endpoints...)
	got, err := client.Get(w.ctx, "kept")
	must(t, err)
	if len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "old" {
		t.Errorf("kept is %v", got.Kvs)
	}
	if got, err := client.Get(w.ctx, "later"); err != nil || len(got.Kvs) != 0 {
		t.Errorf("what was written after the snapshot is there: %v, %v", got, err)
	}
	w.checkMembers(3)
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

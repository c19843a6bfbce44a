//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/sim/netns"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// TestASnapshotIsRestoredOnASoleUnitAndGrownToThree: what was written after the snapshot is gone, and
// is kept beside; a client that watched before is told so and never sees an older revision, and an
// informer that lists again then goes on through all of it; the cluster is another one, healthy, and
// grows. Among several it is restored with a quorum, and without one; the agent is killed on the way,
// and the unit that was asked loses its data in the end. In make test-full the daemon is killed, too;
// with Juju 4.0 a fourth unit is cut off from the others and has not become more than a learner, and
// with 3.6 the daemon reaches no client port.
func TestASnapshotIsRestoredOnASoleUnitAndGrownToThree(t *testing.T) {
	onProfiles(t, "4.0", snapshotIsRestored)
}

func snapshotIsRestored(t *testing.T, profile string) {
	args := []string{"--profile", profile, "--update-status", "5s"}
	full := fullMatrix() && netns.Available() == nil
	closed, apart := full && profile == "3.6", full && profile != "3.6"
	if apart {
		args = append(args, "--own-networks")
	}
	w := begin(t, args...)
	daemon := func() { w.daemon() }
	if closed {
		network, err := w.NewClosedNetwork(w.ctx, "admin/demo")
		must(t, err)
		t.Cleanup(network.Close)
		daemon = func() { must(t, network.StartDaemon(w.Rig, "jujuetcd", w.password, "admin/demo")) }
	}
	daemon()
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.serving()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()

	_, err = client.Put(w.ctx, "kept", "old")
	must(t, err)
	_, err = client.Put(w.ctx, "/registry/pods/a", "1")
	must(t, err)
	informed := inform(w.ctx, t, client, "/registry/")
	w.saveSnapshot(t, client, "/home/ubuntu/saved.db")
	last, err := client.Put(w.ctx, "kept", "new")
	must(t, err)
	_, err = client.Put(w.ctx, "later", "x")
	must(t, err)
	_, err = client.Put(w.ctx, "/registry/pods/b", "2")
	must(t, err)
	informed.knows(t, 1, "/registry/pods/a=1", "/registry/pods/b=2")
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
	_, err = client.Put(w.ctx, "/registry/pods/c", "3")
	must(t, err)
	informed.knows(t, 2, "/registry/pods/a=1", "/registry/pods/c=3")
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
	units, heal := 3, func() {}
	if apart {
		units, heal = 4, w.addCutOff("etcd/3")
	}
	w.restoredOnSeveral(t, client, unit, units, func(before string) {
		if fullMatrix() {
			w.KillDaemon() // the first deliveries are on their way, or were answered
			daemon()
		}
		etcdtest.Eventually(t, 3*time.Minute, "another cluster is there", func(context.Context) bool {
			id := w.cluster(w.Socket()).Status.ClusterID
			return id != before && id != ""
		})
		heal()
	}, fmt.Sprintf("replace=%016x", grown))
	informed.knows(t, 3, "/registry/pods/a=1")

	// Without a quorum nobody has to name it: two have lost their data.
	var lost []string
	for _, u := range []string{"etcd/0", "etcd/1", "etcd/2"} {
		if u != leader && len(lost) < 2 {
			lost = append(lost, u)
		}
	}
	for _, u := range lost {
		w.juju("fault", "lose-disk", u)
	}
	w.restoredOnSeveral(t, client, leader, units, func(string) {
		w.juju("fault", "stop-agent", leader)
		w.juju("fault", "start-agent", leader)
	})
	_, err = client.Put(w.ctx, "/registry/pods/d", "4")
	must(t, err)
	informed.knows(t, 4, "/registry/pods/a=1", "/registry/pods/d=4")

	// What the unit was asked for is over: without its data it joins as any other, and nothing is
	// restored again.
	restored := w.cluster(w.Socket()).Status.ClusterID
	w.loseDisk(leader)
	w.await(rig.Healthy("etcd", units))
	w.checkMembers(units)
	if now := w.cluster(w.Socket()).Status; now.ClusterID != restored || len(now.Procedures) > 0 {
		t.Errorf("it is cluster %s, and was %s: %+v", now.ClusterID, restored, now.Procedures)
	}
	informed.knows(t, 4, "/registry/pods/a=1", "/registry/pods/d=4")
}

// addCutOff adds a unit that reaches no other, and waits until it is a learner in the list, which it
// stays until what comes back is called.
func (w *world) addCutOff(unit string) (heal func()) {
	w.juju("add-unit", "etcd")
	etcdtest.Eventually(w.t, time.Minute, unit+" has a machine", func(ctx context.Context) bool {
		_, err := w.Juju(ctx, "fault", "partition", unit)
		return err == nil
	})
	w.awaitMembers(unit+" is a learner", func(members []*etcdserverpb.Member) bool {
		return slices.ContainsFunc(members, func(m *etcdserverpb.Member) bool { return m.IsLearner })
	})
	return func() { w.juju("fault", "heal", unit) }
}

// restoredOnSeveral restores the snapshot on one of several units, and waits until all are members of
// the new cluster. What is to happen meanwhile is told which cluster was there.
func (w *world) restoredOnSeveral(t *testing.T, client *clientv3.Client, unit string, n int, meanwhile func(before string), parameters ...string) {
	t.Helper()
	s, err := w.Status(w.ctx)
	must(t, err)
	saved, err := os.ReadFile(filepath.Join(w.MachineRoot(s.Unit("etcd/0").Machine), "/home/ubuntu/saved.db"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(w.MachineRoot(s.Unit(unit).Machine), "/home/ubuntu/several.db"), saved, 0o600))
	before := w.cluster(w.Socket()).Status.ClusterID
	began := time.Now()
	t.Log(w.juju(append([]string{"run", unit, "restore", "snapshot=/home/ubuntu/several.db"}, parameters...)...))
	meanwhile(before)
	etcdtest.Eventually(t, 3*time.Minute, "the restored cluster has all members", func(ctx context.Context) bool {
		c := w.cluster(w.Socket())
		return c.Status.ClusterID != before && c.Status.ClusterID != "" && len(c.Status.Procedures) == 0 && c.Status.Phase == v1alpha1.PhaseSteady
	})
	w.await(rig.Healthy("etcd", n))
	t.Logf("restored on %s, and %d members after %s", unit, n, time.Since(began))
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
	w.checkMembers(n)
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

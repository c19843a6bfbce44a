package machine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/s3test"
)

// withStoredDrills is a unit with two snapshots of the schedule, of which the second one is in a store, and the order to try
// that. What is on its own disk is gone.
func withStoredDrills(t *testing.T, prepares func(w *world)) (*world, *s3test.Server, v1alpha1.DrillOrder) {
	t.Helper()
	w := withDrills(t, nil)
	server := w.withStore()
	prepares(w)
	facts := w.apply(w.storing(tick2, 0), 4, v1alpha1.OutcomeApplied, "").Facts.Snapshots
	if facts.Tried.Fault != "" || facts.Last.Stored == "" {
		t.Fatalf("%+v, last %+v", facts.Tried, facts.Last)
	}
	folder := w.path(machine.DefaultSnapshots)
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	return w, server, v1alpha1.DrillOrder{ID: tick3, Stored: facts.Last.Stored, SHA256: facts.Last.SHA256}
}

// drilledStored is what the facts tell of a drill of what is in the store.
func (w *world) drilledStored(order v1alpha1.DrillOrder, action int64) *v1alpha1.DrillFacts {
	w.t.Helper()
	spec := w.member()
	spec.Store = &v1alpha1.SnapshotStore{Credentials: v1alpha1.StoreRelation, Keep: 2}
	facts := w.drilling(spec, order, action)
	if w.exists("var/lib/jujuetcd/etcd-0/drill") || w.exists("var/lib/jujuetcd/etcd-0/fetched") {
		w.t.Error("what was fetched is left")
	}
	return facts
}

// TestAStoredDrillTriesWhatIsInTheStore, once for each time, whatever lies on the unit: one of the unit's disk for the same time
// does not stand for it, nor it for that one.
func TestAStoredDrillTriesWhatIsInTheStore(t *testing.T) {
	w, server, order := withStoredDrills(t, func(*world) {})
	for i := range 2 {
		server.Requests()
		done := w.drilledStored(order, int64(5+i))
		if last := done.Last; done.Tried.Fault != "" || last == nil || last.ID != tick3 || last.Tick != tick2 || last.Unit != "etcd/0" ||
			last.Stored != order.Stored || last.Snapshot != filepath.Base(order.Stored) || last.From() != v1alpha1.DrillFromStore || done.TriedStored != order.Stored {
			t.Fatalf("%+v, last %+v", done, done.Last)
		}
		if asked := server.Requests(); (len(asked) > 0) != (i == 0) {
			t.Errorf("%d: the store is asked %q", i, asked)
		}
	}
	if done := w.drilled(tick3, 0, 8); !strings.Contains(done.Tried.Fault, "there is no such file") || done.TriedStored != "" || done.Last.Stored == "" {
		t.Errorf("what is on the disk is not tried for the same time: %+v, last %+v", done, done.Last)
	}
	order.ID = "20260304T000000Z"
	server.Break(s3test.Down)
	if done := w.drilled(order.ID, 0, 9); done.Tried.Fault == "" || done.TriedFrom() != v1alpha1.DrillFromUnit {
		t.Errorf("%+v", done)
	}
	server.Break(nil)
	if done := w.drilledStored(order, 10); done.Tried.Fault != "" || done.Last.ID != order.ID {
		t.Errorf("that the unit's own has failed holds back that of the store: %+v", done)
	}
}

// TestAStoredDrillThatFailsSaysWhy: it fails no delivery, loses no last good one, is not made twice in one attempt, leaves
// nothing, and has no secret.
func TestAStoredDrillThatFailsSaysWhy(t *testing.T) {
	w, server, good := withStoredDrills(t, func(w *world) { w.hasIdentity(w.encrypting().String(), 0o600) })
	if first := w.drilledStored(good, 5); first.Tried.Fault != "" {
		t.Fatal(first.Tried.Fault)
	}
	object := strings.TrimPrefix(good.Stored, "s3://backups/")
	stored, bag := server.Read("backups", object), maps.Clone(w.bag)
	identity, err := os.ReadFile(w.path(v1alpha1.IdentityFile))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		words  string
		breaks func(o *v1alpha1.DrillOrder)
	}{
		{"is busy or down", func(*v1alpha1.DrillOrder) { server.Break(s3test.Down) }},
		{"it takes longer than the 1s that fetching and trying have together", func(*v1alpha1.DrillOrder) { w.patience = time.Second; server.Break(s3test.Slow) }},
		{"cannot fetch " + good.Stored + ": the store gives other bytes", func(*v1alpha1.DrillOrder) { server.Break(server.Lying) }},
		{"refuses the credentials", func(*v1alpha1.DrillOrder) { server.Revoke("x") }},
		{"there is no such snapshot", func(o *v1alpha1.DrillOrder) { o.Stored = strings.Replace(o.Stored, tick2, tick1, 1) }},
		{"it is none of the schedule", func(o *v1alpha1.DrillOrder) { o.Stored = "s3://backups/fleet/x.tar.gz" }},
		{"it is none of the schedule", func(o *v1alpha1.DrillOrder) { o.SHA256 = "" }},
		{"the store is s3://backups/moved now", func(*v1alpha1.DrillOrder) { w.bag["path"] = "moved" }},
		{v1alpha1.IdentityFile + " is not there", func(*v1alpha1.DrillOrder) { _ = os.Remove(w.path(v1alpha1.IdentityFile)) }},
		{"of memory free, and it needs", func(*v1alpha1.DrillOrder) { w.memory = 1 << 20 }},
		// Whoever can write to the store has put another one there, good and of his own making.
		{"cannot use " + good.Stored + ": its SHA-256 is", func(*v1alpha1.DrillOrder) {
			other, err := os.ReadFile(filepath.Join(w.path(machine.DefaultSnapshots)+".away", filepath.Base(key(tick1))))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(other)
			server.Write("backups", object, other, map[string]string{"Etcd-Sha256": hex.EncodeToString(sum[:])})
		}},
	} {
		order := good
		order.ID, order.Attempt = "20260304T000000Z", int32(i)
		c.breaks(&order)
		broken := w.drilledStored(order, int64(6+2*i))
		if fault := broken.Tried.Fault; !strings.Contains(fault, c.words) || broken.Last == nil || broken.Last.ID != tick3 || broken.TriedFrom() != v1alpha1.DrillFromStore ||
			strings.Contains(fault, s3test.SecretKey) || strings.Contains(fault, w.root) {
			t.Errorf("%q: %+v, last %+v", c.words, broken.Tried, broken.Last)
		}
		server.Requests()
		if again := w.drilledStored(order, int64(7+2*i)); again.Tried != broken.Tried || len(server.Requests()) > 0 {
			t.Errorf("%q: the same attempt is made again: %+v", c.words, again.Tried)
		}
		server.Break(nil)
		server.Revoke(s3test.AccessKey)
		w.bag, w.patience, w.memory = maps.Clone(bag), 0, 0
		w.hasIdentity(string(identity), 0o600)
	}
	sum := sha256.Sum256(stored)
	server.Write("backups", object, stored, map[string]string{"Etcd-Sha256": hex.EncodeToString(sum[:])})
	good.ID, good.Attempt = "20260304T000000Z", 99
	if mended := w.drilledStored(good, 99); mended.Tried.Fault != "" || mended.Last.ID != good.ID {
		t.Errorf("%+v", mended)
	}
}

// TestAStoredDrillOpensWhatIsEncrypted, and has nothing of it in the clear under a name when its agent dies: the next hook
// removes what it has fetched.
func TestAStoredDrillOpensWhatIsEncrypted(t *testing.T) {
	w, _, order := withStoredDrills(t, func(w *world) { w.hasIdentity(w.encrypting().String(), 0o600) })
	done := w.drilledStored(order, 5)
	if done.Tried.Fault != "" || !strings.HasSuffix(done.Last.Snapshot, snapshot.SealedSuffix) {
		t.Fatalf("%+v, last %+v", done.Tried, done.Last)
	}
	order.ID = "20260304T000000Z"
	spec := w.member()
	spec.Store, spec.Delivery.Drill = &v1alpha1.SnapshotStore{Credentials: v1alpha1.StoreRelation}, &order
	for effect := 1; ; effect++ {
		ended := w.applyUntil(spec, 6, effect)
		if clear := w.inTheClear(); slices.ContainsFunc(clear, func(name string) bool { return strings.Contains(name, "drill/fetched") }) {
			t.Errorf("killed after effect %d: %q are in the clear", effect, clear)
		}
		if err := w.machine().ClearDrill(); err != nil || w.exists("var/lib/jujuetcd/etcd-0/drill") {
			t.Errorf("killed after effect %d: what was fetched is left, %v", effect, err)
		}
		if ended {
			break
		}
	}
	facts, err := w.machine().Facts(context.WithoutCancel(t.Context()))
	if err != nil || facts.Drill.Last.ID != order.ID {
		t.Errorf("%+v, %v", facts.Drill, err)
	}
}

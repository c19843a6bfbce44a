package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/snapshot"
)

// drill does the trial of restoring that the delivery asks for. As with a snapshot of the schedule, that it
// fails is no failure of the delivery: why is published. It reads the snapshot, and touches neither the unit's
// data nor its member.
//
// The order is recorded before it is begun. Who finds it recorded and not ended was stopped, and does it again.
func (a *application) drill(ctx context.Context) error {
	order := a.spec.Delivery.Drill
	if order == nil {
		return nil
	}
	r := &a.record
	var done v1alpha1.DrillFacts
	if r.Drill != nil {
		done = *r.Drill
	}
	if done.Last != nil && done.Last.ID == order.ID && done.Last.From() == order.From() ||
		done.Tried.FailedAt(order.ID, order.Attempt) && done.TriedFrom() == order.From() {
		return nil
	}
	done.Tried, done.TriedStored = v1alpha1.TriedSnapshot{ID: order.ID, Attempt: order.Attempt}, order.Stored
	r.Drill = &done
	if err := a.m.remember(r); err != nil {
		return err
	}
	from, limit := a.m.ownDisk(*r), a.m.o.DrillWait
	late := fmt.Errorf("it takes longer than %s", limit)
	if order.Stored != "" {
		from, late = a.fetched(order), fmt.Errorf("it takes longer than the %s that fetching and trying have together", limit)
	}
	limited, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	last, err := a.m.rehearse(limited, from)
	if err != nil {
		switch {
		case limited.Err() != nil:
			err = fmt.Errorf("cannot try whether a snapshot can be restored: %w", context.Cause(limited))
		case fullDisk(err):
			err = diskFull(err)
		}
		a.m.log.Error(err, "A restore drill has failed", "time", order.ID)
		done.Tried.Fault = printable.Line(err.Error(), longestFault)
		return a.m.remember(r)
	}
	last.ID, last.Unit, last.Time = order.ID, a.m.o.Unit, metav1.NewTime(a.m.o.Now().UTC())
	done.Last = &last
	a.did("restored " + last.Snapshot + " for a trial")
	return a.m.remember(r)
}

// rehearse restores a snapshot of the schedule into a folder of its own, asks an etcd that runs with it for what
// it has, and removes all of it.
func (m *Machine) rehearse(ctx context.Context, from source) (done v1alpha1.DoneDrill, err error) {
	if err := m.ClearDrill(); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, m.ClearDrill()) }()
	if err := os.Mkdir(m.drillDir(), 0o700); err != nil {
		return done, fmt.Errorf("cannot try whether a snapshot can be restored: %w", err)
	}
	of, err := from(ctx)
	if err != nil {
		return done, err
	}
	archive, err := snapshot.ProveAs(ctx, of.path, of.called, of.sha256, m.stateDir(), Identity(m))
	if err != nil {
		return done, err
	}
	defer archive.Close()
	if of.fetched { // what is restored is the database, which is apart by now
		if err := os.Remove(of.path); err != nil {
			return done, fmt.Errorf("cannot try whether a snapshot can be restored: %w", err)
		}
	}
	if err := m.roomForDrill(archive.DatabaseSize); err != nil {
		return done, fmt.Errorf("cannot try whether a snapshot can be restored: %w", err)
	}
	restored := filepath.Join(m.drillDir(), drillHome, drillData)
	if err := archive.Restore(ctx, restored, snapshot.NewCluster{Name: drillName, PeerURL: drillPeerURL, Token: drillName, DisableAuth: true, SameRevision: true}); err != nil {
		return done, err
	}
	has, err := m.readRestored(ctx, archive.Revision)
	if err != nil {
		return done, err
	}
	done = of.done
	done.Revision, done.Keys = archive.Revision, archive.Keys
	done.Hashed, err = compareRestored(archive.Archive, has)
	return done, err
}

// Identity is the file on the unit that opens encrypted snapshots, for a restore and for a drill alike: a
// drill that goes well says that a restore could open them, too.
func Identity(at interface{ Path(path string) string }) snapshot.Identity {
	return snapshot.Identity{Path: at.Path(v1alpha1.IdentityFile), Name: v1alpha1.IdentityFile}
}

// compareRestored compares what a restored etcd has with what was found in the archive, and with what the
// member had that sent it, if it was recorded and the two can be compared: only at the same compaction, and
// of the same version, since what counts for the hash has changed within minor versions (3.5.16, 3.4.34).
func compareRestored(a snapshot.Archive, has etcdops.Contents) (hashed bool, err error) {
	// In a cluster in which nothing was written the database has no entry, and etcd counts from one.
	if revision := max(a.Revision, 1); has.Revision < revision {
		return false, fmt.Errorf("cannot use %s: restored it ends at revision %d, and the snapshot at %d", filepath.Base(a.Path), has.Revision, revision)
	}
	if has.Keys != a.Keys {
		return false, fmt.Errorf("cannot use %s: restored it has %d keys, and the snapshot %d", filepath.Base(a.Path), has.Keys, a.Keys)
	}
	o := a.Origin
	if o == nil || o.Hash == nil || o.Hash.CompactRevision != has.CompactRevision || o.EtcdVersion != has.Version {
		return false, nil
	}
	if o.Hash.Hash != has.Hash.Hash {
		return false, fmt.Errorf("cannot use %s: restored its keys have another hash (%08x) than those of the member that sent it (%08x)",
			filepath.Base(a.Path), has.Hash.Hash, o.Hash.Hash)
	}
	return true, nil
}

// drillDir is where everything of a drill is, for root alone.
func (m *Machine) drillDir() string { return filepath.Join(m.stateDir(), "drill") }

// ClearDrill ends what a drill has left whose agent has died: an etcd that still runs, and its data. It is called
// by every hook.
func (m *Machine) ClearDrill() error {
	dir := m.drillDir()
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := endIn(dir); err != nil {
		return fmt.Errorf("cannot end what a restore drill has left: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("cannot remove what a restore drill has left: %w", err)
	}
	return nil
}

const (
	// drillLog is what etcd allocates for its log before it writes it: two segments of 64 MB.
	drillLog = 2 * 64 << 20
	// drillMemory is for etcd and its index of keys, beside the database, which it maps; with an empty
	// database it takes some 30 MiB.
	drillMemory = 256 << 20
)

// roomForDrill makes the folder of the drill's etcd, if there is room for it on the machine: for the database, which
// is unpacked by now, once more, and for the log. etcd on the same disk stops when that is full.
func (m *Machine) roomForDrill(size int64) error {
	if err := snapshot.Free(m.stateDir(), size+drillLog); err != nil {
		return err
	}
	free, err := m.o.FreeMemory()
	if err != nil {
		return fmt.Errorf("cannot find out how much memory is free: %w", err)
	}
	if need := size + drillMemory; free < need {
		return fmt.Errorf("the machine has %s of memory free, and it needs %s", snapshot.Size(free), snapshot.Size(need))
	}
	return os.MkdirAll(filepath.Join(m.drillDir(), drillHome), 0o700)
}

// hashOf asks the member that has sent a snapshot for the hash of its keys at a revision, which a drill compares:
// nil where it tells none, which is no reason to have no snapshot.
func hashOf(log logr.Logger, cluster Cluster, endpoint string) func(context.Context, int64) *snapshot.Hash {
	return func(ctx context.Context, revision int64) *snapshot.Hash {
		h, err := cluster.HashKV(ctx, endpoint, revision)
		if err != nil {
			log.Error(err, "A snapshot has no hash to compare with")
			return nil
		}
		return &snapshot.Hash{Hash: h.Hash, CompactRevision: h.CompactRevision}
	}
}

// availableMemory is what the kernel says can be had without swapping.
func availableMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, "MemAvailable:"); is {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the kernel does not say it")
}

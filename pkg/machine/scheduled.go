package machine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/snapshot"
)

// longestFault bounds what is published of a snapshot that could not be taken, in bytes.
const longestFault = 300

// scheduled takes the snapshot that the delivery asks for, and then removes those that are more than
// should be kept. That it cannot is no failure of the delivery: the machine is as it should be, and
// why there is no snapshot is published.
//
// The order is recorded before it is begun. Who finds it recorded and not ended was stopped, and
// does it again; what lies there whole is not taken twice.
func (a *application) scheduled(ctx context.Context) error {
	order := a.spec.Delivery.Snapshot
	if order == nil {
		return nil
	}
	r := &a.record
	var done v1alpha1.SnapshotFacts
	if r.Snapshots != nil {
		done = *r.Snapshots
	}
	if a.hasKept(done.Last, order) || done.Tried.FailedAt(order.ID, order.Attempt) {
		return nil
	}
	done.Tried = v1alpha1.TriedSnapshot{ID: order.ID, Attempt: order.Attempt}
	r.Snapshots = &done
	if err := a.m.remember(r); err != nil {
		return err
	}
	limit := a.m.o.ScheduledWait
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it takes longer than %s, take it with the action %s", limit, v1alpha1.ActionSnapshot))
	defer cancel()
	taken, again := a.takenBefore(limited, done.Last, order)
	var err error
	if !again {
		taken, err = a.m.takeScheduled(limited, a.spec, *r, order)
	}
	if err == nil && !again {
		a.did("took the snapshot of " + order.ID)
		done.Last = &v1alpha1.TakenSnapshot{
			ID: order.ID, Unit: a.m.o.Unit, Path: filepath.Join(DefaultSnapshots, filepath.Base(taken.Path)), Time: metav1.NewTime(taken.Origin.Time),
			Size: taken.Size, SHA256: taken.SHA256, Revision: taken.Revision,
		}
		// Nothing older goes before it is known what takes its place.
		if err := a.m.remember(r); err != nil {
			return err
		}
		err = a.prune(limited, taken, int(order.Keep))
	}
	if taken.SHA256 != "" {
		err = cmp.Or(a.keep(ctx, limited, taken, &done), err)
	}
	if err != nil {
		switch {
		case limited.Err() != nil && !hasTaken(done.Last, order):
			err = fmt.Errorf("cannot take the snapshot: %w", context.Cause(limited))
		case fullDisk(err):
			err = diskFull(err)
		}
		a.m.log.Error(err, "The schedule of snapshots is not kept", "time", order.ID)
		done.Tried.Fault = printable.Line(err.Error(), longestFault)
	}
	return a.m.remember(r)
}

// takenBefore is the snapshot that is asked for, if it is on the unit, whole, and only the store has it
// not yet: nothing is asked of etcd for it again.
func (a *application) takenBefore(ctx context.Context, last *v1alpha1.TakenSnapshot, order *v1alpha1.SnapshotOrder) (taken snapshot.Archive, yes bool) {
	if !hasTaken(last, order) {
		return taken, false
	}
	taken, err := snapshot.Inspect(ctx, a.m.path(last.Path), last.SHA256)
	if err != nil || taken.Origin == nil || a.spec.Encryption != nil && !taken.Encrypted {
		return taken, false // it is taken once more
	}
	return taken, true
}

// hasTaken says that the snapshot that is asked for was taken on the unit, and hasKept that it is
// wherever it should be.
func hasTaken(last *v1alpha1.TakenSnapshot, order *v1alpha1.SnapshotOrder) bool {
	return last != nil && last.ID == order.ID
}

func (a *application) hasKept(last *v1alpha1.TakenSnapshot, order *v1alpha1.SnapshotOrder) bool {
	return hasTaken(last, order) && (a.spec.Store == nil || last.Stored != "")
}

// takeScheduled is TakeSnapshot for a schedule: of this unit's cluster alone, and of none that has
// lost its quorum, whose last writes might be missing.
func (m *Machine) takeScheduled(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, r record.Record, order *v1alpha1.SnapshotOrder) (snapshot.Archive, error) {
	own, view, err := m.Health(ctx)
	if err != nil {
		return snapshot.Archive{}, err
	}
	if err := ownCluster(view, r, "take a snapshot"); err != nil {
		return snapshot.Archive{}, err
	}
	source, at := etcdops.SnapshotSource(view, own.MemberID)
	if at.Endpoint == "" {
		return snapshot.Archive{}, fmt.Errorf("cannot take a snapshot: no member serves (%s)", own.Reason())
	}
	taking, done, err := m.taking(Snapshots{
		Dir: DefaultSnapshots, Progress: func(string) {},
		Origin: snapshot.Origin{Application: spec.Application, Unit: m.o.Unit, ClusterID: view.ClusterID.String(), Tick: order.ID},
	}, source, at)
	if err != nil {
		return snapshot.Archive{}, err
	}
	defer done()
	if e := spec.Encryption; e != nil {
		taking.Encrypt, taking.Recipients = true, e.Recipients
	}
	return snapshot.TakeScheduled(ctx, taking, order.Attempt)
}

// prune removes what the schedule has taken more than should be kept.
func (a *application) prune(ctx context.Context, taken snapshot.Archive, keep int) error {
	dir := filepath.Dir(taken.Path)
	outdated, err := snapshot.Outdated(ctx, dir, taken, keep)
	if err != nil {
		return err
	}
	for _, name := range outdated {
		if err := snapshot.RemoveScheduled(dir, name); err != nil {
			return err
		}
		a.did("removed the snapshot " + name)
	}
	return nil
}

// snapshotFacts are what the record says, and whether the file is still there.
func (m *Machine) snapshotFacts(of *v1alpha1.SnapshotFacts) *v1alpha1.SnapshotFacts {
	if of == nil {
		return nil
	}
	facts := of.DeepCopy()
	if last := facts.Last; last != nil {
		info, err := os.Lstat(m.path(last.Path))
		last.Missing = err != nil || !info.Mode().IsRegular() || info.Size() != last.Size
	}
	return facts
}

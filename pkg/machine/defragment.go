package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/snapshot"
)

const (
	// defragWait is how long a defragmentation is waited for: what is left of v1alpha1.LongestRun
	// when all else has been waited for. On a slow disk that is 2 GiB of live data (30 s a GiB), on
	// a fast one more than 8.
	defragWait = time.Minute
	// defragLockTTL is how long the lock outlives an agent that dies. Nobody restarts a member
	// beside one that still defragments, since that does not serve.
	defragLockTTL = 30 * time.Second
)

// defragment has the member defragment its database, if it has not done that since the stamp was
// raised, and it is its turn: under the cluster's lock, if anybody can hold that, and if all others
// serve.
//
// etcd writes a new file beside the database and gives it its name: another file by that name tells
// that it is over, whatever has become of the agent that asked. What etcd was asked for is recorded
// before, so that it is not done twice.
func (a *application) defragment(ctx context.Context) error {
	stamp := a.spec.Service.DefragStamp
	if a.spec.Service.State != v1alpha1.ServiceRunning || !a.data.Present || !a.spec.Delivery.AllowDefrag {
		return nil
	}
	switch ended, goes := a.m.defragged(&a.record, a.data.Dir); {
	case goes:
		return stillDefragments()
	case ended:
		if err := a.m.remember(&a.record); err != nil {
			return err
		}
	}
	if a.record.Defrag.Stamp >= stamp {
		return nil
	}
	cluster, err := a.m.connect()
	if err != nil {
		return failed(v1alpha1.ReasonQuorumGuard, err)
	}
	defer cluster.Close()
	endpoints := a.endpoints()
	hold := a.hold(endpoints, "defragment the database of "+a.spec.Unit, defragLockTTL)
	// Without space etcd grants no lease, and then this is needed most.
	hold.Unlocked = !lockable(cluster.Look(ctx, endpoints))
	begun := false
	err = etcdops.Under(ctx, cluster, hold, func(held context.Context) error {
		if err := a.beginDefrag(cluster.Look(held, endpoints)); err != nil {
			return err
		}
		if err := etcdops.Fenced(held); err != nil {
			return err
		}
		begun = true
		// What has begun is waited for with the caller's context: the lock is kept for as long.
		return cluster.Defragment(ctx, ownURL(a.record), defragWait)
	})
	switch ended, goes := a.m.defragged(&a.record, a.data.Dir); {
	case begun && ended:
		d := a.record.Defrag
		a.did(fmt.Sprintf("defragmented the database: %s before, %s after", snapshot.Size(d.Before), snapshot.Size(d.After)))
		return a.m.remember(&a.record)
	case begun && (goes || errors.Is(err, etcdops.ErrUnknownOutcome)):
		return stillDefragments()
	case begun && err == nil:
		err = errors.New("etcd has said that it is done, and the file is the same")
	}
	if _, is := errors.AsType[*early](err); is {
		return err
	}
	reason := v1alpha1.ReasonEtcd
	if !begun {
		reason = v1alpha1.ReasonQuorumGuard
	}
	return failed(reason, fmt.Errorf("cannot defragment the database: %w", err))
}

func stillDefragments() error {
	return inProgress(v1alpha1.ReasonEtcd, errors.New("etcd still defragments its database"))
}

// beginDefrag asks the guard and the disk, and records what comes.
func (a *application) beginDefrag(view etcdops.View) error {
	if err := etcdops.CanDefragment(view, a.data.Member); err != nil {
		return failed(v1alpha1.ReasonQuorumGuard, err)
	}
	file, err := a.m.database(a.data.Dir)
	if err != nil {
		return fmt.Errorf("cannot defragment the database: %w", err)
	}
	m, _ := view.Member(a.data.Member)
	live := view.HealthOf(m).DBSizeInUse
	if live <= 0 { // etcd before 3.4 does not tell
		live = file.size
	}
	if err := snapshot.Free(a.m.path(a.data.Dir), live); err != nil {
		return failed(v1alpha1.ReasonDiskFull, fmt.Errorf("cannot defragment the database, of which etcd writes a new file beside the old one: %w", err))
	}
	a.record.Defrag.Began, a.record.Defrag.Inode, a.record.Defrag.Size = a.spec.Service.DefragStamp, file.inode, file.size
	return a.m.remember(&a.record)
}

// database is the file that etcd has its keys in.
type database struct {
	inode uint64
	size  int64
}

func (m *Machine) database(dir string) (database, error) {
	info, err := os.Stat(datadir.Database(m.path(dir)))
	if err != nil {
		return database{}, err
	}
	d := database{size: info.Size()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		d.inode = stat.Ino
	}
	return d, nil
}

// defragged brings the record up to date with the file, in memory only: ended says that what was
// asked for is over, goes that etcd still writes the new file. etcd removes one that it was killed
// at when it starts.
func (m *Machine) defragged(r *record.Record, dir string) (ended, goes bool) {
	d := &r.Defrag
	file, err := m.database(dir)
	if d.Began == 0 || err != nil {
		return false, false
	}
	if file.inode != d.Inode {
		*d = record.Defrag{Stamp: d.Began, Before: d.Size, After: file.size}
		return true, false
	}
	writes, _ := filepath.Glob(datadir.Database(m.path(dir)) + ".tmp.*")
	return false, len(writes) > 0
}

// defragFacts adds what the last defragmentation has come to, or that one goes on.
func (m *Machine) defragFacts(facts *v1alpha1.UnitFacts, r *record.Record, found data, remember bool) error {
	if !found.Present {
		return nil
	}
	ended, goes := m.defragged(r, found.Dir)
	if ended && remember {
		if err := m.remember(r); err != nil {
			return err
		}
	}
	d := r.Defrag
	if goes {
		facts.Busy = &v1alpha1.BusyFacts{ID: strconv.FormatInt(d.Began, 10), Kind: v1alpha1.StampDefrag}
	}
	if d.Stamp != 0 {
		facts.Defragmented = &v1alpha1.DefragFacts{Stamp: d.Stamp, Before: d.Before, After: d.After}
	}
	return nil
}

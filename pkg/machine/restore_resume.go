package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/record"
)

// UnfinishedRestore is the restore that the unit's record tells of: one whose agent has died, or of which
// the latch does not tell yet. Both are nil where there is none.
func (m *Machine) UnfinishedRestore() (*record.Restore, error) {
	r, err := m.load()
	return r.Restore, err
}

// ResumeRestore ends a restore whose agent has died: it goes on where the restored data is in its
// place, or the other is not any more, and goes back else. Then UnfinishedRestore tells of one
// that is done, or of none.
func (m *Machine) ResumeRestore(ctx context.Context) (done bool, restored Restored, err error) {
	a, err := m.beginRestore(ctx)
	if err != nil {
		return false, Restored{}, err
	}
	r := a.record.Restore
	if r == nil {
		return false, Restored{}, m.clearStaged(a.data.Dir)
	}
	here, err := datadir.Inspect(m.path(r.Member.DataDir))
	switch {
	case err != nil:
		return false, Restored{}, err
	case r.Done && here.Present && here.Cluster.String() == r.Member.ClusterID:
		return true, a.restored(), nil
	case r.Done:
		// The data is another cluster's by now, or gone: the latch is not to tell of this one any more.
		return false, Restored{}, m.ForgetRestore()
	}
	m.disk.Did = a.wrote
	defer func() { m.disk.Did = nil }()
	if here.Present && here.Cluster.String() != r.Member.ClusterID || !here.Present && r.From == "" {
		// Nothing was moved: nobody waits for it any more.
		return false, Restored{}, a.undoRestore(ctx)
	}
	if err = a.putInPlace(); err == nil {
		err = a.serveRestored(ctx)
	}
	if err == nil {
		return true, a.restored(), nil
	}
	m.log.Error(err, "Goes back from a restore", "task", r.Task)
	return false, Restored{}, a.undoRestore(ctx)
}

// ClearRestore removes what a restore has left that died before it recorded anything. It is called by
// every hook.
func (m *Machine) ClearRestore(ctx context.Context) error {
	r, err := m.load()
	if err != nil || r.Restore != nil {
		return err
	}
	dir := cmp.Or(r.Member.DataDir, DataDir)
	if left, err := m.staged(dir); err != nil || len(left) == 0 {
		return err
	}
	if t, err := m.tenancy(ctx); err != nil || t.taken != nil {
		return err // another unit's may be under way
	}
	return m.clearStaged(dir)
}

// staged are the folders of restored data beside a data directory.
func (m *Machine) staged(dataDir string) ([]string, error) {
	return filepath.Glob(m.path(dataDir) + ".restore-*")
}

// clearStaged removes the restored data beside a data directory, of which no record tells.
func (m *Machine) clearStaged(dataDir string) error {
	left, err := m.staged(dataDir)
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("cannot remove what a restore has left: %w", err)
	}
	return nil
}

// ForgetRestore is called when the latch tells of it.
func (m *Machine) ForgetRestore() error {
	r, err := m.load()
	if err != nil || r.Restore == nil {
		return err
	}
	r.Restore = nil
	return m.remember(&r)
}

// undoRestore puts the data that was here in its place again, and has etcd run with it; it may be
// called again. An etcd that still runs with it is left alone. The record forgets the restore last.
func (a *application) undoRestore(ctx context.Context) error {
	if err := a.withdraw(ctx); err != nil {
		return err
	}
	if a.data.Present {
		a.spec.Etcd.EnableV2 = a.record.Restore.V2
		for _, step := range []func(context.Context) error{a.configure, a.dropIns, a.startAgain} {
			if err := step(ctx); err != nil {
				return err
			}
		}
	}
	a.record.Restore = nil
	return a.m.remember(&a.record)
}

// withdraw puts the data that was here in its place again. What was restored is set aside if it has
// come to its place, since etcd may have written to it.
func (a *application) withdraw(ctx context.Context) error {
	r := a.record.Restore
	dir := a.m.path(r.Member.DataDir)
	here, err := datadir.Inspect(dir)
	if err != nil {
		return err
	}
	if !here.Present || here.Cluster.String() == r.Member.ClusterID {
		if err := a.putBack(ctx, dir, here.Present); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(a.m.path(r.Staged)); err != nil {
		return fmt.Errorf("cannot go back from a restore: %w", err)
	}
	a.record.Member = r.Before
	if err := a.m.remember(&a.record); err != nil {
		return err
	}
	a.data, err = a.m.inspect(a.record)
	return err
}

// putBack stops etcd, sets what was restored aside, and puts the data of before in its place.
func (a *application) putBack(ctx context.Context, dir string, restored bool) error {
	r := a.record.Restore
	if err := a.stop(ctx); err != nil {
		return err
	}
	if off, err := a.off(ctx); err != nil || !off {
		return cmp.Or(err, errors.New("cannot go back from a restore: etcd's service does not stop"))
	}
	if restored {
		if _, err := datadir.SetAside(a.m.disk, dir, a.m.o.Now()); err != nil {
			return err
		}
	}
	if r.From == "" {
		return nil
	}
	return a.m.disk.Rename(a.m.path(r.Aside), filepath.Join(dir, "member"))
}

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
)

// fetchedDir is where what comes from the store lies until it is restored, in the unit's folder that
// root alone enters.
const fetchedDir = "fetched"

// OpenStore is where snapshots are kept beside the unit: as the spec says that was applied last, else
// as the provider of the relation says; nil where neither says anything.
func (m *Machine) OpenStore(p store.Provider) (*store.Store, error) {
	last, err := m.Last()
	if err != nil {
		return nil, err
	}
	var policy *v1alpha1.SnapshotStore
	if last != nil {
		policy = last.Store
	}
	return m.openStore(policy, p)
}

func (m *Machine) openStore(policy *v1alpha1.SnapshotStore, p store.Provider) (*store.Store, error) {
	related, err := store.FromRelation(p)
	switch {
	case err != nil:
		return nil, err
	case policy == nil && !related.Given():
		return nil, nil //nolint:nilnil // there is none, which is no fault
	case policy == nil:
		policy = &v1alpha1.SnapshotStore{Credentials: v1alpha1.StoreRelation}
	}
	return store.Open(*policy, related, m.o.Root)
}

// keep puts the snapshot that was just taken into the store, and removes there what is more than
// should be kept. The one on the unit's disk stays whatever becomes of it.
func (a *application) keep(ctx, limited context.Context, taken snapshot.Archive, done *v1alpha1.SnapshotFacts) error {
	policy := a.spec.Store
	if policy == nil {
		return nil
	}
	// The limit is the same; what it is said to be is not what to do about a large database.
	deadline, _ := limited.Deadline()
	ctx, cancel := context.WithDeadlineCause(ctx, deadline, fmt.Errorf("it takes longer than the %s that taking and storing have together", a.m.o.ScheduledWait))
	defer cancel()
	s, err := a.store(ctx)
	if err != nil {
		return err
	}
	if done.Last.Stored, err = s.Put(ctx, taken); err != nil {
		return err
	}
	a.did("stored the snapshot as " + done.Last.Stored)
	if err := a.m.remember(&a.record); err != nil {
		return err
	}
	removed, err := s.Prune(ctx, taken, int(policy.Keep))
	for _, name := range removed {
		a.did("removed the snapshot " + name + " in " + s.Where())
	}
	return err
}

// store is the one of the spec, which has one.
func (a *application) store(ctx context.Context) (*store.Store, error) {
	var provider store.Provider
	if a.s.Store != nil {
		var err error
		if provider, err = a.s.Store(ctx); err != nil {
			return nil, fmt.Errorf("cannot use the store: %w", err)
		}
	}
	return a.m.openStore(a.spec.Store, provider)
}

// FetchStored gets a snapshot of the store, by its ID, into the unit's own folder. The caller calls
// done when it needs the file no more.
func (m *Machine) FetchStored(ctx context.Context, s *store.Store, id, prefix string) (path string, done func(), err error) {
	dir := filepath.Join(m.stateDir(), fetchedDir)
	// What an agent has left that died.
	if err := errors.Join(os.RemoveAll(dir), m.disk.MkdirAll(dir, 0o700)); err != nil {
		return "", nil, fmt.Errorf("cannot fetch a snapshot: %w", err)
	}
	done = func() { _ = os.RemoveAll(dir) } // the next one removes what is left
	path = filepath.Join(dir, "snapshot")
	if err := s.Fetch(ctx, id, prefix, path); err != nil {
		done()
		return "", nil, err
	}
	return path, done, nil
}

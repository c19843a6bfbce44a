package actions

import (
	"context"
	"errors"
	"fmt"

	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
)

var errNoStore = errors.New("there is no store: relate the application by s3-credentials, or name one in spec.snapshots.store")

// StoreProvider is the application that gives credentials for a store, as this dispatch sees it; empty
// where none is related.
func StoreProvider(ctx context.Context, run *dispatch.Run) (store.Provider, error) {
	bag, err := run.StoreBag(ctx)
	return store.Provider{
		Bag:    bag,
		Secret: func(uri string) (map[string]string, error) { return run.Tools.Secret(ctx, uri) },
	}, err
}

// store is where snapshots are kept beside the unit; nil if there is none.
func (a action) store(ctx context.Context) (s *store.Store, why, err error) {
	provider, err := StoreProvider(ctx, a.run)
	if err != nil {
		return nil, nil, err
	}
	s, why = a.machine.OpenStore(provider)
	return s, why, nil
}

// listStored lists what is in the store: in this application's folder, or in the one that a person
// names. why is why that cannot be told.
func (a action) listStored(ctx context.Context, from string, verify bool) (where string, list []snapshot.Listed, why, err error) {
	s, why, err := a.store(ctx)
	switch {
	case err != nil || why != nil:
		return "", nil, why, err
	case s == nil && from != "":
		return "", nil, errNoStore, nil
	case s == nil:
		return "", nil, nil, nil
	}
	list, why = s.List(ctx, from, verify, machine.Identity(a.machine))
	return s.Where(), list, why, nil
}

// fetchStored gets the snapshot that is restored from the store. The caller calls done when it needs
// the file no more.
func (a action) fetchStored(ctx context.Context, request *restoreRequest) (done func(), why, err error) {
	s, why, err := a.store(ctx)
	if err != nil {
		return nil, nil, err
	}
	if s == nil && why == nil {
		why = errNoStore
	}
	if why != nil {
		return nil, fmt.Errorf("cannot find %.80q on this unit, and not in a store: %w", request.stored, why), nil
	}
	a.progress(ctx, "fetching "+request.stored+" from the store")
	request.archive, done, why = a.machine.FetchStored(ctx, s, request.stored, request.from)
	return done, why, nil
}

package machine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/snapshot"
)

// trial is the archive that a drill tries.
type trial struct {
	// path is where it lies, and called what it is in a sentence.
	path, called string
	sha256       string
	// fetched says that it is the drill's own, and goes when it was read.
	fetched bool
	// done is what is told of it.
	done v1alpha1.DoneDrill
}

// source gets the archive that is to be tried. Where it is fetched it is written into the drill's folder, so that it
// goes with that, whoever is stopped.
type source func(ctx context.Context) (trial, error)

// ownDisk is the unit's last snapshot of the schedule.
func (m *Machine) ownDisk(r record.Record) source {
	return func(context.Context) (t trial, err error) {
		if r.Snapshots == nil || r.Snapshots.Last == nil {
			return t, errors.New("cannot try whether a snapshot can be restored: this unit has taken none of the schedule")
		}
		last := r.Snapshots.Last
		path := m.path(last.Path)
		return trial{path: path, called: path, sha256: last.SHA256, done: v1alpha1.DoneDrill{Snapshot: filepath.Base(last.Path), Tick: last.ID}}, nil
	}
}

// fetched is what the order names in the store, whichever unit has put it there. Its bytes must be those that were
// written by that: a store, and whoever else can write to it, is not believed what they are.
func (a *application) fetched(order *v1alpha1.DrillOrder) source {
	return func(ctx context.Context) (t trial, err error) {
		fail := func(why string) (trial, error) {
			return trial{}, fmt.Errorf("cannot try whether %.200q can be restored: %s", order.Stored, why)
		}
		name := path.Base(order.Stored)
		_, tick, is := snapshot.ParseScheduled(name)
		switch {
		case !is || order.SHA256 == "":
			return fail("it is none of the schedule")
		case a.spec.Store == nil:
			return fail("there is no store")
		}
		s, err := a.store(ctx)
		if err != nil {
			return t, err
		}
		if s.Where()+"/"+name != order.Stored {
			return fail("the store is " + s.Where() + " now, and nothing has been stored there yet")
		}
		to := filepath.Join(a.m.drillDir(), "fetched")
		if err := s.Fetch(ctx, name, "", to); err != nil {
			return t, err
		}
		a.m.effect("fetched what is tried")
		return trial{path: to, called: order.Stored, sha256: order.SHA256, fetched: true,
			done: v1alpha1.DoneDrill{Snapshot: name, Stored: order.Stored, Tick: tick}}, nil
	}
}

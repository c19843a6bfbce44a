package machine

import (
	"context"

	"jujuetcd.io/pkg/machine/record"
)

// OnEffect has f called after everything that is done to the world; a test ends an Apply there as a
// crash would.
func (m *Machine) OnEffect(f func(what string)) { m.effect = f }

// ErrorIn is errorIn.
var ErrorIn = errorIn

// OwnURL reaches where a unit's own etcd is asked.
var OwnURL = ownURL

// FullDisk is fullDisk.
var FullDisk = fullDisk

// Record changes the record as an Apply would.
func (m *Machine) Record(change func(*record.Record)) {
	r, err := m.store.Load()
	if err != nil {
		panic(err)
	}
	change(&r)
	if err := m.remember(&r); err != nil {
		panic(err)
	}
}

// Rehearse is what a drill does beside the record.
func (m *Machine) Rehearse(ctx context.Context) error {
	r, err := m.store.Load()
	if err != nil {
		return err
	}
	_, err = m.rehearse(ctx, m.ownDisk(r))
	return err
}

// DrillDir is where all of a drill is.
func (m *Machine) DrillDir() string { return m.drillDir() }

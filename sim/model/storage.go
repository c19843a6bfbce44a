package model

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

type storage struct {
	id       string // As in data/0.
	name     string
	kind     string
	location string
	since    time.Time
}

// addStorage makes the instances that the charm cannot do without: filesystems on the machine's own disk.
func (m *Model) addStorage(u *unit) {
	for _, name := range slices.Sorted(maps.Keys(u.app.charm.Metadata.Storage)) {
		store := u.app.charm.Metadata.Storage[name]
		for range store.Minimum() {
			s := &storage{id: fmt.Sprintf("%s/%d", name, m.next("storage")), name: name, kind: store.Type, since: m.now()}
			s.location = store.Location
			if s.location == "" {
				s.location = "/var/lib/juju/storage/" + s.id
			}
			u.storage = append(u.storage, s)
		}
	}
}

// Storage is one instance, attached to a unit.
type Storage struct {
	ID, Name, Kind, Location string
	Unit, Machine            string
	Since                    time.Time
}

func (u *unit) showStorage() []Storage {
	var shown []Storage
	for _, s := range u.storage {
		shown = append(shown, Storage{s.id, s.name, s.kind, s.location, u.name, u.machine.id, s.since})
	}
	return shown
}

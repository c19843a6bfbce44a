package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A drill proves that a snapshot of the schedule can be restored: a unit restores the newest that it
// has, or that is in the store, into a folder of its own, starts an etcd with it that nobody else can
// reach, asks that for what it has, and removes all of it.

// What SnapshotPolicy.DrillFrom may be, beside nothing, which is DrillFromUnit.
const (
	DrillFromUnit  = "unit"
	DrillFromStore = "store"
)

// DrillOrder asks a unit for the drill of one time of the timetable.
type DrillOrder struct {
	// ID is that time: see TickID.
	ID string `json:"id"`
	// Attempt counts the times at which that drill has been asked for, on any unit.
	Attempt int32 `json:"attempt,omitempty"`
	// Stored is the snapshot that is to be fetched from the store and tried, such as s3://BUCKET/KEY, and
	// SHA256 what whoever has put it there has said of it, from ProtocolDrillStored on. Empty for the newest
	// on the unit's disk.
	Stored string `json:"stored,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// From says where the drill takes its snapshot from: DrillFromUnit or DrillFromStore.
func (o *DrillOrder) From() string { return drillFrom(o.Stored) }

func drillFrom(stored string) string {
	if stored != "" {
		return DrillFromStore
	}
	return DrillFromUnit
}

// DrillFacts are what a unit has done for the timetable of drills.
type DrillFacts struct {
	// Last is the last one that went well; nil if there was none.
	Last *DoneDrill `json:"last,omitempty"`
	// Tried is the last order that the unit has begun, and TriedStored its DrillOrder.Stored.
	Tried       TriedSnapshot `json:"tried"`
	TriedStored string        `json:"triedStored,omitempty"`
}

// TriedFrom says where Tried takes its snapshot from.
func (f *DrillFacts) TriedFrom() string { return drillFrom(f.TriedStored) }

// DoneDrill is a drill that went well: the restored etcd has had the revision and the number of keys
// that were found in the snapshot when it was verified.
type DoneDrill struct {
	// ID is the time of the timetable that it was for.
	ID string `json:"id"`
	// Unit is where it was done, and Snapshot which file was restored.
	Unit     string `json:"unit,omitempty"`
	Snapshot string `json:"snapshot"`
	// Stored is where that was in the store, such as s3://BUCKET/KEY; empty if it was on the unit's disk.
	Stored string `json:"stored,omitempty"`
	// Tick is the time of the schedule that the snapshot is of.
	Tick string `json:"tick"`
	// Time is when it was done, by the unit's clock.
	Time     metav1.Time `json:"time"`
	Revision int64       `json:"revision"`
	Keys     int64       `json:"keys"`
	// Hashed says that its HashKV at that revision, too, was the one that the member had which sent
	// the snapshot. It cannot be compared where history was compacted while the snapshot was taken,
	// where another version of etcd runs by now, and of a snapshot that an older agent has taken.
	Hashed bool `json:"hashed,omitempty"`
}

// From says where the snapshot was: DrillFromUnit or DrillFromStore.
func (d *DoneDrill) From() string { return drillFrom(d.Stored) }

// DrillStatus is how the timetable of drills is kept.
type DrillStatus struct {
	// From says which snapshots are tried: unit or store.
	From string `json:"from"`
	// Last is the last one that went well; nil if there is none.
	// +optional
	Last *DoneDrill `json:"last,omitempty"`
	// Next is when the next one is due.
	// +optional
	Next metav1.Time `json:"next,omitempty"`
	// Failing says that the last one has failed, or that two in a row were missed.
	// +optional
	Failing bool `json:"failing,omitempty"`
}

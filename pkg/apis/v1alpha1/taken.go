package v1alpha1

import (
	"slices"
	"strings"
)

// UnitRef names a unit of any model.
type UnitRef struct {
	Unit      string `json:"unit"`
	ModelUUID string `json:"modelUUID,omitempty"`
}

// Application is the unit's application.
func (r UnitRef) Application() string {
	name, _, _ := strings.Cut(r.Unit, "/")
	return name
}

// TakenFacts say whose a unit's machine is, where it is not the unit's: a machine carries one
// member. Nothing else that lies on the machine is published by such a unit, and nothing is
// delivered to it but what clears the machine.
type TakenFacts struct {
	// Units are those that the machine may belong to: the one that the owner's file names, or,
	// where there is no such file, all that have left a record. None means that what is here is
	// nobody's.
	Units []UnitRef `json:"units,omitempty"`
	// Data is what a member has left here; nil without any.
	Data *LeftData `json:"data,omitempty"`
	// Runs says that etcd's service has a process, and nothing else is here. It is not reported of
	// anybody's member, which may stop and start: each change of facts runs a hook on every peer.
	Runs bool `json:"runs,omitempty"`
}

// LeftData is a data directory that is not the unit's.
type LeftData struct {
	Dir string `json:"dir"`
	// ClusterID and MemberID are 16 hex digits.
	ClusterID string `json:"clusterID,omitempty"`
	MemberID  string `json:"memberID,omitempty"`
	// Of is the unit whose record names this member; nil if none does, or several do.
	Of *UnitRef `json:"of,omitempty"`
}

// Orphans are units that Juju shows no more and that have left something on the machine of another
// one. A delivery that names them permits to clear what is theirs.
type Orphans struct {
	Units []UnitRef `json:"units"`
	// Whole says that nothing is left of their applications either: nobody is left who could miss
	// their members.
	Whole bool `json:"whole,omitempty"`
}

// ClearedBy says that a delivery which names these orphans may clear the machine: all whom it may
// belong to are among them, and the data, if there is any, is known to be of one of them.
func (t *TakenFacts) ClearedBy(o *Orphans) bool {
	if o == nil || len(t.Units) == 0 || t.Data != nil && (t.Data.Of == nil || !slices.Contains(o.Units, *t.Data.Of)) {
		return false
	}
	return !slices.ContainsFunc(t.Units, func(r UnitRef) bool { return !slices.Contains(o.Units, r) })
}

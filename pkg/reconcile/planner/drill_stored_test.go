package planner_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

const storedAt = "s3://backups/x"

// drillingStore is drilling, of what is in the store: the last snapshot was taken on etcd/1, and is there.
func drillingStore(n int) observation.Observation {
	o := drilling(n)
	o.StoreRelated = true
	o.Policy.Snapshots.DrillFrom = v1alpha1.DrillFromStore
	inStore(&o, min(1, n-1))
	o.Units[min(1, n-1)].Facts.Snapshots.Last.SHA256 = "ab12"
	return o
}

func drilledStore(o *observation.Observation, i int, tick string) {
	drilled(o, i, tick)
	o.Units[i].Facts.Drill.Last.Stored, o.Units[i].Facts.Drill.TriedStored = storedAt, storedAt
}

func failedStored(o *observation.Observation, i int, tick string, attempt int32, fault string) {
	failedDrill(o, i, tick, attempt, fault)
	o.Units[i].Facts.Drill.TriedStored = storedAt
}

// TestADrillOfTheStoreIsAskedForOfAnyUnit that knows it and is not the leader, those first that have not taken what is there; one of
// a disk stands for none of it, nor it for that.
func TestADrillOfTheStoreIsAskedForOfAnyUnit(t *testing.T) {
	const fault = "it is damaged"
	for name, c := range map[string]struct {
		n      int
		change func(o *observation.Observation)
		unit   string
		order  v1alpha1.DrillOrder
	}{
		"who has not taken it":        {3, func(*observation.Observation) {}, "etcd/2", v1alpha1.DrillOrder{}},
		"but where there is one only": {1, func(*observation.Observation) {}, "etcd/0", v1alpha1.DrillOrder{}},
		"whose disk has lost it":      {3, func(o *observation.Observation) { o.Units[1].Facts.Snapshots.Last.Missing = true }, "etcd/2", v1alpha1.DrillOrder{}},
		"the next attempt elsewhere": {3, func(o *observation.Observation) {
			failedStored(o, 2, hour(12), 0, fault)
			o.Now = o.Now.Add(2 * time.Minute)
		}, "etcd/1", v1alpha1.DrillOrder{Attempt: 1}},
		"it has failed":              {3, func(o *observation.Observation) { failedStored(o, 2, hour(12), 0, fault) }, "", v1alpha1.DrillOrder{}},
		"that of a disk has":         {3, func(o *observation.Observation) { failedDrill(o, 2, hour(12), 0, fault) }, "etcd/2", v1alpha1.DrillOrder{}},
		"it was done":                {3, func(o *observation.Observation) { drilledStore(o, 2, hour(12)) }, "", v1alpha1.DrillOrder{}},
		"that of a disk was":         {3, func(o *observation.Observation) { drilled(o, 2, hour(12)) }, "etcd/2", v1alpha1.DrillOrder{}},
		"there is no store":          {3, func(o *observation.Observation) { o.StoreRelated = false }, "", v1alpha1.DrillOrder{}},
		"nothing is in it":           {3, func(o *observation.Observation) { o.Units[1].Facts.Snapshots.Last.Stored = "" }, "", v1alpha1.DrillOrder{}},
		"agents know only disks":     {3, func(o *observation.Observation) { onlyDisks(o, 1, 2) }, "etcd/0", v1alpha1.DrillOrder{}},
		"all of them":                {3, func(o *observation.Observation) { onlyDisks(o, 0, 1, 2) }, "", v1alpha1.DrillOrder{}},
		"the one of a disk is shown": {3, shownDisk, "etcd/2", v1alpha1.DrillOrder{}},
	} {
		t.Run(name, func(t *testing.T) {
			o := drillingStore(c.n)
			c.change(&o)
			apply(&o)
			c.order.ID, c.order.Stored, c.order.SHA256 = hour(12), storedAt, "ab12"
			if unit, of := drillOrder(t, o); unit != c.unit || unit != "" && of != c.order {
				t.Errorf("%q is asked for %+v, want %q for %+v", unit, of, c.unit, c.order)
			}
		})
	}
	// Who says nothing has what is on the disks tried, as before there were drills of the store.
	o := drillingStore(3)
	o.Policy.Snapshots.DrillFrom = ""
	apply(&o)
	if unit, of := drillOrder(t, o); unit != "etcd/1" || of != (v1alpha1.DrillOrder{ID: hour(12)}) {
		t.Errorf("%q is asked for %+v", unit, of)
	}
	drilledStore(&o, 1, hour(12))
	if unit, _ := drillOrder(t, o); unit != "etcd/1" {
		t.Errorf("that of the store stands for that of a disk: %q is asked", unit)
	}
}

func onlyDisks(o *observation.Observation, units ...int) {
	for _, i := range units {
		o.Units[i].Facts.Protocol = v1alpha1.ProtocolDrillStored - 1
	}
}

// shownDisk lets a drill of a disk for the same time have been reported, and not be in the facts yet.
func shownDisk(o *observation.Observation) {
	o.Units[2].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Drill: &v1alpha1.DrillOrder{ID: hour(12)}, At: o.Now, Hash: o.Units[2].Facts.Applied.Hash}
}

// TestDrillsOfTheStoreSayWhatWasTried.
func TestDrillsOfTheStoreSayWhatWasTried(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(o *observation.Observation)
		condition string
		status    string
	}{
		"done":         {func(o *observation.Observation) { drilledStore(o, 2, hour(12)) }, "True AsWanted From the store, s3://backups/x was restored on etcd/2 for a trial", ""},
		"of disks":     {func(o *observation.Observation) { drilled(o, 2, hour(12)) }, "Unknown NoneYet", ""},
		"of no matter": {func(o *observation.Observation) { failedDrill(o, 2, hour(12), 3, "no") }, "Unknown NoneYet", ""},
		"failed": {func(o *observation.Observation) { failedStored(o, 2, hour(12), 0, "cannot fetch s3://backups/x: no.") },
			"False Failing The restore drill of 2026-11-22T12:00:00Z from the store has failed: etcd/2: cannot fetch s3://backups/x: no.",
			"The restore drill of 2026-11-22T12:00:00Z from the store has failed: etcd/2: cannot fetch s3://backups/x: no"},
		"no store": {func(o *observation.Observation) { o.StoreRelated = false }, "False Overdue No restore drill could be done yet: there is no store",
			"No restore drill could be done yet: there is no store: relate the application by s3-credentials"},
		"older": {func(o *observation.Observation) { onlyDisks(o, 0, 1, 2) }, "False Overdue", "No restore drill could be done yet: the agent of etcd/0 is older than this daemon"},
		"nothing stored": {func(o *observation.Observation) {
			drilledStore(o, 2, hour(10))
			o.Units[1].Facts.Snapshots.Last.Stored = ""
			o.Now = o.Now.Add(5 * time.Minute)
		}, "False Overdue", "since 2026-11-22T10:00:00Z: there is no snapshot of the schedule in the store"},
	} {
		t.Run(name, func(t *testing.T) {
			o := drillingStore(3)
			c.change(&o)
			status := reports(t, o, v1alpha1.ConditionDrill, c.condition, c.status)
			if s := status.Drills; s == nil || s.From != v1alpha1.DrillFromStore || s.Failing != (c.status != "") {
				t.Errorf("%+v", s)
			}
		})
	}
}

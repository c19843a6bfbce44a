package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// storing is scheduled with a store of the policy.
func storing(n int) observation.Observation {
	o := scheduled(n)
	o.Policy.Snapshots.Store = &v1alpha1.SnapshotStore{Bucket: "backups", Credentials: v1alpha1.StoreFile}
	apply(&o)
	return o
}

// inStore lets the snapshot that a unit has taken be in the store.
func inStore(o *observation.Observation, i int) {
	o.Units[i].Facts.Snapshots.Last.Stored = "s3://backups/x"
}

func aboutSnapshots(o observation.Observation) metav1.Condition {
	all := planner.Status(o).Conditions
	return all[slices.IndexFunc(all, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionSnapshots })]
}

// TestWhatIsNotStoredIsDue: it is asked for again as one that was not taken, and told of like that.
func TestWhatIsNotStoredIsDue(t *testing.T) {
	o := storing(3)
	took(&o, 1, hour(12))
	if c := aboutSnapshots(o); c.Status != metav1.ConditionUnknown || c.Reason != planner.ReasonNotStored {
		t.Errorf("%+v", c)
	}
	if s := planner.Status(o).Snapshots; s.Stored != nil || s.Last == nil {
		t.Errorf("%+v", s)
	}
	tried(&o, 1, hour(12), 0, "cannot store the snapshot: the store is down.")
	if unit, _ := order(t, o); unit != "" {
		t.Errorf("%s is asked at once", unit)
	}
	if c := aboutSnapshots(o); c.Reason != planner.ReasonFailing || !strings.Contains(c.Message, "the store is down") {
		t.Errorf("%+v", c)
	}
	o.Now = o.Now.Add(2 * time.Minute)
	if unit, of := order(t, o); unit == "" || of.Attempt != 1 || of.ID != hour(12) {
		t.Errorf("%q is asked for %+v", unit, of)
	}
	tried(&o, 1, hour(12), 1, "cannot store the snapshot: the store is down.")
	o.Now = o.Now.Add(2 * time.Hour)
	apply(&o)
	if c := aboutSnapshots(o); c.Reason != planner.ReasonOverdue || !strings.Contains(c.Message, "could be stored yet: etcd/1: cannot store") {
		t.Errorf("%+v", c)
	}
	took(&o, 2, hour(14))
	inStore(&o, 2)
	o.Units[1].Facts.Snapshots.Tried.Fault = ""
	if unit, _ := order(t, o); unit != "" {
		t.Errorf("%s is asked for one that is stored", unit)
	}
	if c := aboutSnapshots(o); c.Status != metav1.ConditionTrue || !strings.Contains(c.Message, "in the store s3://backups/x") {
		t.Errorf("%+v", c)
	}
	// Later ones are on units alone.
	took(&o, 1, hour(16))
	o.Now = o.Now.Add(3 * time.Hour)
	if c := aboutSnapshots(o); c.Reason != planner.ReasonOverdue || !strings.Contains(c.Message, "was stored since 2026-11-22T14:00:00Z") {
		t.Errorf("%+v", c)
	}
}

// TestWhereSnapshotsAreStored: as the policy says, else as the relation does that a person has made; only who knows
// of it is told, and asked.
func TestWhereSnapshotsAreStored(t *testing.T) {
	o := scheduled(3)
	if s := planner.Desired(o, "etcd/1"); s.Store != nil {
		t.Errorf("%+v", s.Store)
	}
	o.StoreRelated = true
	if s := planner.Desired(o, "etcd/1").Store; s == nil || *s != (v1alpha1.SnapshotStore{Credentials: v1alpha1.StoreRelation, Keep: 5}) {
		t.Errorf("%+v", s)
	}
	o.Policy.Snapshots.Schedule = ""
	if s := planner.Desired(o, "etcd/1"); s.Store != nil {
		t.Errorf("%+v", s.Store)
	}
	o = storing(3)
	if s := planner.Desired(o, "etcd/1").Store; s == nil || *s != (v1alpha1.SnapshotStore{Bucket: "backups", Credentials: v1alpha1.StoreFile, Keep: 5}) {
		t.Errorf("%+v", s)
	}
	for i := range o.Units {
		o.Units[i].Facts.Protocol = v1alpha1.ProtocolStore - 1
	}
	apply(&o)
	if s := planner.Desired(o, "etcd/1"); s.Store != nil {
		t.Errorf("an older agent is told of %+v", s.Store)
	}
	if unit, _ := order(t, o); unit != "" {
		t.Errorf("%s is asked, and stores nothing", unit)
	}
	if c := aboutSnapshots(o); !strings.Contains(c.Message, "older than this daemon") {
		t.Errorf("%+v", c)
	}
}

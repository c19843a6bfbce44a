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

// TestASnapshotThatIsToBeEncryptedIsAskedOfWhoDoesIt: an agent that is too old would write it in the clear, for the
// schedule and before a step alike.
func TestASnapshotThatIsToBeEncryptedIsAskedOfWhoDoesIt(t *testing.T) {
	o := scheduled(3)
	if e := planner.Desired(o, "etcd/1").Encryption; e != nil {
		t.Errorf("%+v", e)
	}
	o.Policy.Snapshots.Encryption = &v1alpha1.SnapshotEncryption{Recipients: []string{"age1one", "age1two"}}
	apply(&o)
	if e := planner.Desired(o, "etcd/1").Encryption; e == nil || !slices.Equal(e.Recipients, o.Policy.Snapshots.Encryption.Recipients) {
		t.Errorf("%+v", e)
	}
	o.Policy.Snapshots.Schedule = "" // one may be taken before a step all the same
	if e := planner.Desired(o, "etcd/1").Encryption; e == nil {
		t.Error("without a schedule nothing is encrypted")
	}
	o.Policy.Snapshots.Schedule = "@hourly"
	if unit, _ := order(t, o); unit == "" {
		t.Error("nobody is asked")
	}
	for i := range o.Units {
		if o.Units[i].Name != "etcd/2" {
			o.Units[i].Facts.Protocol = v1alpha1.ProtocolEncryption - 1
		}
	}
	apply(&o)
	if unit, _ := order(t, o); unit != "etcd/2" {
		t.Errorf("%q is asked", unit)
	}
	for i := range o.Units {
		o.Units[i].Facts.Protocol = v1alpha1.ProtocolEncryption - 1
	}
	apply(&o)
	if e := planner.Desired(o, "etcd/1").Encryption; e != nil {
		t.Errorf("an older agent is told of %+v", e)
	}
	if unit, _ := order(t, o); unit != "" {
		t.Errorf("%s is asked, and would write it in the clear", unit)
	}
	if c := aboutSnapshots(o); !strings.Contains(c.Message, "the agent of etcd/0 is older than this daemon: refresh the charm") {
		t.Errorf("%+v", c)
	}
}

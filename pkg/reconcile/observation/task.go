package observation

import (
	"fmt"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Task is a pending or running reconcile, or another action.
type Task struct {
	// ID is Juju's number, zero for one that is about to be queued, or of which only the unit's
	// agent has reported.
	ID int64
	// Name is the action's; empty for a reconcile. The fields after Enqueued are a reconcile's
	// only.
	Name     string
	Running  bool
	Enqueued time.Time
	// Ours says that this process enqueued it, and Deadline is its NotAfter.
	Ours     bool
	Deadline time.Time
	// Harmless says that it is ours and may neither stop nor reset a member, nor takes or tries a snapshot:
	// others need not wait for it.
	Harmless bool
}

// String names the task as part of a sentence. Juju has not numbered yet what is only about to be
// queued.
func (t *Task) String() string {
	switch {
	case t.ID == 0 && t.Name == "":
		return "a delivery"
	case t.ID == 0:
		return "the action " + t.Name
	case t.Name != "":
		return fmt.Sprintf("task %d (%s)", t.ID, t.Name)
	}
	return fmt.Sprintf("task %d", t.ID)
}

// MayDisturb says that the task may still stop or reset a member: it is not final, and its deadline
// and the longest run time have not passed. A task of another process is judged by when it was
// enqueued.
func (t *Task) MayDisturb(now time.Time) bool {
	if t == nil || t.Harmless {
		return false
	}
	return now.Before(t.LastStart().Add(v1alpha1.LongestRun))
}

// LastStart is until when the task may begin.
func (t *Task) LastStart() time.Time {
	if t.Deadline.IsZero() {
		return t.Enqueued.Add(v1alpha1.DeliveryTTL)
	}
	return t.Deadline
}

// Begins is until when a task that is not final may begin, and run; zero for none.
func (t *Task) Begins() time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.LastStart().Add(v1alpha1.LongestRun)
}

// Result is how a reconcile that this process enqueued ended.
type Result struct {
	Task    int64
	Hash    string
	At      time.Time
	Outcome v1alpha1.Outcome
	Reason  string
	Message string
	// Published is where the unit published to its clients to find the cluster when it ended.
	Published []string
	// Ports are those that it asked Juju to have open.
	Ports []int32
	// Snapshot is the snapshot of a schedule that it asked for; nil if none.
	Snapshot *v1alpha1.SnapshotOrder
	// Drill is the restore drill that it asked for; nil if none.
	Drill *v1alpha1.DrillOrder
	// Channels are those in which the store has the snap, where it has none in the one that was
	// asked for.
	Channels []string
	// Failures counts consecutive deliveries that were not applied; NotBefore is when the next one
	// may go out.
	Failures  int
	NotBefore time.Time
}

// Delivery is one unit's whole desired state. The actor fills in what belongs to the moment:
// Delivery.NotAfter.
type Delivery struct {
	Unit string
	Spec v1alpha1.EtcdUnitSpec
}

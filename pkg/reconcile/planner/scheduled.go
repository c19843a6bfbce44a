package planner

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// snapshots asks for the snapshot of the last time of the schedule, if no unit has taken it: one
// unit at a time, and each attempt of one unit only. Nothing is waited for here: what stands in the
// way passes, or is reported when two times are missed.
func snapshots(in *Situation) (Step, bool) {
	if !in.due() || !in.Etcd.Listed {
		return Step{}, false
	}
	order := v1alpha1.SnapshotOrder{ID: v1alpha1.TickID(in.tick), Attempt: in.attempt, Keep: in.Policy.Snapshots.Keep}
	u, ok := in.asks(order)
	if !ok {
		return Step{}, false
	}
	step := Step{Kind: StepSnapshot, Unit: u.Name, Units: []observation.Delivery{in.delivery(u, in.specOf(u))},
		Reason: fmt.Sprintf("The snapshot of %s is due.", in.tick.Format(time.RFC3339))}
	if order.Attempt > 0 {
		step.Reason = fmt.Sprintf("The snapshot of %s is due, and there is none yet.", in.tick.Format(time.RFC3339))
	}
	step.Units[0].Spec.Delivery.Snapshot = &order
	if _, disturbed := in.disturbed(step); disturbed {
		return Step{}, false
	}
	if w, beside := in.beside(step); beside {
		return w, in.TasksStale
	}
	return step, true
}

// asks is the unit that is asked for the snapshot now. One that has begun it and not said how that
// ended goes on; else it is each one's turn, and those that cannot be reached are passed over.
func (in *Situation) asks(order v1alpha1.SnapshotOrder) (observation.Unit, bool) {
	for _, u := range in.Units {
		if asked(u, order, in.Now) {
			return observation.Unit{}, false
		}
	}
	takers := in.takers()
	for _, u := range takers {
		if begunSnapshot(u, order) {
			why, _ := in.blocked(u)
			return u, why == ""
		}
	}
	for i := range takers {
		u := takers[(int(order.Attempt)+i)%len(takers)]
		if why, _ := in.blocked(u); why == "" {
			return u, true
		}
	}
	return observation.Unit{}, false
}

// asked says that the unit has been asked for this attempt: it has failed, or its facts do not show
// yet what has become of it.
func asked(u observation.Unit, order v1alpha1.SnapshotOrder, now time.Time) bool {
	if last := u.Last; last != nil && last.Outcome == v1alpha1.OutcomeApplied && last.Snapshot != nil && last.Snapshot.ID == order.ID && now.Before(last.At.Add(appliedGrace)) {
		return true
	}
	if u.Facts == nil || u.Facts.Snapshots == nil {
		return false
	}
	tried := u.Facts.Snapshots.Tried
	return tried.ID == order.ID && tried.Attempt >= order.Attempt && tried.Fault != ""
}

// begunSnapshot says that the unit has begun this attempt, and was stopped; or that it may have: its
// task has ended without the agent's word.
func begunSnapshot(u observation.Unit, order v1alpha1.SnapshotOrder) bool {
	if last := u.Last; last != nil && last.Snapshot != nil && *last.Snapshot == order && last.Outcome == v1alpha1.OutcomeFailed {
		return true
	}
	if u.Facts.Snapshots == nil {
		return false
	}
	tried := u.Facts.Snapshots.Tried
	return tried.ID == order.ID && tried.Attempt == order.Attempt && tried.Fault == ""
}

// snapshotStatus is the schedule for people and programs; nil without one.
func (in *report) snapshotStatus() *v1alpha1.SnapshotStatus {
	if in.tick.IsZero() {
		return nil
	}
	s := &v1alpha1.SnapshotStatus{Last: in.newest(true).DeepCopy(), Next: metav1.NewTime(in.of.Next(in.Now)), Overdue: in.overdue() != ""}
	if in.store() != nil {
		s.Stored = in.kept().DeepCopy()
	}
	return s
}

// Reasons of the condition Snapshots.
const (
	ReasonOverdue = "Overdue"
	ReasonNoneYet = "NoneYet"
	ReasonFailing = "Failing"
	ReasonGone    = "Gone"
	// ReasonNotStored says that the last one is on a unit, and not in the store yet.
	ReasonNotStored = "NotStored"
)

// scheduleKept says whether the schedule is kept; nothing without one.
func (in *report) scheduleKept() []metav1.Condition {
	const kind = v1alpha1.ConditionSnapshots
	if in.tick.IsZero() {
		return nil
	}
	last, there := in.newest(false), in.newest(true)
	tried, by, failed := in.failed()
	why := in.overdue()
	switch {
	case why != "":
		return []metav1.Condition{condition(kind, false, ReasonOverdue, "%s.", why)}
	case failed:
		at, _ := v1alpha1.ParseTick(tried.ID)
		return []metav1.Condition{condition(kind, false, ReasonFailing, "%s, for the snapshot of %s: %s", by, at.Format(time.RFC3339), sentence(tried.Fault))}
	case last == nil:
		return []metav1.Condition{unknown(kind, ReasonNoneYet, "No snapshot of the schedule was taken yet.")}
	case last.Missing:
		return []metav1.Condition{condition(kind, false, ReasonGone, "%s of %s is not there any more as it was written.", last.Path, last.Unit)}
	case in.store() == nil:
		return []metav1.Condition{condition(kind, true, ReasonAsWanted, "%s of %s is the last one.", there.Path, there.Unit)}
	}
	kept := in.kept()
	if kept == nil || kept.ID < last.ID {
		return []metav1.Condition{unknown(kind, ReasonNotStored, fmt.Sprintf("%s of %s is not in the store yet.", there.Path, there.Unit))}
	}
	return []metav1.Condition{condition(kind, true, ReasonAsWanted, "%s of %s is the last one, and in the store %s.", there.Path, there.Unit, kept.Stored)}
}

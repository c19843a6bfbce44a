package planner

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// rehearsal asks for the drill of the last time, if none has gone well: one unit at a time, each attempt of one unit
// only, and only while every member is healthy and nothing is under way.
func rehearsal(in *Situation) (Step, bool) {
	if !in.drillDue() || !in.Etcd.Listed || len(in.Etcd.HealthyVoters()) < len(in.Etcd.Members) || len(in.underway) > 0 {
		return Step{}, false
	}
	order := v1alpha1.DrillOrder{ID: v1alpha1.TickID(in.drill.tick), Attempt: in.drill.attempt}
	if stored := in.newestStored(); in.drillsStore() && stored != nil {
		order.Stored, order.SHA256 = stored.Stored, stored.SHA256
	}
	u, ok := in.drills(order)
	if !ok {
		return Step{}, false
	}
	step := Step{Kind: StepDrill, Unit: u.Name, Units: []observation.Delivery{in.delivery(u, in.specOf(u))},
		Reason: fmt.Sprintf("The restore drill of %s is due.", in.drill.tick.Format(time.RFC3339))}
	step.Units[0].Spec.Delivery.Drill = &order
	if _, disturbed := in.disturbed(step); disturbed {
		return Step{}, false
	}
	if w, beside := in.beside(step); beside {
		return w, in.TasksStale
	}
	return step, true
}

// drills is the unit that is asked for the drill now: see Situation.asks.
func (in *Situation) drills(order v1alpha1.DrillOrder) (observation.Unit, bool) {
	for _, u := range in.Units {
		if last := u.Last; last != nil && last.Outcome == v1alpha1.OutcomeApplied && last.Drill != nil && last.Drill.ID == order.ID && last.Drill.From() == order.From() && in.Now.Before(last.At.Add(appliedGrace)) {
			return observation.Unit{}, false
		}
		if u.Facts == nil || u.Facts.Drill == nil {
			continue
		}
		if tried := u.Facts.Drill.Tried; u.Facts.Drill.TriedFrom() == order.From() && tried.ID == order.ID && tried.Attempt >= order.Attempt && tried.Fault != "" {
			return observation.Unit{}, false
		}
	}
	units := in.drillers()
	for i := range units {
		u := units[(int(order.Attempt)+i)%len(units)]
		if why, _ := in.blocked(u); why == "" {
			return u, true
		}
	}
	return observation.Unit{}, false
}

// drillStatus is the timetable for people and programs; nil without one.
func (in *report) drillStatus() *v1alpha1.DrillStatus {
	if in.drill.tick.IsZero() {
		return nil
	}
	return &v1alpha1.DrillStatus{From: in.drillFrom(), Last: in.lastDrill().DeepCopy(), Next: metav1.NewTime(in.drill.of.Next(in.Now)), Failing: in.drillFails() != ""}
}

// drillsKept says whether the timetable is kept; nothing without one.
func (in *report) drillsKept() []metav1.Condition {
	const kind = v1alpha1.ConditionDrill
	if in.drill.tick.IsZero() {
		return nil
	}
	last, why := in.lastDrill(), in.drillFails()
	_, _, failed := in.failedDrill()
	switch {
	case failed:
		return []metav1.Condition{condition(kind, false, ReasonFailing, "%s.", why)}
	case why != "":
		return []metav1.Condition{condition(kind, false, ReasonOverdue, "%s.", why)}
	case last == nil:
		return []metav1.Condition{unknown(kind, ReasonNoneYet, "No restore drill was done yet.")}
	}
	compared := "revision and number of keys"
	if last.Hashed {
		compared = "revision, number and hash of keys"
	}
	what := last.Snapshot
	if last.Stored != "" {
		what = "From the store, " + last.Stored
	}
	return []metav1.Condition{condition(kind, true, ReasonAsWanted, "%s was restored on %s for a trial at %s: %s were right.",
		what, last.Unit, last.Time.UTC().Format(time.RFC3339), compared)}
}

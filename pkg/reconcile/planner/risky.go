package planner

import (
	"fmt"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// risky says of each operation that a person can ask for whether it may lose data, or cannot be gone back from in each
// of its phases: where the policy wants it, a snapshot is taken before it begins. What the daemon does by itself, such
// as to remove a member that is gone, heals, and waits for none.
var risky = map[string]bool{
	// The data of all members is replaced by what is older.
	v1alpha1.ActionRestore: true,
	// Members that do not let each other in any more are brought back by hand.
	v1alpha1.ActionRotateCA: true,
	// One member at a time, behind a guard, and no data is changed.
	v1alpha1.ActionRestart: false,
	v1alpha1.ActionDefrag:  false,
}

const (
	// freshFor is how old a snapshot may be that counts as taken before a step: a person who asks for two steps in a
	// row waits for one. Writes of the time since would be lost with the step.
	freshFor = 15 * time.Minute
	// freshEvery names the snapshots before steps, so that any daemon asks for the same. It is shorter than freshFor:
	// what was taken counts after the name has changed.
	freshEvery = 10 * time.Minute
	// mostFailures is on how many units a snapshot may fail before the step goes on without one.
	mostFailures = 2
)

// noteWithout is why there is no snapshot of before a procedure that should have one.
const noteWithout = "without a snapshot"

// before takes a snapshot before what an action begins, where the policy wants it. !due: there is one, or none is
// wanted, or, as without says, none can be had: a step is not held up by what heals only when it is done. What is
// waited for ends by itself: an attempt with its delivery, and there are mostFailures at most.
func (in *orders) before(a asking) (step Step, without string, due bool) {
	if !in.Policy.Snapshots.BeforeRiskySteps || !risky[a.request.Kind] {
		return Step{}, "", false
	}
	if last := in.newest(true); last != nil {
		if at, _ := v1alpha1.ParseTick(last.ID); in.Now.Sub(at) <= freshFor {
			return Step{}, "", false
		}
	}
	if !in.Etcd.Listed {
		return Step{}, "there is no quorum", false
	}
	order := v1alpha1.SnapshotOrder{ID: v1alpha1.TickID(in.Now.Truncate(freshEvery)), Keep: in.Policy.Snapshots.Keep}
	failed := map[string]bool{}
	for _, u := range in.Units {
		if u.Facts == nil || u.Facts.Snapshots == nil || u.Facts.Snapshots.Tried.Fault == "" {
			continue
		}
		tried := u.Facts.Snapshots.Tried
		if at, known := v1alpha1.ParseTick(tried.ID); known && in.Now.Sub(at) <= freshFor {
			failed[u.Name], without = true, u.Name+": "+strings.TrimRight(tried.Fault, ".")
		}
	}
	if len(failed) >= mostFailures {
		return Step{}, without, false
	}
	waits := wait("%s waits for a snapshot.", a)
	for _, u := range in.Units {
		// Its facts do not show yet what has become of it.
		if last := u.Last; last != nil && last.Snapshot != nil && last.Outcome == v1alpha1.OutcomeApplied && in.Now.Before(last.At.Add(appliedGrace)) && !failed[u.Name] {
			return waits.until(last.At.Add(appliedGrace)), "", true
		}
	}
	if _, held := in.disturbed(waits); held {
		return waits, "", true
	}
	for _, u := range in.takers() {
		if why, _ := in.blocked(u); why != "" || failed[u.Name] {
			continue
		}
		order.Attempt = int32(len(failed))
		step := Step{Kind: StepSnapshot, Unit: u.Name, Units: []observation.Delivery{in.delivery(u, in.specOf(u))},
			Reason: snapshotFirst(a)}
		step.Units[0].Spec.Delivery.Snapshot = &order
		return step, "", true
	}
	if without == "" {
		without = "no unit can take one now"
	}
	return Step{}, without, false
}

// snapshotFirst is why a snapshot is taken.
func snapshotFirst(a asking) string { return fmt.Sprintf("%s begins after a snapshot.", a) }

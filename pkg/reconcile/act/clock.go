package act

import (
	"reflect"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
)

// clockOf is how far the unit's clock is from ours, now that the task is seen to have ended. It
// showed its time while its task ran, which Juju says by the controller's clock, and how far that
// is from ours the moment of queueing shows: how long the task waited is in neither. Only what is
// certain counts, so that a right clock is never called wrong; Juju gives whole seconds on some
// versions, and so one second is nobody's. Juju 4.0 never reports the end: there it is taken to be
// now.
func clockOf(t jujuapi.Task, f memory.Flight, s v1alpha1.EtcdUnitStatus, now time.Time) (observation.Clock, bool) {
	if s.Clock == nil {
		return observation.Clock{}, false
	}
	shown := s.Clock.Time
	least, most := shown.Sub(now), shown.Sub(f.Enqueued)
	if !t.Enqueued.IsZero() && !t.Completed.IsZero() {
		least = max(least, shown.Sub(t.Completed)+t.Enqueued.Sub(f.Taken)-time.Second)
	}
	if !t.Enqueued.IsZero() && !t.Started.IsZero() {
		most = min(most, shown.Sub(t.Started)+t.Enqueued.Sub(f.Enqueued)+time.Second)
	}
	switch {
	case least > 0:
		return observation.Clock{Ahead: least, At: now}, true
	case most < 0:
		return observation.Clock{Ahead: most, At: now}, true
	}
	return observation.Clock{At: now}, true
}

// byUnitsClock is a deadline as the unit's clock shows it. One that is behind would take the
// delivery for good for longer than it is: for everybody's sake that is taken back. One that is
// ahead is given what it lacks for what harms nobody; what stops, starts or sets aside is refused
// there until the clock is right, because a clock that jumps back meanwhile would let it run late.
func (a *Actor) byUnitsClock(d observation.Delivery, deadline time.Time) time.Time {
	clock, _ := a.cfg.Memory.Clock(d.Unit)
	if clock.Ahead > 0 && !harmless(d.Spec) {
		return deadline
	}
	return deadline.Add(clock.Ahead)
}

// harmless says that the delivery may run at any time, and do no harm: it neither stops nor starts
// nor resets, and of the latch it asks for nothing but the epoch, which is a compare-and-set.
func harmless(s v1alpha1.EtcdUnitSpec) bool {
	latch := s.Latch == nil || reflect.DeepEqual(*s.Latch, v1alpha1.LatchRequest{Claim: s.Latch.Claim})
	return latch && !s.NeedsPhase() && !s.Delivery.AllowRestart && !s.Delivery.AllowDefrag && !s.Delivery.AllowReset && s.Delivery.Orphans == nil && s.Etcd.Initial == nil
}

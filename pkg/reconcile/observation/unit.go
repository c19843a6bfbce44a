package observation

import (
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Unit is one unit as Juju, its databag and its tasks show it.
type Unit struct {
	// Name is etcd/0; Number is 0.
	Name   string
	Number int
	Dying  bool
	// Dead says that the unit has run its last hook: its agent takes no more tasks.
	Dead bool
	// Unread says that Juju could not say what the unit has published: Facts are the last that were
	// read, or nil, which then says nothing.
	Unread bool
	Leader bool
	// Provisioned says that Juju shows a started machine with a unit agent on it.
	Provisioned bool
	// Lost says that Juju has lost contact with the unit's agent.
	Lost bool
	// Failed says that a hook of the unit is in error.
	Failed    bool
	FirstSeen time.Time
	// Facts are nil until the unit has published them.
	Facts *v1alpha1.UnitFacts
	// Shown is the unit's workload status in juju status.
	Shown       v1alpha1.StatusText
	OpenedPorts []int32
	// Task is the reconcile that Juju has for this unit and that is not final; nil if none.
	Task *Task
	// Others are the tasks of other actions that Juju has for this unit and that are not final: a
	// person's.
	Others []Task
	// Last is the result of the last reconcile that this process has seen end; nil if none.
	// LastWords is that of the last one that brought words only, which says nothing of the machine.
	Last      *Result
	LastWords *Result
	// Clock is what the unit's clock has shown with its last answer; nil if it has shown none.
	Clock *Clock
}

// Disturbing is an action of a person that may still stop or change something on the unit, the one
// that runs first; nil if there is none. It counts for as long as Juju shows it: it is no delivery,
// which its unit refuses when it is late.
func (u Unit) Disturbing() *Task {
	var found *Task
	for i := range u.Others {
		if t := &u.Others[i]; v1alpha1.Disturbs(t.Name) && (found == nil || t.Running && !found.Running) {
			found = t
		}
	}
	return found
}

// Clock is how far a unit's clock is from ours, as far as a task's own run shows: at least so much,
// and zero where it may be right.
type Clock struct {
	// Ahead is negative where the unit's clock is behind.
	Ahead time.Duration
	// At is when it was shown, by our clock.
	At time.Time
}

// ClockLimit is from when on a clock is reported: half of what a delivery may be late.
const ClockLimit = v1alpha1.DeliveryTTL / 2

// Ahead is how far the unit's clock is before ours; negative if it is behind, zero if it may be
// right or is not known.
func (u Unit) Ahead() time.Duration {
	if u.Clock == nil {
		return 0
	}
	return u.Clock.Ahead
}

// ClockIsOff says that the unit's clock is off by so much that it is reported.
func (u Unit) ClockIsOff() bool { return u.Ahead().Abs() >= ClockLimit }

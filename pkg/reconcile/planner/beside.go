package planner

import "jujuetcd.io/pkg/apis/v1alpha1"

// What a person runs on a unit, and work that goes on there by itself, is nothing that this daemon can take back or put off. It waits
// for them instead.

// Disturbing is an action of a person that may still stop or change something on the unit, the one that runs first; nil if there is none.
// It counts for as long as Juju shows it: it is no delivery, which its unit refuses when it is late.
func (u Unit) Disturbing() *Task {
	var found *Task
	for i := range u.Others {
		if t := &u.Others[i]; v1alpha1.Disturbs(t.Name) && (found == nil || t.Running && !found.Running) {
			found = t
		}
	}
	return found
}

// beside is why nothing disruptive may begin, on any unit, beside what a person runs or a unit is at; false if it may.
func (in *input) beside(s Step) (Step, bool) {
	for _, u := range in.Units {
		if t := u.Disturbing(); t != nil {
			return wait("Cannot %s while %s may still run on %s.", s.Kind.verb(), t, u.Name), true
		}
		if u.Facts != nil && u.Facts.Busy != nil {
			return wait("Cannot %s while %s is busy: %s.", s.Kind.verb(), u.Name, u.Facts.Busy.Kind), true
		}
	}
	return Step{}, false
}

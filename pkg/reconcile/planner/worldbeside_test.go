package planner_test

import (
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// runPersons lets a person run an action, which begins when the unit has time, and takes a while.
func (w *world) runPersons(u *unit) {
	if u.person != nil || !u.provisioned {
		return
	}
	w.tasks++
	name := []string{"restore", "juju-exec", v1alpha1.ActionHealth}[w.rng.IntN(3)]
	u.person, u.lasts = &observation.Task{ID: w.tasks, Name: name, Enqueued: w.now}, time.Duration(w.rng.IntN(300))*time.Second
}

// goOn lets what a person runs on the unit begin or end, and says that it runs.
func (w *world) goOn(u *unit) bool {
	switch {
	case u.person == nil:
		return false
	case u.person.Running && !w.now.Before(u.ends):
		w.say("  %s: task %d (%s) has ended", u.name, u.person.ID, u.person.Name)
		u.person = nil
		return false
	case !u.person.Running && !u.lost:
		u.person.Running, u.ends = true, w.now.Add(u.lasts)
	}
	return u.person.Running
}

// disturbed says that a person runs what is known to disturb, by the world's own knowledge.
func (u *unit) disturbed() bool { return u.person != nil && u.person.Name != v1alpha1.ActionHealth }

// judgeBeside: nothing disruptive begins beside what a person runs, or a unit is at.
func (w *world) judgeBeside(s planner.Step) {
	for _, u := range w.units {
		if u.disturbed() {
			w.violate("%s while task %d (%s) may still run on %s", s.Kind, u.person.ID, u.person.Name, u.name)
		}
		if u.published && u.provisioned && w.now.Before(u.busy) {
			w.violate("%s while %s is busy", s.Kind, u.name)
		}
	}
}

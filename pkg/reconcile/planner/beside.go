package planner

// What a person runs on a unit, and work that goes on there by itself, is nothing that this daemon can take back or put off. It waits
// for them instead.

// beside is why nothing disruptive may begin, on any unit, beside what a person runs or a unit is at; false if it may.
// What was read at an earlier look does not show who has begun since: it is looked again first.
func (in *steps) beside(s Step) (Step, bool) {
	if in.TasksStale {
		return wait("Cannot %s before it has been read what runs on the units.", s.Kind.verb()).until(in.Now), true
	}
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

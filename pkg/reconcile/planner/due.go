package planner

import (
	"time"
)

// Due is when what units should be, or should be delivered again, changes by the clock alone; zero
// means never. Who plans looks again by then.
func (in *Situation) Due() time.Time {
	var due time.Time
	sooner := func(at time.Time) {
		if at.After(in.Now) && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	for _, at := range append(in.wakes(), in.drillWakes()...) {
		sooner(at)
	}
	if !in.Etcd.Listed || in.Latch.ClusterID == "" {
		return due
	}
	for _, u := range in.alive() {
		m, member := in.member[u.Name]
		if !member || m.Learner || !m.Started() {
			continue
		}
		if until, on := in.onList(u, m); on {
			sooner(until)
		}
		if !in.canShow(u) {
			continue
		}
		if at, ill := in.shownIll(u, in.statusOf(u).Unit); ill {
			sooner(at)
		}
	}
	return due
}

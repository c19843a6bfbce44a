package planner_test

import (
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// excuse notes for each unit that leaves, and each URL where a member serves, whether another unit
// cannot inform its clients now.
func (w *world) excuse() {
	mute := slices.ContainsFunc(w.units, func(u *unit) bool {
		return !u.dying && (u.data != 0 || len(u.endpoints) > 0) && (u.lost || u.failed || !u.published || u.last != nil && w.now.Before(u.last.NotBefore) ||
			u.task != nil && (u.task.Deadline.IsZero() || w.now.After(u.task.Deadline)))
	})
	for _, u := range w.units {
		if u.dying && mute {
			w.excused[u.name] = true
		}
	}
	for _, m := range w.members {
		if mute {
			w.excused[m.client] = true
		}
	}
}

// judgeMove: a member that serves clients does not begin to do so elsewhere before clients' hooks
// have run since it was published where the others serve, or 30 s are over.
func (w *world) judgeMove(u *unit) {
	if len(w.clients) == 0 || !u.up || u.next == u.port {
		return
	}
	for _, m := range w.members {
		host := w.host(m)
		if m.learner || host == nil || host == u || host.dying || w.excused[m.client] {
			continue
		}
		var last time.Time
		for _, o := range w.units {
			if o.dying || len(o.endpoints) == 0 {
				continue
			}
			if !slices.Contains(o.endpoints, m.client) {
				w.violate("%s moves before %s has published to its clients that %s serves at %s", u.name, o.name, m.name, m.client)
			}
			if at := o.gained[m.client]; at.After(last) {
				last = at
			}
		}
		for _, c := range w.clients {
			if w.now.Sub(last) < 30*time.Second && (c.unseen || !c.idle || !c.since.After(last)) {
				w.violate("%s moves %s after clients were informed that %s serves at %s, and %s has not run its hooks",
					u.name, w.now.Sub(last), m.name, m.client, c.name)
			}
		}
	}
}

// judgeClientNotice: a member that serves does not go before clients' hooks have run since they
// were informed, or 30 s are over.
func (w *world) judgeClientNotice(m *member) {
	leaving := w.host(m)
	if len(w.clients) == 0 || m.learner || leaving == nil || !leaving.dying || !leaving.up || w.excused[leaving.name] {
		return
	}
	var last time.Time
	for _, u := range w.units {
		if o := w.member(u.data); u.dying || len(u.endpoints) == 0 && (o == nil || o.learner || o.name == "") {
			continue
		}
		if slices.Contains(u.endpoints, m.client) {
			w.violate("%s is removed before %s has informed its clients", m.name, u.name)
		}
		if at := u.dropped[m.client]; at.After(last) {
			last = at
		}
	}
	for _, c := range w.clients {
		if w.now.Sub(last) < 30*time.Second && (c.unseen || !c.idle || !c.since.After(last)) {
			w.violate("%s is removed %s after clients were informed, and %s has not run its hooks", m.name, w.now.Sub(last), c.name)
		}
	}
}

func (w *world) judgeDisruption(o observation.Observation, s planner.Step) {
	if len(o.Blind) > 0 || !o.LatchRead {
		w.violate("%s while blind", s.Kind)
	}
	for _, u := range w.units {
		if t := u.task; t != nil && !t.Harmless && w.now.Before(t.Enqueued.Add(v1alpha1.DeliveryTTL+v1alpha1.LongestRun)) {
			w.violate("%s while task %d may still disturb %s", s.Kind, t.ID, u.name)
		}
	}
	w.judgeBeside(s)
	all, up := w.voters()
	switch s.Kind {
	case planner.StepAddLearner:
		if u := w.unitNamed(s.Unit); u.last != nil && u.last.Outcome == v1alpha1.OutcomeFailed {
			w.violate("%s is added, though the last that was heard of it is: %s", u.name, u.last.Reason)
		}
		if up < all {
			w.violate("a learner is added while a voter is down")
		}
		for _, m := range w.members {
			if m.learner || m.name == "" {
				w.violate("a second change: %s is not finished", m.id)
			}
		}
		if w.now.Sub(w.memory.StableSince) < 5*time.Second || w.now.Sub(w.memory.LastChange) < 5*time.Second {
			w.violate("a learner is added to a cluster that is not stable yet")
		}
	case planner.StepRemove:
		m := w.member(s.Member)
		if m == nil || m.learner {
			return
		}
		w.judgeClientNotice(m)
		if w.runs(m) {
			up--
		}
		if up < etcdops.Quorum(all-1) || all == 1 {
			w.violate("removing %s leaves %d of %d voters", m.name, up, all-1)
		}
		if u := w.unitFor(m); u != nil && !u.dying && u.data == m.id {
			w.violate("%s is removed, though its unit stays and has its data", m.name)
		}
		if w.runs(m) && w.leader == m.id && all > 1 && w.memory.Attempts["MoveLeader "+m.id.String()] == 0 {
			w.violate("the leader %s is removed before it has handed over", m.name)
		}
	case planner.StepRestart:
		u := w.unitNamed(s.Units[0].Unit)
		w.judgeMove(u)
		if len(s.Units) != 1 {
			w.violate("%d restarts at once", len(s.Units))
		}
		if u.up && all > 1 && up-1 < etcdops.Quorum(all) {
			w.violate("restarting %s leaves %d of %d voters", u.name, up-1, all)
		}
		if m := w.member(u.data); m != nil && m.id == w.leader && up > 1 {
			for _, o := range w.units {
				// Members that move come before those that are only restarted, its leader, too.
				if o != u && o.pending && (u.next == u.port || o.next != o.port) && o.data != 0 && !o.dying && o.provisioned && o.task == nil && w.member(o.data) != nil {
					w.violate("the leader %s is restarted before %s", u.name, o.name)
				}
			}
		}
	}
}

package observe

import (
	"maps"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// history is since when things are as they are, as this process has seen it.
type history struct {
	units map[string]time.Time

	stableSince   time.Time
	leader        etcdops.MemberID
	lastChange    time.Time
	members       string
	applied       map[etcdops.MemberID]uint64
	progress      map[etcdops.MemberID]time.Time
	unhealthy     map[string]time.Time
	serves        map[string]time.Time
	noQuorumSince time.Time
	gone          map[string]observation.Gone

	// notices are, by piece of news, when clients were informed, and before when Juju last showed
	// that they were not, by its clock. late are the units that had not published it then, and were
	// not expected to.
	notices map[string]observation.Notice
	before  map[string]time.Time
	late    map[string][]string

	held observation.HeldUp
}

// holdUp is what holds the cluster up now, and since when it is the same.
func (h *history) holdUp(obs observation.Observation) observation.HeldUp {
	if reason := planner.Held(obs); reason != h.held.Reason || h.held.Since.IsZero() {
		h.held = observation.HeldUp{Reason: reason, Since: obs.Now}
	}
	return h.held
}

func newHistory() history {
	return history{
		units: map[string]time.Time{}, applied: map[etcdops.MemberID]uint64{},
		progress: map[etcdops.MemberID]time.Time{}, unhealthy: map[string]time.Time{}, serves: map[string]time.Time{},
		notices: map[string]observation.Notice{}, before: map[string]time.Time{}, late: map[string][]string{},
	}
}

func (h *history) firstSeen(unit string, now time.Time) time.Time {
	at, ok := h.units[unit]
	if !ok {
		at = now
		h.units[unit] = now
	}
	return at
}

func (h *history) keepUnits(units map[string]jujuapi.Unit) {
	maps.DeleteFunc(h.units, func(name string, _ time.Time) bool { _, ok := units[name]; return !ok })
}

// note takes in one look. A look without a member list ends stability, but says nothing of the
// list.
func (h *history) note(now time.Time, obs *observation.Observation) {
	v := obs.Etcd
	if v.Listed {
		if list := listKey(v.Members); list != h.members || h.lastChange.IsZero() {
			h.members, h.lastChange = list, now
		}
	} else if h.lastChange.IsZero() {
		h.lastChange = now
	}

	leader, stable := stableLeader(v)
	switch {
	case !stable:
		h.stableSince, h.leader = time.Time{}, 0
	case h.stableSince.IsZero() || leader != h.leader:
		h.stableSince, h.leader = now, leader
	}

	h.noteLearners(now, v)

	serves := false
	for url, health := range v.Health {
		begins, ends := h.unhealthy, h.serves
		if health.Serves {
			begins, ends = ends, begins
			serves = serves || !health.Learner
		}
		delete(ends, url)
		if _, ok := begins[url]; !ok {
			begins[url] = now
		}
	}
	unknown := func(url string, _ time.Time) bool { _, ok := v.Health[url]; return !ok }
	maps.DeleteFunc(h.unhealthy, unknown)
	maps.DeleteFunc(h.serves, unknown)
	switch {
	case serves:
		h.noQuorumSince = time.Time{}
	case h.noQuorumSince.IsZero():
		h.noQuorumSince = now
	}
}

func (h *history) noteLearners(now time.Time, v etcdops.View) {
	learners := map[etcdops.MemberID]bool{}
	for _, m := range v.Members {
		if !m.Learner {
			continue
		}
		learners[m.ID] = true
		applied := uint64(0)
		for _, url := range m.ClientURLs {
			applied = max(applied, v.Health[url].AppliedIndex)
		}
		last, known := h.applied[m.ID]
		if !known || applied > last {
			h.applied[m.ID], h.progress[m.ID] = applied, now
		}
	}
	if !v.Listed {
		return // the list is not known now: forget nobody
	}
	maps.DeleteFunc(h.applied, func(id etcdops.MemberID, _ uint64) bool { return !learners[id] })
	maps.DeleteFunc(h.progress, func(id etcdops.MemberID, _ time.Time) bool { return !learners[id] })
}

// noteGone notes whom units name as having their machines, and Juju does not show.
func (h *history) noteGone(now time.Time, model *jujuapi.Model, units []observation.Unit) {
	gone := map[string]observation.Gone{}
	for _, u := range units {
		if u.Facts == nil || u.Facts.Taken == nil {
			continue
		}
		for _, r := range u.Facts.Taken.Units {
			application, shown := model.Applications[r.Application()]
			if _, there := application.Units[r.Unit]; there || r.ModelUUID != "" && r.ModelUUID != model.UUID {
				continue
			}
			since := h.gone[r.Unit].Since
			if since.IsZero() {
				since = now
			}
			gone[r.Unit] = observation.Gone{Since: since, Whole: !shown}
		}
	}
	h.gone = gone
}

// snapshot is the history as it goes into an observation: copies, so that the observation stays as
// it is.
func (h *history) snapshot(m *memory.Memory) observation.History {
	attempts, notBefore := m.Attempts()
	stable := h.stableSince
	if at := m.Restarted(); !stable.IsZero() && at.After(stable) {
		// A restart is no stability, also if it was over before anybody looked.
		stable = at
	}
	return observation.History{
		StableSince: stable, LastChange: h.lastChange,
		Progress: maps.Clone(h.progress), UnhealthySince: maps.Clone(h.unhealthy), ServesSince: maps.Clone(h.serves),
		Attempts: attempts, NotBefore: notBefore, NoQuorumSince: h.noQuorumSince,
		Faults: m.Faults(), Notices: maps.Clone(h.notices), Gone: maps.Clone(h.gone),
	}
}

// stableLeader says whether every voter is healthy under one leader, and which.
func stableLeader(v etcdops.View) (etcdops.MemberID, bool) {
	voters := v.Voters()
	if !v.Listed || len(voters) == 0 {
		return 0, false
	}
	for _, m := range voters {
		if !v.HealthOf(m).Healthy() {
			return 0, false
		}
	}
	leader := v.Leader()
	return leader, leader != 0
}

// listKey is the member list as text: who is in it, with which role and name.
func listKey(members []etcdops.Member) string {
	lines := make([]string, 0, len(members))
	for _, m := range members {
		role := " voter "
		if m.Learner {
			role = " learner "
		}
		lines = append(lines, m.ID.String()+role+m.Name)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

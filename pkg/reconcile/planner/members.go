package planner

import (
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// maxMoves is how often a leader that leaves tries to hand over before it is removed as the leader:
// a write gap of two seconds.
const maxMoves = 3

// wipedGrace is how long a member whose data is reported lost must have been silent: facts are
// written when a member is started, an instant before its data is there.
const wipedGrace = 20 * time.Second

// finishChange: a member that is a learner, or was never started, is finished or taken back before
// anything else changes.
func finishChange(in *Situation) (Step, bool) {
	if !in.Etcd.Listed || in.Latch.ClusterID == "" {
		return Step{}, false
	}
	var first *Step
	for _, m := range in.Etcd.Members {
		step, ok := in.finish(m)
		if !ok {
			continue
		}
		if step.Kind != StepWait {
			return step, true
		}
		if first == nil {
			first = &step
		}
	}
	if first == nil {
		return Step{}, false
	}
	return *first, true
}

// finish is the next step for a member that is not yet a voter that runs; false for one that is.
func (in *membership) finish(m etcdops.Member) (Step, bool) {
	u, known := in.unitOf(m)
	unborn := known && u.Facts != nil && !hasData(u) && !in.begun(u) && len(m.ClientURLs) == 0
	if !m.Learner && m.Started() && !unborn {
		return Step{}, false
	}
	switch {
	case !known && slices.ContainsFunc(in.alive(), func(u observation.Unit) bool { return u.Facts == nil }) && !in.stalled(m):
		return wait("Member %s belongs to no unit that has published facts.", label(m)), true
	case !known:
		return in.remove(m, "", fmt.Sprintf("Member %s was added, and its unit is gone.", label(m))), true
	case u.Dying:
		return in.remove(m, u.Name, fmt.Sprintf("Juju is removing %s while it joins.", u.Name)), true
	case in.stalled(m):
		return in.takeBack(m, u, fmt.Sprintf("it has made no progress for %s", in.Policy.Growth.StallTimeout.Duration)), true
	case unborn && m.Learner && u.Task == nil && u.Last != nil && u.Last.Failures >= maxStartFailures && in.startFault(u) != "":
		return in.takeBack(m, u, "etcd does not start: "+in.startFault(u)), true
	case unborn:
		return in.deliverTo(StepStart, fmt.Sprintf("%s has been added to the cluster and is started.", u.Name),
			[]observation.Unit{u}, in.specOf), true
	case !m.Learner || in.wipedOut(u, m):
		return Step{}, false
	}
	if err := etcdops.CanPromote(in.Etcd, m.ID, in.Policy.Growth.LagLimit); err != nil {
		if waits, due := in.waitsForEntry(u, m); waits && !in.Now.Before(due) {
			return Step{Kind: StepNudge, Member: m.ID, Unit: u.Name, Change: etcdops.Touch{Member: m.ID, PeerURL: m.PeerURLs[0]},
				Reason: fmt.Sprintf("%s runs and does not serve: it may be waiting for an entry, and nobody writes.", u.Name)}, true
		} else if waits {
			return wait("%s joins: %v", u.Name, err).until(due), true
		}
		return wait("%s joins: %v", u.Name, err), true
	}
	if behind, ok := in.behind(m); !ok {
		return wait("%s joins: it is %d entries behind.", u.Name, behind), true
	}
	return Step{Kind: StepPromote, Member: m.ID, Unit: u.Name, Change: etcdops.Promote{Member: m.ID},
		Reason: fmt.Sprintf("%s has caught up and becomes a voter.", u.Name)}, true
}

// maxStartFailures is how often the start of a member that has never run may fail before its place
// is given up: after about half a minute, with the pauses between deliveries.
const maxStartFailures = 4

// takeBack removes a member that has not come to vote, and counts that against its unit's next
// turn.
func (in *membership) takeBack(m etcdops.Member, u observation.Unit, why string) Step {
	step := in.remove(m, u.Name, fmt.Sprintf("Member %s of %s is taken back and tried again later: %s.", label(m), u.Name, why))
	if step.Kind == StepRemove {
		step.TakesBack = why
	}
	return step
}

// nudgeAfter is how long a learner is given to serve by itself: it takes a second.
const nudgeAfter = 3 * time.Second

// waitsForEntry says that the learner runs and does not serve, and from when on it may be nudged.
// An etcd that has just been sent a database counts as applied only what comes after it. Is that
// database more than 5000 entries old, the member refuses to announce itself ("too many requests"),
// and serves nobody, until the next entry: in a cluster that nobody writes to, for ever.
func (in *membership) waitsForEntry(u observation.Unit, m etcdops.Member) (bool, time.Time) {
	h := in.Etcd.HealthOf(m)
	if !hasData(u) || h.Serves || h.Fault == etcdops.FaultRefused || len(m.PeerURLs) == 0 {
		return false, time.Time{}
	}
	due := in.History.LastChange.Add(nudgeAfter)
	if at := in.History.NotBefore[Step{Kind: StepNudge, Member: m.ID}.Key()]; at.After(due) {
		due = at
	}
	return true, due
}

// behind is a learner's lag, and whether etcd itself would promote it: it asks for nine tenths of
// the leader's log, which in a small log is less than the absolute limit.
func (in *membership) behind(m etcdops.Member) (int64, bool) {
	lag, known := etcdops.Lag(in.Etcd, m.ID)
	applied := int64(in.Etcd.HealthOf(m).AppliedIndex)
	return lag, known && applied*10 >= (applied+lag)*9
}

// stalled says that a joining member has made no progress for too long, as far as this process has
// seen.
func (in *membership) stalled(m etcdops.Member) bool {
	limit := in.Policy.Growth.StallTimeout.Duration
	since := in.History.LastChange
	if at := in.History.Progress[m.ID]; at.After(since) {
		since = at
	}
	return limit > 0 && !since.IsZero() && !in.Now.Before(since.Add(limit))
}

// wiped: a member whose unit has lost its data must never start again under its old ID. It is
// removed as soon as the others have quorum without it; its unit then joins anew.
func wiped(in *Situation) (Step, bool) {
	if !in.Etcd.Listed || in.Latch.ClusterID == "" {
		return Step{}, false
	}
	for _, u := range in.Units {
		m, ok := in.member[u.Name]
		if !ok || u.Dying || !in.wipedOut(u, m) {
			continue
		}
		reason := fmt.Sprintf("The data of %s is lost: its old identity must not come back.", u.Name)
		since := in.silentSince(u)
		if at := since.Add(wipedGrace); since.IsZero() || in.Now.Before(at) {
			return wait("%s", reason).until(at), true
		}
		return in.remove(m, u.Name, reason), true
	}
	return Step{}, false
}

// leaving: members of units that Juju is removing, those that do not serve first, the leader's
// place given up before it goes. Clients are informed before, and given the time to take it in.
func leaving(in *Situation) (Step, bool) {
	if !in.Etcd.Listed || len(in.alive()) == 0 {
		return Step{}, false
	}
	units := filter(in.Units, func(u observation.Unit) bool { _, ok := in.member[u.Name]; return ok && u.Dying })
	slices.SortStableFunc(units, func(a, b observation.Unit) int {
		return in.rank(in.member[a.Name]) - in.rank(in.member[b.Name])
	})
	var first *Step
	for _, u := range units {
		step := in.leave(u, in.member[u.Name])
		if step.Kind != StepWait {
			return step, true
		}
		if first == nil {
			first = &step
		}
	}
	if first == nil {
		return Step{}, false
	}
	return *first, true
}

func (in *membership) rank(m etcdops.Member) int {
	switch {
	case !in.serving(m):
		return 0
	case in.Etcd.Leader() != m.ID:
		return 1
	}
	return 2
}

func (in *membership) leave(u observation.Unit, m etcdops.Member) Step {
	if step, ok := in.update(); ok && step.Kind == StepUpdate {
		return wait("Clients are told that %s leaves.", u.Name)
	}
	if step, ok := in.publishing(); ok && in.serving(m) {
		return step
	}
	if in.serving(m) && in.strands(u) {
		why, _ := in.blocked(u)
		return wait("Clients that read what %s has published know of no other member, and it cannot leave its relations: %s.", u.Name, why).person()
	}
	if step, ok := in.clientNotice(u, m); ok {
		return step
	}
	return in.dismiss(m, u.Name, fmt.Sprintf("Juju is removing %s.", u.Name))
}

// dismiss removes a member that may serve: one that leads hands over first, so that nobody waits
// for an election.
func (in *membership) dismiss(m etcdops.Member, unit, reason string) Step {
	step := in.remove(m, unit, reason)
	if step.Kind != StepRemove || in.Etcd.Leader() != m.ID {
		return step
	}
	to := etcdops.BestLeader(in.Etcd, append(in.leavingMembers(), m.ID)...)
	if to == 0 {
		to = etcdops.BestLeader(in.Etcd, m.ID)
	}
	if to == 0 || in.History.Attempts[Step{Kind: StepMoveLeader, Member: m.ID}.Key()] >= maxMoves {
		return step
	}
	return Step{Kind: StepMoveLeader, Member: m.ID, Unit: unit, Change: etcdops.MoveLeader{To: to},
		Reason: reason + " Its member leads, and hands over first."}
}

// stale: members whose unit Juju does not show any more. One that still serves is left alone, and
// shown, unless a unit of this cluster waits for the machine that it is on.
func stale(in *Situation) (Step, bool) {
	if !in.Etcd.Listed {
		return Step{}, false
	}
	for _, m := range in.Etcd.Members {
		if _, ok := in.unitOf(m); ok {
			continue
		}
		if u, waits := in.inTheWay(m); waits {
			return in.dismiss(m, "", fmt.Sprintf("Member %s has no unit, and %s waits for its machine.", label(m), u.Name)), true
		}
		if in.serving(m) {
			continue
		}
		since := in.unhealthySince(m)
		grace := in.Policy.Removal.Grace.Duration
		switch at := since.Add(grace); {
		case since.IsZero():
			return wait("Member %s has no unit and does not answer.", label(m)).until(at), true
		case in.Now.Before(at):
			return wait("Member %s has no unit and does not answer: it is removed at %s UTC, unless it answers or its unit shows again.",
				label(m), at.UTC().Format(time.TimeOnly)).until(at), true
		}
		return in.remove(m, "", fmt.Sprintf("Member %s has no unit, and has not answered for %s.", label(m), grace)), true
	}
	return Step{}, false
}

// remove is the removal of a member, or a Wait that says why the guard forbids it.
func (in *membership) remove(m etcdops.Member, unit, reason string) Step {
	if err := etcdops.CanRemove(in.Etcd, m.ID); err != nil {
		return wait("%s But it stays for now: %v", reason, err)
	}
	if in.connects(m) {
		return wait("%s But it stays for now: none of the others runs where the member list has it, and without %s they do not find each other.",
			reason, label(m))
	}
	return Step{Kind: StepRemove, Member: m.ID, Unit: unit, Change: etcdops.Remove{Member: m.ID}, Reason: reason}
}

// connects says that a member that serves is the only one at which the others find each other:
// whoever runs elsewhere than where it is looked for finds those that do not, and nobody else.
func (in *membership) connects(m etcdops.Member) bool {
	others := slices.DeleteFunc(in.Etcd.Voters(), func(o etcdops.Member) bool { return o.ID == m.ID })
	if len(others) < 2 || !in.serving(m) {
		return false
	}
	return !slices.ContainsFunc(others, func(o etcdops.Member) bool {
		u, known := in.unitOf(o)
		known = known && u.Facts != nil && u.Facts.Running != nil
		return in.serving(o) && (!known || slices.Contains(o.PeerURLs, u.Facts.Running.PeerURL))
	})
}

func label(m etcdops.Member) string {
	if m.Name != "" {
		return m.Name
	}
	return m.ID.String()
}

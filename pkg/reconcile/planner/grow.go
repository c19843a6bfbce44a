package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// electionPatience is how long a missing quorum is not reported to every unit: the election after a
// leader's end takes a second or two, and would cost two actions on each unit.
const electionPatience = 3 * time.Second

// JoinKey counts, in a History's Attempts, how often the member of a unit was taken back since it
// voted last; NotBefore is when it may be added again.
func JoinKey(unit string) string { return "Join " + unit }

// JoinPause is how long a unit whose member was taken back for the n-th time in a row is not added
// again: a minute, doubling to half an hour. What keeps it from starting is most often a person's
// business, and each attempt bars the others for minutes.
func JoinPause(n int) time.Duration {
	return min(time.Minute<<min(max(n-1, 0), 5), 30*time.Minute)
}

// pausedJoin says until when the unit is not added again; zero if it may be.
func (in *roster) pausedJoin(u observation.Unit) time.Time {
	if at := in.History.NotBefore[JoinKey(u.Name)]; in.Now.Before(at) {
		return at
	}
	return time.Time{}
}

// startFault is why a unit without a member that votes cannot be made ready or started, in its own
// words; empty if nothing is known.
func (in *roster) startFault(u observation.Unit) string {
	m, member := in.member[u.Name]
	if u.Last == nil || u.Last.Outcome != v1alpha1.OutcomeFailed || member && (!m.Learner || in.serving(m)) && in.Latch.ClusterID != "" {
		return ""
	}
	switch u.Last.Reason {
	case v1alpha1.ReasonPortInUse, v1alpha1.ReasonStartFailed, v1alpha1.ReasonDiskFull, v1alpha1.ReasonMachine:
		return strings.TrimRight(u.Last.Message, ".")
	}
	return ""
}

// joinWords are the status of a unit that cannot join, as long as it cannot; !ok if nothing is
// known to keep it from that.
func (in *words) joinWords(u observation.Unit) (etcdops.Words, bool) {
	fault := in.startFault(u)
	until := in.pausedJoin(u)
	switch {
	case fault != "" && in.goesOn(u):
	case fault != "":
		return etcdops.Words{State: etcdops.Blocked, Message: fault}, true
	case !until.IsZero():
		return etcdops.Words{State: etcdops.Blocked, Message: fmt.Sprintf("could not join, %s: %s; it is tried again after %s, behind the others",
			times(in.History.Attempts[JoinKey(u.Name)]), in.History.Faults[JoinKey(u.Name)], until.UTC().Format(time.TimeOnly))}, true
	}
	return etcdops.Words{}, false
}

// cannotJoin are sentences on units that cannot be made ready, started or added again.
func (in *words) cannotJoin() []string {
	var sentences []string
	for _, u := range in.alive() {
		if m, member := in.member[u.Name]; u.Facts == nil || taken(u) || member && !m.Learner && m.Started() {
			continue
		}
		if w, known := in.joinWords(u); known {
			sentences = append(sentences, fmt.Sprintf("%s: %s.", u.Name, w.Message))
		}
	}
	return sentences
}

// prepareJoiners makes all units ready that will join: snap, certificates, files; and resets those
// whose member was removed.
func prepareJoiners(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || !in.Etcd.Listed {
		return Step{}, false
	}
	if in.holdsJoiners() {
		// It may have certificates of the other authority only: what would fail again and again
		// must not keep Juju's leader busy.
		return Step{}, false
	}
	raw := filter(in.joiners(), func(u observation.Unit) bool {
		return ready(u) && !in.untrusted(u) && !in.trustless(u) && !in.prepared(u)
	})
	if len(raw) == 0 {
		return Step{}, false
	}
	return in.deliverTo(StepPrepare, fmt.Sprintf("%s: snap, certificates and files are made ready to join.", names(raw)),
		raw, in.specOf), true
}

// update brings every member's unit what disturbs nobody: status, ports, clients' endpoints, files.
func (in *steps) update() (Step, bool) {
	if in.Latch.ClusterID == "" {
		return Step{}, false
	}
	old := filter(in.alive(), func(u observation.Unit) bool { return in.isOutdated(u) || in.statusDrifts(u) })
	if len(old) == 0 {
		return Step{}, false
	}
	if at := in.History.NoQuorumSince.Add(electionPatience); !in.Etcd.Listed && in.Now.Before(at) {
		return wait("There has been no quorum for a moment: an election, perhaps.").until(at), true
	}
	return in.deliverTo(StepUpdate, in.differences(old), old, in.specOf), true
}

// grow adds the next unit as a learner, one at a time, when the cluster has been stable for long
// enough.
func grow(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || !in.Etcd.Listed {
		return Step{}, false
	}
	if in.holdsJoiners() {
		return Step{}, false // what is under way is reported, and must not wait for those that join later
	}
	var waits []string
	for _, u := range in.joiners() {
		switch step := (Step{Kind: StepAddLearner, Unit: u.Name}); {
		case in.tooEarly(u): // members are restarted first
		case !u.Provisioned || u.Lost || u.Failed:
			why, _ := in.blocked(u)
			waits = append(waits, why)
		case !ready(u):
			waits = append(waits, fmt.Sprintf("%s has no %s yet", u.Name, strings.Join(missing(u), " and no ")))
		case in.untrusted(u):
			waits = append(waits, in.whyUntrusted(u))
		case in.trustless(u):
			waits = append(waits, u.Name+" has not been told yet whom to trust")
		case !in.prepared(u) && in.startFault(u) != "":
			waits = append(waits, fmt.Sprintf("%s is not prepared: %s", u.Name, in.startFault(u)))
		case !in.prepared(u):
			waits = append(waits, u.Name+" is not prepared yet")
		case !in.pausedJoin(u).IsZero():
			waits = append(waits, fmt.Sprintf("%s could not join, %s, and is tried again after %s", u.Name,
				times(in.History.Attempts[JoinKey(u.Name)]), in.pausedJoin(u).UTC().Format(time.TimeOnly)))
		case u.Task != nil:
			waits = append(waits, fmt.Sprintf("%s is not final on %s", u.Task, u.Name))
		case in.Now.Before(in.History.NotBefore[step.Key()]):
			waits = append(waits, fmt.Sprintf("adding %s has failed %s", u.Name, times(in.History.Attempts[step.Key()])))
		default:
			return in.addLearner(u), true
		}
	}
	for _, u := range in.alive() {
		if u.Facts == nil {
			why, _ := in.blocked(u)
			waits = append(waits, why)
		}
		if taken(u) {
			waits = append(waits, u.Name+"'s machine is not its own")
		}
	}
	if len(waits) == 0 {
		return Step{}, false
	}
	return wait("The cluster cannot grow yet: %s.", strings.Join(waits, "; ")).until(in.nextTry()), true
}

func (in *membership) addLearner(u observation.Unit) Step {
	url := in.peerURL(u)
	reason := fmt.Sprintf("%s is ready to join.", u.Name)
	if m, taken := in.Etcd.MemberByPeerURL(url); taken {
		return wait("%s But member %s still has its peer URL %s.", reason, label(m), url)
	}
	if err := etcdops.CanAdd(in.Etcd); err != nil {
		return wait("%s But the cluster is not: %v", reason, err)
	}
	if step, ok := in.stable(); !ok {
		step.Reason = reason + " " + step.Reason
		return step
	}
	return Step{Kind: StepAddLearner, Unit: u.Name, Change: etcdops.AddLearner{PeerURL: url}, Reason: reason}
}

// restart restarts members that run with another configuration than they should, one at a time:
// unhealthy ones first, then followers, those that lag most first, the leader last.
func restart(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || !in.Etcd.Listed || in.unsure {
		return Step{}, false
	}
	due := filter(in.alive(), in.restartDue)
	if len(due) == 0 {
		return Step{}, false
	}
	slices.SortStableFunc(due, func(a, b observation.Unit) int { return in.restartRank(b) - in.restartRank(a) })
	return in.restartOf(due[0]), true
}

// restartOf is the restart of a unit's member, or a Wait that says why it may not be now.
func (in *membership) restartOf(u observation.Unit) Step {
	m := in.member[u.Name]
	reason := fmt.Sprintf("%s runs with another configuration than it should.", u.Name)
	if in.serving(m) {
		if step, ok := in.stable(); !ok {
			step.Reason = reason + " " + step.Reason
			return step
		}
		switch why, yes := in.unpublished(); {
		case yes && in.runsElsewhere(u):
			return wait("%s But clients are told first where all others serve: %s.", reason, why)
		case yes && in.runsWithAnotherPair(u):
			return wait("%s But heartbeat and election timeout are written on all first, because any of them may begin to run with them: %s.",
				reason, why)
		}
		if step, ok := in.publishing(); ok {
			step.Reason = reason + " " + step.Reason
			return step
		}
		if step, ok := in.alternatives(u); ok {
			step.Reason = reason + " " + step.Reason
			return step
		}
		if step, ok := in.awaitClients(in.furtherNews(), "whom to trust"); ok && in.furtherComes() {
			step.Reason = reason + " " + step.Reason
			return step
		}
	}
	if err := etcdops.CanStop(in.Etcd, m.ID); err != nil {
		step := wait("%s But it goes on for now: %v", reason, err)
		if len(in.Etcd.Voters()) == 2 && len(in.Etcd.HealthyVoters()) == 2 && !in.somebodyJoins() {
			step = in.needsAThird(reason)
		}
		return step
	}
	if cost := etcdops.StopCost(in.Etcd, m.ID); cost != "" {
		reason += " " + cost
	}
	step := in.turnOf(StepRestart, reason, u)
	if step.Kind == StepRestart {
		step.Units[0].Spec.Delivery.AllowRestart = true
	}
	return step
}

// turnOf is a step about a unit's member, which the unit asks the cluster for before it does it; or a
// Wait that says why the unit cannot be told now.
func (in *membership) turnOf(kind StepKind, reason string, u observation.Unit) Step {
	step := in.deliverTo(kind, reason, []observation.Unit{u}, in.specOf)
	if step.Kind == kind {
		step.Member, step.Unit = in.member[u.Name].ID, u.Name
		step.Units[0].Spec.Delivery.Endpoints = in.Etcd.Places()
	}
	return step
}

// needsAThird is what a person can do where neither of two members may be restarted.
func (in *membership) needsAThird(reason string) Step {
	return wait("%s But a restart of one of two members stops the cluster: %s.", reason, in.roomToRestart()).person()
}

// restartRank orders restarts, highest first.
func (in *membership) restartRank(u observation.Unit) int {
	m := in.member[u.Name]
	lag, _ := etcdops.Lag(in.Etcd, m.ID)
	switch {
	case !in.serving(m):
		return 1 << 30
	case in.Etcd.Leader() == m.ID:
		return -1
	}
	return int(min(lag, 1<<29))
}

// nextTry is when the first of the joiners that have failed may be tried again; zero if none has.
func (in *membership) nextTry() time.Time {
	var next time.Time
	for _, u := range in.joiners() {
		for _, key := range []string{Step{Kind: StepAddLearner, Unit: u.Name}.Key(), JoinKey(u.Name)} {
			at := in.History.NotBefore[key]
			if in.Now.Before(at) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}

package etcdops

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Quorum is how many of n voters must agree. Of no voters it is 1, which nobody can reach.
func Quorum(n int) int { return n/2 + 1 }

// Tolerance is how many more voters the cluster can lose and still serve, as the view shows it: the
// voters that can be counted on, less the quorum. It is negative when there is no quorum, and
// without a member list.
func Tolerance(v View) int {
	if !v.Listed {
		return -1
	}
	return len(v.VotingMembers()) - Quorum(len(v.Voters()))
}

// Accept is something that a caller accepts for a guard to let it pass.
type Accept int

// AcceptOutage lets CanStop pass although the cluster will not serve until the member is back.
const AcceptOutage Accept = iota + 1

// CanStop says whether the member may be stopped for a restart: nil, or a sentence that says why
// not.
//
// The voters that are left must be a quorum, and only those count that were seen to serve. Two
// cases are a matter of choice. A cluster of one voter may always be restarted: it cannot be done
// without an outage (StopCost reports it). With two voters or more, a stop that costs the quorum
// needs AcceptOutage: it could wait for a repair or for growth. A learner may always be stopped.
// Without a member list nobody may be stopped, whatever is accepted.
func CanStop(v View, id MemberID, accept ...Accept) error {
	m, err := v.subject("stop", id)
	if err != nil {
		return err
	}
	if m.Learner {
		return nil
	}
	voters := len(v.Voters())
	left := v.othersVoting(id)
	if voters == 1 || left >= Quorum(voters) || slices.Contains(accept, AcceptOutage) {
		return nil
	}
	return refuse(ErrGuard, "cannot stop member %s: %d of %d voters would be left, and a quorum is %d%s",
		m.label(), left, voters, Quorum(voters), v.downList(id))
}

// StopCost says in a sentence what a stop of the member costs while it lasts; empty means that
// clients notice no outage.
func StopCost(v View, id MemberID) string {
	m, ok := v.Member(id)
	if !ok || m.Learner {
		return ""
	}
	voters := len(v.Voters())
	switch left := v.othersVoting(id); {
	case voters == 1:
		return "The only voter stops: nothing is served until it is back."
	case left < Quorum(voters):
		return fmt.Sprintf("Only %d of %d voters are left, and a quorum is %d: nothing is served until %s is back.",
			left, voters, Quorum(voters), m.label())
	}
	return ""
}

// CanRemove says whether the member may be removed from the member list: nil, or a sentence that
// says why not.
//
// A learner may go at any time. Of the voters that stay a quorum (of the smaller cluster) must have
// been seen to serve, and the last voter never goes. A voter that serves does not go while another
// one is down: the dead one has to go, or come back, first, because every live voter is worth more
// then. etcd itself would let it pass.
func CanRemove(v View, id MemberID) error {
	m, err := v.subject("remove", id)
	if err != nil {
		return err
	}
	if m.Learner {
		return nil
	}
	voters := len(v.Voters())
	if voters == 1 {
		return refuse(ErrGuard, "cannot remove member %s: it is the only voter, and the data would go with it", m.label())
	}
	left := v.othersVoting(id)
	if left < Quorum(voters-1) {
		return refuse(ErrGuard, "cannot remove member %s: %d of the remaining %d voters serve, and a quorum of them is %d%s",
			m.label(), left, voters-1, Quorum(voters-1), v.downList(id))
	}
	if left < voters-1 && v.HealthOf(m).Votes() {
		return refuse(ErrGuard, "cannot remove member %s: it serves, and %d of %d voters do not; repair or remove those first%s",
			m.label(), voters-1-left, voters, v.downList(id))
	}
	return nil
}

// CanAdd says whether a learner may be added: nil, or a sentence that says why not.
//
// All voters must be healthy, without an alarm, and agree on a leader, and no other change may be
// under way: no learner, no member that has never started, one cluster ID. (etcd accepts a second
// unstarted voter in a healthy cluster of three, after which the next death stops all writes.)
func CanAdd(v View) error {
	const act = "cannot add a member: "
	if err := v.decidable(act); err != nil {
		return err
	}
	voters, healthy := len(v.Voters()), len(v.HealthyVoters())
	learners, unstarted := v.Learners(), v.Unstarted()
	switch {
	case len(unstarted) > 0:
		return refuse(ErrGuard, act+"member %s has been added and has not started yet", unstarted[0].label())
	case len(learners) > 0:
		return &refusal{kinds: []error{ErrTooManyLearners, ErrGuard},
			text: fmt.Sprintf(act+"member %s is still a learner", learners[0].label())}
	case voters == 0 || healthy < voters:
		return &refusal{kinds: []error{ErrUnhealthy, ErrGuard},
			text: fmt.Sprintf(act+"%d of %d voters are healthy, and all must be%s", healthy, voters, v.downList(0))}
	case len(v.Alarms) > 0:
		return refuse(ErrGuard, act+"alarm %s is active", v.Alarms[0].Kind)
	case v.Leader() == 0:
		return refuse(ErrGuard, act+"the %d voters do not agree on a leader", voters)
	}
	return nil
}

// CanPromote says whether the learner may become a voter: nil, or a sentence that says why not.
//
// It must serve and be at most lagLimit entries behind. The quorum of the larger cluster must be
// there without it, so that its death right after the promotion does no harm; only a single voter
// cannot meet that, and for it the learner itself counts.
func CanPromote(v View, id MemberID, lagLimit int64) error {
	m, err := v.subject("promote", id)
	if err != nil {
		return err
	}
	if !m.Learner {
		return refuse(ErrGuard, "cannot promote member %s: it is a voter already", m.label())
	}
	h := v.HealthOf(m)
	lag, known := Lag(v, id)
	voters, voting := len(v.Voters()), len(v.VotingMembers())
	switch {
	case !m.Started():
		return refuse(ErrNotReady, "cannot promote member %s: it has not started yet", m.label())
	case !h.Healthy():
		return refuse(ErrNotReady, "cannot promote member %s: it does not serve: %s", m.label(), h.Reason())
	case !known:
		return refuse(ErrNotReady, "cannot promote member %s: how far it is behind cannot be told", m.label())
	case lag > lagLimit:
		return refuse(ErrNotReady, "cannot promote member %s: it is %d entries behind, and the limit is %d",
			m.label(), lag, lagLimit)
	}
	if voters == 1 {
		voting++
	}
	if need := Quorum(voters + 1); voting < need {
		return refuse(ErrGuard, "cannot promote member %s: %d voters serve, and a quorum of %d would be %d%s",
			m.label(), voting, voters+1, need, v.downList(0))
	}
	return nil
}

// CanLead says whether leadership may be moved to the member: nil, or a sentence that says why not.
func CanLead(v View, id MemberID) error {
	m, err := v.subject("move leadership to", id)
	if err != nil {
		return err
	}
	h := v.HealthOf(m)
	switch {
	case m.Learner:
		return refuse(ErrGuard, "cannot move leadership to member %s: it is a learner", m.label())
	case !h.Healthy():
		return refuse(ErrGuard, "cannot move leadership to member %s: it is not healthy: %s", m.label(), h.Reason())
	}
	return nil
}

// CanMove says whether the member's peer URL may be replaced by another one: nil, or a sentence
// that says why not.
//
// To the others it is as if the member stopped, until it can be found at the new URL: a quorum must
// serve without it, and no other change may be under way. It counts itself if it serves anywhere
// under its ID, which is then at its new place. A learner stays where it is: etcd up to 3.5.30 and
// 3.6.11 made a voter of it in the list, and kept a learner in raft. Nobody else may have the URL.
func CanMove(v View, id MemberID, peerURL string) error {
	m, err := v.subject("change the peer URL of", id)
	if err != nil {
		return err
	}
	voters, left := len(v.Voters()), v.othersVoting(id)
	for _, h := range v.Health {
		if h.MemberID == id && h.Votes() {
			left++
			break
		}
	}
	learners, unstarted := v.Learners(), v.Unstarted()
	switch other, taken := v.MemberByPeerURL(peerURL); {
	case taken && other.ID != id:
		return refuse(ErrPeerURLInUse, "cannot change the peer URL of member %s: member %s has %s", m.label(), other.label(), peerURL)
	case m.Learner:
		return refuse(ErrGuard, "cannot change the peer URL of member %s: it is a learner", m.label())
	case len(unstarted) > 0:
		return refuse(ErrGuard, "cannot change the peer URL of member %s: member %s has been added and has not started yet", m.label(), unstarted[0].label())
	case len(learners) > 0:
		return refuse(ErrGuard, "cannot change the peer URL of member %s: member %s is still a learner", m.label(), learners[0].label())
	case voters > 1 && left < Quorum(voters):
		return refuse(ErrGuard, "cannot change the peer URL of member %s: %d of %d voters serve, and a quorum is %d%s",
			m.label(), left, voters, Quorum(voters), v.downList(id))
	}
	return nil
}

// decidable says whether the view is good enough to decide anything on.
func (v View) decidable(act string) error {
	if !v.Listed {
		why := v.Err
		if why == "" {
			why = "nobody was asked"
		}
		return refuse(ErrUnlisted, act+"there is no current member list (%s)", why)
	}
	if ids := v.ClusterIDs(); len(ids) > 1 {
		return &refusal{kinds: []error{ErrOtherCluster, ErrGuard},
			text: fmt.Sprintf(act+"%d different clusters answer (%s and %s)", len(ids), ids[0], ids[1])}
	}
	return nil
}

func (v View) subject(verb string, id MemberID) (Member, error) {
	act := fmt.Sprintf("cannot %s member %s: ", verb, id)
	if err := v.decidable(act); err != nil {
		return Member{}, err
	}
	m, ok := v.Member(id)
	if !ok {
		return Member{}, refuse(ErrNotMember, act+"it is none of the %d members", len(v.Members))
	}
	return m, nil
}

// othersVoting counts the voters but this one that can be counted on: those that serve where they
// say, and those that have moved, serve at their new place, and are looked for there by the others.
// One that the others look for at its old place does not count: it may serve through one of them
// alone, and not without that one.
func (v View) othersVoting(id MemberID) int {
	n := 0
	for _, m := range v.Voters() {
		if m.ID != id && (v.HealthOf(m).Votes() || v.votesWhereFound(m)) {
			n++
		}
	}
	return n
}

// votesWhereFound says that the member serves under its own ID at a host at which its peers look
// for it.
func (v View) votesWhereFound(m Member) bool {
	for at, h := range v.Health {
		if h.MemberID == m.ID && h.Votes() && slices.ContainsFunc(m.PeerURLs, func(peer string) bool { return hostOf(peer) == hostOf(at) }) {
			return true
		}
	}
	return false
}

// hostOf is the host of a URL; empty, which no URL of etcd's has, if it is none.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// downList names the other voters that cannot be counted on, as the end of a sentence.
func (v View) downList(except MemberID) string {
	var down []string
	for _, m := range v.Voters() {
		if h := v.HealthOf(m); m.ID != except && !h.Healthy() {
			down = append(down, m.label()+": "+h.Reason())
		}
	}
	if len(down) == 0 {
		return ""
	}
	return " (" + strings.Join(down, "; ") + ")"
}

func (m Member) label() string {
	if m.Name != "" {
		return m.Name
	}
	if len(m.PeerURLs) > 0 {
		return m.ID.String() + " at " + m.PeerURLs[0]
	}
	return m.ID.String()
}

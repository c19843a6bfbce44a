package etcdops

import (
	"maps"
	"slices"
	"strings"
)

// MemberName is the etcd name of a Juju unit's member: etcd0 for etcd/0.
func MemberName(unit string) string { return strings.ReplaceAll(unit, "/", "") }

// Healthy says that the endpoint serves and nothing is wrong with it.
func (h EndpointHealth) Healthy() bool { return h.Serves && h.Fault == FaultNone }

// Votes says that the endpoint's member can be counted on for quorum. A member that is out of space
// still votes; one that refuses new connections, or that is another cluster's, cannot be counted on
// even if it answers now.
func (h EndpointHealth) Votes() bool {
	return h.Serves && !h.Learner && (h.Fault == FaultNone || h.Fault == FaultAlarm)
}

// Reason says why the endpoint is not healthy, for people; it is empty for a healthy one.
func (h EndpointHealth) Reason() string {
	switch {
	case h.Healthy():
		return ""
	case h.Fault == FaultNone:
		return "not seen yet"
	case h.Fault == FaultAlarm && h.Detail != "":
		return string(FaultAlarm) + " " + h.Detail
	case h.Fault == FaultRefused, h.Fault == FaultNoLeader, h.Detail == "":
		return string(h.Fault)
	}
	return string(h.Fault) + ": " + h.Detail
}

// Voters are the members that vote, unstarted ones included.
func (v View) Voters() []Member {
	return v.filter(func(m Member) bool { return !m.Learner })
}

// Learners are the members that do not vote, unstarted ones included.
func (v View) Learners() []Member {
	return v.filter(func(m Member) bool { return m.Learner })
}

// Unstarted are the members, voters or learners, that have never started.
func (v View) Unstarted() []Member {
	return v.filter(func(m Member) bool { return !m.Started() })
}

// HealthyVoters are the voters that serve and have no fault.
func (v View) HealthyVoters() []Member {
	return v.filter(func(m Member) bool { return !m.Learner && v.HealthOf(m).Healthy() })
}

// VotingMembers are the voters that can be counted on for quorum: see EndpointHealth.Votes.
func (v View) VotingMembers() []Member {
	return v.filter(func(m Member) bool { return !m.Learner && v.HealthOf(m).Votes() })
}

func (v View) filter(keep func(Member) bool) []Member {
	var kept []Member
	for _, m := range v.Members {
		if keep(m) {
			if kept == nil {
				kept = make([]Member, 0, len(v.Members))
			}
			kept = append(kept, m)
		}
	}
	return kept
}

// Member returns the member with that ID.
func (v View) Member(id MemberID) (Member, bool) {
	return v.find(func(m Member) bool { return m.ID == id })
}

// MemberByName returns the started member with that name. Names need not be unique in etcd: match
// an ID first.
func (v View) MemberByName(name string) (Member, bool) {
	return v.find(func(m Member) bool { return name != "" && m.Name == name })
}

// MemberByPeerURL returns the member that has that peer URL, started or not.
func (v View) MemberByPeerURL(url string) (Member, bool) {
	return v.find(func(m Member) bool { return slices.Contains(m.PeerURLs, url) })
}

// MemberByClientURL returns the member that advertises that client URL.
func (v View) MemberByClientURL(url string) (Member, bool) {
	return v.find(func(m Member) bool { return slices.Contains(m.ClientURLs, url) })
}

func (v View) find(match func(Member) bool) (Member, bool) {
	i := slices.IndexFunc(v.Members, match)
	if i < 0 {
		return Member{}, false
	}
	return v.Members[i], true
}

// HealthOf is what the member answered at one of its client URLs, the best answer first. A member
// that has not been asked, or that never started, has Serves false and a Fault. Another member's
// answer at its URL is a FaultOtherID.
func (v View) HealthOf(m Member) EndpointHealth {
	var best EndpointHealth
	found := false
	consider := func(h EndpointHealth) {
		if h.MemberID != 0 && h.MemberID != m.ID {
			h.Serves, h.Fault, h.Detail = false, FaultOtherID, "member "+h.MemberID.String()+" answers instead"
		}
		if !found || !best.Healthy() && h.Healthy() || !best.Serves && h.Serves {
			best, found = h, true
		}
	}
	for _, url := range m.ClientURLs {
		if h, ok := v.Health[url]; ok {
			consider(h)
		}
	}
	if !found {
		// A member that has started an instant ago is not in the list with its client URLs yet.
		for _, url := range slices.Sorted(maps.Keys(v.Health)) {
			if h := v.Health[url]; h.MemberID == m.ID {
				consider(h)
			}
		}
	}
	switch {
	case found:
		return best
	case !m.Started():
		return EndpointHealth{At: v.At, Learner: m.Learner, Fault: FaultOther, Detail: "never started"}
	}
	return EndpointHealth{At: v.At, Learner: m.Learner, Fault: FaultUnreachable, Detail: "no client URL of it was asked"}
}

// Leader is the member that all voters which serve call their leader; zero if they know none, or
// disagree.
func (v View) Leader() MemberID {
	var leader MemberID
	for _, m := range v.VotingMembers() {
		h := v.HealthOf(m)
		if h.Leader == 0 || leader != 0 && h.Leader != leader {
			return 0
		}
		leader = h.Leader
	}
	return leader
}

// ClusterIDs are the different cluster IDs among all that answered, sorted. More than one is a
// foreign or split cluster: then nothing may be decided without a person.
func (v View) ClusterIDs() []ClusterID {
	seen := map[ClusterID]bool{}
	if v.ClusterID != 0 {
		seen[v.ClusterID] = true
	}
	for _, h := range v.Health {
		if h.ClusterID != 0 {
			seen[h.ClusterID] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Answered counts the endpoints where something that is etcd answered, whether it serves or not.
func (v View) Answered() int {
	n := 0
	for _, h := range v.Health {
		if h.Answered {
			n++
		}
	}
	return n
}

// ClientURLs are the client URLs of the started members in the list's order, without duplicates.
func (v View) ClientURLs() []string {
	var urls []string
	for _, m := range v.Members {
		for _, url := range m.ClientURLs {
			if !slices.Contains(urls, url) {
				urls = append(urls, url)
			}
		}
	}
	return urls
}

// Places are the client URLs that members name, and those at which something answered beside: a
// member that has moved serves at one that is in no list yet.
func (v View) Places() []string {
	urls := v.ClientURLs()
	for at, h := range v.Health {
		if h.Answered && !slices.Contains(urls, at) {
			urls = append(urls, at)
		}
	}
	slices.Sort(urls)
	return urls
}

// Lag is how many raft entries the member has still to apply to be where the cluster was seen to
// be: the highest raft index of all members of this cluster, less what the member has applied.
// False means that it cannot be known.
func Lag(v View, id MemberID) (int64, bool) {
	m, ok := v.Member(id)
	if !ok {
		return 0, false
	}
	own := v.HealthOf(m)
	if !own.Answered || own.Fault == FaultOtherID {
		return 0, false
	}
	var top uint64
	voterSeen := false
	for _, o := range v.Voters() {
		h := v.HealthOf(o)
		if h.Answered && h.Fault != FaultOtherID {
			voterSeen = true
			top = max(top, h.RaftIndex)
		}
	}
	if !voterSeen {
		return 0, false
	}
	// The answers are not of the same instant: a member asked last may have passed the highest
	// index seen.
	return max(0, int64(top)-int64(own.AppliedIndex)), true
}

// BestLeader is the voter that should lead instead of the given ones: the one that votes with the
// smallest lag, the smaller ID among equals. Zero means that there is none.
func BestLeader(v View, except ...MemberID) MemberID {
	var best MemberID
	var bestLag int64
	for _, m := range v.VotingMembers() {
		if slices.Contains(except, m.ID) || !v.HealthOf(m).Healthy() {
			continue
		}
		lag, ok := Lag(v, m.ID)
		if !ok {
			continue
		}
		if best == 0 || lag < bestLag || lag == bestLag && m.ID < best {
			best, bestLag = m.ID, lag
		}
	}
	return best
}

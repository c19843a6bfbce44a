package planner

import (
	"maps"
	"slices"
	"time"

	"jujuetcd.io/pkg/etcdops"
)

// Steps that are changes in etcd.
const (
	// StepAddLearner, StepPromote and StepRemove change the member list.
	StepAddLearner StepKind = "AddLearner"
	StepPromote    StepKind = "PromoteLearner"
	StepRemove     StepKind = "RemoveMember"
	StepMoveLeader StepKind = "MoveLeader"
	// StepUpdatePeer: tell the others where a member's peers find it now, because its machine has another address.
	StepUpdatePeer StepKind = "UpdatePeerURL"
	// StepNudge: write something, for a new member that waits for an entry to apply.
	StepNudge StepKind = "NudgeLearner"
	// StepDisarm: take back the alarm of a member whose database has room again.
	StepDisarm StepKind = "DisarmAlarm"
)

// changes are the steps that are changes in etcd.
var changes = map[StepKind]struct {
	// verb says what it does.
	verb string
	// disruptive: it changes membership or leadership.
	disruptive bool
	// rest is how long, once it was done, it is given to show.
	rest time.Duration
	// predict lets it be made.
	predict func(*prediction, Step, etcdops.Op)
}{
	StepAddLearner: {"add a learner", true, 0, (*prediction).added},
	StepPromote:    {"promote the learner", true, 0, (*prediction).promoted},
	StepRemove:     {"remove a member", true, 0, (*prediction).removed},
	StepMoveLeader: {"move the leadership", true, 0, (*prediction).handedOver},
	StepUpdatePeer: {"change a member's peer URL", true, 0, (*prediction).relocated},
	// What a nudge does not help needs something else.
	StepNudge: {"nudge the learner", false, 30 * time.Second, (*prediction).nudged},
	// An alarm that is up again was raised by a write: it will be, again.
	StepDisarm: {"disarm an alarm", false, time.Minute, (*prediction).disarmed},
}

// Rest is how long the step, once it was done, is not done again.
func (s Step) Rest() time.Duration { return changes[s.Kind].rest }

func (p *prediction) added(_ Step, op etcdops.Op) {
	p.Etcd.Members = append(p.Etcd.Members, etcdops.Member{ID: p.newID(op.PeerURL), PeerURLs: []string{op.PeerURL}, Learner: true})
}

func (p *prediction) promoted(_ Step, op etcdops.Op) {
	m := p.listed(op.Member)
	m.Learner = false
	p.answer(*m)
}

func (p *prediction) removed(s Step, op etcdops.Op) {
	p.Etcd.Members = slices.DeleteFunc(p.Etcd.Members, func(m etcdops.Member) bool { return m.ID == op.Member })
	maps.DeleteFunc(p.Etcd.Health, func(_ string, h etcdops.EndpointHealth) bool { return h.MemberID == op.Member })
	if s.TakesBack != "" {
		p.takenBack(s)
	}
}

func (p *prediction) handedOver(_ Step, op etcdops.Op) {
	for url, h := range p.Etcd.Health {
		h.Leader = op.Member
		p.Etcd.Health[url] = h
	}
}

func (p *prediction) relocated(_ Step, op etcdops.Op) {
	p.listed(op.Member).PeerURLs = []string{op.PeerURL}
}

func (p *prediction) nudged(s Step, op etcdops.Op) {
	m := p.listed(op.Member)
	m.Name = etcdops.MemberName(s.Unit)
	if len(m.ClientURLs) == 0 {
		m.ClientURLs = []string{ClientURL(p.facts(s.Unit).Addresses, p.in.opts)}
	}
	p.answer(*m)
}

// listed is the member of the list that a step is about.
func (p *prediction) listed(id etcdops.MemberID) *etcdops.Member {
	i := slices.IndexFunc(p.Etcd.Members, func(m etcdops.Member) bool { return m.ID == id })
	return &p.Etcd.Members[i]
}

// takenBack counts a member that was taken back, as the actor does.
func (p *prediction) takenBack(s Step) {
	h, key := &p.History, JoinKey(s.Unit)
	if h.Attempts == nil {
		h.Attempts = map[string]int{}
	}
	if h.NotBefore == nil {
		h.NotBefore = map[string]time.Time{}
	}
	if h.Faults == nil {
		h.Faults = map[string]string{}
	}
	h.Attempts[key]++
	h.Faults[key] = s.TakesBack
	h.NotBefore[key] = p.Now.Add(JoinPause(h.Attempts[key]))
}

package simulation

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// settleTime is how long etcd wants a peer to be connected before it counts it for an add.
const settleTime = 5 * time.Second

// election is how long a cluster is without a leader after its leader has died.
const election = 1500 * time.Millisecond

// process is etcd on one machine, with its data directory.
type process struct {
	up    bool
	since time.Time
	data  *data
	// mark is what the data directory holds before etcd first writes to it: the token that it is to
	// begin with.
	mark string
	// config and read are what the process has read that runs, or ran last; wanted and next what is
	// on disk for the next one.
	config, wanted string
	read, next     v1alpha1.RunningFacts
	// stillUntil is until when it defragments its database: it votes, and answers nobody.
	stillUntil time.Time
	// trusts are the authorities that the process has read.
	trusts []string
}

// data is what a data directory remembers.
type data struct {
	cluster string
	member  etcdops.MemberID
	// by is the unit whose member this is, and name its member's name.
	by   *Unit
	name string
}

// cluster is what a raft group agrees on.
type cluster struct {
	sim *Sim
	// app is the application that it was born for.
	app   *App
	id    string
	lease *lease
	// latched: its identity has been latched. over: the latch, or a person, has said since that it
	// is no more.
	latched, over bool
	members       []*Member
	leader        etcdops.MemberID
	// voting is since when a leader has been elected; electing says that an election is under way.
	electing bool
	index    uint64
	// removed are the IDs that have been members.
	removed []etcdops.MemberID
}

// Member is one entry of a member list.
type Member struct {
	id      etcdops.MemberID
	name    string
	peer    string
	client  string
	learner bool
	// ran: the member has had data, so that an empty directory is not a beginning.
	ran bool
}

func hash64(text ...string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, strings.Join(text, "\x00"))
	return h.Sum64() | 1
}

// clientURL and peerURL are where the process serves that runs, or ran last: its machine's address,
// the ports that it has read.
func (m *Machine) clientURL() string { return m.serves(m.process.read.ClientURL, "2379") }
func (m *Machine) peerURL() string   { return m.serves(m.process.read.PeerURL, "2380") }

func (m *Machine) serves(read, port string) string {
	if i := strings.LastIndexByte(read, ':'); i >= 0 {
		port = read[i+1:]
	}
	return "https://" + m.address() + ":" + port
}

// membership is the cluster and member of the machine's data directory.
func (m *Machine) membership() (*cluster, *Member) {
	if m.process.data == nil {
		return nil, nil
	}
	c := m.sim.clusterOf(m.process.data.cluster)
	member := c.member(m.process.data.member)
	return c, member
}

func (s *Sim) clusterOf(id string) *cluster {
	for _, c := range s.clusters {
		if c.id == id {
			return c
		}
	}
	return nil
}

// start starts etcd as its configuration says; a reason is what it would log before it exits.
func (a *Agent) start(spec *v1alpha1.EtcdUnitSpec) string {
	s := a.sim
	i := spec.Etcd.Initial
	switch {
	case a.process.data != nil:
		s.judgeOwn(a, "starts")
		a.comeUp()
		return ""
	case i == nil:
		return "there is no data, and nothing to begin with"
	case a.lost():
		s.violate("I6: %s starts without data under the record of a member", a.unit.Name)
		return "data lost"
	}
	a.process.read = a.process.next
	if i.State == v1alpha1.InitialNew {
		return a.bootstrap(i)
	}
	return a.join(i)
}

func (a *Agent) bootstrap(i *v1alpha1.InitialCluster) string {
	s := a.sim
	text := []string{i.Token}
	for _, m := range i.Members {
		text = append(text, m.Name+"="+m.PeerURL)
	}
	id := etcdops.ClusterID(hash64(text...)).String()
	c := s.clusterOf(id)
	if c == nil {
		s.judgeBirth(a, id)
		c = &cluster{sim: s, app: a.unit.app, id: id, index: 4}
		for _, m := range i.Members {
			c.members = append(c.members, &Member{id: etcdops.SeedID(i.Token, m.PeerURL), name: m.Name, peer: m.PeerURL})
		}
		s.clusters = append(s.clusters, c)
	}
	m := c.at(a.peerURL())
	if m == nil {
		return "initial-cluster does not name this member"
	}
	a.open(c, m)
	return ""
}

func (a *Agent) join(i *v1alpha1.InitialCluster) string {
	for _, c := range a.sim.clusters {
		m := c.at(a.peerURL())
		if m == nil || !c.quorum() {
			continue
		}
		if len(i.Members) != len(c.members) {
			return "member count is unequal"
		}
		for _, n := range i.Members {
			if c.at(n.PeerURL) == nil {
				return "unmatched member " + n.PeerURL
			}
		}
		a.open(c, m)
		return ""
	}
	return "cannot fetch cluster info from peers"
}

// open gives a member its data directory.
func (a *Agent) open(c *cluster, m *Member) {
	if m.ran {
		a.sim.violate("I6: %s begins empty under the identity %s, which has run before", a.unit.Name, m.id)
	}
	m.ran = true
	a.process.data = &data{cluster: c.id, member: m.id, by: a.unit, name: etcdops.MemberName(a.unit.Name)}
	if a.loses {
		a.loses, a.dies = false, true
		a.process.data, a.process.mark = nil, ""
		a.sim.say("    %s loses its disk, and its agent dies", a.unit.Name)
		return
	}
	a.comeUp()
}

// comeUp runs the process: it publishes itself when there is a quorum, and stops when it was
// removed.
func (m *Machine) comeUp() {
	s := m.sim
	m.process.up, m.process.since = true, s.now
	m.process.config, m.process.read, m.process.trusts = m.process.wanted, m.process.next, m.bundle
	m.sim.judgeTrust()
	s.judgePairs()
	c, member := m.membership()
	if member == nil {
		s.At(time.Second, m.stop)
		return
	}
	data := m.process.data
	s.At(300*time.Millisecond, func() {
		if m.process.up && m.process.data == data && c.quorum() {
			member.name, member.client = data.name, m.clientURL()
		}
	})
	c.elect()
}

func (m *Machine) stop() {
	if !m.process.up {
		return
	}
	m.process.up = false
	if m.still() {
		m.process.stillUntil = time.Time{}
	}
	if c, _ := m.membership(); c != nil {
		c.elect()
	}
}

func (m *Machine) restart() {
	m.stop()
	m.comeUp()
}

// Crash kills the unit's etcd; systemd starts it again after ten seconds, where its data is.
func (s *Sim) Crash(u *Unit) {
	u.agent.stop()
	s.At(10*time.Second, u.agent.boots)
}

// boots starts the machine's etcd as systemd does: where it is enabled, and its data is there.
func (m *Machine) boots() {
	if slices.Contains(m.sim.juju.machines, m) && !m.dark && !m.squatted && !m.halted && !m.process.up && m.process.data != nil {
		m.comeUp()
	}
}

// Readdress boots the unit's machine with another address. Its member is found by nobody there
// until the others know.
func (s *Sim) Readdress(u *Unit) {
	u.agent.stop()
	u.agent.moves++
	s.At(5*time.Second, func() {
		u.agent.boots()
		s.hook(u, 0)
		s.certify(u)
	})
}

// Wipe kills the unit's etcd and takes its data; systemd does not start it without.
func (s *Sim) Wipe(u *Unit) {
	u.agent.stop()
	u.agent.process.data, u.agent.process.mark = nil, ""
	s.hook(u, 0)
}

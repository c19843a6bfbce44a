package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/etcdops"
)

func (c *cluster) member(id etcdops.MemberID) *Member {
	return c.find(func(m *Member) bool { return m.id == id })
}

func (c *cluster) at(peer string) *Member {
	return c.find(func(m *Member) bool { return m.peer == peer })
}

func (c *cluster) find(match func(*Member) bool) *Member {
	if c == nil {
		return nil
	}
	i := slices.IndexFunc(c.members, match)
	if i < 0 {
		return nil
	}
	return c.members[i]
}

// host is the machine whose process is this member.
func (c *cluster) host(m *Member) *Machine {
	for _, h := range c.sim.juju.machines {
		if d := h.process.data; d != nil && d.cluster == c.id && d.member == m.id {
			return h
		}
	}
	return nil
}

func (c *cluster) reachable(m *Member) bool {
	a := c.host(m)
	if a == nil || !a.process.up {
		return false
	}
	if c.found(m) || !m.learner && c.sole() {
		return true
	}
	// On another port it is found by nobody, and finds by itself whoever is where the list says: one connection serves both ways.
	elsewhere := a.peerURL()
	return strings.HasPrefix(m.peer, elsewhere[:strings.LastIndexByte(elsewhere, ':')+1]) && slices.ContainsFunc(c.members, c.found)
}

// sole says that there is one voter, which needs nobody to be elected, whoever learns from it.
func (c *cluster) sole() bool {
	n := 0
	for _, m := range c.members {
		if !m.learner {
			n++
		}
	}
	return n == 1
}

// found says that the others find the member where the list has it.
func (c *cluster) found(m *Member) bool {
	a := c.host(m)
	return a != nil && a.process.up && a.peerURL() == m.peer
}

func (c *cluster) voters() (all, up int) {
	for _, m := range c.members {
		if m.learner {
			continue
		}
		all++
		if c.reachable(m) {
			up++
		}
	}
	return all, up
}

func (c *cluster) quorum() bool {
	all, up := c.voters()
	return up >= etcdops.Quorum(all) && c.leader != 0
}

// elect finds a leader where one is missing.
func (c *cluster) elect() {
	if m := c.member(c.leader); m != nil && c.reachable(m) && !m.learner {
		if all, up := c.voters(); up >= etcdops.Quorum(all) {
			return
		}
	}
	c.leader = 0
	if c.electing {
		return
	}
	c.electing = true
	c.sim.At(election, func() {
		c.electing = false
		all, up := c.voters()
		if up < etcdops.Quorum(all) {
			return
		}
		i := slices.IndexFunc(c.members, func(m *Member) bool { return !m.learner && c.reachable(m) })
		c.leader = c.members[i].id
		for _, m := range c.members {
			if a := c.host(m); a != nil && a.process.up && m.client != a.clientURL() {
				m.name, m.client = a.process.data.name, a.clientURL()
			}
		}
	})
}

// connected counts the voters that have been up for long enough.
func (c *cluster) connected() int {
	n := 0
	for _, m := range c.members {
		if a := c.host(m); !m.learner && a != nil && a.process.up && (len(c.members) == 1 || c.sim.now.Sub(a.process.since) >= settleTime) {
			n++
		}
	}
	return n
}

var errUnhealthy = errors.New("etcdserver: unhealthy cluster")

func (c *cluster) add(peer string) (*Member, error) {
	all, _ := c.voters()
	switch {
	case !c.quorum():
		return nil, errors.New("etcdserver: request timed out")
	case c.at(peer) != nil:
		return nil, errors.New("etcdserver: Peer URLs already exists")
	case slices.ContainsFunc(c.members, func(m *Member) bool { return m.learner }):
		return nil, errors.New("etcdserver: too many learner members in cluster")
	case all > 1 && c.connected() < etcdops.Quorum(all+1):
		return nil, errUnhealthy
	}
	m := &Member{id: etcdops.MemberID(hash64(peer, fmt.Sprint(c.sim.now.Unix()))), peer: peer, learner: true}
	c.members = append(c.members, m)
	c.index++
	return m, nil
}

func (c *cluster) promote(id etcdops.MemberID) error {
	m := c.member(id)
	switch {
	case !c.quorum():
		return errors.New("etcdserver: request timed out")
	case m == nil:
		return errors.New("etcdserver: member not found")
	case !m.learner:
		return errors.New("etcdserver: can only promote a learner member")
	case !c.reachable(m) || c.applied(m)*10 < c.index*9:
		return errors.New("etcdserver: can only promote a learner member which is in sync with leader")
	}
	m.learner = false
	c.index++
	return nil
}

func (c *cluster) remove(id etcdops.MemberID) error {
	m := c.member(id)
	all, up := c.voters()
	switch {
	case !c.quorum():
		return errors.New("etcdserver: request timed out")
	case m == nil:
		return errors.New("etcdserver: member not found")
	case !m.learner && all == 1:
		return errors.New("etcdserver: re-configuration failed due to not enough started members")
	case !m.learner && c.reachable(m) && up-1 < etcdops.Quorum(all-1):
		return errUnhealthy
	}
	host := c.host(m)
	c.members = slices.DeleteFunc(c.members, func(o *Member) bool { return o == m })
	c.removed = append(c.removed, id)
	c.index++
	if host != nil {
		c.sim.At(500*time.Millisecond, host.stop)
	}
	c.elect()
	return nil
}

// applied is how far a member is: a learner catches up over time.
func (c *cluster) applied(m *Member) uint64 {
	a := c.host(m)
	if !m.learner || a == nil {
		return c.index
	}
	done := float64(c.sim.now.Sub(a.process.since)) / float64(c.sim.cfg.CatchUp)
	return uint64(min(1, done) * float64(c.index))
}

// view is what a client sees that asks all endpoints, at this time by its clock.
func (s *Sim) view(endpoints []string, at time.Time) etcdops.View {
	v := etcdops.View{At: at, Health: map[string]etcdops.EndpointHealth{}}
	for _, url := range endpoints {
		v.Health[url] = etcdops.EndpointHealth{Endpoint: url, At: at, Fault: etcdops.FaultRefused}
	}
	for _, a := range s.juju.machines {
		if _, asked := v.Health[a.clientURL()]; !asked || !a.process.up {
			continue
		}
		c, m := a.membership()
		id, _ := etcdops.ParseClusterID(c.id)
		h := etcdops.EndpointHealth{Endpoint: a.clientURL(), At: at, Answered: true, ClusterID: id, MemberID: a.process.data.member,
			Version: "3.6.16", RaftIndex: c.index, Fault: etcdops.FaultNoLeader}
		if m != nil && c.quorum() && c.reachable(m) {
			h.Serves, h.Fault, h.Leader, h.Learner, h.AppliedIndex = true, etcdops.FaultNone, c.leader, m.learner, c.applied(m)
			if a.still() {
				h.Serves, h.Fault, h.Answered, h.Leader = false, etcdops.FaultUnreachable, false, 0
			}
			if !m.learner && !v.Listed && h.Serves {
				v.Listed, v.ClusterID = true, id
				v.Members = c.list()
			}
		}
		v.Health[a.clientURL()] = h
	}
	for _, m := range v.Members {
		for _, url := range m.ClientURLs {
			if _, asked := v.Health[url]; !asked {
				more := s.view(append(slices.Clone(endpoints), url), at)
				return more
			}
		}
	}
	if !v.Listed {
		v.Err = "no endpoint gave a member list"
	}
	return v
}

func (c *cluster) list() []etcdops.Member {
	var list []etcdops.Member
	for _, m := range c.members {
		e := etcdops.Member{ID: m.id, Name: m.name, PeerURLs: []string{m.peer}, Learner: m.learner}
		if m.client != "" {
			e.ClientURLs = []string{m.client}
		}
		list = append(list, e)
	}
	return list
}

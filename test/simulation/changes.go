package simulation

import (
	"errors"

	"jujuetcd.io/pkg/etcdops"
)

// The changes of a cluster's members, judged when they are made, whoever makes them.

func (c *cluster) addLearner(peerURL string) (etcdops.Member, []etcdops.Member, error) {
	c.sim.judgeAdd(c)
	c.sim.judgePort(peerURL)
	m, err := c.add(peerURL)
	if err != nil {
		return etcdops.Member{}, nil, err
	}
	return etcdops.Member{ID: m.id, PeerURLs: []string{m.peer}, Learner: true}, c.list(), nil
}

func (c *cluster) promoteLearner(id etcdops.MemberID) error {
	c.sim.judgePromote(c, id)
	return c.promote(id)
}

func (c *cluster) removeMember(id etcdops.MemberID) error {
	c.sim.judgeRemove(c, id)
	return c.remove(id)
}

func (c *cluster) moveLeader(to etcdops.MemberID) error {
	m := c.member(to)
	if m == nil || m.learner || !c.reachable(m) {
		return errors.New("etcdserver: bad leader transferee")
	}
	c.leader = to
	return nil
}

func (c *cluster) updatePeerURL(id etcdops.MemberID, peerURL string) error {
	m := c.member(id)
	if m != nil && m.peer == peerURL {
		return nil // etcdops.Pool asks etcd for nothing then, and a nudge names the URL that is there
	}
	c.sim.judgeMove(c, id, peerURL)
	switch {
	case !c.quorum():
		return errors.New("etcdserver: request timed out")
	case m == nil:
		return errors.New("etcdserver: member not found")
	}
	m.peer = peerURL
	c.index++
	c.elect()
	return nil
}

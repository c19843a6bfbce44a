package simulation

import (
	"errors"
	"fmt"

	"jujuetcd.io/pkg/etcdops"
)

// The changes of a cluster's members, judged when they are made, whoever makes them.

// do makes a change.
func (c *cluster) do(change etcdops.Change) error {
	switch change := change.(type) {
	case etcdops.AddLearner:
		return c.addLearner(change.PeerURL)
	case etcdops.Promote:
		return c.promoteLearner(change.Member)
	case etcdops.Remove:
		return c.removeMember(change.Member)
	case etcdops.MoveLeader:
		return c.moveLeader(change.To)
	case etcdops.UpdatePeerURL:
		return c.updatePeerURL(change.Member, change.PeerURL)
	case etcdops.Touch:
		return nil // members do not wait for entries here
	}
	return fmt.Errorf("etcd knows no %s", change.Kind())
}

func (c *cluster) addLearner(peerURL string) error {
	c.sim.judgeAdd(c)
	c.sim.judgePort(peerURL)
	_, err := c.add(peerURL)
	return err
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
		return nil // etcdops.Pool asks etcd for nothing then
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

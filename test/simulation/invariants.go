package simulation

import (
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// These invariants, beside those of judges.go and decisions.go, have the numbers of reference/etcd.md §5.2:
//
//	I3   quorum is never lost by us: judged at each change, a new member counting as down
//	I4   one change in flight: unstarted members, learners, disruptive deliveries
//	I6   one cluster ID for ever; new is written once per member; no old identity on an empty disk
//	I14  a settled cluster is not touched (judged by the tests, from Counts)
//	I19  the plan is what is done (judged by the tests, from Acts)

// judgeDelivery is asked when a delivery is queued.
func (s *Sim) judgeDelivery(t *task) {
	open := 0
	for _, o := range s.juju.tasks {
		if o.status.Final() || o.hold || o.action != "" {
			continue
		}
		if o.unit == t.unit {
			open++
		}
		// One whose unit has vanished is never run, and Juju reports it no more; one whose machine's clock
		// was set back since is not late there when it is for everybody else, which nobody sees: the next
		// one comes when its time is over.
		if o != t && o.unit.app == t.unit.app && s.known(o.unit) && !s.clockSetSince(t.unit.app.daemon, o) {
			s.judgeBesideSnapshot(t, o)
		}
		gone := !s.known(o.unit) || o.enqueued.Before(o.unit.agent.clockSet)
		over := gone && !s.now.Before(o.enqueued.Add(v1alpha1.DeliveryTTL+v1alpha1.LongestRun))
		if o != t && o.unit.app == t.unit.app && !s.clockSetSince(t.unit.app.daemon, o) && disrupts(t) && disrupts(o) && !over {
			s.violate("I4: restarts or defragmentations of %s and %s are under way at once", t.unit.Name, o.unit.Name)
		}
	}
	if disrupts(t) {
		s.judgeBeside(t.unit.app, "a restart or a defragmentation of "+t.unit.Name)
	}
	if open > 1 {
		s.violate("%d deliveries wait for %s at once", open, t.unit.Name)
	}
	if i := t.spec.Etcd.Initial; i != nil && i.State == v1alpha1.InitialNew {
		if l := t.unit.app.latch; l.Seeds == nil || l.ClusterID != "" {
			s.violate("I6: new is handed to %s while the latch has seeds: %t, cluster ID: %q", t.unit.Name, l.Seeds != nil, l.ClusterID)
		}
	}
	if len(t.spec.Ops) > 0 && !slices.ContainsFunc(t.spec.Ops, v1alpha1.EtcdOp.Changes) {
		return // a look changes nothing, and comes before the claim
	}
	e := t.unit.app.latch.Epoch
	if l := t.spec.Latch; (l == nil || l.Claim == nil) && (e == nil || *e != t.spec.Delivery.Epoch) {
		s.violate("%s is handed a delivery of epoch %v, and the latch has %v", t.unit.Name, t.spec.Delivery.Epoch, e)
	}
}

// disrupts says that the delivery may stop a member, or have it stand still.
func disrupts(t *task) bool { return t.spec.Delivery.AllowRestart || t.spec.Delivery.AllowDefrag }

// judgeLatch is asked when the latch is committed.
func (s *Sim) judgeLatch(old, next v1alpha1.Latch) {
	if old.Seeds != nil && !old.Seeds.Equal(next.Seeds) {
		s.violate("I6: the latched seeds change")
	}
	if old.ClusterID != "" && old.ClusterID != next.ClusterID {
		s.violate("I6: the latched cluster ID changes")
	}
	if old.Epoch != nil && next.Epoch.Number < old.Epoch.Number {
		s.violate("the epoch goes back")
	}
}

// judgeMembers is asked after each change of a member list.
func (s *Sim) judgeMembers(c *cluster) {
	learners, unstarted := 0, 0
	for _, m := range c.members {
		if m.learner {
			learners++
		}
		if m.name == "" {
			unstarted++
		}
	}
	if learners > 1 || unstarted > 1 {
		s.violate("I4: %d learners and %d unstarted members", learners, unstarted)
	}
}

func (s *Sim) judgeAdd(c *cluster) {
	if all, up := c.voters(); up < all {
		s.violate("I4: a member is added while %d of %d voters are up", up, all)
	}
	for _, m := range c.members {
		if m.learner || m.name == "" {
			s.violate("I4: a member is added while %s is not finished", m.peer)
		}
	}
}

func (s *Sim) judgePromote(c *cluster, id etcdops.MemberID) {
	all, up := c.voters()
	if all > 1 && up < etcdops.Quorum(all+1) {
		s.violate("I3: after the promotion of %s %d of %d voters would be up without it", id, up, all+1)
	}
}

func (s *Sim) judgeRemove(c *cluster, id etcdops.MemberID) {
	m := c.member(id)
	if m == nil || m.learner {
		return
	}
	all, up := c.voters()
	if c.reachable(m) {
		up--
	}
	if all == 1 || up < etcdops.Quorum(all-1) {
		s.violate("I3: the removal of %s leaves %d of %d voters", m.name, up, all-1)
	}
	if c.reachable(m) && c.leader == id {
		s.violate("I10: the leader %s is removed before it has handed over", m.name)
	}
	if c.reachable(m) {
		s.judgeClients(c, m)
	}
}

// judgeMove is asked when a member's peer URL is changed: until it is found there, it counts as
// down. One whose process listens there already, because it was started with the new port before
// the others knew it, is found at once.
func (s *Sim) judgeMove(c *cluster, id etcdops.MemberID, peerURL string) {
	m := c.member(id)
	if m == nil {
		return
	}
	all, up := c.voters()
	if a := c.host(m); c.reachable(m) && a.peerURL() != peerURL {
		up--
	}
	if m.learner || all > 1 && up < etcdops.Quorum(all) {
		s.violate("I3: the move of %s leaves %d of %d voters", m.name, up, all)
	}
}

// mayStop is the agent's own guard.
func (s *Sim) mayStop(a *Agent) bool {
	c, m := a.membership()
	if m == nil || m.learner {
		return true
	}
	all, _ := c.without(m)
	return all == 1 || c.answering(m) >= etcdops.Quorum(all)
}

// without counts all voters, and those besides the member that are up.
func (c *cluster) without(m *Member) (all, left int) {
	all, left = c.voters()
	if c.reachable(m) {
		left--
	}
	return all, left
}

// judgeStop is asked when an agent stops a member.
func (s *Sim) judgeStop(a *Agent) {
	c, m := a.membership()
	if m == nil {
		return
	}
	all, left := c.without(m)
	if !m.learner && all > 1 && left < etcdops.Quorum(all) {
		s.violate("I3: the stop of %s leaves %d of %d voters", m.name, left, all)
	}
	if left := c.answering(m); !m.learner && all > 1 && left < etcdops.Quorum(all) {
		s.violate("I3: the stop of %s leaves %d of %d voters that answer", m.name, left, all)
	}
	if !m.learner && c.reachable(m) {
		s.judgeClients(c, m)
	}
}

// judgePairs is asked when a process has begun: nobody may take a heartbeat's pause for a leader's
// end, whoever leads.
func (s *Sim) judgePairs() {
	for _, u := range s.juju.machines {
		for _, o := range s.juju.machines {
			a, b := u.process, o.process
			if a.up && b.up && a.data != nil && b.data != nil && a.data.cluster == b.data.cluster && a.read.ElectionTimeoutMs < 5*b.read.HeartbeatIntervalMs {
				s.violate("the election timeout of %s is %d ms, and %s has a heartbeat of %d ms", a.data.name, a.read.ElectionTimeoutMs,
					b.data.name, b.read.HeartbeatIntervalMs)
			}
		}
	}
}

// clockSetSince says that the clock of the daemon's machine was set since it queued the task. A
// process measures how long ago it did something by another clock, which nobody sets, and the model
// has only one: what it takes for over then says nothing.
func (s *Sim) clockSetSince(d *Daemon, t *task) bool {
	return d != nil && t.enqueued.Before(s.clockSet) && s.clockSet.After(d.began)
}

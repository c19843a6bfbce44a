package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
)

// Invariants of what belongs to a machine, a unit and a member, and of what is reported about it:
//
//	M1  a unit publishes as its own, starts, stops and sets aside nothing but the member that it has begun itself, or that a unit
//	    has left which is gone and which nobody misses: its cluster has removed it, or has ended
//	M2  data is set aside only when its member is in no list any more, or everybody leaves
//	M3  a cluster is born in the place of another one only if no data of that is left in its place, nothing of it answers, and the
//	    latch or a person has said that it is over
//	M4  an epoch is recorded only by a claim, or as the latch has it
//	M6  no member is added for a machine on which another process listens where it is to, and did when it was made ready
//	M7  a member is halted only while the latch has the very entry of the journal, in the very phase,
//	    that the delivery names
//	M5  juju status does not go on saying that all is well while there is no quorum and a unit can be written to

// judgeFacts is asked when a unit publishes.
func (s *Sim) judgeFacts(a *Agent, f v1alpha1.UnitFacts) {
	if d := a.process.data; f.Member.Present && (d == nil || d.by != a.unit) {
		s.violate("M1: %s publishes the member of %s as its own", a.unit.Name, d.owner())
	}
}

// judgeOwn is asked when a unit is about to start, stop or set aside what is on its machine.
func (s *Sim) judgeOwn(a *Agent, does string) {
	d := a.process.data
	if d == nil || d.by == a.unit {
		return
	}
	c, m := a.membership()
	if s.known(d.by) || m != nil && !c.app.gone && !c.ended() || does == "starts" {
		s.violate("M1: %s %s the member of %s", a.unit.Name, does, d.owner())
	}
}

// judgeAside is asked when data is about to be set aside because its member is gone, by who does
// it.
func (s *Sim) judgeAside(a *Agent) {
	s.judgeOwn(a, "sets aside")
	c, m := a.membership()
	if m == nil || c.app.gone || c.over || !c.stays() {
		return
	}
	s.violate("M2: %s sets aside the data of %s, which is a member", a.unit.Name, m.peer)
}

// ended says that the latch has the cluster for over, and that it is: no unit stays that has a
// member, and those that are left by units that are gone are no quorum.
func (c *cluster) ended() bool {
	return c.app.latch.Ends() && c.app.latch.ClusterID == c.id && !c.stays() && !c.quorum()
}

// stays says that a unit which Juju is not removing has a member of the cluster.
func (c *cluster) stays() bool {
	return slices.ContainsFunc(c.app.units, func(u *Unit) bool {
		d := u.agent.process.data
		return u.life == jujuapi.Alive && d != nil && d.by == u && d.cluster == c.id
	})
}

func (d *data) owner() string {
	if d == nil {
		return "nobody"
	}
	return d.by.Name
}

// judgeBirth is asked when a cluster comes to be.
func (s *Sim) judgeBirth(a *Agent, id string) {
	app := a.unit.app
	for _, c := range s.clusters {
		if c.app != app {
			continue
		}
		if why := c.alive(); why != "" {
			s.violate("M3: cluster %s is born for %s in the place of %s: %s", id, app.name, c.id, why)
		}
		if !c.over && c.latched {
			s.violate("M3: cluster %s is born for %s in the place of %s, which nobody has called over", id, app.name, c.id)
		}
	}
}

// judgeRebirth is asked when the latch is given another identity.
func (s *Sim) judgeRebirth(app *App, to string) {
	if old := s.clusterOf(app.latch.ClusterID); old != nil && slices.Contains(app.restores, to) {
		s.judgeReplaced(old)
		return
	}
	c := app.cluster()
	if c == nil {
		return // seeds that have begun nothing
	}
	if why := c.alive(); why != "" {
		s.violate("M3: %s is given another identity than %s: %s", app.name, c.id, why)
	}
	if c.over = !c.latched || app.latch.Ends() || app.person == c.id; !c.over {
		s.violate("M3: %s is given another identity than %s, which neither the latch nor a person has called over", app.name, c.id)
	}
}

// alive says what is left of a cluster in its place; empty if nothing is. One whose identity was
// never latched has had no client, and is over when a quorum of its members has lost what it had.
func (c *cluster) alive() string {
	left := 0
	for _, m := range c.members {
		h := c.host(m)
		if h == nil {
			continue
		}
		left++
		if c.latched {
			return fmt.Sprintf("%s has data, and runs: %t", h.process.data.owner(), h.process.up)
		}
	}
	if all, _ := c.voters(); left > 0 && left >= etcdops.Quorum(all) {
		return fmt.Sprintf("%d of %d have data", left, all)
	}
	return ""
}

// judgeEpoch is asked when an agent records the epoch of a delivery that it has admitted.
func (s *Sim) judgeEpoch(a *Agent, spec *v1alpha1.EtcdUnitSpec) {
	latched := a.unit.app.latch.Epoch
	if claims := spec.Latch != nil && spec.Latch.Claim != nil; !claims && (latched == nil || *latched != spec.Delivery.Epoch) {
		s.violate("M4: %s takes epoch %s without a claim, and the latch has %s", a.unit.Name, &spec.Delivery.Epoch, latched)
	}
}

// judgePort is asked when a member is added.
func (s *Sim) judgePort(peerURL string) {
	for _, m := range s.juju.machines {
		if strings.HasPrefix(peerURL, "https://"+m.address()+":") && m.squatted {
			s.violate("M6: a member is added for machine %d, where another process listens", m.number)
		}
	}
}

// judgeStatusEvery is how often an application's status is held against its cluster, and greenFor
// how long it may be wrong: a look at a settled cluster, a task that an agent takes up late, and
// one more where the first was refused.
const (
	judgeStatusEvery = 30 * time.Second
	greenFor         = 5 * time.Minute
)

func (a *App) judgeStatus() {
	if a.gone {
		return
	}
	a.sim.At(judgeStatusEvery, a.judgeStatus)
	c := a.cluster()
	green := a.status.Current == "active" && strings.Contains(a.status.Message, "can lose")
	if !green || a.latch.ClusterID == "" || c == nil || c.quorum() || !a.writable() || a.daemon == nil || a.daemon.dead {
		a.green = time.Time{}
		return
	}
	if a.green.IsZero() {
		a.green = a.sim.now
	}
	if a.sim.now.Sub(a.green) > greenFor {
		a.sim.violate("M5: %s says %q, and there has been no quorum for %s", a.name, a.status.Message, a.sim.now.Sub(a.green))
		a.green = a.sim.now
	}
}

// writable says that Juju's leader takes what it is handed.
func (a *App) writable() bool {
	for _, u := range a.units {
		if u.leader {
			return u.life == jujuapi.Alive && u.provisioned && u.databag != "" && !u.lost && !u.failed && !u.agent.held && !u.agent.dark
		}
	}
	return false
}

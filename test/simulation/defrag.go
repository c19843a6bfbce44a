package simulation

import (
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// These invariants hold of defragmentations:
//
//	I4  one member stands still at a time, beside no restart, and all others serve
//	P5  the leader comes last

// longestDefrag is how long a member stands still at most, 3 GiB on a slow disk (reference/etcd.md), and defragWait how long its
// agent waits for it.
const (
	longestDefrag = 90 * time.Second
	defragWait    = time.Minute
)

// defragment is the agent's part: once for a stamp, in its turn, if the real guard agrees. What it has begun it waits for, and then
// it says that it goes on.
func (a *Agent) defragment(spec *v1alpha1.EtcdUnitSpec) *v1alpha1.EtcdUnitStatus {
	s, stamp := a.sim, spec.Service.DefragStamp
	if !spec.Delivery.AllowDefrag || !a.process.up || a.process.data == nil {
		return nil
	}
	if a.defragged(); a.still() {
		goes := stillDefragments()
		return &goes
	}
	if a.record.Defrag.Stamp >= stamp {
		return nil
	}
	view := s.view(append([]string{a.clientURL()}, spec.Delivery.Endpoints...), a.now())
	if err := etcdops.CanDefragment(view, a.process.data.member); err != nil {
		return &v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonQuorumGuard, Message: err.Error()}
	}
	s.judgeOwn(a, "defragments")
	s.judgeStill(a)
	s.counts.Defragmented++
	a.record.Defrag.Began = stamp
	a.process.stillUntil = s.now.Add(s.between(100*time.Millisecond, longestDefrag))
	a.waits = true
	return nil
}

func stillDefragments() v1alpha1.EtcdUnitStatus {
	return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeInProgress, Reason: v1alpha1.ReasonEtcd, Message: "etcd still defragments its database"}
}

// awaitsDefrag is how long the agent waits for what it has just begun.
func (a *Agent) awaitsDefrag() time.Duration {
	if !a.waits {
		return 0
	}
	a.waits = false
	return min(a.process.stillUntil.Sub(a.sim.now), defragWait)
}

// defragmented is the result of a delivery that has waited.
func (a *Agent) defragmented(status v1alpha1.EtcdUnitStatus) v1alpha1.EtcdUnitStatus {
	if a.defragged(); a.still() {
		return stillDefragments()
	}
	return status
}

// defragged brings the record up to date: etcd that is stopped meanwhile begins with the database that it had.
func (a *Agent) defragged() {
	if d := &a.record.Defrag; d.Began != 0 && !a.process.stillUntil.IsZero() && !a.still() {
		*d = record.Defrag{Stamp: d.Began}
	}
}

// defragFacts says what has been done, and what goes on.
func (a *Agent) defragFacts(f *v1alpha1.UnitFacts) {
	if a.process.data == nil {
		return
	}
	a.defragged()
	if stamp := a.record.Defrag.Stamp; stamp != 0 {
		f.Defragmented = &v1alpha1.DefragFacts{Stamp: stamp}
	}
	if a.still() {
		f.Busy = &v1alpha1.BusyFacts{ID: "defrag", Kind: v1alpha1.StampDefrag}
	}
}

// still says that the machine's member votes, and answers nobody.
func (m *Machine) still() bool { return m.sim.now.Before(m.process.stillUntil) }

// judgeStill is asked when a member begins to stand still.
func (s *Sim) judgeStill(a *Agent) {
	c, m := a.membership()
	if m == nil {
		return
	}
	if m.learner {
		s.violate("I4: the learner %s defragments", m.name)
	}
	for _, o := range c.members {
		switch host := c.host(o); {
		case o != m && (host == nil || !c.reachable(o) || host.still()):
			s.violate("I4: %s stands still beside %s, which does not serve", m.name, o.name)
		case o.learner:
			s.violate("I4: %s stands still while %s joins", m.name, o.name)
		}
	}
}

// answering are the voters besides the member that answer.
func (c *cluster) answering(m *Member) (n int) {
	for _, o := range c.members {
		if host := c.host(o); o != m && !o.learner && c.reachable(o) && !host.still() {
			n++
		}
	}
	return n
}

// judgeLast: the leader's member defragments when nobody else owes it.
func (d *Daemon) judgeLast(obs observation.Observation, step planner.Step) {
	if len(step.Units) != 1 {
		d.sim.violate("P5: %d defragmentations at once", len(step.Units))
		return
	}
	u := seen(obs, step.Units[0].Unit)
	m := memberOf(obs, *u)
	if m == nil || m.ID != obs.Etcd.Leader() {
		return
	}
	for _, o := range obs.Units {
		owes := o.Name != u.Name && !o.Dying && o.Facts != nil && stampOf(o) < obs.Latch.Stamps[v1alpha1.StampDefrag]
		if other := memberOf(obs, o); owes && other != nil && !other.Learner {
			d.sim.violate("P5: the leader %s defragments before %s", u.Name, o.Name)
		}
	}
}

func stampOf(u observation.Unit) int64 {
	if u.Facts.Defragmented == nil {
		return 0
	}
	return u.Facts.Defragmented.Stamp
}

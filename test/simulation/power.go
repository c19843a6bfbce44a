package simulation

import (
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/planner"
)

// PowerCut takes the power from the unit's machine for so long. The first hook after it runs before etcd serves, and says so; etcd
// comes up so long after the agent.
func (s *Sim) PowerCut(u *Unit, off, later time.Duration) {
	u.agent.dark = true
	u.agent.stop()
	s.Lose(u)
	s.At(off, func() {
		u.agent.dark = false
		if !s.known(u) {
			return
		}
		u.lost = false
		u.app.elect()
		s.hook(u, 0)
		s.look(u)
		u.agent.work()
		s.At(later, u.agent.boots)
	})
}

// PowerCutEverywhere takes the power from all machines at once, each for so long as off says. All members begin again with what is on
// their disks.
func (s *Sim) PowerCutEverywhere(off func() time.Duration) {
	for _, u := range s.Units() {
		s.PowerCut(u, off(), time.Second)
	}
}

// WrittenElsewhere counts the voters whose disk has another port for their peers than where these look for them.
func (s *Sim) WrittenElsewhere() int {
	n := 0
	for _, c := range s.clusters {
		for _, m := range c.members {
			if a := c.host(m); a != nil && !m.learner && planner.PortOf(a.process.next.PeerURL) != planner.PortOf(m.peer) {
				n++
			}
		}
	}
	return n
}

// look is what update-status and start do after the rest: the unit shows what it sees of its own member. It is the charm's rule.
func (s *Sim) look(u *Unit) {
	if !s.known(u) || !u.provisioned || u.lost || u.failed {
		return
	}
	a := u.agent
	a.run(100*time.Millisecond, func() {
		if a.occupied() {
			return
		}
		spec := a.record.Spec
		if spec == nil || spec.Service.State != v1alpha1.ServiceRunning || spec.Status.Unit.State == etcdops.Maintenance {
			return
		}
		ref := etcdops.Ref{ClientURL: a.clientURL(), Name: spec.Etcd.Name}
		if d := a.process.data; d != nil {
			ref.ID = d.member
		}
		local := etcdops.UnitWords(s.view([]string{ref.ClientURL}, a.now()).Counted(ref), ref, etcdops.PhaseServing)
		a.set(&u.status, v1alpha1.StatusText(etcdops.Shown(etcdops.Words(spec.Status.Unit), local)))
	})
}

// set sets a status if it is another.
func (a *Agent) set(status *jujuapi.Status, word v1alpha1.StatusText) {
	if status.Current != word.State || status.Message != word.Message {
		*status = jujuapi.Status{Current: word.State, Message: word.Message, Since: a.sim.now}
		a.sim.counts.StatusWrites++
		a.sim.say("    status: %s %s", word.State, word.Message)
	}
}

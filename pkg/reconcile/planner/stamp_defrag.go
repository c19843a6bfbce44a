package planner

import (
	"fmt"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// defragmentation has each member that was there when it was asked for defragment its database.
func defragmentation() stamp {
	return stamp{name: v1alpha1.StampDefrag, action: v1alpha1.ActionDefrag, protocol: v1alpha1.ProtocolDefrag,
		words: "a defragmentation of all databases",
		spec:  func(s *v1alpha1.EtcdUnitSpec, raised int64) { s.Service.DefragStamp = raised }}
}

// defragment has members defragment their databases that owe it, one at a time, the leader last. It
// comes before growth, which an alarm holds up that this may be the way out of; and what it waits
// for, such as a member that is down, may be ended by what comes after it.
func defragment(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || !in.Etcd.Listed || in.unsure {
		return Step{}, false
	}
	due := filter(in.alive(), in.defragDue)
	if len(due) == 0 {
		return Step{}, false
	}
	leads := func(u observation.Unit) bool { return in.member[u.Name].ID == in.Etcd.Leader() }
	slices.SortStableFunc(due, func(a, b observation.Unit) int {
		switch {
		case leads(a) == leads(b):
			return 0
		case leads(a):
			return 1
		}
		return -1
	})
	return in.defragmentOf(due[0]), true
}

// defragDue says that the unit's member has not defragmented its database since that was asked for.
// An agent that does not know it is of a unit that came later.
func (in *roster) defragDue(u observation.Unit) bool {
	_, member := in.member[u.Name]
	if !member || !hasData(u) || u.Facts.Protocol < v1alpha1.ProtocolDefrag {
		return false
	}
	done := int64(0)
	if d := u.Facts.Defragmented; d != nil {
		done = d.Stamp
	}
	return done < in.Latch.Stamps[v1alpha1.StampDefrag]
}

// defragmentOf is the turn of a unit's member, or a Wait that says why it may not be now.
func (in *membership) defragmentOf(u observation.Unit) Step {
	m := in.member[u.Name]
	reason := fmt.Sprintf("%s is to defragment its database.", u.Name)
	if err := etcdops.CanDefragment(in.Etcd, m.ID); err != nil {
		return wait("%s But not now: %v", reason, err)
	}
	if step, ok := in.rested(); !ok {
		step.Reason = reason + " " + step.Reason
		return step
	}
	if cost := etcdops.DefragmentCost(in.Etcd, m.ID); cost != "" {
		reason += " " + cost
	}
	step := in.turnOf(StepDefragment, reason, u)
	if step.Kind == StepDefragment {
		step.Units[0].Spec.Delivery.AllowDefrag = true
	}
	return step
}

// rested says that nothing has changed for a while. No member is healthy while one is out of space,
// which this helps against: then only what we have done counts.
func (in *membership) rested() (Step, bool) {
	if len(in.Etcd.Alarms)+len(in.Etcd.Stray) == 0 {
		return in.stable()
	}
	need := in.Policy.Growth.Stable.Duration
	if at := in.History.LastChange.Add(need); in.Now.Before(at) {
		return wait("The last change has to be over for %s.", need).until(at), false
	}
	return Step{}, true
}

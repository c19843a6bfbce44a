package simulation

import (
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
)

// Whose a machine is: the judge is the real one, machine.WhoseMachine; the steps are those of
// package machine.

func (u *Unit) ref() v1alpha1.UnitRef { return v1alpha1.UnitRef{Unit: u.Name, ModelUUID: ModelUUID} }

// taken says whose the machine is if it is not this unit's.
func (a *Agent) taken() *v1alpha1.TakenFacts {
	t := machine.Tenants{Self: a.unit.ref(), Owner: a.owner, Recorded: a.record.Hash != "", Member: a.record.Member.MemberID}
	if d := a.process.data; d != nil {
		t.Data = &v1alpha1.LeftData{Dir: v1alpha1.DataDir, ClusterID: d.cluster, MemberID: d.member.String()}
	}
	if a.owner == nil || *a.owner != t.Self {
		t.Runs, t.Others = a.process.up, map[v1alpha1.UnitRef]string{}
		for name, r := range a.records {
			if name != a.unit.Name && r.Hash != "" {
				t.Others[v1alpha1.UnitRef{Unit: name, ModelUUID: ModelUUID}] = r.Member.MemberID
			}
		}
	}
	return machine.WhoseMachine(t)
}

// claim makes the machine this unit's if it is nobody's.
func (a *Agent) claim() {
	if a.owner == nil {
		ref := a.unit.ref()
		a.owner = &ref
		a.sim.counts.FileWrites++
	}
}

// occupied shows whose the machine is, as each hook does, and says whether it is another's.
func (a *Agent) occupied() bool {
	taken := a.taken()
	switch {
	case taken != nil:
		a.set(&a.unit.status, v1alpha1.StatusText{State: etcdops.Blocked, Message: machine.Occupied(taken, ModelUUID)})
	case a.record.Spec == nil && a.said.State != "":
		a.set(&a.unit.status, a.said)
	case a.record.Spec == nil && a.unit.status.Current == etcdops.Blocked:
		a.set(&a.unit.status, v1alpha1.StatusText{State: etcdops.Waiting, Message: "Waiting for the jujuetcd controller"})
	}
	return taken != nil
}

// certificates puts what the authority has answered on the machine, if that is this unit's or may
// be.
func (a *Agent) certificates() {
	if a.answered == "" || a.answered != a.address() || a.taken() != nil {
		return
	}
	if !a.certified || a.leaf != a.answered {
		a.claim()
		a.certified, a.leaf = true, a.answered
	}
	a.takeLeaf()
}

// move clears the machine of what a unit has left that is gone, if the delivery says so and nobody
// misses it, and claims it.
func (a *Agent) move(spec *v1alpha1.EtcdUnitSpec) error {
	taken := a.taken()
	if taken == nil {
		a.claim()
		return nil
	}
	if d := a.process.data; d != nil {
		if left := a.records[taken.Data.Of.Unit]; !spec.Delivery.Orphans.Whole {
			if err := a.gone(spec, left, d.cluster, d.member.String()); err != nil {
				return err
			}
		}
		a.sim.judgeOwn(a, "stops")
		a.sim.judgeAside(a)
	}
	a.setAside()
	for _, r := range taken.Units {
		if r.Unit != a.unit.Name {
			delete(a.records, r.Unit)
		}
	}
	a.owner = nil
	a.claim()
	return nil
}

// gone asks the cluster that a record names whether a member is gone from it.
func (a *Agent) gone(spec *v1alpha1.EtcdUnitSpec, r *record.Record, clusterID, memberID string) error {
	id, err := etcdops.ParseClusterID(clusterID)
	if err != nil {
		return err
	}
	member, err := etcdops.ParseMemberID(memberID)
	if err != nil {
		return err
	}
	endpoints := slices.Clone(spec.Delivery.Endpoints)
	if r != nil && r.Spec != nil {
		endpoints = slices.Concat(endpoints, r.Spec.Clients.Endpoints, r.Spec.Clients.Members, r.Spec.Etcd.AdvertiseClientURLs)
	}
	return etcdops.Gone(a.sim.view(endpoints, a.now()), id, member)
}

// end is what the leader's last hooks do when Juju keeps no unit: the latch is marked.
func (a *Agent) end() {
	app := a.unit.app
	if !a.unit.leader || app.Alive() > 0 || a.record.Spec == nil || a.taken() != nil || app.latch.Ends() || app.latch.ClusterID == "" && app.latch.Seeds == nil {
		return
	}
	next, spec := app.latch, a.record.Spec
	next.Ending = &v1alpha1.Ending{ClusterID: next.ClusterID, Token: next.Token(),
		Endpoints: slices.Concat(spec.Clients.Endpoints, spec.Clients.Members, spec.Etcd.AdvertiseClientURLs)}
	a.sim.commitLatch(app, next, v1alpha1.LatchRequest{})
	a.set(&app.status, v1alpha1.StatusText(etcdops.EndingWords()))
}

// leave is what the hook stop does on the machine in the end: what is this unit's is stopped, and
// set aside.
func (a *Agent) leave() {
	d, known := a.process.data, a.record.Member.MemberID
	if ours := a.owner != nil && *a.owner == a.unit.ref(); a.taken() == nil && (ours || a.record.Hash != "") {
		if d == nil || known == "" || known == d.member.String() {
			a.sim.judgeAside(a)
			a.setAside()
		}
	}
	delete(a.records, a.unit.Name)
	if a.owner != nil && *a.owner == a.unit.ref() {
		a.owner = nil
	}
}

// Owner is the unit whose machine it is; nil if there is none, or if it is gone.
func (s *Sim) Owner(m *Machine) *Unit {
	if m.owner == nil {
		return nil
	}
	return s.juju.unit(m.owner.Unit)
}

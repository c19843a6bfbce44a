package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
)

// silence is what a look sees from which no packet comes back.
func (s *Sim) silence(endpoints []string, at time.Time) etcdops.View {
	v := etcdops.View{At: at, Health: map[string]etcdops.EndpointHealth{}, Err: "no endpoint answers"}
	for _, url := range endpoints {
		v.Health[url] = etcdops.EndpointHealth{Endpoint: url, At: at, Fault: etcdops.FaultUnreachable}
	}
	return v
}

// pause lets time pass for the world while the daemon waits for a unit's answer. Deliveries go on
// beside it.
func (d *Daemon) pause(_ context.Context, wait time.Duration) error {
	d.sim.Pass(wait)
	if !d.dead {
		d.deliver()
	}
	if d.dead {
		return errDead
	}
	return nil
}

// Ops are the changes that agents have made in etcd for a daemon, in order, written without the IDs
// that differ from run to run.
func (s *Sim) Ops() []string { return slices.Clone(s.ops) }

// OpEffects are the numbers of the side effects that were agents' looks and changes for a daemon.
func (s *Sim) OpEffects() []int { return slices.Clone(s.opEffects) }

// operate does what a daemon asks for that cannot reach etcd. The judges are the real ones; the
// steps are those of package machine.
func (a *Agent) operate(spec *v1alpha1.EtcdUnitSpec, situation machine.Situation) v1alpha1.EtcdUnitStatus {
	s := a.sim
	if r := machine.AdmitOps(spec, situation, a.seen()); r != nil {
		return refused(r.Reason, r.Message)
	}
	status := v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied}
	for _, op := range spec.Ops {
		result := v1alpha1.EtcdOpResult{Kind: op.Kind, Outcome: v1alpha1.OutcomeApplied}
		if op.Changes() {
			if status.Outcome != v1alpha1.OutcomeApplied {
				continue
			}
			result.Outcome, result.Reason, result.Message = a.alter(spec, op)
		} else {
			a.effect("look through "+a.unit.Name, func() {
				text, _ := json.Marshal(s.view(op.Endpoints, a.now()))
				result.View = string(text)
			})
		}
		if a.dies {
			return status
		}
		status.Ops = append(status.Ops, result)
		if result.Outcome != v1alpha1.OutcomeApplied && status.Outcome == v1alpha1.OutcomeApplied {
			status.Outcome, status.Reason, status.Message = result.Outcome, result.Reason, result.Message
		}
	}
	return status
}

// alter makes one change, under the lock key, after a fresh look, behind the guard.
func (a *Agent) alter(spec *v1alpha1.EtcdUnitSpec, op v1alpha1.EtcdOp) (v1alpha1.Outcome, string, string) {
	s := a.sim
	id, _ := etcdops.ParseMemberID(op.Member)
	change, err := etcdops.Op{Kind: etcdops.ChangeKind(op.Kind), Member: id, PeerURL: op.PeerURL}.Change()
	if err != nil {
		return v1alpha1.OutcomeFailed, v1alpha1.ReasonEtcd, err.Error()
	}
	if s.now.Before(s.opLock) {
		return v1alpha1.OutcomeRefused, v1alpha1.ReasonLocked, "another agent has the lock"
	}
	view := s.view(op.Endpoints, a.now())
	if change.Done(view) {
		return v1alpha1.OutcomeApplied, "", ""
	}
	var ids []string
	for _, m := range view.Members {
		ids = append(ids, m.ID.String())
	}
	slices.Sort(ids)
	switch {
	case !view.Listed || view.ClusterID.String() != spec.Delivery.ExpectClusterID:
		return v1alpha1.OutcomeRefused, v1alpha1.ReasonQuorumGuard, "there is no member list of the cluster"
	case !slices.Equal(ids, op.ExpectMembers):
		return v1alpha1.OutcomeRefused, v1alpha1.ReasonOtherMembers, "the members are others"
	}
	if err := change.Guard(view, etcdops.Limits{Lag: op.LagLimit}); err != nil {
		return v1alpha1.OutcomeRefused, v1alpha1.ReasonQuorumGuard, err.Error()
	}
	c := s.clusterOf(view.ClusterID.String())
	text := fmt.Sprintf("%s %s%s", op.Kind, c.nameOf(id), op.PeerURL)
	a.effect(text, func() {
		s.counts.Changes++
		if err = c.do(change); err == nil {
			s.ops = append(s.ops, text)
		}
		s.judgeMembers(c)
	})
	if a.dies {
		s.opLock = s.now.Add(15 * time.Second) // nobody keeps the lease of its lock alive
	}
	if err != nil {
		return v1alpha1.OutcomeFailed, v1alpha1.ReasonEtcd, err.Error()
	}
	return v1alpha1.OutcomeApplied, "", ""
}

// effect is something that the agent does to etcd: it may die before or after it, or the daemon
// may.
func (a *Agent) effect(name string, do func()) {
	s := a.sim
	if s.kill == nil || !s.kill.Agent {
		s.opEffects = append(s.opEffects, s.effects+1)
		s.point(name, do)
		return
	}
	hit := s.isKilled(name)
	if hit && s.kill.Mode == BeforeEffect {
		a.dies = true
		return
	}
	do()
	a.dies = hit
}

// nameOf is a member's address, which outlives its comings and goings, as part of a sentence.
func (c *cluster) nameOf(id etcdops.MemberID) string {
	if m := c.member(id); m != nil {
		return m.peer + " "
	}
	return ""
}

package charm

import (
	"context"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
)

// takeWords carries out a delivery that brings words only: status of unit and application, and a
// claim that is granted. Machine, certificates, facts, clients and ports are left alone.
func (a *Agent) takeWords(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, grant grant, peers string, leader bool) (v1alpha1.EtcdUnitStatus, error) {
	status := a.machine.TakeWords(ctx, spec, machine.Situation{Latch: grant.judged, Leader: leader, Action: a.run.Env.Action})
	if status.Outcome != v1alpha1.OutcomeApplied {
		return status, nil
	}
	if len(grant.writes) > 0 {
		if err := a.run.Tools.SetApplicationRelation(ctx, peers, grant.writes); err != nil {
			return status, err
		}
	}
	return status, a.showWord(ctx, spec.Status, leader)
}

// deliveredWords are the controller's words on a unit since it was handed a desired state, if any
// were; a record that cannot be read has none.
func (a *Agent) deliveredWords() etcdops.Words {
	said, err := a.machine.DeliveredWords()
	if err != nil {
		a.run.Log.Error(err, "Left out what was told")
	}
	if err != nil || said == nil {
		return etcdops.Words{}
	}
	return etcdops.Words(said.Unit)
}

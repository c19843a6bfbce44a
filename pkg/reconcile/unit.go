package reconcile

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/reconcile"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// reconcileUnit moves a unit's delivery on: it queues the charm's action, asks how the task does, and wakes the cluster when
// the task has ended. It never waits.
func (d *Daemon) reconcileUnit(ctx context.Context, key UnitKey) (ctrl.Result, error) {
	c := d.cluster(key.cluster())
	if c == nil {
		return ctrl.Result{}, nil
	}
	progress, err := c.actor.Deliver(ctx, key.Unit)
	if _, trouble := troubleOf(err); err != nil && !trouble && ctx.Err() == nil {
		d.log.Error(err, "Delivery is held up", "cluster", c.key.String(), "unit", key.Unit)
	}
	if progress.Done {
		d.wakeCluster(c.key)
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: progress.After}, nil
}

// Condition types of an EtcdUnit.
const (
	conditionApplied = "Applied" // the unit has the desired state
	conditionPending = "Pending" // a delivery is on its way
)

// unitStatus is what is known of a unit, in the words of its last result.
func unitStatus(obs observation.Observation, u observation.Unit) v1alpha1.EtcdUnitStatus {
	status := v1alpha1.EtcdUnitStatus{Facts: u.Facts.DeepCopy()}
	if u.Last != nil {
		status.Outcome, status.Reason, status.Message = u.Last.Outcome, u.Last.Reason, u.Last.Message
	}
	if u.Facts != nil {
		status.RestartPending = u.Facts.RestartPending
	}
	desired := planner.Desired(obs, u.Name)
	applied := metav1.Condition{Type: conditionApplied, Status: metav1.ConditionFalse, Reason: "Differs",
		Message: "the unit has not applied the desired state yet"}
	if u.Facts != nil && u.Facts.Applied != nil && u.Facts.Applied.Hash == desired.Hash() {
		applied.Status, applied.Reason, applied.Message = metav1.ConditionTrue, "AsDesired", ""
	}
	pending := metav1.Condition{Type: conditionPending, Status: metav1.ConditionFalse, Reason: "None"}
	if u.Task != nil {
		pending.Status, pending.Reason = metav1.ConditionTrue, "TaskPending"
		if u.Task.Running {
			pending.Reason = "TaskRunning"
		}
	}
	status.Conditions = []metav1.Condition{applied, pending}
	return status
}

// policyFault puts a fault of the policy file before what the options say.
func policyFault(conditions []metav1.Condition, fault string) []metav1.Condition {
	for i := range conditions {
		if conditions[i].Type == v1alpha1.ConditionPolicy {
			conditions[i].Status, conditions[i].Reason, conditions[i].Message = metav1.ConditionFalse, "PolicyFile", fault
			return conditions
		}
	}
	return append(conditions, metav1.Condition{Type: v1alpha1.ConditionPolicy, Status: metav1.ConditionFalse,
		Reason: "PolicyFile", Message: fault})
}

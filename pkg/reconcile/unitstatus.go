package reconcile

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Condition types of an EtcdUnit.
const (
	conditionApplied = "Applied" // the unit has the desired state
	conditionPending = "Pending" // a delivery is on its way
)

// unitStatus is what is known of a unit, in the words of its last result; asDesired says that it has
// applied what it should be.
func unitStatus(u observation.Unit, asDesired bool) v1alpha1.EtcdUnitStatus {
	status := v1alpha1.EtcdUnitStatus{Facts: u.Facts.DeepCopy()}
	if u.Last != nil {
		status.Outcome, status.Reason, status.Message = u.Last.Outcome, u.Last.Reason, u.Last.Message
	}
	if u.Facts != nil {
		status.RestartPending = u.Facts.RestartPending
	}
	applied := metav1.Condition{Type: conditionApplied, Status: metav1.ConditionFalse, Reason: "Differs",
		Message: "the unit has not applied the desired state yet"}
	if asDesired {
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

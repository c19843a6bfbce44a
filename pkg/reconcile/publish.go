package reconcile

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/registry"
)

// publish files what the observation shows.
func (r *clusterReconciler) publish(c *cluster, obs observation.Observation, situation *planner.Situation) {
	status := situation.Status()
	model, application := c.key.Model, c.key.Application
	if fault := r.policies.Fault(model, application); fault != "" {
		status.Conditions = policyFault(status.Conditions, fault)
	}
	c.spec, c.status = obs.Policy, status
	r.showJuju(c)
	units := map[string]bool{}
	for _, u := range obs.Units {
		units[u.Name] = true
		r.registry.PutUnit(registry.Ref{Model: model, Name: u.Name}, situation.Desired(u.Name), unitStatus(u, situation.Applied(u.Name)))
	}
	r.registry.Retain(model, func(name string) bool { return true }, func(name string) bool {
		return units[name] || UnitKey{model, name}.cluster() != c.key
	})
	states, serving := membersByState(status.Members)
	for state, n := range states {
		membersGauge.WithLabelValues(model, application, state).Set(float64(n))
	}
	if obs.Etcd.Listed {
		toleranceGauge.WithLabelValues(model, application).Set(float64(etcdops.Tolerance(obs.Etcd)))
	}
	planGauge.WithLabelValues(model, application).Set(float64(len(status.Plan)))
	blindGauge.WithLabelValues(model, application).Set(float64(len(obs.Blind)))
	measureSnapshots(model, application, status.Snapshots)
	measureDrills(model, application, status.Drills)
	c.measureSeen(obs, status)
	c.model.measure()
	c.notePhase(serving)
}

// showJuju files the cluster as it was last seen, with Juju's health now.
func (r *clusterReconciler) showJuju(c *cluster) {
	if c.status.ObservedAt.IsZero() {
		return // it was never seen
	}
	status := *c.status.DeepCopy()
	status.Conditions = append(status.Conditions, c.model.condition())
	r.registry.PutCluster(registry.Ref{Model: c.key.Model, Name: c.key.Application}, c.spec, status)
}

// condition says whether Juju can be worked with.
func (m *model) condition() metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionJuju, Status: metav1.ConditionTrue, Reason: planner.ReasonAsWanted,
		Message: "Juju answers."}
	if message := fallbackMessage(m.link()); message != "" {
		condition.Reason, condition.Message = ReasonOtherAddress, message
	}
	if t := m.health.trouble(); t != nil {
		condition.Status, condition.Reason = metav1.ConditionFalse, t.Kind
		condition.Message = "Since " + t.Since.UTC().Format(time.RFC3339) + ": " + t.Message + "."
	}
	return condition
}

// membersByState counts the members, and names the client URLs of those that serve.
func membersByState(members []v1alpha1.MemberStatus) (states map[string]int, serving []string) {
	states = map[string]int{"healthy": 0, "unhealthy": 0, "learner": 0, "unstarted": 0}
	for _, m := range members {
		switch {
		case m.Role == "learner":
			states["learner"]++
		case m.Role == "unstarted":
			states["unstarted"]++
		case m.Healthy:
			states["healthy"]++
			serving = append(serving, m.ClientURL)
		default:
			states["unhealthy"]++
		}
	}
	return states, serving
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

package planner_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// While a unit is at work for us the cluster is being born: it is pending only while a person or Juju has to give something.
func TestPendingMeansThatAPersonOrJujuMustAct(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(o *observation.Observation)
		want v1alpha1.ClusterPhase
	}{
		{"preparing", func(*observation.Observation) {}, v1alpha1.PhaseBootstrapping},
		{"the first deliveries run", func(o *observation.Observation) {
			for i := range o.Units {
				o.Units[i].Task = &observation.Task{ID: int64(i), Running: true, Enqueued: o.Now, Harmless: true}
			}
		}, v1alpha1.PhaseBootstrapping},
		{"an installation is in progress", func(o *observation.Observation) {
			for i := range o.Units {
				o.Units[i].Last = &observation.Result{Outcome: v1alpha1.OutcomeInProgress, Failures: 1, NotBefore: o.Now.Add(time.Second)}
			}
		}, v1alpha1.PhaseBootstrapping},
		{"no authority", func(o *observation.Observation) { o.CA = observation.CertificateAuthority{} }, v1alpha1.PhasePending},
		{"no authority any more, while a delivery runs", func(o *observation.Observation) {
			o.CA = observation.CertificateAuthority{}
			o.Units[0].Task = &observation.Task{ID: 1, Running: true, Enqueued: o.Now, Harmless: true}
		}, v1alpha1.PhasePending},
		{"no certificate yet", func(o *observation.Observation) { o.Units[1].Facts.Certificates.Server = nil }, v1alpha1.PhasePending},
		{"no facts yet", func(o *observation.Observation) { o.Units[1].Facts, o.Units[1].FirstSeen = nil, o.Now }, v1alpha1.PhasePending},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := virgin(3)
			c.do(&o)
			if got := planner.Status(o).Phase; got != c.want {
				step, _ := planner.Next(o)
				t.Errorf("phase %s while the step is %s: %s; want %s", got, step.Kind, step.Reason, c.want)
			}
		})
	}
}

package planner_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// The pauses before a delivery is made again grow to 20 s where it is in progress, as with an etcd that takes minutes to load its data,
// and to two minutes where it has failed.
func TestWhatIsInProgressIsAskedAfterAtOnceWhenItsMemberHasBegunToServe(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		name    string
		outcome v1alpha1.Outcome
		served  time.Duration // for so long; zero means that it does not
		want    planner.StepKind
	}{
		{"it does not serve yet", v1alpha1.OutcomeInProgress, 0, planner.StepWait},
		{"it has begun to serve since", v1alpha1.OutcomeInProgress, second, planner.StepUpdate},
		{"it did so before", v1alpha1.OutcomeInProgress, 9 * second, planner.StepWait},
		{"what has failed is not tried sooner", v1alpha1.OutcomeFailed, second, planner.StepWait},
		{"nor what was refused", v1alpha1.OutcomeRefused, second, planner.StepWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := settled(3)
			o.Units[1].Facts.Applied.Hash = "old"
			o.Units[1].Last = &observation.Result{Outcome: c.outcome, Failures: 2, At: o.Now.Add(-5 * second), NotBefore: o.Now.Add(15 * second)}
			if c.served > 0 {
				o.History.ServesSince = map[string]time.Time{url(1): o.Now.Add(-c.served)}
			}
			step, _ := planner.Next(o)
			if step.Kind != c.want || c.want == planner.StepUpdate && step.Target("etcd") != "etcd/1" {
				t.Errorf("%s %s (%s), want %s", step.Kind, step.Target("etcd"), step.Reason, c.want)
			}
		})
	}
}

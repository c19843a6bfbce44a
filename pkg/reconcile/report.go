package reconcile

import (
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/planner"
)

// reporter tells, in one line each, whenever the world has changed because of us. Messages come from agents and from Juju,
// which never hold secrets; specs are not logged.
type reporter struct {
	key ClusterKey
	log logr.Logger
}

func (r reporter) Queued(d planner.Delivery, task int64) {
	r.log.V(1).Info("Delivery queued", "unit", d.Unit, "task", task)
}

func (r reporter) Delivered(d planner.Delivery, result planner.Result, took time.Duration) {
	deliveriesTotal.WithLabelValues(r.key.Model, r.key.Application, string(result.Outcome)).Inc()
	deliverySeconds.WithLabelValues(r.key.Model, r.key.Application).Observe(took.Seconds())
	line := []any{"unit", d.Unit, "task", result.Task, "outcome", result.Outcome, "took", took.Round(time.Millisecond).String()}
	if result.Outcome != v1alpha1.OutcomeApplied {
		line = append(line, "reason", result.Reason, "message", result.Message, "failures", result.Failures,
			"again", time.Until(result.NotBefore).Round(time.Second).String())
	}
	r.log.Info("Delivery ended", line...)
}

func (r reporter) Stepped(s planner.Step, err error, took time.Duration) {
	if err != nil {
		return // the controller logs it
	}
	r.log.Info("Step done", "step", s.Kind, "target", s.Target(r.key.Application), "took", took.Round(time.Millisecond).String())
}

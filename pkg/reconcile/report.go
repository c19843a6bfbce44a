package reconcile

import (
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/registry"
)

// reporter shows, in one line each, whenever the world has changed because of us. Messages come
// from agents and from Juju, which never hold secrets; specs are not logged.
type reporter struct {
	key      ClusterKey
	log      logr.Logger
	registry *registry.Registry
}

// record files and counts what has happened.
func (r reporter) record(kind, object, reason, message string) {
	recordsTotal.WithLabelValues(r.key.Model, r.key.Application, kind).Inc()
	r.registry.Note(registry.Ref{Model: r.key.Model, Name: r.key.Application},
		registry.Record{Kind: kind, Object: object, Reason: reason, Message: message})
}

func (r reporter) Queued(d observation.Delivery, task int64) {
	r.log.V(1).Info("Delivery queued", "unit", d.Unit, "task", task)
}

func (r reporter) Delivered(d observation.Delivery, result observation.Result, took time.Duration) {
	deliveriesTotal.WithLabelValues(r.key.Model, r.key.Application, string(result.Outcome)).Inc()
	deliverySeconds.WithLabelValues(r.key.Model, r.key.Application).Observe(took.Seconds())
	line := []any{"unit", d.Unit, "task", result.Task, "outcome", result.Outcome, "took", took.Round(time.Millisecond).String()}
	if result.Outcome != v1alpha1.OutcomeApplied {
		line = append(line, "reason", result.Reason, "message", result.Message, "failures", result.Failures,
			"again", time.Until(result.NotBefore).Round(time.Second).String())
	}
	r.log.Info("Delivery ended", line...)
	reason := string(result.Outcome)
	if result.Reason != "" {
		reason += ", " + result.Reason
	}
	r.record(registry.RecordDelivery, d.Unit, reason, result.Message)
}

func (r reporter) Stepped(s planner.Step, err error, took time.Duration) {
	if err != nil {
		r.record(registry.RecordStepFailed, s.Target(r.key.Application), string(s.Kind), err.Error())
		return // the controller logs it
	}
	r.record(registry.RecordStepDone, s.Target(r.key.Application), string(s.Kind), "")
	r.log.Info("Step done", "step", s.Kind, "target", s.Target(r.key.Application), "took", took.Round(time.Millisecond).String())
}

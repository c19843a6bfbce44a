package reconcile

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/reconcile"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/registry"
)

// How soon a cluster is looked at again though nothing has woken it.
const (
	settledPass = time.Minute      // the databags' resync
	personPass  = 30 * time.Second // only a person can end the wait, and Juju shows most of what persons do
	eagerPass   = time.Second      // a step is under way
	patientPass = 5 * time.Second  // it has been for eagerFor
	tiredPass   = 15 * time.Second // it has been for patientFor
	eagerFor    = 2 * time.Minute
	patientFor  = 15 * time.Minute
)

// cluster is one candidate at work. Its passes never overlap: the controller's queue sees to that.
type cluster struct {
	key      ClusterKey
	model    *model
	memory   *memory.Memory
	observer *observe.Observer
	actor    *act.Actor
	prober   *prober
	reporter reporter

	// Of the pass, which is one at a time.
	adopted bool
	waiting bool
	step    string
	since   time.Time
	phase   v1alpha1.ClusterPhase
	spec    v1alpha1.EtcdClusterSpec
	status  v1alpha1.EtcdClusterStatus

	mu     sync.Mutex
	access []string // client URLs of members that serve
}

// reconcileCluster is one pass over a cluster:
//
//  1. observe; a cluster that is gone is forgotten, one that is not ours is left alone;
//  2. ask the planner for the next step;
//  3. have it performed: a membership step at once, a unit step by the unit controller, which is woken, and so the words of a wait;
//  4. file what is known;
//  5. say when to look again, and whether the model should be read often meanwhile.
func (d *Daemon) reconcileCluster(ctx context.Context, key ClusterKey) (ctrl.Result, error) {
	c := d.cluster(key)
	if c == nil {
		return ctrl.Result{}, nil
	}
	logger := d.log.WithValues("cluster", key.String())
	obs, err := c.observer.Observe(ctx, c.waiting)
	if errors.Is(err, observe.ErrGone) {
		logger.Info("Application has gone")
		d.forget(c)
		return ctrl.Result{}, nil
	}
	if ctx.Err() != nil {
		return ctrl.Result{}, nil //nolint:nilerr // the daemon ends, which is no fault of this cluster's
	}
	if err != nil {
		// The model's health has said why. What is known is shown as it was, with that.
		d.showJuju(c)
		return ctrl.Result{RequeueAfter: patientPass}, nil //nolint:nilerr // told already
	}
	if !c.adopted && !runsOurCharm(obs) {
		if len(obs.Blind) > 0 {
			c.note(logger, obs, planner.Step{Kind: planner.StepWait, Reason: "Cannot tell whether the application is ours: " + obs.Blind[0]}, true)
			return ctrl.Result{RequeueAfter: patientPass}, nil
		}
		return ctrl.Result{RequeueAfter: settledPass}, nil
	}
	if !c.adopted {
		c.adopted = true
		logger.Info("Application is looked after", "units", len(obs.Units))
		c.prober.start(c.observer)
	}

	step, pending := planner.Next(obs)
	c.note(logger, obs, step, pending)
	var stepErr error
	if pending && (step.Kind != planner.StepWait || len(step.Words) > 0) {
		stepErr = d.perform(ctx, c, obs, step)
	}
	d.publish(c, obs)
	result := c.next(obs, step, pending)
	c.waiting = pending && !step.Person
	if c.waiting && obs.Now.Sub(c.since) < patientFor {
		c.model.source.Hurry(key.Application)
	} else {
		c.model.source.Settled(key.Application)
	}
	if stepErr != nil && ctx.Err() == nil {
		// The failure is in the memory, which bars the next attempt: the queue need not back off, too.
		logger.Error(stepErr, "Step was not done", "step", step.Kind)
	}
	return result, nil
}

// perform has the step done, or the words of a wait told, and counts it.
func (d *Daemon) perform(ctx context.Context, c *cluster, obs observation.Observation, step planner.Step) error {
	err := c.actor.Act(ctx, obs, step)
	outcome, deliveries := outcomeDone, slices.Concat(step.Units, step.Words)
	switch {
	case err != nil:
		outcome = outcomeFailed
	case len(deliveries) > 0:
		outcome = outcomeHanded
		for _, delivery := range deliveries {
			d.wakeUnit(UnitKey{c.key.Model, delivery.Unit})
		}
	}
	if len(deliveries) == 0 {
		c.model.touch()
	}
	stepsTotal.WithLabelValues(c.key.Model, c.key.Application, string(step.Kind), outcome).Inc()
	return err
}

// note logs a step, or what is waited for, once.
func (c *cluster) note(logger logr.Logger, obs observation.Observation, step planner.Step, pending bool) {
	is := ""
	if pending {
		is = step.Key() + ": " + step.Reason
	}
	if is == c.step && !c.since.IsZero() {
		return
	}
	c.step, c.since = is, obs.Now
	switch {
	case !pending:
		logger.Info("Cluster is as wanted")
		c.reporter.record(registry.RecordSettled, c.key.Application, "AsWanted", "")
	case step.Kind == planner.StepWait:
		logger.Info("Waiting", "reason", step.Reason, "person", step.Person)
		reason := "World"
		if step.Person {
			reason = "Person"
		}
		c.reporter.record(registry.RecordWaiting, c.key.Application, reason, step.Reason)
	default:
		logger.Info("Step", "step", step.Kind, "target", step.Target(obs.Application), "reason", step.Reason)
		c.reporter.record(registry.RecordStep, step.Target(obs.Application), string(step.Kind), step.Reason)
	}
}

// next says when to look again.
func (c *cluster) next(obs observation.Observation, step planner.Step, pending bool) ctrl.Result {
	after := settledPass
	age := obs.Now.Sub(c.since)
	switch {
	case !pending:
	case step.Kind != planner.StepWait && len(step.Units) == 0:
		after = 10 * time.Millisecond // a membership step is over: go on
	case step.Person:
		after = personPass
	case age < eagerFor:
		after = eagerPass
	case age < patientFor:
		after = patientPass
	default:
		after = tiredPass
	}
	if at := obs.History.NotBefore[planner.Step{Kind: planner.StepExpose}.Key()]; at.After(obs.Now) {
		after = min(after, at.Sub(obs.Now)) // what could not be exposed holds nothing up, but is tried again
	}
	if pending && !step.Until.IsZero() {
		after = min(after, max(step.Until.Sub(obs.Now), 50*time.Millisecond))
	}
	if due := planner.Due(obs); !due.IsZero() {
		after = min(after, max(due.Sub(obs.Now), 50*time.Millisecond))
	}
	return ctrl.Result{RequeueAfter: after}
}

// publish files what the observation shows.
func (d *Daemon) publish(c *cluster, obs observation.Observation) {
	status := planner.Status(obs)
	model, application := c.key.Model, c.key.Application
	if fault := d.cfg.Policies.Fault(model, application); fault != "" {
		status.Conditions = policyFault(status.Conditions, fault)
	}
	c.spec, c.status = obs.Policy, status
	d.showJuju(c)
	for _, u := range obs.Units {
		d.registry.PutUnit(registry.Ref{Model: model, Name: u.Name}, planner.Desired(obs, u.Name), unitStatus(obs, u))
	}
	units := map[string]bool{}
	for _, u := range obs.Units {
		units[u.Name] = true
	}
	d.registry.Retain(model, func(name string) bool { return true }, func(name string) bool {
		return units[name] || UnitKey{model, name}.cluster() != c.key
	})

	states := map[string]int{"healthy": 0, "unhealthy": 0, "learner": 0, "unstarted": 0}
	var serving []string
	for _, m := range status.Members {
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
	for state, n := range states {
		membersGauge.WithLabelValues(model, application, state).Set(float64(n))
	}
	if obs.Etcd.Listed {
		toleranceGauge.WithLabelValues(model, application).Set(float64(etcdops.Tolerance(obs.Etcd)))
	}
	planGauge.WithLabelValues(model, application).Set(float64(len(status.Plan)))
	blindGauge.WithLabelValues(model, application).Set(float64(len(obs.Blind)))
	c.model.measure()

	c.mu.Lock()
	defer c.mu.Unlock()
	c.access = serving
	if c.phase != status.Phase {
		d.log.Info("Phase", "cluster", c.key.String(), "phase", status.Phase, "before", c.phase, "message", status.Message)
		c.reporter.record(registry.RecordPhase, c.key.Application, string(status.Phase), status.Message)
		c.phase = status.Phase
	}
}

// showJuju files the cluster as it was last seen, with Juju's health now.
func (d *Daemon) showJuju(c *cluster) {
	if c.status.ObservedAt.IsZero() {
		return // it was never seen
	}
	status := *c.status.DeepCopy()
	condition := metav1.Condition{Type: v1alpha1.ConditionJuju, Status: metav1.ConditionTrue, Reason: planner.ReasonAsWanted,
		Message: "Juju answers."}
	if message := fallbackMessage(c.model.link()); message != "" {
		condition.Reason, condition.Message = ReasonOtherAddress, message
	}
	if t := c.model.health.trouble(); t != nil {
		condition.Status, condition.Reason = metav1.ConditionFalse, t.Kind
		condition.Message = "Since " + t.Since.UTC().Format(time.RFC3339) + ": " + t.Message + "."
	}
	status.Conditions = append(status.Conditions, condition)
	d.registry.PutCluster(registry.Ref{Model: c.key.Model, Name: c.key.Application}, c.spec, status)
}

// serving are the client URLs of healthy members at the last pass.
func (c *cluster) serving() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.access
}

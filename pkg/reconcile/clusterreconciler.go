package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

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

// clusterWorkers is how many clusters may have a pass at a time.
const clusterWorkers = 8

// clusterReconciler asks what the next step for a cluster is, and has it taken.
type clusterReconciler struct {
	clusters *clusters
	units    *wakeups[UnitKey]
	registry *registry.Registry
	policies Policies
	log      logr.Logger
}

// SetupWithManager adds the cluster controller to the manager.
func (r *clusterReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return controlledBy(mgr, "cluster", clusterWorkers, &r.clusters.wakeups, r.log, r)
}

// Reconcile is one pass over a cluster:
//
//  1. observe; a cluster that is gone is forgotten, one that is not ours is left alone;
//  2. ask the planner for the next step;
//  3. have it performed: a membership step at once, a unit step by the unit controller, which is
//     woken, and so the words of a wait;
//  4. file what is known;
//  5. say when to look again, and whether the model should be read often meanwhile.
//
// The package's doc says which failures are returned.
func (r *clusterReconciler) Reconcile(ctx context.Context, key ClusterKey) (ctrl.Result, error) {
	c := r.clusters.get(key)
	if c == nil {
		return ctrl.Result{}, nil
	}
	obs, err := c.observer.Observe(ctx, c.waiting)
	if errors.Is(err, observe.ErrGone) {
		c.log.Info("Application has gone")
		r.clusters.forget(c)
		return ctrl.Result{}, nil
	}
	if ctx.Err() != nil {
		return ctrl.Result{}, nil //nolint:nilerr // the daemon ends, which is no fault of this cluster's
	}
	if err != nil {
		return r.unobserved(c, err)
	}
	if !c.managed && !runsOurCharm(obs) {
		if len(obs.Blind) > 0 {
			c.note(obs, planner.Step{Kind: planner.StepWait, Reason: "Cannot tell whether the application is ours: " + obs.Blind[0]}, true)
			return ctrl.Result{RequeueAfter: patientPass}, nil
		}
		return ctrl.Result{RequeueAfter: settledPass}, nil
	}
	if !c.managed {
		c.managed = true
		c.log.Info("Application is looked after", "units", len(obs.Units))
		c.prober.start(c.observer)
	}

	situation := planner.See(obs)
	step, pending := situation.Next()
	c.note(obs, step, pending)
	if pending && (step.Kind != planner.StepWait || len(step.Words) > 0) {
		if err := r.perform(ctx, c, obs, step); err != nil && ctx.Err() == nil {
			// The failure is in the memory, which bars the next attempt: the queue need not back
			// off, too.
			c.log.Error(err, "Step was not done", "step", step.Kind)
		}
	}
	r.publish(c, obs, situation)
	c.waiting = pending && !step.Person
	if c.waiting && obs.Now.Sub(c.since) < patientFor {
		c.model.source.Hurry(key.Application)
	} else {
		c.model.source.Settled(key.Application)
	}
	return ctrl.Result{RequeueAfter: again(obs, situation, step, pending, obs.Now.Sub(c.since))}, nil
}

// unobserved ends a pass that has nothing to plan from. What is known is shown as it was, with
// Juju's health. Trouble with Juju is the model's: its health has reported it, once for all
// clusters, and its end wakes them. Any other error is reported by nobody else.
func (r *clusterReconciler) unobserved(c *cluster, err error) (ctrl.Result, error) {
	r.showJuju(c)
	if _, trouble := troubleOf(err); trouble {
		return ctrl.Result{RequeueAfter: patientPass}, nil
	}
	return ctrl.Result{}, err
}

// perform has the step done, or the words of a wait delivered, and counts it.
func (r *clusterReconciler) perform(ctx context.Context, c *cluster, obs observation.Observation, step planner.Step) error {
	err := c.actor.Act(ctx, obs, step)
	outcome, deliveries := outcomeDone, slices.Concat(step.Units, step.Words)
	switch {
	case err != nil:
		outcome = outcomeFailed
	case len(deliveries) > 0:
		outcome = outcomeHanded
		for _, delivery := range deliveries {
			r.units.add(UnitKey{c.key.Model, delivery.Unit})
		}
	}
	if len(deliveries) == 0 {
		c.model.touch()
	}
	stepsTotal.WithLabelValues(c.key.Model, c.key.Application, string(step.Kind), outcome).Inc()
	return err
}

// again says in how long to look again; age is for how long the step has been pending.
func again(obs observation.Observation, situation *planner.Situation, step planner.Step, pending bool, age time.Duration) time.Duration {
	after := settledPass
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
	if due := situation.Due(); !due.IsZero() {
		after = min(after, max(due.Sub(obs.Now), 50*time.Millisecond))
	}
	return after
}

package reconcile

import (
	"context"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

// unitWorkers is how many units' deliveries may be moved on at a time.
const unitWorkers = 16

// unitReconciler brings what a cluster's pass has handed over to the units' machines.
type unitReconciler struct {
	clusters *clusters
	wakeups  wakeups[UnitKey]
	log      logr.Logger
}

// SetupWithManager adds the unit controller to the manager.
func (r *unitReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return controlledBy(mgr, "unit", unitWorkers, &r.wakeups, r.log, r)
}

// Reconcile moves a unit's delivery on: it queues the charm's action, asks how the task does, and
// wakes the cluster when the task has ended. It never waits. The package's doc says which failures
// are returned.
func (r *unitReconciler) Reconcile(ctx context.Context, key UnitKey) (ctrl.Result, error) {
	c := r.clusters.get(key.cluster())
	if c == nil {
		return ctrl.Result{}, nil
	}
	progress, err := c.actor.Deliver(ctx, key.Unit)
	_, trouble := troubleOf(err)
	unexpected := err != nil && !trouble && ctx.Err() == nil
	switch {
	case progress.Done:
		if unexpected {
			// It has ended in this, which is in the memory and bars the next one.
			c.log.Error(err, "Delivery could not be made", "unit", key.Unit)
		}
		r.clusters.wakeups.add(c.key)
		return ctrl.Result{}, nil
	case unexpected:
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: progress.After}, nil
}

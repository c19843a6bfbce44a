package act

import (
	"context"
	"fmt"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
)

// goesBefore says that the delivery must not be queued behind the task, which is another reconcile, or what a person runs. The planner
// says so, too, and may have seen an older list.
func goesBefore(t jujuapi.Task, d observation.Delivery) bool {
	return t.Unit == d.Unit && !t.Status.Final() && v1alpha1.Disturbs(t.Name)
}

// alone refuses what is disruptive while a person runs what it must not be done beside. A task that has yet to begin shows in the list
// alone, which the observer reads rarely while nothing else changes.
func (a *Actor) alone(ctx context.Context, obs observation.Observation) error {
	tasks, err := a.cfg.Juju.Tasks(ctx, a.cfg.Application)
	if err != nil {
		a.cfg.Memory.Touch()
		return fmt.Errorf("cannot see what is pending: %w", err)
	}
	for _, t := range tasks {
		ours := slices.ContainsFunc(obs.Units, func(u observation.Unit) bool { return u.Name == t.Unit }) // else it went with its unit
		if ours && !t.Status.Final() && t.Name != v1alpha1.ActionReconcile && v1alpha1.Disturbs(t.Name) {
			a.cfg.Memory.Touch()
			return fmt.Errorf("task %s (%s) may still run on %s", t.ID, t.Name, t.Unit)
		}
	}
	return nil
}

package observe

import (
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
)

// pending are the tasks that are not final, by unit: the reconciles, and all others.
func (o *Observer) pending() (reconciles, others map[string][]jujuapi.Task) {
	reconciles, others = map[string][]jujuapi.Task{}, map[string][]jujuapi.Task{}
	for _, t := range o.tasks.tasks {
		switch {
		case t.Status.Final():
		case t.Name == v1alpha1.ActionReconcile:
			reconciles[t.Unit] = append(reconciles[t.Unit], t)
		default:
			others[t.Unit] = append(others[t.Unit], t)
		}
	}
	return reconciles, others
}

// others are what is pending or runs on a unit beside our deliveries, with what its agent says that it runs: that is as young as the
// model's snapshot, and there are controllers whose lists cannot be relied on.
func others(listed []jujuapi.Task, agent jujuapi.Status) []observation.Task {
	var all []observation.Task
	for _, t := range listed {
		id, _ := strconv.ParseInt(t.ID, 10, 64) // without a number it may run all the same
		all = append(all, observation.Task{ID: id, Name: t.Name, Running: t.Status != jujuapi.TaskPending, Enqueued: t.Enqueued})
	}
	name, runs := strings.CutPrefix(agent.Message, "running action ")
	known := func(t observation.Task) bool { return t.Name == name }
	if runs && agent.Current == "executing" && name != v1alpha1.ActionReconcile && !slices.ContainsFunc(all, known) {
		all = append(all, observation.Task{Name: name, Running: true, Enqueued: agent.Since})
	}
	return all
}

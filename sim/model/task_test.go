package model_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
)

// asked enqueues one command on units, as one operation, and returns its number and the tasks'.
func asked(t *testing.T, m *model.Model, units ...string) (operation int, tasks []int) {
	t.Helper()
	var requests []model.TaskRequest
	for _, unit := range units {
		requests = append(requests, model.TaskRequest{Receiver: unit, Name: model.Exec, Params: map[string]any{"command": "true"}, Parallel: true})
	}
	operation, results, err := m.Enqueue(requests)
	must(t, err)
	for _, r := range results {
		must(t, r.Err)
		tasks = append(tasks, r.Task.ID)
	}
	return operation, tasks
}

// TestTasksOfAUnitThatIsGone: on 4.0 nothing tells of them any more, be they pending, running or
// ended, and their operation is there as long as it has tasks of others; on 3.6 they ended in error.
func TestTasksOfAUnitThatIsGone(t *testing.T) {
	for _, p := range []profile.Profile{profile.V36, profile.V40} {
		t.Run(p.Name, func(t *testing.T) {
			m := world(t, 2, model.Options{Profile: p})
			alone, own := asked(t, m, "etcd/1")
			running, _, err := m.ClaimTask("etcd/1")
			must(t, err)
			both, shared := asked(t, m, "etcd/0", "etcd/1")
			other, _, err := m.ClaimTask("etcd/0")
			must(t, err)
			must(t, m.FinishTask(other.ID, model.TaskCompleted, "", nil))
			must(t, m.UnitGone("etcd/1"))

			var got []string
			for _, id := range []int{own[0], shared[0], shared[1]} {
				task, err := m.Task(id)
				got = append(got, fmt.Sprint(task.Status, " ", err))
			}
			want := []string{" id not found", "completed <nil>", " id not found"}
			if !p.TasksGo {
				want = []string{"error <nil>", "completed <nil>", "error <nil>"}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if _, err := m.Operation(alone); (err != nil) != p.TasksGo {
				t.Errorf("its own operation: %v", err)
			}
			op, err := m.Operation(both)
			must(t, err)
			if op.Completed.IsZero() {
				t.Errorf("an operation whose tasks have ended or gone has not: %+v", op)
			}
			if err := m.FinishTask(running.ID, model.TaskCompleted, "", nil); model.IsNotFound(err) != p.TasksGo || err == nil {
				t.Errorf("a task that ran when its unit went: %v", err)
			}
		})
	}
}

func TestTasksRunInTheProfilesOrder(t *testing.T) {
	for _, p := range []profile.Profile{profile.V36, profile.V40} {
		m := world(t, 1, model.Options{Profile: p})
		var all, ran []int
		for range 6 {
			_, tasks := asked(t, m, "etcd/0")
			all = append(all, tasks[0])
		}
		for range all {
			claimed, ok, err := m.ClaimTask("etcd/0")
			must(t, err)
			if !ok || claimed.Parallel != p.ParallelTasks {
				t.Errorf("on %s: got %+v", p.Name, claimed)
			}
			ran = append(ran, claimed.ID)
		}
		if slices.IsSorted(ran) == p.TasksInNoOrder {
			t.Errorf("on %s they ran in the order %v", p.Name, ran)
		}
		slices.Sort(ran)
		if diff := cmp.Diff(all, ran); diff != "" {
			t.Errorf("not each once: %s", diff)
		}
	}
}

package act_test

import (
	"errors"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// What a person has begun since the observation is seen right before the act.
func TestNothingDisruptiveIsDoneBesideAPersonsAction(t *testing.T) {
	restart := planner.Step{Kind: planner.StepRestart, Units: []observation.Delivery{{Unit: "etcd/0"}}}
	for _, test := range []struct {
		name  string
		tasks []jujuapi.Task
		fail  error
		want  string // empty: it is done
	}{
		{"one waits", []jujuapi.Task{{ID: "12", Unit: "etcd/1", Name: "restore", Status: jujuapi.TaskPending}}, nil, "task 12 (restore) may still run on etcd/1"},
		{"one runs", []jujuapi.Task{{ID: "12", Unit: "etcd/1", Name: "juju-exec", Status: jujuapi.TaskRunning}}, nil, "task 12 (juju-exec)"},
		{"one that disturbs nothing", []jujuapi.Task{{ID: "12", Unit: "etcd/1", Name: "health", Status: jujuapi.TaskRunning}}, nil, ""},
		{"one that went with its unit", []jujuapi.Task{{ID: "12", Unit: "etcd/9", Name: "restore", Status: jujuapi.TaskPending}}, nil, ""},
		{"one that has ended", []jujuapi.Task{{ID: "12", Unit: "etcd/1", Name: "restore", Status: jujuapi.TaskFailed}}, nil, ""},
		{"our own are judged by the planner", []jujuapi.Task{{ID: "12", Unit: "etcd/1", Name: "reconcile", Status: jujuapi.TaskPending}}, nil, ""},
		{"nobody says", nil, errors.New("connection lost"), "connection lost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, step := range []planner.Step{add, restart} {
				r := newRig(t)
				r.etcd.OnChange = learn
				r.juju.Running, r.juju.Fail["Tasks"] = test.tasks, test.fail
				obs, changes := r.observation(), r.memory.Changes()
				obs.Units = []observation.Unit{{Name: "etcd/0"}, {Name: "etcd/1"}}
				err := r.actor.Act(t.Context(), obs, step)
				_, _, handed := r.memory.Handed("etcd/0")
				done := handed || len(r.etcd.Done()) > 0
				if test.want == "" {
					if err != nil || !done {
						t.Errorf("%s: done: %t, %v", step.Kind, done, err)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), test.want) || done {
					t.Errorf("%s: done: %t, %v; want %q", step.Kind, done, err, test.want)
				}
				if r.memory.Changes() == changes {
					t.Errorf("%s: the next observation does not read the tasks again", step.Kind)
				}
			}
		})
	}
}

// A delivery behind an action that takes long would be late when its turn comes; one behind a short
// one is not held up.
func TestADeliveryIsNotQueuedBehindWhatDisturbs(t *testing.T) {
	for action, sent := range map[string]int{"restore": 0, "health": 1} {
		r := newRig(t)
		r.juju.Running = []jujuapi.Task{{ID: "77", Unit: "etcd/0", Name: action, Status: jujuapi.TaskRunning}}
		if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0", "etcd/1")); err != nil {
			t.Fatal(err)
		}
		if p := r.deliver("etcd/0"); p.Done != (sent == 0) || len(r.juju.Sent) != sent {
			t.Errorf("%s runs: %+v, %d sent", action, p, len(r.juju.Sent))
		}
		if r.deliver("etcd/1"); len(r.juju.Sent) != sent+1 {
			t.Errorf("%s on another unit holds etcd/1 back", action)
		}
	}
}

package observe_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
)

// What a person runs is no delivery, and is not counted as one.
func TestWhatAPersonRunsIsBesideOurTasks(t *testing.T) {
	r := newRig(t)
	at := start.Add(-time.Minute)
	r.juju.Running = []jujuapi.Task{
		{ID: "8", Unit: "etcd/0", Name: "restore", Status: jujuapi.TaskPending, Enqueued: at},
		{ID: "9", Unit: "etcd/0", Name: "reconcile", Status: jujuapi.TaskPending, Enqueued: at},
		{ID: "10", Unit: "etcd/1", Name: "health", Status: jujuapi.TaskAborting, Enqueued: at},
		{ID: "11", Unit: "etcd/1", Name: "restore", Status: jujuapi.TaskCompleted},
	}
	obs := r.observe(true)
	if u := obs.Units[0]; u.Task == nil || u.Task.ID != 9 || u.Task.Name != "" || obs.Units[1].Task != nil {
		t.Errorf("deliveries: %+v, %+v", u.Task, obs.Units[1].Task)
	}
	want := [][]observation.Task{{{ID: 8, Name: "restore", Enqueued: at}}, {{ID: 10, Name: "health", Running: true, Enqueued: at}}, nil}
	for i, u := range obs.Units {
		if diff := cmp.Diff(want[i], u.Others); diff != "" {
			t.Errorf("%s (-want +got):\n%s", u.Name, diff)
		}
	}
}

// What an agent says that it runs counts though no list has it: there are controllers that leave tasks out.
func TestWhatAnAgentRunsCountsThoughNoListHasIt(t *testing.T) {
	for _, test := range []struct {
		name   string
		agent  jujuapi.Status
		listed []jujuapi.Task
		want   []observation.Task
	}{
		{"an action", jujuapi.Status{Current: "executing", Message: "running action restore", Since: start}, nil,
			[]observation.Task{{Name: "restore", Running: true, Enqueued: start}}},
		{"one that is listed, too", jujuapi.Status{Current: "executing", Message: "running action restore", Since: start},
			[]jujuapi.Task{{ID: "8", Unit: "etcd/2", Name: "restore", Status: jujuapi.TaskRunning}}, []observation.Task{{ID: 8, Name: "restore", Running: true}}},
		{"our own", jujuapi.Status{Current: "executing", Message: "running action reconcile", Since: start}, nil, nil},
		{"a hook", jujuapi.Status{Current: "executing", Message: "running update-status hook", Since: start}, nil, nil},
		{"nothing", jujuapi.Status{Current: "idle", Message: "", Since: start}, nil, nil},
		{"nobody knows", jujuapi.Status{Current: "lost", Message: "running action restore", Since: start}, nil, nil},
	} {
		r := newRig(t)
		r.juju.Running = test.listed
		u := r.juju.Model.Applications["etcd"].Units["etcd/2"]
		u.AgentStatus = test.agent
		r.juju.Model.Applications["etcd"].Units["etcd/2"] = u
		if diff := cmp.Diff(test.want, r.observe(true).Units[2].Others); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

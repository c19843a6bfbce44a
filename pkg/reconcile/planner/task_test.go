package planner_test

import (
	"testing"

	"jujuetcd.io/pkg/reconcile/observation"
)

func TestATaskThatJujuHasNotNumberedIsShownWithoutANumber(t *testing.T) {
	for want, task := range map[string]*observation.Task{"task 13": {ID: 13}, "a delivery": {}, "task 13 (restore)": {ID: 13, Name: "restore"},
		"the action restore": {Name: "restore"}} {
		if got := task.String(); got != want {
			t.Errorf("the task %+v is called %q, not %q", *task, got, want)
		}
	}
}

package main

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// The daemon plans a disruption as soon as the longest run of one before it is over: an agent that ran longer would disturb beside it.
func TestAReconcileRunsNoLongerThanTheDaemonReckonsWith(t *testing.T) {
	for dispatch, want := range map[string]time.Duration{
		"actions/reconcile": v1alpha1.LongestRun, "actions/health": v1alpha1.LongestHook, "hooks/stop": v1alpha1.LongestHook,
	} {
		if got := longest(dispatch); got != want {
			t.Errorf("%s: %s, want %s", dispatch, got, want)
		}
	}
}

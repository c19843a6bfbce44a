package planner_test

import (
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/planner"
)

// TestAStampIsRaisedOnceAndSaidToEveryUnit: a row of the table is all that an operation without phases takes.
func TestAStampIsRaisedOnceAndSaidToEveryUnit(t *testing.T) {
	o := settled(3)
	for i := range o.Units {
		o.Units[i].Facts.Protocol = v1alpha1.Protocol
	}
	apply(&o)
	run(t, &o)
	if slices.Contains(planner.Desired(o, "etcd/0").TLS.ExtraSANs, planner.DrillMarkOf) {
		t.Fatal("it is said before anybody has asked")
	}
	ask(&o, 2, 41, planner.DrillStamp, "")
	if step, _ := planner.Next(o); step.Kind != planner.StepStamp || step.Reason != "Task 41 of etcd/2 (drill-stamp) asks for a drill." {
		t.Fatalf("%s: %s", step.Kind, step.Reason)
	}
	if steps := run(t, &o); !slices.Equal(steps, []string{"Stamp etcd/0", "UpdateUnits etcd/0, etcd/1, etcd/2"}) {
		t.Errorf("steps:\n%s", strings.Join(steps, "\n"))
	}
	if o.Latch.Stamps["drill"] != 41 || o.Latch.Handled["etcd/2"] != 41 {
		t.Errorf("latch %+v", o.Latch)
	}
	for _, u := range o.Units {
		if !slices.Contains(planner.Desired(o, u.Name).TLS.ExtraSANs, planner.DrillMarkOf) {
			t.Errorf("it is not said to %s", u.Name)
		}
	}
	if again := run(t, &o); len(again) != 0 {
		t.Errorf("again: %s", again)
	}
	ask(&o, 2, 42, "drill-unknown", "")
	if steps := run(t, &o); len(steps) == 0 || !strings.Contains(steps[len(steps)-1], "is not known to this version") {
		t.Errorf("an action that nobody knows:\n%s", strings.Join(steps, "\n"))
	}
}

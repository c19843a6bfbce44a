package v1alpha1_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// TestWhereADrillMayTakeItsSnapshotFrom.
func TestWhereADrillMayTakeItsSnapshotFrom(t *testing.T) {
	for name, c := range map[string]struct{ drill, from, fault string }{
		"nothing":             {"@daily", "", ""},
		"the unit":            {"@daily", "unit", ""},
		"the store":           {"@daily", "store", ""},
		"elsewhere":           {"@daily", "s3", "spec.snapshots.drillFrom: Unsupported value"},
		"without a timetable": {"", "store", "must have a timetable of drills beside it"},
	} {
		t.Run(name, func(t *testing.T) {
			s := v1alpha1.EtcdClusterSpec{Snapshots: v1alpha1.SnapshotPolicy{Schedule: "@hourly", Drill: c.drill, DrillFrom: c.from}}
			faults := s.Validate(field.NewPath("spec"))
			if (len(faults) > 0) != (c.fault != "") || c.fault != "" && !strings.Contains(faults.ToAggregate().Error(), c.fault) {
				t.Errorf("%v, want %q", faults, c.fault)
			}
		})
	}
}

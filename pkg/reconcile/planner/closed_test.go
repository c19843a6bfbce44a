package planner_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/planner"
)

// A closed network is shown in one condition, with how etcd is seen instead; what is seen is
// reported as ever.
func TestClosedNetworkIsShownInTheConditionReachable(t *testing.T) {
	o := settled(3)
	o.Closed, o.Through = true, "etcd/0"
	want := map[string]string{
		v1alpha1.ConditionReachable: "False ClosedNetwork", v1alpha1.ConditionReady: "True AsWanted",
	}
	check := func(status v1alpha1.EtcdClusterStatus, text string) {
		t.Helper()
		for _, c := range status.Conditions {
			if w := want[c.Type]; w != "" && w != string(c.Status)+" "+c.Reason {
				t.Errorf("%s is %s %s (%s), not %s", c.Type, c.Status, c.Reason, c.Message, w)
			}
			if c.Type == v1alpha1.ConditionReachable && (c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, text)) {
				t.Errorf("%s does not say %q", c.Message, text)
			}
		}
	}
	status := planner.Status(o)
	if status.Phase != v1alpha1.PhaseSteady || status.Message != "3 members, can lose 1" {
		t.Errorf("%s: %s", status.Phase, status.Message)
	}
	check(status, "through its units, now etcd/0")

	o.Through, o.Etcd = "", etcdops.View{}
	want[v1alpha1.ConditionReady] = "Unknown ClosedNetwork"
	check(planner.Status(o), "cannot be reached from here")
}

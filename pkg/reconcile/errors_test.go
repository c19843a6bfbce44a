package reconcile_test

import (
	"context"
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/pkg/reconcile"
)

// unknownAnswer is an answer of Juju's that we do not know what to make of.
var unknownAnswer = &jujuapi.Error{Call: "A.B", Code: "never seen", Message: "cannot say what is wrong"}

// TestAPassThatCannotBeMadeIsCountedUnlessJujusTroubleSaysWhy holds the package to what its doc
// says of errors.
func TestAPassThatCannotBeMadeIsCountedUnlessJujusTroubleSaysWhy(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() == v1alpha1.PhasePending })
	before := reconcileErrors(t, "cluster")
	r.fail("Snapshot", &jujuapi.Error{Call: "Client.FullStatus", Code: wire.CodeTryAgain, Message: "try again"})
	r.showsJuju(t, metav1.ConditionFalse, reconcile.TroubleMaintenance)
	if n := reconcileErrors(t, "cluster"); n != before {
		t.Errorf("trouble with Juju, which is reported already, counts %v errors", n-before)
	}
	r.fail("Snapshot", unknownAnswer)
	r.daemon.Wake()
	r.eventually(t, "what nobody else reports is counted", func() bool { return reconcileErrors(t, "cluster") > before })
	r.eventually(t, "it is logged", func() bool { return r.logged(unknownAnswer.Message) > 0 })
	r.fail("Snapshot", nil)
	r.showsJuju(t, metav1.ConditionTrue, "AsWanted")
}

func TestADeliveryThatCannotBeFollowedIsAnErrorUnlessJujusTroubleSaysWhy(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() == v1alpha1.PhasePending })
	unit := reconcile.UnitKey{Model: "admin/prod", Unit: "etcd/0"}
	if err := r.daemon.Hand(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	if _, err := r.daemon.ReconcileUnit(t.Context(), unit); err != nil || r.juju.Count("Enqueue") != 1 {
		t.Fatalf("it is not queued: %v", err)
	}
	r.fail("Task", errors.New("connection lost"))
	if result, err := r.daemon.ReconcileUnit(t.Context(), unit); err != nil || result.RequeueAfter == 0 {
		t.Errorf("trouble with Juju: %v, again in %s", err, result.RequeueAfter)
	}
	r.fail("Task", unknownAnswer)
	if _, err := r.daemon.ReconcileUnit(t.Context(), unit); !errors.Is(err, unknownAnswer) {
		t.Errorf("what nobody else reports: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.daemon.ReconcileUnit(gone, unit); err != nil {
		t.Errorf("the daemon ends: %v", err)
	}
}

// reconcileErrors is what controller-runtime has counted.
func reconcileErrors(t *testing.T, controller string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "controller_runtime_reconcile_errors_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "controller" && l.GetValue() == controller {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

package reconcile_test

import (
	"testing"

	"k8s.io/client-go/util/workqueue"

	"jujuetcd.io/pkg/reconcile"
)

// TestAWakeupBeforeItsControllerRunsIsNotLost: the two controllers start in no order, and a model may
// be read before either.
func TestAWakeupBeforeItsControllerRunsIsNotLost(t *testing.T) {
	early, late := reconcile.UnitKey{Model: "admin/prod", Unit: "etcd/0"}, reconcile.UnitKey{Model: "admin/prod", Unit: "etcd/1"}
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.UnitKey]())
	defer queue.ShutDown()
	var w reconcile.UnitWakeups
	w.Add(early)
	w.Add(early)
	if err := w.Bind(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	w.Add(late)
	for _, want := range []reconcile.UnitKey{early, late} {
		if got, _ := queue.Get(); got != want {
			t.Errorf("%s is woken, want %s", got, want)
		}
	}
	if n := queue.Len(); n != 0 {
		t.Errorf("%d more are woken", n)
	}
}

//go:build integration

package integration

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// A reconcile that reaches a unit only after its member has left the cluster, because its agent was away, brings nothing back,
// and the others do not notice.
func TestAReconcileForAUnitThatIsRemovedMeanwhileBringsNothingBack(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	config, endpoints := w.client()
	writer := etcdtest.StartWriter(t, config, endpoints)

	reconciles, err := w.api.Reconciles(w.ctx)
	must(t, err)
	var stale []byte
	for _, r := range reconciles {
		if r.Unit == "etcd/2" {
			r.Spec.Delivery.NotAfter = metav1.NewTime(time.Now().Add(10 * time.Minute))
			stale, err = json.Marshal(r.Spec)
			must(t, err)
		}
	}
	w.juju("fault", "stop-agent", "etcd/2")
	w.juju("remove-unit", "etcd/2", "--no-prompt")
	w.await(rig.All(rig.UnitShows("etcd/0", "active", "Healthy with 2 known peers"), rig.UnitShows("etcd/1", "active", "Healthy with 2 known peers")))
	// Its member has left, its agent has not seen it yet; what was asked of it before comes only now.
	task, err := w.api.Enqueue(w.ctx, "etcd/2", "reconcile", map[string]any{"desired": string(stale)})
	must(t, err)
	if tasks, err := w.api.Conn.Tasks(w.ctx, task.ID); err != nil || tasks[0].Status.Final() {
		t.Errorf("the stale task should still wait: %v, %v", tasks, err)
	}

	w.juju("fault", "start-agent", "etcd/2")
	w.await(func(s rig.Status) (bool, string) {
		return len(s.UnitNames("etcd")) == 2, "etcd/2 is still there: " + s.Unit("etcd/2").Workload.String()
	})
	w.await(rig.Healthy("etcd", 2))
	w.oneMemberEach(t, "etcd0", "etcd1")
	t.Logf("the task ran when its unit's member had gone; %s", writer.VerifyNoneLost())
}

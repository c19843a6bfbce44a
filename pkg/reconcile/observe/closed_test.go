package observe_test

import (
	"encoding/json"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/through"
	"jujuetcd.io/pkg/reconcile/world"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

// closedRig is a rig in a closed network: no packet comes back, and units look in the daemon's place.
func closedRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.etcd.View = all(etcdops.FaultUnreachable)
	r.juju.OnEnqueue = func(spec v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, bool) {
		text, _ := json.Marshal(worldtest.Healthy(start, 3))
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied, Ops: []v1alpha1.EtcdOpResult{
			{Kind: spec.Ops[0].Kind, Outcome: v1alpha1.OutcomeApplied, View: string(text)}}}, true
	}
	for name, u := range r.juju.Model.Applications["etcd"].Units {
		u.AgentStatus.Current = "idle"
		r.juju.Model.Applications["etcd"].Units[name] = u
	}
	r.observer = observe.New(observe.Config{Application: "etcd", Self: "me", Juju: r.juju, Memory: r.memory,
		Now: func() time.Time { return r.now }, ThroughUnits: true,
		Dial: func(world.Credentials) (world.Etcd, error) { return r.etcd, nil }})
	t.Cleanup(r.observer.Close)
	return r
}

func TestClosedNetworkIsSeenThroughAUnitUntilItOpens(t *testing.T) {
	r := closedRig(t)
	for range 3 {
		obs := r.observe(true)
		if !obs.Closed || obs.Through != "etcd/1" || !obs.Etcd.Listed || len(obs.Blind) != 0 {
			t.Fatalf("closed %v, through %q, listed %v, blind %q", obs.Closed, obs.Through, obs.Etcd.Listed, obs.Blind)
		}
	}
	if _, indirect := r.observer.Etcd().(*through.Cluster); !indirect || r.observer.Direct() != world.Etcd(r.etcd) {
		t.Error("changes would not be made through the units")
	}
	if n := len(r.juju.Sent); n != 1 {
		t.Errorf("%d actions for three observations of the same", n)
	}
	if n := len(r.etcd.Done()); n != 1 {
		t.Errorf("waited %d times for packets that do not come back", n)
	}

	r.etcd.View = worldtest.Healthy(start, 3)
	r.observer.Heard(r.etcd.View) // as whoever probes beside it does
	if obs := r.observe(true); obs.Closed || obs.Through != "" || !obs.Etcd.Listed {
		t.Errorf("open again: closed %v, through %q", obs.Closed, obs.Through)
	}
	if r.observer.Etcd() != world.Etcd(r.etcd) {
		t.Error("changes would still be made through the units")
	}
}

func TestClosedNetworkCostsNoActionWhereAnotherDaemonLeads(t *testing.T) {
	r := closedRig(t)
	if err := r.juju.SetLatch(v1alpha1.Latch{ClusterID: "00000000000000c1", Epoch: &v1alpha1.Epoch{Number: 9, Holder: "other"}}); err != nil {
		t.Fatal(err)
	}
	if obs := r.observe(true); !obs.Closed || obs.Through != "" || len(obs.Blind) != 1 || len(r.juju.Sent) != 0 {
		t.Errorf("closed %v, through %q, blind %q, %d actions", obs.Closed, obs.Through, obs.Blind, len(r.juju.Sent))
	}
}

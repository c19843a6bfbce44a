package observe_test

import (
	"encoding/json"
	"slices"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// Where exposures decide what is closed, nobody waits for packets to a unit that has neither a member nor an open port.
func TestUnitWithoutMemberAndPortIsNotAskedWhereExposuresDecide(t *testing.T) {
	r := newRig(t)
	app := r.juju.Model.Applications["etcd"]
	joins := app.Units["etcd/2"]
	joins.OpenedPorts = nil
	app.Units["etcd/2"] = joins
	facts, err := json.Marshal(v1alpha1.UnitFacts{Protocol: 1, Addresses: v1alpha1.UnitAddresses{Client: "10.0.0.3"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range r.juju.Units {
		u.RelationData[0].Units["etcd/2"] = jujuapi.UnitDatabag{InScope: true, Data: map[string]string{"facts": string(facts)}}
	}
	asked := func() bool { r.observe(true); return slices.Contains(r.observer.Endpoints(), "https://10.0.0.3:2379") }
	if !asked() {
		t.Error("not asked in an open network")
	}
	app.Exposures = map[string]jujuapi.Exposure{"db": {CIDRs: []string{"10.9.9.9/32"}}}
	r.juju.Model.Applications["etcd"] = app
	if asked() {
		t.Error("asked though its port is not open")
	}
	joins.OpenedPorts = []string{"2379/tcp"}
	app.Units["etcd/2"] = joins
	if !asked() {
		t.Error("not asked though its port is open")
	}
}

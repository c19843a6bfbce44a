package observe_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Whom a unit names as having its machine is looked for in the whole model, and since when he is missed is remembered. What answers at
// that machine is another cluster's, and is not asked.
func TestWhoHasAMachineIsLookedForInTheModel(t *testing.T) {
	r := newRig(t)
	facts, err := json.Marshal(v1alpha1.UnitFacts{Protocol: 2, Addresses: v1alpha1.UnitAddresses{Client: "10.0.0.3"},
		Taken: &v1alpha1.TakenFacts{Units: []v1alpha1.UnitRef{{Unit: "ea/0", ModelUUID: "uuid"}, {Unit: "eb/0", ModelUUID: "other"}}}})
	if err != nil {
		t.Fatal(err)
	}
	r.juju.Units[0].RelationData[0].Units["etcd/2"].Data["facts"] = string(facts)
	see := func(want map[string]observation.Gone) {
		t.Helper()
		got := r.observe(true).History.Gone
		if len(got) != len(want) || got["ea/0"] != want["ea/0"] {
			t.Errorf("gone are %v, want %v", got, want)
		}
		r.now = r.now.Add(time.Minute)
	}
	see(map[string]observation.Gone{"ea/0": {Since: start, Whole: true}})
	r.juju.Model.Applications["ea"] = jujuapi.Application{Name: "ea", Units: map[string]jujuapi.Unit{"ea/1": {Name: "ea/1"}}}
	see(map[string]observation.Gone{"ea/0": {Since: start}})
	r.juju.Model.Applications["ea"].Units["ea/0"] = jujuapi.Unit{Name: "ea/0"}
	see(nil)
	delete(r.juju.Model.Applications["ea"].Units, "ea/0")
	see(map[string]observation.Gone{"ea/0": {Since: r.now}})
	if asked := r.observer.Endpoints(); slices.ContainsFunc(asked, func(e string) bool { return e == "https://10.0.0.3:2379" }) {
		t.Errorf("asked %v", asked)
	}
}

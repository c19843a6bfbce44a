package server_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

func TestMachinesAreAddedAndRemovedOverTheWire(t *testing.T) {
	for _, p := range []profile.Profile{profile.V36, profile.V40} {
		t.Run(p.Name, func(t *testing.T) {
			h, m := smallOf(t, p, server.Options{})
			version := p.ModelFacades["MachineManager"][0]
			c := h.login(t, m, "writer", password)
			ask := func(method string, params, result any) {
				t.Helper()
				r := c.call("MachineManager", version, method, params)
				if r.Error != "" {
					t.Fatalf("%s: %s", method, r.Error)
				}
				must(t, json.Unmarshal(r.Response, result))
			}
			var added server.AddMachinesResults
			ask("AddMachines", json.RawMessage(`{"params":[
				{"constraints":{},"jobs":["JobHostUnits"],"parent-id":"","container-type":"","instance-id":"","nonce":"","hardware-characteristics":{},"addresses":null},
				{"parent-id":"0"},
				{"container-type":"lxd","placement":{"scope":"lxd","directive":"0"}},
				{"container-type":"lxd"},
				{"instance-id":"i-1"}]}`), &added)
			notPlayed := &wire.Error{Message: "jujusim adds new machines only, no containers, and none that are there already", Code: wire.CodeNotSupported}
			if diff := cmp.Diff([]server.AddMachinesResult{
				{Machine: "1"},
				{Error: &wire.Error{Message: "parent machine specified without container type"}},
				{Error: &wire.Error{Message: "container type and placement are mutually exclusive"}},
				{Error: notPlayed},
				{Error: notPlayed},
			}, added.Machines); diff != "" {
				t.Errorf("added: %s", diff)
			}
			var status wire.FullStatus
			must(t, json.Unmarshal(c.call("Client", 8, "FullStatus", wire.StatusParams{}).Response, &status))
			if got := status.Machines["1"]; got.ID != "1" || got.InstanceID != "pending" || got.AgentStatus.Status != "pending" {
				t.Errorf("the status shows %+v", got)
			}

			both := []string{"machine-0", "machine-1", "machine-9", "unit-etcd-0"}
			one := func(id string, units ...wire.Entity) server.DestroyMachineResult {
				return server.DestroyMachineResult{Info: &server.DestroyMachineInfo{MachineID: id, DestroyedUnits: units}}
			}
			missing := server.DestroyMachineResult{Error: &wire.Error{Message: "machine 9 not found", Code: wire.CodeNotFound}}
			invalid := server.DestroyMachineResult{Error: &wire.Error{Message: `"unit-etcd-0" is not a valid machine tag`}}
			for _, step := range []struct {
				name   string
				params server.DestroyMachines
				want   []server.DestroyMachineResult
			}{
				{"dry", server.DestroyMachines{MachineTags: both, DryRun: true},
					[]server.DestroyMachineResult{one("0", wire.Entity{Tag: "unit-etcd-0"}), one("1"), missing, invalid}},
				{"without force", server.DestroyMachines{MachineTags: both}, []server.DestroyMachineResult{
					{Error: &wire.Error{Message: `machine 0 has unit "etcd/0" assigned`, Code: "machine has assigned units"}}, one("1"), missing, invalid,
				}},
				{"with force", server.DestroyMachines{MachineTags: both[:1], Force: true}, []server.DestroyMachineResult{one("0", wire.Entity{Tag: "unit-etcd-0"})}},
			} {
				var results server.DestroyMachineResults
				ask("DestroyMachineWithParams", step.params, &results)
				if diff := cmp.Diff(step.want, results.Results); diff != "" {
					t.Errorf("%s: %s", step.name, diff)
				}
			}
			if ids := m.MachineIDs(); len(ids) != 0 {
				t.Errorf("there are still machines %v", ids)
			}
			for method, params := range map[string]any{"AddMachines": server.AddMachines{}, "DestroyMachineWithParams": server.DestroyMachines{}} {
				h.login(t, m, "reader", password).refused(wire.CodeUnauthorized, wire.MessagePermissionDenied, "MachineManager", version, method, params)
			}
			h.login(t, m, "admin", password).call("Block", 2, "SwitchBlockOn", server.SwitchBlock{Type: "BlockChange", Message: "no"})
			c.refused(wire.CodeOperationBlocked, "no", "MachineManager", version, "AddMachines", server.AddMachines{})
		})
	}
}

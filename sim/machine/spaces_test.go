package machine_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
)

// An endpoint's addresses are those of the space that it is bound to: for network-get, for the databag, and in the status.
func TestEndpointsHaveTheAddressOfTheirSpace(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"metadata.yaml": tellMetadata + "peers:\n  ring: {interface: ring}\n", "dispatch": dispatch} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorldOf(t, model.Options{Spaces: []string{"clients", "peers"}}, func(o *fleet.Options) { o.Spaces = []string{"clients", "peers"} })
	c := load(t, dir)
	for name, bad := range map[string]map[string]string{"nowhere": {"db": "nowhere"}, "no endpoint": {"dbb": "clients"}} {
		if _, err := w.Deploy(model.DeployArgs{Charm: c, Name: "x", Bindings: bad}); err == nil {
			t.Errorf("%s: deployed", name)
		}
	}
	if _, err := w.Deploy(model.DeployArgs{Charm: c, NumUnits: 2, Bindings: map[string]string{"db": "clients", "": "peers", "juju-info": "alpha"}}); err != nil {
		t.Fatal(err)
	}
	w.settled("teller/0", "teller/1")
	machine, err := w.Machine("0")
	if err != nil {
		t.Fatal(err)
	}
	if len(machine.Addresses) != 3 || machine.Spaces["clients"] == "" || machine.Spaces["peers"] == "" {
		t.Fatalf("machine %+v", machine)
	}
	for endpoint, want := range map[string]string{"db": machine.Spaces["clients"], "ring": machine.Spaces["peers"], "juju-info": machine.Addresses[0]} {
		task := w.exec("teller/0", "network-get --format=json "+endpoint)
		var n struct {
			Ingress []string `json:"ingress-addresses"`
			Bind    []struct {
				Addresses []struct {
					Value string `json:"value"`
				} `json:"addresses"`
			} `json:"bind-addresses"`
		}
		text, _ := task.Output["stdout"].(string)
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Fatalf("%s: %v: %v", endpoint, err, task.Output)
		}
		if !slices.Equal(n.Ingress, []string{want}) || n.Bind[0].Addresses[0].Value != want {
			t.Errorf("%s has %s, want %s", endpoint, text, want)
		}
	}
	w.until("the peers are there", func() bool { return w.ring("teller/0") != nil })
	id := w.ringID("teller/0")
	bag, err := w.View("teller/1").RelationSettings(id, "teller/0")
	if err != nil || bag["ingress-address"] != machine.Spaces["peers"] || !strings.HasPrefix(bag["egress-subnets"], machine.Spaces["peers"]+"/") {
		t.Errorf("databag %v %v", bag, err)
	}
	if got := w.FullStatus().Applications[0].Bindings; got["db"] != "clients" || got["ring"] != "peers" || got["juju-info"] != "alpha" || got[""] != "peers" {
		t.Errorf("bindings %v", got)
	}
}

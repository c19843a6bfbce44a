package cli

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi/wire"
)

var update = flag.Bool("update", false, "write the golden files")

// three is a healthy cluster, in the width of a terminal.
func three() statusData {
	now := time.Date(2026, 11, 22, 16, 0, 18, 0, time.UTC)
	unit := func(machine, address string, leader bool) unitStatusData {
		return unitStatusData{
			Workload: lineData{Current: "active", Message: "Healthy with 3 known peers", Since: since(&now)}, JujuStatus: lineData{Current: "idle"},
			Leader: leader, Machine: machine, OpenPorts: []string{"2379/tcp"}, PublicAddress: address,
		}
	}
	machine := func(id, address string) machineData {
		return machineData{
			JujuStatus: lineData{Current: "started"}, DNSName: address, InstanceID: "jujusim-" + id, Base: wire.Base{Name: "ubuntu", Channel: "24.04"},
		}
	}
	busy := unit("10", "127.55.5.20", false)
	busy.JujuStatus = lineData{Current: "executing", Message: "running config-changed hook"}
	return statusData{
		Model:      modelData{Name: "demo", Controller: "jujusim", Cloud: "jujusim", Region: "default", Version: "4.0.15.1"},
		Controller: controllerData{"16:00:18Z"},
		Machines: map[string]machineData{
			"0": machine("0", "127.55.5.10"), "2": machine("2", "127.55.5.12"), "10": machine("10", "127.55.5.20"),
		},
		Applications: map[string]applicationData{"etcd": {
			CharmName: "etcd", Version: "3.6.16", Status: lineData{Current: "active", Message: "3 members, can lose 1"},
			Units: map[string]unitStatusData{
				"etcd/0": unit("0", "127.55.5.10", true), "etcd/10": busy, "etcd/2": unit("2", "127.55.5.12", false),
			},
		}},
		relations: []wire.RelationStatus{{Interface: "etcd", Status: wire.DetailedStatus{Status: "joined"}, Endpoints: []wire.EndpointStatus{
			{Application: "etcd", Name: "cluster", Role: "peer"},
		}}},
	}
}

func TestStatusTableIsTheGoldenOne(t *testing.T) {
	const path = "testdata/status.golden"
	got := three().tabular(true)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// TestATableIsLaidOutAsJujuDoes: a line of each table of a real 4.0, of which nothing but the cells'
// contents are ours. Columns that say nothing stay.
func TestATableIsLaidOutAsJujuDoes(t *testing.T) {
	s := statusData{
		Applications: map[string]applicationData{
			"con": {CharmName: "probe", CharmRev: 1, Status: lineData{Current: "active", Message: "up"}, Units: map[string]unitStatusData{
				"con/0": {Workload: lineData{Current: "active", Message: "up"}, JujuStatus: lineData{Current: "idle"}, Leader: true, Machine: "0",
					PublicAddress: "10.123.0.51"},
			}},
			"st1": {CharmName: "probe", CharmRev: 5, Status: lineData{Current: "waiting", Message: "agent initialising"}},
		},
		Machines: map[string]machineData{"0": {
			JujuStatus: lineData{Current: "started"}, DNSName: "10.123.0.51", InstanceID: "manual:10.123.0.51",
			Base: wire.Base{Name: "ubuntu", Channel: "22.04"}, MachineStatus: lineData{Message: "Manually provisioned machine"},
		}},
	}
	for got, want := range map[string]string{
		s.applicationTable(): "App  Version  Status   Scale  Charm  Channel  Rev  Exposed  Message\n" +
			"con           active       1  probe             1  no       up\n" +
			"st1           waiting      0  probe             5  no       agent initialising\n",
		s.unitTable(): "Unit    Workload  Agent  Machine  Public address  Ports  Message\n" +
			"con/0*  active    idle   0        10.123.0.51            up\n",
		s.machineTable(): "Machine  State    Address      Inst id             Base          AZ  Message\n" +
			"0        started  10.123.0.51  manual:10.123.0.51  ubuntu@22.04      Manually provisioned machine\n",
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

package cli

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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

func TestStatusTableOfAHealthyClusterFitsEightyColumns(t *testing.T) {
	s := three()
	quiet := s.Applications["etcd"].Units["etcd/10"]
	quiet.JujuStatus = lineData{Current: "idle"}
	s.Applications["etcd"].Units["etcd/10"] = quiet
	for line := range strings.Lines(s.tabular(true)) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

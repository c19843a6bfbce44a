package jujuapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/test/recordings"
)

// recorded returns the answer to a FullStatus of a recording, decoded anew for each call.
func recorded(t *testing.T, name string) wire.FullStatus {
	t.Helper()
	connections, err := recordings.Juju()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range connections {
		for _, call := range c.Calls {
			if c.Name == name && call.Request.Method == "FullStatus" {
				var s wire.FullStatus
				if err := json.Unmarshal(call.Response.Response, &s); err != nil {
					t.Fatal(err)
				}
				return s
			}
		}
	}
	t.Fatalf("no FullStatus in %s", name)
	return wire.FullStatus{}
}

func model(s wire.FullStatus) *jujuapi.Model { return jujuapi.NewModel(ref, s, time.Unix(1, 0)) }

func TestAModelHoldsWhatTheControllerSaid(t *testing.T) {
	t.Parallel()
	m := model(recorded(t, "fullstatus-hook-error-agent-lost"))
	etcd := m.Applications["etcd"]
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	if !m.TakenAt.Equal(at("2026-11-22T08:16:31.649241094Z")) || m.Version != "4.0.15.1" || m.Owner != "admin" {
		t.Errorf("got %s, %s, %s", m.TakenAt, m.Version, m.Owner)
	}
	want := jujuapi.Unit{
		Name: "etcd/1", Life: jujuapi.Alive, Machine: "1", PublicAddress: "10.213.0.12", OpenedPorts: []string{"2379/tcp"},
		AgentStatus: jujuapi.Status{Current: "lost", Message: "agent is not communicating with the server", Since: at("2026-11-22T08:16:11.36759901Z")},
		WorkloadStatus: jujuapi.Status{Current: "unknown", Message: "agent lost, see `juju debug-logs` or `juju show-status-log` for more information",
			Since: at("2026-11-22T08:15:00.610638926Z")},
		WorkloadVersion: "3.6.16", AgentVersion: "4.0.15.1",
	}
	if diff := cmp.Diff(want, etcd.Units["etcd/1"]); diff != "" {
		t.Errorf("unit etcd/1 (-want +got):\n%s", diff)
	}
	relations := []jujuapi.Relation{
		{ID: 0, Key: "etcd:cluster", Interface: "lab-peer", Endpoint: "cluster", Peer: true, RemoteApplication: "etcd", RemoteEndpoint: "cluster", Status: "joined"},
		{ID: 1, Key: "client:db etcd:db", Interface: "labdb", Endpoint: "db", RemoteApplication: "client", RemoteEndpoint: "db", Status: "joined"},
		{ID: 2, Key: "client2:db etcd:db", Interface: "labdb", Endpoint: "db", RemoteApplication: "client2", RemoteEndpoint: "db", Status: "joined"},
	}
	if diff := cmp.Diff(relations, etcd.Relations); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
	if etcd.CharmRevision != 1 || m.Applications["client"].CharmRevision != 0 || !etcd.Units["etcd/0"].Leader || etcd.Units["etcd/1"].Leader {
		t.Errorf("got %+v", etcd)
	}
	down := m.Machines["1"]
	if !down.Provisioned || down.AgentStatus.Current != "down" || down.Life != jujuapi.Alive || len(down.Addresses) != 1 {
		t.Errorf("machine 1: got %+v", down)
	}
}

func TestOldAndNewControllersGiveTheSameModel(t *testing.T) {
	t.Parallel()
	s := recorded(t, "fullstatus-relations")
	want := model(s)
	// What 3.6 and 2.9 leave out, or say besides.
	s.Branches = map[string]json.RawMessage{}
	s.Model.MeterStatus, s.Model.SLA = &wire.MeterStatus{}, new("unsupported")
	for name, a := range s.Applications {
		a.Life, a.CharmRev, a.MeterStatuses = "", 0, json.RawMessage("null")
		for unit, u := range a.Units {
			u.AgentStatus.Life = ""
			a.Units[unit] = u
		}
		s.Applications[name] = a
	}
	for id, machine := range s.Machines {
		machine.AgentStatus.Life, machine.AgentStatus.Version = "", "3.6.8"
		s.Machines[id] = machine
	}
	if diff := cmp.Diff(want, model(s)); diff != "" {
		t.Errorf("4.0 (-) and 3.6 (+):\n%s", diff)
	}
}

func TestSubordinatesAndContainersAreFoundBelowTheirHosts(t *testing.T) {
	t.Parallel()
	m := model(wire.FullStatus{
		Applications: map[string]wire.ApplicationStatus{
			"etcd": {Charm: "ch:amd64/etcd-5", Units: map[string]wire.UnitStatus{
				"etcd/0": {Machine: "0/lxd/1", Subordinates: map[string]wire.UnitStatus{"agent/3": {Leader: true}}},
			}},
			"agent": {Charm: "local:agent", SubordinateTo: []string{"etcd"}},
		},
		Machines: map[string]wire.MachineStatus{"0": {InstanceID: "i-1", Containers: map[string]wire.MachineStatus{
			"0/lxd/1": {InstanceID: "pending", DNSName: "10.0.0.9", AgentStatus: wire.DetailedStatus{Status: "pending", Life: "dying"}},
		}}},
	})
	if got := m.Applications["agent"].Units["agent/3"]; got.Machine != "0/lxd/1" || !got.Leader {
		t.Errorf("subordinate: got %+v", got)
	}
	if got := m.Machines["0/lxd/1"]; got.Provisioned || got.Life != jujuapi.Dying || len(got.Addresses) != 1 {
		t.Errorf("container: got %+v", got)
	}
	if got := m.Applications["etcd"].CharmRevision; got != 5 {
		t.Errorf("charm revision from the URL: got %d", got)
	}
	if !m.TakenAt.Equal(time.Unix(1, 0)) {
		t.Errorf("without the controller's clock: got %s", m.TakenAt)
	}
}

func TestAMachineIsProvisionedOnceItsAgentHasStarted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		instance, agent string
		want            bool
	}{
		{"i-1", "started", true}, {"i-1", "down", true}, {"i-1", "stopped", true},
		{"i-1", "pending", false}, {"i-1", "error", false}, {"pending", "pending", false}, {"", "pending", false}, {"pending", "down", false},
	} {
		m := model(wire.FullStatus{Machines: map[string]wire.MachineStatus{"0": {InstanceID: test.instance, AgentStatus: wire.DetailedStatus{Status: test.agent}}}})
		if got := m.Machines["0"].Provisioned; got != test.want {
			t.Errorf("instance %q with agent %q: got %t", test.instance, test.agent, got)
		}
	}
}

func TestTheHashLeavesOutWhatChangesByItself(t *testing.T) {
	t.Parallel()
	later := func(at **time.Time) {
		moved := time.Unix(2e9, 0)
		*at = &moved
	}
	tests := []struct {
		name   string
		change func(*wire.FullStatus)
		same   bool
	}{
		{"nothing", func(*wire.FullStatus) {}, true},
		{"the controller's clock", func(s *wire.FullStatus) { later(&s.ControllerTimestamp) }, true},
		{"the model's since", func(s *wire.FullStatus) { later(&s.Model.ModelStatus.Since) }, true},
		{"an application's since", func(s *wire.FullStatus) { application(s, func(a *wire.ApplicationStatus) { later(&a.Status.Since) }) }, true},
		{"a workload's since", func(s *wire.FullStatus) { unit(s, func(u *wire.UnitStatus) { later(&u.WorkloadStatus.Since) }) }, true},
		{"a machine's since", func(s *wire.FullStatus) { machine(s, func(m *wire.MachineStatus) { later(&m.AgentStatus.Since) }) }, true},
		{"the order of relations", func(s *wire.FullStatus) {
			s.Relations[0], s.Relations[len(s.Relations)-1] = s.Relations[len(s.Relations)-1], s.Relations[0]
		}, true},
		{"a unit agent's since: a hook ran", func(s *wire.FullStatus) { unit(s, func(u *wire.UnitStatus) { later(&u.AgentStatus.Since) }) }, false},
		{"a unit's status", func(s *wire.FullStatus) { unit(s, func(u *wire.UnitStatus) { u.WorkloadStatus.Info += "." }) }, false},
		{"a unit's ports", func(s *wire.FullStatus) { unit(s, func(u *wire.UnitStatus) { u.OpenedPorts = nil }) }, false},
		{"the leader", func(s *wire.FullStatus) { unit(s, func(u *wire.UnitStatus) { u.Leader = !u.Leader }) }, false},
		{"a unit's life", func(s *wire.FullStatus) { unit(s, func(u *wire.UnitStatus) { u.AgentStatus.Life = "dying" }) }, false},
		{"a machine's agent", func(s *wire.FullStatus) { machine(s, func(m *wire.MachineStatus) { m.AgentStatus.Status = "down" }) }, false},
		{"a relation less", func(s *wire.FullStatus) { s.Relations = s.Relations[1:] }, false},
		{"an application less", func(s *wire.FullStatus) { delete(s.Applications, "client") }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := recorded(t, "fullstatus-relations")
			want := model(s).Hash
			test.change(&s)
			if got := model(s).Hash; (got == want) != test.same {
				t.Errorf("the hash is the same: %t, want %t", got == want, test.same)
			}
		})
	}
}

func TestTheHashOfAnApplicationMindsItsOwnBusiness(t *testing.T) {
	t.Parallel()
	s := recorded(t, "fullstatus-relations")
	before := model(s)
	client := s.Applications["client"]
	client.Status.Info = "changed"
	s.Applications["client"] = client
	after := model(s)
	if before.HashOf("etcd") != after.HashOf("etcd") || before.HashOf("client") == after.HashOf("client") || before.Hash == after.Hash {
		t.Error("a change of client is a change of etcd, or none of client")
	}
	machine(&s, func(m *wire.MachineStatus) { m.AgentStatus.Status = "down" })
	if model(s).HashOf("etcd") == after.HashOf("etcd") {
		t.Error("a change of a machine of etcd is none of etcd")
	}
}

func application(s *wire.FullStatus, change func(*wire.ApplicationStatus)) {
	a := s.Applications["etcd"]
	change(&a)
	s.Applications["etcd"] = a
}

func unit(s *wire.FullStatus, change func(*wire.UnitStatus)) {
	u := s.Applications["etcd"].Units["etcd/0"]
	change(&u)
	s.Applications["etcd"].Units["etcd/0"] = u
}

func machine(s *wire.FullStatus, change func(*wire.MachineStatus)) {
	m := s.Machines["0"]
	change(&m)
	s.Machines["0"] = m
}

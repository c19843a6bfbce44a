package server_test

import (
	"testing"

	"jujuetcd.io/sim/charm"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/server"
)

// The model that was recorded.
const (
	controllerUUID = "86c48e47-1b72-4861-8430-aea958d6965a"
	modelUUID      = "dfad32c3-5ac6-4202-8985-4272b797d702"
	password       = "right-password"
)

const labMetadata = `
name: labcharm
peers: {cluster: {interface: lab-peer}}
provides: {db: {interface: labdb}}
requires: {upstream: {interface: lab-up}, external: {interface: lab-ext}}
storage: {data: {type: filesystem}}
`

const labConfig = `
options:
  channel: {type: string, default: 3.6/stable, description: snap channel}
  debug: {type: boolean, default: false, description: flag}
  port: {type: int, default: 2379, description: client port}
  ratio: {type: float, default: 0.5, description: a float}
  snap-count: {type: int, description: unset int}
  token: {type: secret, description: a secret}
`

const labActions = `
health: {description: report health}
snapshot:
  description: take a snapshot
  params:
    fail: {type: boolean, default: false}
    keys-version: {type: string, default: v3, description: keys}
    sleep: {type: integer, default: 0}
`

// story is a model on its way through what was recorded.
type story struct {
	*harness
	t *testing.T
	m *model.Model
}

func newStory(t *testing.T) *story {
	t.Helper()
	c := model.NewController(model.Options{UUID: controllerUUID})
	for name, access := range map[string]model.Access{"admin": model.Superuser, "alice": model.Login, "carol": model.Login} {
		_, err := c.AddUser(name, "", password)
		must(t, err)
		must(t, c.GrantController(name, access))
	}
	_, err := c.AddModel("admin", "controller", "24cb68a1-e817-40a0-8f60-787f98bd51c1")
	must(t, err)
	m, err := c.AddModel("admin", "etcd-a", modelUUID)
	must(t, err)
	must(t, c.Grant("carol", modelUUID, model.Read))
	s := &story{serve(t, c, server.Options{}), t, m}

	// A first revision of each charm, so that numbers fit.
	_, err = m.Deploy(model.DeployArgs{Charm: lab(t, "name: labcharm", "", ""), Name: "first"})
	must(t, err)
	must(t, m.DestroyApplication("first"))
	s.deploy("etcd", lab(t, labMetadata, labConfig, labActions), "")
	s.machine("0", "10.213.0.11", "jjm1")
	s.starts("etcd/0")
	must(t, m.SetApplicationStatus("etcd/0", "active", "cluster ready"))
	s.healthy("etcd/0")
	return s
}

func lab(t *testing.T, metadata, config, actions string) *charm.Charm {
	t.Helper()
	c, err := charm.Parse(metadata, config, actions, "")
	must(t, err)
	return c
}

func (s *story) deploy(name string, c *charm.Charm, to model.Placement) {
	s.t.Helper()
	_, err := s.m.Deploy(model.DeployArgs{Charm: c, Name: name, NumUnits: 1, To: []model.Placement{to}})
	must(s.t, err)
}

func (s *story) machine(id, address, hostname string) {
	s.t.Helper()
	must(s.t, s.m.MachineStarted(id, model.MachineFacts{
		InstanceID: "manual:" + address, Addresses: []string{address}, Hostname: hostname, InstanceInfo: "Manually provisioned machine",
	}))
}

// starts brings a unit's agent up, to idle and active, in the scopes of all its relations.
func (s *story) starts(unit string) {
	s.t.Helper()
	must(s.t, s.m.AgentUp(unit))
	snapshot, err := s.m.Snapshot(unit)
	must(s.t, err)
	for id := range snapshot.Relations {
		must(s.t, s.m.EnterScope(unit, id))
	}
	must(s.t, s.m.SetAgentStatus(unit, "idle", ""))
	must(s.t, s.m.SetWorkloadStatus(unit, "active", ""))
}

func (s *story) healthy(unit string) {
	s.t.Helper()
	must(s.t, s.m.SetWorkloadStatus(unit, "active", "Healthy with 1 known peer"))
	must(s.t, s.m.SetWorkloadVersion(unit, "3.6.16"))
	must(s.t, s.m.Commit(unit, model.Changes{Open: []model.PortRange{{From: 2379, To: 2379, Protocol: "tcp"}}}))
}

// runs makes a unit's agent take its next task and log a line.
func (s *story) runs(unit, log string) model.Task {
	s.t.Helper()
	task, ok, err := s.m.ClaimTask(unit)
	must(s.t, err)
	if !ok {
		s.t.Fatalf("there is no task for %s", unit)
	}
	if log != "" {
		must(s.t, s.m.LogTask(task.ID, log))
	}
	return task
}

func (s *story) ends(task model.Task, status model.TaskStatus, message string, output map[string]any) {
	s.t.Helper()
	output = merge(map[string]any{"return-code": 0}, output)
	must(s.t, s.m.FinishTask(task.ID, status, message, output))
}

func merge(a, b map[string]any) map[string]any {
	for k, v := range b {
		a[k] = v
	}
	return a
}

var (
	healthOutput   = map[string]any{"result": map[string]any{"members": "1", "output": "healthy"}}
	snapshotOutput = map[string]any{"snapshot": map[string]any{"path": "/root/x.tgz", "size": "42"}}
)

func (s *story) health(unit string) {
	s.t.Helper()
	s.ends(s.runs(unit, "checking"), model.TaskCompleted, "", healthOutput)
}

func (s *story) snapshot(unit string) {
	s.t.Helper()
	s.ends(s.runs(unit, "snapshot starting"), model.TaskCompleted, "", snapshotOutput)
}

func (s *story) enqueue(unit, action string, params map[string]any) {
	s.t.Helper()
	_, _, err := s.m.Enqueue([]model.TaskRequest{{Receiver: unit, Name: action, Params: params}})
	must(s.t, err)
}

// refreshes upgrades the charm of etcd twice.
func (s *story) refreshes() {
	s.t.Helper()
	for range 2 {
		url, err := s.m.Refresh("etcd", lab(s.t, labMetadata, labConfig, labActions))
		must(s.t, err)
		for _, unit := range s.m.UnitNames("etcd") {
			must(s.t, s.m.SetUnitCharm(unit, url))
			must(s.t, s.m.SetWorkloadVersion(unit, "3.6.17"))
		}
	}
	must(s.t, s.m.SetWorkloadStatus("etcd/0", "maintenance", "installing"))
}

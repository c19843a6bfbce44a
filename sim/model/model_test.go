package model_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/sim/charm"
	"jujuetcd.io/sim/model"
)

const etcdMetadata = `
name: etcd
peers: {cluster: {interface: etcd}}
provides: {db: {interface: etcd-db}}
requires: {certificates: {interface: tls-certificates}}
`

const etcdConfig = `
options:
  port: {type: int, default: 2379, description: client port}
  channel: {type: string, default: 3.6/stable}
  extra: {type: string}
`

const etcdActions = `
reconcile:
  params: {desired: {type: string}}
  required: [desired]
`

func testCharm(t *testing.T, metadata, config, actions string) *charm.Charm {
	t.Helper()
	c, err := charm.Parse(metadata, config, actions, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// world is a model with etcd of n units whose machines and agents run.
func world(t *testing.T, n int, o model.Options) *model.Model {
	t.Helper()
	c := model.NewController(o)
	t.Cleanup(c.Close)
	if _, err := c.AddUser("admin", "", "pw"); err != nil {
		t.Fatal(err)
	}
	m, err := c.AddModel("admin", "demo", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Deploy(model.DeployArgs{Charm: testCharm(t, etcdMetadata, etcdConfig, etcdActions), NumUnits: n}); err != nil {
		t.Fatal(err)
	}
	start(t, m)
	return m
}

// start starts all machines and agents, which enter the scopes of all relations.
func start(t *testing.T, m *model.Model) {
	t.Helper()
	for i, id := range m.MachineIDs() {
		must(t, m.MachineStarted(id, model.MachineFacts{Addresses: []string{"127.0.1." + string(rune('1'+i))}}))
	}
	for _, u := range m.UnitNames("") {
		must(t, m.AgentUp(u))
		s, err := m.Snapshot(u)
		must(t, err)
		for id := range s.Relations {
			must(t, m.EnterScope(u, id))
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnitNumbersAreNeverReused(t *testing.T) {
	m := world(t, 3, model.Options{})
	must(t, m.DestroyUnit("etcd/2"))
	must(t, m.UnitGone("etcd/2"))
	names, err := m.AddUnits("etcd", 1, nil)
	must(t, err)
	if diff := cmp.Diff([]string{"etcd/3"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestCommitIsAllOrNothing(t *testing.T) {
	for _, tc := range []struct {
		name    string
		unit    string
		changes model.Changes
		want    error
	}{
		{"follower writes the application databag", "etcd/1", model.Changes{
			UnitSettings:        map[int]map[string]string{0: {"facts": "new"}},
			ApplicationSettings: map[int]map[string]string{0: {"epoch": "1"}},
		}, model.ErrNotLeader},
		{"port of another unit on the machine", "other/0", model.Changes{
			UnitSettings: map[int]map[string]string{1: {"facts": "new"}},
			State:        map[string]string{"k": "v"},
			Open:         []model.PortRange{{From: 2379, To: 2379, Protocol: "tcp"}},
		}, model.ErrPortConflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := world(t, 2, model.Options{})
			if _, err := m.Deploy(model.DeployArgs{
				Charm: testCharm(t, etcdMetadata, "", ""), Name: "other", NumUnits: 1, To: []model.Placement{"0"},
			}); err != nil {
				t.Fatal(err)
			}
			start(t, m)
			must(t, m.Commit("etcd/0", model.Changes{Open: []model.PortRange{{From: 2379, To: 2379, Protocol: "tcp"}}}))
			revision := m.Revision()
			if err := m.Commit(tc.unit, tc.changes); !errors.Is(err, tc.want) {
				t.Fatalf("got error %v, want %v", err, tc.want)
			}
			if m.Revision() != revision {
				t.Error("a refused commit changed the model")
			}
			state, err := m.View(tc.unit).State()
			must(t, err)
			if len(state) > 0 {
				t.Errorf("a refused commit changed the unit's state: %v", state)
			}
		})
	}
}

func TestLeaderWritesApplicationDatabagThatAllRead(t *testing.T) {
	m := world(t, 3, model.Options{})
	must(t, m.Commit("etcd/0", model.Changes{ApplicationSettings: map[int]map[string]string{0: {"epoch": "1"}}}))
	for _, u := range m.UnitNames("etcd") {
		got, err := m.View(u).RelationApplicationSettings(0, "etcd")
		must(t, err)
		if diff := cmp.Diff(map[string]string{"epoch": "1"}, got); diff != "" {
			t.Errorf("%s: %s", u, diff)
		}
	}
}

func TestSameValueIsNoChange(t *testing.T) {
	m := world(t, 1, model.Options{})
	c := model.Changes{UnitSettings: map[int]map[string]string{0: {"facts": "x"}}}
	must(t, m.Commit("etcd/0", c))
	revision := m.Revision()
	must(t, m.Commit("etcd/0", c))
	must(t, m.SetConfig("etcd", map[string]string{}))
	if m.Revision() != revision {
		t.Error("writing the same value woke the agents")
	}
}

func TestLeadershipMovesWhenTheLeadersAgentIsGone(t *testing.T) {
	m := world(t, 3, model.Options{Lease: time.Millisecond})
	if !m.IsLeader("etcd/0") {
		t.Fatal("the first unit does not lead")
	}
	must(t, m.AgentGone("etcd/0"))
	waitFor(t, m, func() bool { return m.IsLeader("etcd/1") })
	must(t, m.AgentUp("etcd/0"))
	if !m.IsLeader("etcd/1") {
		t.Error("leadership went back to the unit that had lost it")
	}
}

func TestLeadershipStaysWithinTheLease(t *testing.T) {
	m := world(t, 2, model.Options{Lease: time.Hour})
	must(t, m.AgentGone("etcd/0"))
	must(t, m.AgentUp("etcd/0"))
	if !m.IsLeader("etcd/0") {
		t.Error("a short absence cost the leadership")
	}
}

func TestDepartedUnitDisappearsFromPeersAndItsMachineDies(t *testing.T) {
	m := world(t, 2, model.Options{})
	must(t, m.DestroyUnit("etcd/1"))
	s, err := m.Snapshot("etcd/1")
	must(t, err)
	if s.Life != model.Dying {
		t.Fatalf("life is %s", s.Life)
	}
	must(t, m.LeaveScope("etcd/1", 0))
	s, err = m.Snapshot("etcd/0")
	must(t, err)
	if len(s.Relations[0].Members) != 0 {
		t.Errorf("etcd/0 still sees %v", s.Relations[0].Members)
	}
	must(t, m.UnitGone("etcd/1"))
	mc, err := m.Machine("1")
	must(t, err)
	if mc.Life != model.Dying {
		t.Errorf("the empty machine is %s", mc.Life)
	}
	if _, err := m.Snapshot("etcd/1"); !model.IsNotFound(err) {
		t.Errorf("got %v for a unit that is gone", err)
	}
}

func TestTaskThatTheSchemaRefusesEndsInErrorBeforeTheCharm(t *testing.T) {
	m := world(t, 1, model.Options{})
	for _, params := range []map[string]any{{"bogus": 1.0}, nil, {"desired": 3.0}} {
		_, results, err := m.Enqueue([]model.TaskRequest{{Receiver: "etcd/0", Name: "reconcile", Params: params}})
		must(t, err)
		if _, ok, err := m.ClaimTask("etcd/0"); ok || err != nil {
			t.Errorf("the agent was given a task with %v (%v)", params, err)
		}
		task, err := m.Task(results[0].Task.ID)
		must(t, err)
		if task.Status != model.TaskError || !task.Started.IsZero() {
			t.Errorf("task with %v is %s, started %s", params, task.Status, task.Started)
		}
	}
}

func TestTasksAndOperationsShareOneCounter(t *testing.T) {
	m := world(t, 1, model.Options{})
	request := []model.TaskRequest{{Receiver: "etcd/leader", Name: "reconcile", Params: map[string]any{"desired": "{}"}}}
	for want := 0; want < 6; want += 2 {
		op, results, err := m.Enqueue(request)
		must(t, err)
		if op != want || results[0].Task.ID != want+1 || results[0].Task.Unit != "etcd/0" {
			t.Errorf("got operation %d, task %d on %s", op, results[0].Task.ID, results[0].Task.Unit)
		}
	}
}

func TestRestartedAgentFailsTheTaskThatItRan(t *testing.T) {
	m := world(t, 1, model.Options{})
	_, results, err := m.Enqueue([]model.TaskRequest{{Receiver: "etcd/0", Name: "reconcile", Params: map[string]any{"desired": "{}"}}})
	must(t, err)
	if _, ok, err := m.ClaimTask("etcd/0"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	must(t, m.AgentGone("etcd/0"))
	must(t, m.AgentUp("etcd/0"))
	task, err := m.Task(results[0].Task.ID)
	must(t, err)
	if task.Status != model.TaskFailed {
		t.Errorf("task is %s", task.Status)
	}
}

func TestRelationIsGoneWhenBothSidesHaveLeft(t *testing.T) {
	m := world(t, 1, model.Options{})
	if _, err := m.Deploy(model.DeployArgs{
		Charm: testCharm(t, "name: easyrsa\nprovides: {client: {interface: tls-certificates}}", "", ""), NumUnits: 1,
	}); err != nil {
		t.Fatal(err)
	}
	id, err := m.AddRelation("etcd", "easyrsa")
	must(t, err)
	start(t, m)
	must(t, m.DestroyRelation("etcd", "easyrsa", false))
	if _, err := m.AddRelation("etcd", "easyrsa"); err == nil {
		t.Error("a relation was added while its forerunner is dying")
	}
	must(t, m.LeaveScope("etcd/0", id))
	must(t, m.LeaveScope("easyrsa/0", id))
	if n := len(m.FullStatus().Relations); n != 1 {
		t.Errorf("%d relations are left, want the peer relation alone", n)
	}
}

func TestRelationRemovedByForceIsGoneAtOnce(t *testing.T) {
	for name, remove := range map[string]func(*model.Model, int) error{
		"by its endpoints": func(m *model.Model, _ int) error { return m.DestroyRelation("etcd", "easyrsa", true) },
		"by its number":    func(m *model.Model, id int) error { return m.DestroyRelationID(id, true) },
	} {
		t.Run(name, func(t *testing.T) {
			m := world(t, 1, model.Options{})
			_, err := m.Deploy(model.DeployArgs{
				Charm: testCharm(t, "name: easyrsa\nprovides: {client: {interface: tls-certificates}}", "", ""), NumUnits: 1,
			})
			must(t, err)
			id, err := m.AddRelation("etcd", "easyrsa")
			must(t, err)
			start(t, m)
			must(t, m.EnterScope("etcd/0", id))
			must(t, remove(m, id))
			s, err := m.Snapshot("etcd/0")
			must(t, err)
			if _, there := s.Relations[id]; there || len(m.FullStatus().Relations) != 1 {
				t.Error("it is there")
			}
			_, err = m.AddRelation("etcd", "easyrsa")
			must(t, err)
		})
	}
}

func TestSettingsOfAUnitThatHasLeftStayReadableWhileTheRelationIsThere(t *testing.T) {
	m := world(t, 2, model.Options{})
	before, err := m.View("etcd/0").RelationSettings(0, "etcd/1")
	must(t, err)
	must(t, m.LeaveScope("etcd/1", 0))
	after, err := m.View("etcd/0").RelationSettings(0, "etcd/1")
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the settings have changed (-before +after):\n%s", diff)
	}
	if _, err := m.View("etcd/0").RelationSettings(0, "etcd/9"); !model.IsNotFound(err) {
		t.Errorf("a unit that was never there: %v", err)
	}
}

func TestDestroyedApplicationLeavesNothing(t *testing.T) {
	m := world(t, 2, model.Options{})
	must(t, m.DestroyApplication("etcd"))
	for _, u := range m.UnitNames("etcd") {
		must(t, m.UnitGone(u))
	}
	for _, id := range m.MachineIDs() {
		must(t, m.MachineGone(id))
	}
	s := m.FullStatus()
	if len(s.Applications)+len(s.Machines)+len(s.Relations) != 0 {
		t.Errorf("left: %+v", s)
	}
}

func waitFor(t *testing.T, m *model.Model, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for revision := uint64(0); !done(); {
		var err error
		if revision, err = m.WaitChange(ctx, revision); err != nil {
			t.Fatal(err)
		}
	}
}

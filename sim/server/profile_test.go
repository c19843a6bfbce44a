package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// enqueue asks for actions and returns the reply.
func (c *client) enqueue(actions ...wire.Action) wire.EnqueuedActions {
	c.t.Helper()
	r := c.call("Action", 7, "EnqueueOperation", wire.Actions{Actions: actions})
	if r.Error != "" {
		c.t.Fatal(r.Error)
	}
	var reply wire.EnqueuedActions
	must(c.t, json.Unmarshal(r.Response, &reply))
	return reply
}

func TestOn36ActionsMayBeMixedAndNestedAndAreJudgedOneByOne(t *testing.T) {
	h, m := smallOf(t, profile.V36, server.Options{})
	c := h.login(t, m, "writer", password)
	reply := c.enqueue(
		wire.Action{Receiver: "unit-etcd-0", Name: "health"},
		wire.Action{Receiver: "unit-etcd-0", Name: "nonesuch"},
		wire.Action{Receiver: "unit-etcd-0", Name: "snapshot", Parameters: map[string]any{"sleep": 1}},
		wire.Action{Receiver: "unit-etcd-0", Name: "snapshot", Parameters: map[string]any{"nosuch": 1}},
	)
	if len(reply.Actions) != 4 || reply.Actions[0].Action == nil || reply.Actions[1].Error == nil || reply.Actions[3].Error == nil {
		t.Fatalf("got %+v", reply)
	}
	if got, want := reply.Actions[1].Error.Message, `action "nonesuch" not defined on unit "etcd/0"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if a := reply.Actions[2].Action; a.Name != "snapshot" || fmt.Sprint(a.Parameters) != "map[fail:false keys-version:v3 sleep:1]" {
		t.Errorf("the reply to an enqueued action has %+v: name, and parameters with defaults, are to be there", a)
	}
}

func TestOn36OperationsHaveOutput(t *testing.T) {
	h, m := smallOf(t, profile.V36, server.Options{})
	c := h.login(t, m, "writer", password)
	reply := c.enqueue(wire.Action{Receiver: "unit-etcd-0", Name: "health"})
	task, _, err := m.ClaimTask("etcd/0")
	must(t, err)
	must(t, m.FinishTask(task.ID, model.TaskCompleted, "", map[string]any{"members": "1"}))
	r := c.call("Action", 7, "Operations", wire.Entities{Entities: []wire.Entity{{Tag: reply.OperationTag}}})
	var results wire.OperationResults
	must(t, json.Unmarshal(r.Response, &results))
	if a := results.Results[0].Actions[0]; a.Output["members"] != "1" || a.Completed.IsZero() {
		t.Errorf("got %+v", a)
	}
}

func TestOn36UnitsInfoShowsTheRelatedApplicationsDatabag(t *testing.T) {
	for _, p := range []profile.Profile{profile.V36, profile.V40} {
		h, m := smallOf(t, p, server.Options{})
		_, err := m.Deploy(model.DeployArgs{
			Charm: lab(t, "name: client\nrequires: {db: {interface: labdb}}\n", "", ""), Name: "client", NumUnits: 1,
		})
		must(t, err)
		must(t, m.AgentUp("client/0"))
		id, err := m.AddRelation("etcd:db", "client:db")
		must(t, err)
		for unit, value := range map[string]string{"etcd/0": "of-etcd", "client/0": "of-client"} {
			must(t, m.EnterScope(unit, id))
			must(t, m.Commit(unit, model.Changes{ApplicationSettings: map[int]map[string]string{id: {"who": value}}}))
		}
		c := h.login(t, m, "reader", password)
		r := c.call("Application", 19, "UnitsInfo", wire.Entities{Entities: []wire.Entity{{Tag: "unit-etcd-0"}}})
		var infos wire.UnitInfoResults
		must(t, json.Unmarshal(r.Response, &infos))
		want := map[string]string{"3.6": "of-client", "4.0": "of-etcd"}[p.Name]
		for _, d := range infos.Results[0].Result.RelationData {
			if d.Endpoint == "db" && d.ApplicationData["who"] != want {
				t.Errorf("%s: got %v, want %s", p.Name, d.ApplicationData, want)
			}
		}
		_, private := mustBag(t, m, "etcd/0")["private-address"]
		if private != (p.Name == "3.6") {
			t.Errorf("%s: private-address in a databag: %t", p.Name, private)
		}
	}
}

// mustBag is what a unit has in its peers' relation.
func mustBag(t *testing.T, m *model.Model, unit string) map[string]string {
	t.Helper()
	must(t, m.MachineStarted("0", model.MachineFacts{Addresses: []string{"127.0.0.9"}}))
	must(t, m.EnterScope(unit, 0))
	bag, err := m.View(unit).RelationSettings(0, unit)
	must(t, err)
	return bag
}

func TestOnlyThePeersLeaderSetsLeaderSettings(t *testing.T) {
	_, m := smallOf(t, profile.V36, server.Options{})
	_, err := m.AddUnits("etcd", 1, nil)
	must(t, err)
	must(t, m.SetLeaderSettings("etcd/0", map[string]string{"token": "a", "gone": "b"}))
	must(t, m.SetLeaderSettings("etcd/0", map[string]string{"gone": ""}))
	if err := m.SetLeaderSettings("etcd/1", map[string]string{"token": "c"}); err == nil {
		t.Error("a unit that does not lead has set leader settings")
	}
	if settings, err := m.LeaderSettings("etcd/1"); err != nil || fmt.Sprint(settings) != "map[token:a]" {
		t.Errorf("got %v, %v", settings, err)
	}
}

func TestNoTaskIsMissedWherePagesAreCutBeforeTheyAreFiltered(t *testing.T) {
	h, m := small(t, server.Options{})
	_, err := m.Refresh("etcd", lab(t, labMetadata, labConfig, labActions+"reconcile: {}\n"))
	must(t, err)
	for i := range 61 { // Operations have every second number, and are listed by their numbers as texts: 98 is the last one.
		name := "health"
		if i == 49 {
			name = v1alpha1.ActionReconcile
		}
		_, _, err := m.Enqueue([]model.TaskRequest{{Receiver: "etcd/0", Name: name}})
		must(t, err)
	}
	h.Faults().MixPages()
	known := jujuapi.Controller{Addresses: []string{h.Address()}, CACert: h.CA(), Username: "writer", Password: password}
	conn, err := jujuapi.Dial(t.Context(), known, m.UUID)
	must(t, err)
	defer conn.Close()
	_, err = conn.Login(t.Context(), known)
	must(t, err)
	if tasks, err := conn.ListTasks(t.Context(), jujuapi.TaskFilter{Actions: []string{v1alpha1.ActionReconcile}}); err != nil || len(tasks) != 0 {
		t.Errorf("got %v, %v; a page that is cut early has lost the task, or this test has no point", tasks, err)
	}
	session := jujuapi.OpenModel(t.Context(), known, jujuapi.ModelRef{Owner: "admin", Name: "demo", UUID: m.UUID}, jujuapi.Options{Action: v1alpha1.ActionReconcile})
	defer session.Close()
	tasks, err := session.Tasks(t.Context(), "etcd")
	if reconcile := func(t jujuapi.Task) bool { return t.Name == v1alpha1.ActionReconcile }; err != nil || len(tasks) != 61 || !slices.ContainsFunc(tasks, reconcile) {
		t.Errorf("got %v, %v; want all 61 that are pending", tasks, err)
	}
}

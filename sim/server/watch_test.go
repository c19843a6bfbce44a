package server_test

import (
	"encoding/json"
	"slices"
	"testing"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// watchOf makes a watcher, and returns the connection and the watcher's id.
func watchOf(t *testing.T, h *harness, m *model.Model) (*client, string) {
	t.Helper()
	c := h.login(t, m, "reader", password)
	r := c.call("Client", 8, "WatchAll", struct{}{})
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	var id wire.AllWatcherID
	must(t, json.Unmarshal(r.Response, &id))
	return c, id.WatcherID
}

// ask sends a call of a watcher, and returns what is to be read of the answer.
func (c *client) ask(id, method string) {
	c.t.Helper()
	c.next++
	must(c.t, c.send(wire.Request{RequestID: c.next, Type: "AllWatcher", Version: 3, ID: id, Request: method}))
}

func (c *client) read() wire.Response {
	c.t.Helper()
	_, message, err := c.ws.Read(c.h.ctx)
	must(c.t, err)
	var r wire.Response
	must(c.t, json.Unmarshal(message, &r))
	return r
}

// deltas reads the answer to a Next.
func (c *client) deltas() []wire.Delta {
	c.t.Helper()
	r := c.read()
	if r.Error != "" {
		c.t.Fatal(r.Error)
	}
	var next wire.AllWatcherNext
	must(c.t, json.Unmarshal(r.Response, &next))
	return next.Deltas
}

func kinds(deltas []wire.Delta) []string {
	var all []string
	for _, d := range deltas {
		all = append(all, d.Kind)
	}
	return all
}

func TestTheFirstNextReturnsAllAndLaterOnesWhatChanged(t *testing.T) {
	h, m := smallOf(t, profile.V36, server.Options{})
	c, id := watchOf(t, h, m)
	c.ask(id, "Next")
	all := c.deltas()
	if got, want := kinds(all), []string{"application", "charm", "machine", "model", "relation", "unit"}; !slices.Equal(got, want) {
		t.Errorf("the first reply has %v, not %v", got, want)
	}
	c.ask(id, "Next") // Waits.
	must(t, m.SetWorkloadStatus("etcd/0", "active", "ready"))
	changed := c.deltas()
	if got := kinds(changed); !slices.Equal(got, []string{"unit"}) {
		t.Fatalf("a unit's status changed, and the reply has %v", got)
	}
	var u wire.UnitEntity
	must(t, json.Unmarshal(changed[0].Entity, &u))
	if u.Name != "etcd/0" || u.Application != "etcd" || u.Life != "alive" || u.WorkloadStatus.Current != "active" {
		t.Errorf("the unit is not sent whole: %+v", u)
	}
	// Several changes of one entity while nobody asks are one delta; what goes is removed.
	must(t, m.SetWorkloadStatus("etcd/0", "waiting", "a"))
	must(t, m.SetWorkloadStatus("etcd/0", "blocked", "b"))
	c.ask(id, "Next")
	if got := c.deltas(); len(got) != 1 {
		t.Errorf("two changes of a unit are %d deltas", len(got))
	}
	must(t, m.UnitGone("etcd/0"))
	c.ask(id, "Next")
	if got := c.deltas(); !slices.ContainsFunc(got, func(d wire.Delta) bool { return d.Kind == "unit" && d.Removed }) {
		t.Errorf("a unit went, and the reply has %v", got)
	}
}

func TestNeitherLeadersNorDatabagsNorLostAgentsAreReported(t *testing.T) {
	h, m := smallOf(t, profile.V36, server.Options{})
	must(t, m.EnterScope("etcd/0", 0))
	feed := server.NewFeed(m, h.controller.UUID())
	first, err := feed.Next(t.Context())
	must(t, err)
	must(t, m.Commit("etcd/0", model.Changes{UnitSettings: map[int]map[string]string{0: {"facts": "{}"}}}))
	must(t, m.AgentGone("etcd/0"))
	must(t, m.SetWorkloadStatus("etcd/0", "active", "after all that"))
	deltas, err := feed.Next(t.Context())
	must(t, err)
	var u wire.UnitEntity
	must(t, json.Unmarshal(deltas[0].Entity, &u))
	if len(first) == 0 || len(deltas) != 1 || u.WorkloadStatus.Current != "active" || u.AgentStatus.Current == "lost" {
		t.Errorf("after %d deltas came %v, with %+v", len(first), kinds(deltas), u)
	}
}

func TestWatchersEndAsJujusDo(t *testing.T) {
	h, m := smallOf(t, profile.V36, server.Options{})
	c, id := watchOf(t, h, m)
	says := func(what, code, text string) {
		t.Helper()
		if r := c.read(); r.Error != text || r.ErrorCode != code {
			t.Errorf("%s: got %q (%s), want %q (%s)", what, r.Error, r.ErrorCode, text, code)
		}
	}
	c.ask("17", "Next")
	says("an unknown watcher", wire.CodeNotFound, "unknown watcher id")
	other := h.login(t, m, "reader", password)
	other.ask(id, "Next")
	if r := other.read(); r.ErrorCode != wire.CodeNotFound {
		t.Errorf("a watcher of another connection: %+v", r)
	}
	c.ask(id, "Next")
	c.deltas()
	h.Faults().BreakFeed() // Nobody waits: it is no business of later calls.
	c.ask(id, "Next")
	must(t, m.SetWorkloadStatus("etcd/0", "active", "ready"))
	c.deltas()

	c.ask(id, "Next") // Waits, and is stopped.
	waiting := c.next
	c.ask(id, "Stop")
	for range 2 {
		r := c.read()
		switch {
		case r.RequestID != waiting && r.Error == "":
		case r.RequestID == waiting && r.ErrorCode == wire.CodeStopped && r.Error == "watcher has been stopped":
		case r.RequestID == waiting && r.ErrorCode == wire.CodeNotFound: // Stop has overtaken it.
		default:
			t.Errorf("got %+v", r)
		}
	}
	c.ask(id, "Next")
	says("a watcher that was stopped", wire.CodeNotFound, "unknown watcher id")
}

func TestAWatchCanBeRefusedAndBroken(t *testing.T) {
	h, m := smallOf(t, profile.V36, server.Options{})
	c, id := watchOf(t, h, m)
	c.ask(id, "Next")
	c.deltas()
	c.ask(id, "Next")
	broken := make(chan wire.Response)
	go func() { broken <- c.read() }()
	for done := false; !done; {
		h.Faults().BreakFeed() // Until it has met a call that waits.
		select {
		case r := <-broken:
			if done = true; r.Error != "shared state watcher was stopped" || r.ErrorCode != "" {
				t.Errorf("a broken feed: got %+v", r)
			}
		default:
		}
	}
	h.Faults().RefuseWatch()
	c.refused(wire.CodeUnauthorized, wire.MessagePermissionDenied, "Client", 8, "WatchAll", struct{}{})
	h.Faults().Heal()
	if r := c.call("Client", 8, "WatchAll", struct{}{}); r.Error != "" {
		t.Errorf("healed: %s", r.Error)
	}
}

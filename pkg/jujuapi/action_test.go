package jujuapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

func TestOneCallEnqueuesOneActionOnOneUnit(t *testing.T) {
	t.Parallel()
	var sent wire.Actions
	c := start(t, nil, func(_ context.Context, r wire.Request) (any, *wire.Error) {
		sent = wire.Actions{}
		_ = json.Unmarshal(r.Params, &sent)
		return wire.EnqueuedActions{OperationTag: "operation-41", Actions: []wire.ActionResult{
			{Action: &wire.Action{Tag: "action-42", Receiver: "unit-etcd-0"}, Status: "pending"},
		}}, nil
	})
	conn := connect(t, c)
	for unit, receiver := range map[string]string{"etcd/0": "unit-etcd-0", "my-etcd/12": "unit-my-etcd-12", "etcd/leader": "etcd/leader"} {
		got, err := conn.Enqueue(t.Context(), unit, "reconcile", map[string]any{"desired": "{}"})
		if err != nil || got.ID != "42" || got.Name != "reconcile" || got.Unit != "etcd/0" || got.Status != jujuapi.TaskPending {
			t.Errorf("%s: got %+v, %v", unit, got, err)
		}
		want := []wire.Action{{Receiver: receiver, Name: "reconcile", Parameters: map[string]any{"desired": "{}"}, Parallel: new(true)}}
		if diff := cmp.Diff(want, sent.Actions); diff != "" {
			t.Errorf("%s: sent (-want +got):\n%s", unit, diff)
		}
	}
}

func TestAnErrorInsideAResultIsAnError(t *testing.T) {
	t.Parallel()
	c := start(t, nil, func(_ context.Context, r wire.Request) (any, *wire.Error) {
		fault := &wire.Error{Code: wire.CodeNotFound, Message: "nothing there"}
		switch r.Request {
		case "EnqueueOperation":
			return wire.EnqueuedActions{Actions: []wire.ActionResult{{Error: fault}}}, nil
		case "Actions":
			return wire.ActionResults{Results: []wire.ActionResult{{Error: fault}}}, nil
		case "UnitsInfo":
			return wire.UnitInfoResults{Results: []wire.UnitInfoResult{{Error: fault}}}, nil
		case "CharmConfig":
			return wire.ApplicationGetConfigResults{Results: []wire.ConfigResult{{Error: fault}}}, nil
		case "ApplicationsInfo":
			return wire.ApplicationInfoResults{Results: []wire.ApplicationInfoResult{{Error: fault}}}, nil
		case "ListOperations":
			return wire.OperationResults{Results: []wire.OperationResult{{Error: fault}}}, nil
		}
		return wire.StringResult{Error: fault}, nil
	})
	conn := connect(t, c)
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Enqueue":          func() error { _, err := conn.Enqueue(ctx, "etcd/0", "a", nil); return err },
		"Tasks":            func() error { _, err := conn.Tasks(ctx, "1"); return err },
		"ListTasks":        func() error { _, err := conn.ListTasks(ctx, jujuapi.TaskFilter{}); return err },
		"UnitsInfo":        func() error { _, err := conn.UnitsInfo(ctx, "unit-etcd-0"); return err },
		"CharmConfig":      func() error { _, err := conn.CharmConfig(ctx, "etcd"); return err },
		"ApplicationsInfo": func() error { _, err := conn.ApplicationsInfo(ctx, "etcd"); return err },
		"Leader":           func() error { _, err := conn.Leader(ctx, "etcd"); return err },
	} {
		if err := call(); !errors.Is(err, jujuapi.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
}

func TestAnAnswerThatLacksResultsIsAnErrorAndNoPanic(t *testing.T) {
	t.Parallel()
	c := start(t, nil, empty)
	conn := connect(t, c)
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Enqueue":     func() error { _, err := conn.Enqueue(ctx, "etcd/0", "a", nil); return err },
		"Tasks":       func() error { _, err := conn.Tasks(ctx, "1"); return err },
		"CharmConfig": func() error { _, err := conn.CharmConfig(ctx, "etcd"); return err },
	} {
		if err := call(); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// pages serves n operations of one task each, as many at a time as asked for.
func pages(n int) handler {
	return func(_ context.Context, r wire.Request) (any, *wire.Error) {
		var q wire.OperationQueryArgs
		if json.Unmarshal(r.Params, &q) != nil || q.Limit == nil || *q.Limit > 50 {
			return nil, &wire.Error{Message: "asked wrongly"}
		}
		var page wire.OperationResults
		for i := *q.Offset; i < n && len(page.Results) < *q.Limit; i++ {
			page.Results = append(page.Results, wire.OperationResult{Actions: []wire.ActionResult{
				{Action: &wire.Action{Tag: "action-" + strconv.Itoa(i), Receiver: "unit-etcd-0", Name: "reconcile"}, Status: "pending"},
				{Error: &wire.Error{Message: "unit not found"}},
			}})
		}
		page.Truncated = *q.Offset+len(page.Results) < n
		return page, nil
	}
}

func TestAListIsReadToItsLastPage(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 50, 51, 130} {
		conn := connect(t, start(t, nil, pages(n)))
		tasks, err := conn.ListTasks(t.Context(), jujuapi.TaskFilter{})
		if err != nil || len(tasks) != n {
			t.Errorf("%d operations: got %d tasks, %v", n, len(tasks), err)
		}
	}
	conn := connect(t, start(t, nil, pages(1<<30)))
	if _, err := conn.ListTasks(t.Context(), jujuapi.TaskFilter{}); err == nil {
		t.Error("a list without end: got no error")
	}
}

func TestUnfinishedTasksOfAllActionsAreTheTasksOfAnApplication(t *testing.T) {
	t.Parallel()
	var asked wire.OperationQueryArgs
	c := start(t, nil, func(_ context.Context, r wire.Request) (any, *wire.Error) {
		var q wire.OperationQueryArgs
		if _ = json.Unmarshal(r.Params, &q); q.Status == nil {
			return wire.OperationResults{}, nil // are there more operations at all?
		}
		asked = q
		task := func(id, unit, name, status string) wire.ActionResult {
			return wire.ActionResult{Action: &wire.Action{Tag: "action-" + id, Receiver: unit, Name: name}, Status: status}
		}
		// One ended between the choice of its operation and the answer; one is another application's, and one a machine's.
		return wire.OperationResults{Results: []wire.OperationResult{{Actions: []wire.ActionResult{
			task("1", "unit-etcd-0", "reconcile", "pending"), task("2", "unit-etcd-0", "restore", "running"), task("3", "unit-etcd-0", "reconcile", "completed"),
			task("4", "unit-etcd-client-0", "restore", "running"), task("5", "machine-0", "juju-exec", "running"), task("6", "unit-etcd-1", "juju-exec", "pending"),
		}}}}, nil
	})
	s := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.Options{Action: "reconcile"})
	defer func() { _ = s.Close() }()
	tasks, err := s.Tasks(t.Context(), "etcd")
	var got []string
	for _, task := range tasks {
		got = append(got, task.ID+" "+task.Unit+" "+task.Name)
	}
	if diff := cmp.Diff([]string{"1 etcd/0 reconcile", "2 etcd/0 restore", "6 etcd/1 juju-exec"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	want := wire.OperationQueryArgs{Applications: []string{"etcd"},
		Status: []string{"pending", "running", "aborting"}, Offset: new(0), Limit: new(50)}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// history is a controller with many operations that cuts pages before it applies filters, as some releases of 4.0 do. Its
// tasks have the numbers from 0; pending are those that are not final.
type history struct {
	mu      sync.Mutex
	count   int
	pending map[int]bool
	calls   int
	// unskippable says that it ignores offsets.
	unskippable bool
}

func (h *history) handle(_ context.Context, r wire.Request) (any, *wire.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	task := func(n int) wire.ActionResult {
		status := "completed"
		if h.pending[n] {
			status = "pending"
		}
		return wire.ActionResult{Action: &wire.Action{Tag: wire.ActionTag(strconv.Itoa(n)), Receiver: "unit-etcd-0", Name: "reconcile"}, Status: status}
	}
	switch r.Request {
	case "EnqueueOperation":
		h.pending[h.count] = true
		h.count++
		return wire.EnqueuedActions{Actions: []wire.ActionResult{task(h.count - 1)}}, nil
	case "Actions":
		var q wire.Entities
		_ = json.Unmarshal(r.Params, &q)
		id, _ := wire.ID(q.Entities[0].Tag, "action")
		n, _ := strconv.Atoi(id)
		return wire.ActionResults{Results: []wire.ActionResult{task(n)}}, nil
	}
	var q wire.OperationQueryArgs
	_ = json.Unmarshal(r.Params, &q)
	var page wire.OperationResults
	from := *q.Offset
	if h.unskippable {
		from = 0
	}
	for n := from; n < min(from+*q.Limit, h.count); n++ {
		if q.Status == nil || h.pending[n] {
			page.Results = append(page.Results, wire.OperationResult{OperationTag: wire.OperationTag(strconv.Itoa(n)), Actions: []wire.ActionResult{task(n)}})
		}
	}
	page.Truncated = len(page.Results) >= *q.Limit
	return page, nil
}

func TestNoPendingTaskIsMissedWherePagesAreCutBeforeTheyAreFiltered(t *testing.T) {
	t.Parallel()
	h := &history{count: 230, pending: map[int]bool{30: true, 60: true, 229: true}}
	c := start(t, nil, h.handle)
	s := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.Options{Action: "reconcile"})
	defer func() { _ = s.Close() }()
	expect := func(when string, want ...string) {
		t.Helper()
		tasks, err := s.Tasks(t.Context(), "etcd")
		var got []string
		for _, task := range tasks {
			got = append(got, task.ID)
		}
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: got %v, %v; want %v", when, got, err, want)
		}
	}
	expect("at first", "30", "60", "229")

	task, err := s.Enqueue(t.Context(), "etcd/0", "reconcile", nil)
	if err != nil || task.ID != "230" {
		t.Fatalf("got %+v, %v", task, err)
	}
	h.mu.Lock()
	delete(h.pending, 60)
	h.calls = 0
	h.mu.Unlock()
	expect("when one has ended and one was enqueued", "30", "229", "230")
	h.mu.Lock()
	if h.calls != 4 { // one page, and three tasks by their ids
		t.Errorf("%d calls, want 4", h.calls)
	}
	h.pending = map[int]bool{}
	h.mu.Unlock()
	expect("when all have ended")
	h.mu.Lock()
	h.calls = 0
	h.mu.Unlock()
	expect("at rest")
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calls != 1 {
		t.Errorf("%d calls at rest, want 1", h.calls)
	}
}

func TestAControllerThatIgnoresOffsetsIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	h := &history{count: 230, pending: map[int]bool{30: true}, unskippable: true}
	c := start(t, nil, h.handle)
	s := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.Options{Action: "reconcile"})
	defer func() { _ = s.Close() }()
	tasks, err := s.Tasks(t.Context(), "etcd")
	if err != nil || len(tasks) != 1 || h.calls > 6 {
		t.Errorf("got %v, %v in %d calls", tasks, err, h.calls)
	}
}

// The second answer is recorded of a 4.0.15, between a unit's last hook and its end.
func TestAnErrorOfOneUnitIsThatUnits(t *testing.T) {
	t.Parallel()
	c := start(t, nil, func(context.Context, wire.Request) (any, *wire.Error) {
		return json.RawMessage(`{"results":[{"result":{"tag":"unit-etcd-0","workload-version":"","opened-ports":null,"charm":"","life":"alive",` +
			`"relation-data":[{"relation-id":0,"endpoint":"cluster","cross-model":false,"related-endpoint":"cluster","ApplicationData":{},` +
			`"unit-relation-data":{"etcd/0":{"InScope":true,"UnitData":{"facts":"{}"}},"etcd/2":{"InScope":true,"UnitData":null}}}]}},` +
			`{"error":{"message":"getting unit machine name: unit is dead","code":""}}]}`), nil
	})
	conn := connect(t, c)
	units, err := conn.UnitsInfo(t.Context(), "application-etcd")
	if err != nil || len(units) != 2 || units[0].Name != "etcd/0" || units[0].Err != nil {
		t.Fatalf("got %+v, %v", units, err)
	}
	bags := units[0].RelationData[0].Units
	if bags["etcd/0"].Unread || !bags["etcd/2"].Unread {
		t.Errorf("a databag that could not be read counts as empty: %+v", bags)
	}
	if units[1].Err == nil || units[1].Name != "" || !strings.Contains(units[1].Err.Error(), "unit is dead") {
		t.Errorf("the dead unit: %+v", units[1])
	}
	if units, err = conn.UnitsInfo(t.Context(), "unit-etcd-0", "unit-etcd-1"); err != nil || units[1].Name != "etcd/1" {
		t.Errorf("asked for by name: %+v, %v", units, err)
	}
}

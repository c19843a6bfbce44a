package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

func (s *suite) action(t *testing.T) {
	conn, info := s.model(t)
	unit := s.units(t, conn)[0]
	t.Run("refusals", func(t *testing.T) { s.actionRefusals(t, conn, info, unit) })
	t.Run("Actions of an unknown id", func(t *testing.T) {
		var r wire.ActionResults
		ask(t, conn, "Action", "Actions", entities("action-99999999"), &r)
		if len(r.Results) != 1 {
			t.Fatalf("got %+v", r)
		}
		failed(t, r.Results[0].Error, wire.CodeNotFound, "")
	})
	t.Run("ListOperations that match nothing", func(t *testing.T) {
		version, err := conn.Facade("Action")
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := conn.Call(t.Context(), "Action", version, "ListOperations", wire.OperationQueryArgs{ActionNames: []string{"nosuchaction"}}, &raw); err != nil {
			t.Fatal(err)
		}
		if string(raw) != "{}" {
			t.Errorf("got %s, want {}", raw)
		}
	})
	t.Run("a task from beginning to end", func(t *testing.T) { s.task(t, conn, unit, unit) })
	t.Run("a task for the leader", func(t *testing.T) {
		leader, err := conn.Leader(t.Context(), s.Application)
		if err != nil {
			t.Fatal(err)
		}
		s.task(t, conn, s.Application+"/leader", leader)
	})
	t.Run("pages", func(t *testing.T) { s.pages(t, conn) })
	if s.Strict {
		t.Run("an unknown parameter", func(t *testing.T) {
			params := map[string]any{"nosuch-parameter": 1}
			for k, v := range s.Params {
				params[k] = v
			}
			task, err := conn.Enqueue(t.Context(), unit, s.Action, params)
			if old(info) { // They look at parameters at once.
				if _, said := errors.AsType[*jujuapi.Error](err); !said {
					t.Errorf("got %+v, %v; want a refusal", task, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if end := s.end(t, conn, task.ID); end.Status != jujuapi.TaskError || end.Message == "" {
				t.Errorf("got %s: %q, want error", end.Status, end.Message)
			}
		})
	}
}

func (s *suite) enqueue(t *testing.T, conn *jujuapi.Conn, actions ...wire.Action) (wire.EnqueuedActions, error) {
	t.Helper()
	var r wire.EnqueuedActions
	version, err := conn.Facade("Action")
	if err != nil {
		t.Fatal(err)
	}
	err = call(t.Context(), conn, "Action", version, "EnqueueOperation", wire.Actions{Actions: actions}, &r)
	return r, err
}

func (s *suite) actionRefusals(t *testing.T, conn *jujuapi.Conn, info jujuapi.LoginInfo, unit string) {
	receiver := wire.UnitTag(unit)
	missing := s.Application + "/9999"

	if old(info) {
		r, err := s.enqueue(t, conn, wire.Action{Receiver: receiver, Name: "nosuchaction"})
		if err != nil || len(r.Actions) != 1 || r.Actions[0].Error == nil {
			t.Errorf("unknown action: got %+v, %v; want an error in the result", r, err)
		}
	} else {
		_, err := s.enqueue(t, conn, wire.Action{Receiver: receiver, Name: "nosuchaction"})
		refused(t, err, wire.CodeNotFound, fmt.Sprintf("action %q not defined for unit %q.", "nosuchaction", unit))
		_, err = s.enqueue(t, conn,
			wire.Action{Receiver: receiver, Name: s.Action, Parameters: s.Params},
			wire.Action{Receiver: receiver, Name: "nosuchaction", Parameters: s.Params})
		refused(t, err, "", fmt.Sprintf("action name mismatch: %q != %q", s.Action, "nosuchaction"))
	}

	r, err := s.enqueue(t, conn, wire.Action{Receiver: wire.UnitTag(missing), Name: s.Action, Parameters: s.Params})
	if err != nil || len(r.Actions) != 1 || r.Actions[0].Error == nil || r.Actions[0].Action != nil {
		t.Errorf("unknown unit: got %+v, %v; want an error in the result", r, err)
	}
	if !old(info) && r.OperationTag == "" {
		t.Error("unknown unit: no operation number is used up")
	}

	r, err = s.enqueue(t, conn, wire.Action{Receiver: wire.ApplicationTag(s.Application), Name: s.Action, Parameters: s.Params})
	if err != nil || len(r.Actions) != 1 {
		t.Fatalf("an application as receiver: got %+v, %v; want an error in the result", r, err)
	}
	if e := r.Actions[0].Error; e == nil || (!old(info) && e.Message != fmt.Sprintf("%q is not a valid unit tag", wire.ApplicationTag(s.Application))) {
		t.Errorf("an application as receiver: got %+v", e)
	}
}

// task runs the action and follows it to its end.
func (s *suite) task(t *testing.T, conn *jujuapi.Conn, receiver, unit string) {
	tag := receiver
	if receiver == unit {
		tag = wire.UnitTag(unit)
	}
	before := time.Now()
	r, err := s.enqueue(t, conn, wire.Action{Receiver: tag, Name: s.Action, Parameters: s.Params})
	if err != nil || len(r.Actions) != 1 || r.Actions[0].Action == nil {
		t.Fatalf("got %+v, %v", r, err)
	}
	first := r.Actions[0]
	if first.Status != string(jujuapi.TaskPending) || first.Action.Receiver != wire.UnitTag(unit) || first.Enqueued.IsZero() || !first.Started.IsZero() {
		t.Errorf("enqueued: got %+v, of action %+v", first, first.Action)
	}
	operation, _ := wire.ID(r.OperationTag, "operation")
	id, _ := wire.ID(first.Action.Tag, "action")
	o, errO := strconv.Atoi(operation)
	n, errN := strconv.Atoi(id)
	if errO != nil || errN != nil || n <= o {
		t.Errorf("operation %q and task %q are not numbers of one sequence", operation, id)
	}

	end := s.end(t, conn, id)
	if end.Unit != unit || end.Name != s.Action || end.Started.IsZero() || end.Enqueued.Before(before.Add(-time.Hour)) {
		t.Errorf("ended: got %+v", end)
	}
	if _, ok := end.Output["return-code"].(float64); !ok {
		t.Errorf("output has return-code %v (%T), want a number", end.Output["return-code"], end.Output["return-code"])
	}

	listed, err := conn.ListTasks(t.Context(), jujuapi.TaskFilter{Applications: []string{s.Application}, Actions: []string{s.Action}, Status: []jujuapi.TaskStatus{end.Status}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(listed, func(l jujuapi.Task) bool { return l.ID == id })
	if i < 0 {
		t.Fatalf("task %s is not among the %d that are %s", id, len(listed), end.Status)
	}
	if listed[i].Name != s.Action || listed[i].Unit != unit || len(listed[i].Output) > 0 {
		t.Errorf("listed: got %+v, want no output", listed[i])
	}
	for _, filter := range []jujuapi.TaskFilter{
		{Applications: []string{"nosuch"}, Status: []jujuapi.TaskStatus{end.Status}},
		{Actions: []string{"nosuchaction"}},
		{Applications: []string{s.Application}, Status: []jujuapi.TaskStatus{jujuapi.TaskPending, jujuapi.TaskRunning}},
	} {
		listed, err := conn.ListTasks(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(listed, func(l jujuapi.Task) bool { return l.ID == id }) {
			t.Errorf("a task that is %s is listed for %+v", end.Status, filter)
		}
	}
	for what, filter := range map[string]jujuapi.TaskFilter{
		"unit":        {Units: []string{unit}},
		"application": {Applications: []string{s.Application}, Status: []jujuapi.TaskStatus{end.Status, jujuapi.TaskAborting}}, // of all actions
	} {
		listed, err := conn.ListTasks(t.Context(), filter)
		i := slices.IndexFunc(listed, func(l jujuapi.Task) bool { return l.ID == id })
		if err != nil || i < 0 || listed[i].Name != s.Action {
			t.Errorf("task %s is not listed for its %s (%v)", id, what, err)
		}
	}
}

// end waits for a task to be final.
func (s *suite) end(t *testing.T, conn *jujuapi.Conn, id string) jujuapi.Task {
	t.Helper()
	deadline := time.NewTimer(s.Wait)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		tasks, err := conn.Tasks(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if tasks[0].Status.Final() {
			return tasks[0]
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("task %s is still %s after %s", id, tasks[0].Status, s.Wait)
		}
	}
}

// pages checks that a list is cut where it was asked to be, and says so.
func (s *suite) pages(t *testing.T, conn *jujuapi.Conn) {
	page := func(offset, limit int) wire.OperationResults {
		var r wire.OperationResults
		ask(t, conn, "Action", "ListOperations", wire.OperationQueryArgs{ActionNames: []string{s.Action}, Offset: &offset, Limit: &limit}, &r)
		return r
	}
	all := page(0, 50)
	if len(all.Results) < 2 {
		t.Fatalf("%d operations are listed, at least two were enqueued", len(all.Results))
	}
	first, second := page(0, 1), page(1, 1)
	if len(first.Results) != 1 || !first.Truncated || len(second.Results) != 1 {
		t.Fatalf("pages of one have %d (truncated: %t) and %d", len(first.Results), first.Truncated, len(second.Results))
	}
	if first.Results[0].OperationTag == second.Results[0].OperationTag {
		t.Errorf("both pages have %s", first.Results[0].OperationTag)
	}
}

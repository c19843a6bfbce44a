package jujuapi

import (
	"context"
	"fmt"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Enqueue asks Juju to run an action on a unit ("etcd/0", or "etcd/leader"). One call is for one unit and one action,
// which every version of Juju accepts. Parameters are texts, numbers and booleans: 4.0 garbles anything deeper.
func (c *Conn) Enqueue(ctx context.Context, unit, action string, params map[string]any) (Task, error) {
	receiver := unit
	if tag := wire.UnitTag(unit); isUnitTag(tag) {
		receiver = tag
	}
	parallel := true
	var r wire.EnqueuedActions
	err := c.do(ctx, "Action", "EnqueueOperation", wire.Actions{Actions: []wire.Action{{
		Receiver: receiver, Name: action, Parameters: params, Parallel: &parallel,
	}}}, &r)
	if err != nil {
		return Task{}, err
	}
	if len(r.Actions) != 1 {
		return Task{}, unanswered("Action.EnqueueOperation")
	}
	t, err := task("Action.EnqueueOperation", r.Actions[0])
	if err != nil {
		return Task{}, err
	}
	if t.Name == "" { // 4.0 leaves it out here
		t.Name = action
	}
	return t, nil
}

func isUnitTag(tag string) bool {
	_, ok := wire.UnitName(tag)
	return ok
}

// Tasks returns tasks by their ids, with their output. The error is ErrNotFound if one is unknown.
func (c *Conn) Tasks(ctx context.Context, ids ...string) ([]Task, error) {
	tags := make([]string, len(ids))
	for i, id := range ids {
		tags[i] = wire.ActionTag(id)
	}
	var r wire.ActionResults
	if err := c.do(ctx, "Action", "Actions", entities(tags), &r); err != nil {
		return nil, err
	}
	if len(r.Results) != len(ids) {
		return nil, unanswered("Action.Actions")
	}
	tasks := make([]Task, 0, len(ids))
	for _, result := range r.Results {
		t, err := task("Action.Actions", result)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// TaskFilter chooses tasks; an empty list does not choose.
type TaskFilter struct {
	Applications, Units, Actions []string
	Status                       []TaskStatus
}

// ListTasks lists tasks, without their output, in the order of Juju, which on 4.0 is by the operation's number as a text.
//
// The source of some versions of 4.0 cuts a page first and applies the filter then, so that a page which is not full may be
// followed by others that are not empty; see also https://github.com/juju/juju/issues/21893. ListTasks takes the reply at its
// word; Session.Tasks does not.
func (c *Conn) ListTasks(ctx context.Context, filter TaskFilter) ([]Task, error) {
	return c.listTasks(ctx, filter, false)
}

// listTasks is ListTasks; thorough reads on as long as there are operations at all, whatever a page says of itself.
func (c *Conn) listTasks(ctx context.Context, filter TaskFilter, thorough bool) ([]Task, error) {
	query := wire.OperationQueryArgs{Applications: filter.Applications, Units: filter.Units, ActionNames: filter.Actions}
	for _, s := range filter.Status {
		query.Status = append(query.Status, string(s))
	}
	list := taskList{seen: map[string]bool{}}
	probed := map[string]bool{}
	for page := range maxPages {
		offset, limit := page*pageSize, pageSize
		query.Offset, query.Limit = &offset, &limit
		var r wire.OperationResults
		if err := c.do(ctx, "Action", "ListOperations", query, &r); err != nil {
			return nil, err
		}
		if err := list.add(r); err != nil {
			return nil, err
		}
		if r.Truncated {
			continue
		}
		if !thorough {
			return list.tasks, nil
		}
		next, err := c.operationAt(ctx, offset+pageSize)
		if err != nil {
			return nil, err
		}
		if next == "" || probed[next] { // there are no more, or the controller ignores the offset
			return list.tasks, nil
		}
		probed[next] = true
	}
	return nil, fmt.Errorf("cannot list operations: there are more than %d", maxPages*pageSize)
}

// operationAt returns the operation at an offset in the list of all, or an empty text if the list is shorter.
func (c *Conn) operationAt(ctx context.Context, offset int) (string, error) {
	var r wire.OperationResults
	if err := c.do(ctx, "Action", "ListOperations", wire.OperationQueryArgs{Offset: &offset, Limit: new(1)}, &r); err != nil || len(r.Results) == 0 {
		return "", err
	}
	return r.Results[0].OperationTag, nil
}

// taskList gathers the tasks of pages, each once: pages shift when operations come and go between the calls.
type taskList struct {
	tasks []Task
	seen  map[string]bool
}

func (l *taskList) add(page wire.OperationResults) error {
	for _, operation := range page.Results {
		if err := inner("Action.ListOperations", operation.Error); err != nil {
			return err
		}
		for _, a := range operation.Actions {
			// An operation whose unit was unknown has a task without an action.
			if a.Action == nil || a.Error != nil {
				continue
			}
			t, err := task("Action.ListOperations", a)
			if err != nil {
				return err
			}
			if !l.seen[t.ID] {
				l.seen[t.ID] = true
				l.tasks = append(l.tasks, t)
			}
		}
	}
	return nil
}

func task(call string, r wire.ActionResult) (Task, error) {
	if err := inner(call, r.Error); err != nil {
		return Task{}, err
	}
	if r.Action == nil {
		return Task{}, unanswered(call)
	}
	id, ok := wire.ID(r.Action.Tag, "action")
	if !ok {
		return Task{}, fmt.Errorf("cannot understand the answer to %s: %q is not an action's tag", call, r.Action.Tag)
	}
	unit, ok := wire.UnitName(r.Action.Receiver)
	if !ok {
		unit = r.Action.Receiver // a machine, of a juju exec
	}
	t := Task{
		ID: id, Unit: unit, Name: r.Action.Name, Status: TaskStatus(r.Status), Message: r.Message,
		Enqueued: r.Enqueued, Started: r.Started, Completed: r.Completed, Output: r.Output,
	}
	for _, line := range r.Log {
		t.Progress = append(t.Progress, line.Message)
	}
	return t, nil
}

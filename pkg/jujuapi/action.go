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

// ListTasks lists tasks, without their output, oldest first as far as Juju sorts them.
func (c *Conn) ListTasks(ctx context.Context, filter TaskFilter) ([]Task, error) {
	query := wire.OperationQueryArgs{Applications: filter.Applications, Units: filter.Units, ActionNames: filter.Actions}
	for _, s := range filter.Status {
		query.Status = append(query.Status, string(s))
	}
	var tasks []Task
	seen := map[string]bool{}
	for page := range maxPages {
		offset, limit := page*pageSize, pageSize
		query.Offset, query.Limit = &offset, &limit
		var r wire.OperationResults
		if err := c.do(ctx, "Action", "ListOperations", query, &r); err != nil {
			return nil, err
		}
		for _, operation := range r.Results {
			if err := inner("Action.ListOperations", operation.Error); err != nil {
				return nil, err
			}
			for _, a := range operation.Actions {
				// An operation whose unit was unknown has a task without an action.
				if a.Action == nil || a.Error != nil {
					continue
				}
				t, err := task("Action.ListOperations", a)
				if err != nil {
					return nil, err
				}
				// Pages shift when operations come and go between the calls.
				if !seen[t.ID] {
					seen[t.ID] = true
					tasks = append(tasks, t)
				}
			}
		}
		if !r.Truncated {
			return tasks, nil
		}
	}
	return nil, fmt.Errorf("cannot list operations: more than %d match", maxPages*pageSize)
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
	return Task{
		ID: id, Unit: unit, Name: r.Action.Name, Status: TaskStatus(r.Status), Message: r.Message,
		Enqueued: r.Enqueued, Started: r.Started, Output: r.Output,
	}, nil
}

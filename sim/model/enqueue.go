package model

import (
	"fmt"
	"maps"
	"strings"
)

// TaskRequest asks for one task.
type TaskRequest struct {
	// Receiver is a unit's name, or application/leader.
	Receiver string
	Name     string
	Params   map[string]any
	// Parallel counts with the profile's ParallelTasks alone.
	Parallel bool
	Group    string
}

// TaskResult is a Task, or why there is none.
type TaskResult struct {
	Task Task
	Err  error
}

// Enqueue makes an operation. An unknown action fails the whole (its own task only, with
// EarlyValidation); a unit that is not there only its own task, though a number is used.
func (m *Model) Enqueue(requests []TaskRequest) (int, []TaskResult, error) {
	if len(requests) == 0 {
		return 0, nil, errorf(NotValid, "no actions specified")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, r := range requests {
		if err := m.checkRequest(r, requests[0]); err != nil && (i > 0 || CodeOf(err) != NoCode) {
			return 0, nil, err
		}
	}
	op := &operation{id: m.next("task"), enqueued: m.now(), summary: summary(requests[0]), empty: TaskError}
	m.operations[op.id] = op
	var results []TaskResult
	for _, r := range requests {
		id := m.next("task")
		t, err := m.newTask(op, id, r)
		if err != nil {
			results = append(results, TaskResult{Err: err})
			continue
		}
		results = append(results, TaskResult{Task: t.show()})
	}
	m.bump()
	return op.id, results, nil
}

func summary(r TaskRequest) string {
	if r.Name == Exec {
		return fmt.Sprintf("exec \"%v\"", r.Params["command"])
	}
	return fmt.Sprintf("action %q", r.Name)
}

// checkRequest refuses an action that the charm does not have, and with OneActionPerCall one that
// differs from the first.
func (m *Model) checkRequest(r, first TaskRequest) error {
	if m.profile.OneActionPerCall {
		var faults []string
		if r.Name != first.Name {
			faults = append(faults, fmt.Sprintf("action name mismatch: %q != %q", first.Name, r.Name))
		}
		if fmt.Sprint(r.Params) != fmt.Sprint(first.Params) {
			faults = append(faults, fmt.Sprintf("parameters mismatch: %v != %v", first.Params, r.Params))
		}
		if len(faults) > 0 {
			return errorf(NoCode, "%s", strings.Join(faults, "\n"))
		}
	}
	app, _, _ := strings.Cut(r.Receiver, "/")
	a, ok := m.applications[app]
	if !ok || m.profile.EarlyValidation {
		return nil // reported for the one task
	}
	if _, known := a.charm.Actions[r.Name]; !known && r.Name != Exec {
		unitName := r.Receiver
		if resolved, err := m.receiver(r.Receiver); err == nil {
			unitName = resolved.name
		}
		return errorf(NotFound, "action %q not defined for unit %q.", r.Name, unitName)
	}
	return nil
}

func (m *Model) receiver(text string) (*unit, error) {
	app, number, _ := strings.Cut(text, "/")
	if number == "leader" {
		a, ok := m.applications[app]
		if !ok || a.leader == "" {
			return nil, errorf(NoCode, "getting leader unit for application %q: leader not found", app)
		}
		return m.unit(a.leader)
	}
	u, err := m.unit(text)
	if err != nil {
		return nil, errorf(NoCode, "linking task to unit: getting unit UUID for %q: unit %q not found", text, text)
	}
	return u, nil
}

func (m *Model) newTask(op *operation, id int, r TaskRequest) (*task, error) {
	u, err := m.receiver(r.Receiver)
	if err != nil {
		return nil, err
	}
	if m.profile.EarlyValidation {
		if err := u.fits(r); err != nil {
			return nil, err
		}
	}
	t := &task{
		id: id, operation: op.id, unit: u.name, name: r.Name, params: m.storedParams(u, r),
		parallel: r.Parallel && m.profile.ParallelTasks, group: r.Group,
		status: TaskPending, enqueued: m.now(),
	}
	op.tasks = append(op.tasks, id)
	m.tasks[id] = t
	return t, nil
}

// fits checks a request before there is a task for it.
func (u *unit) fits(r TaskRequest) error {
	action, ok := u.app.charm.Actions[r.Name]
	switch {
	case r.Name == Exec:
		return nil
	case !ok:
		return errorf(NoCode, "action %q not defined on unit %q", r.Name, u.name)
	}
	return action.Check(r.Params)
}

func (m *Model) storedParams(u *unit, r TaskRequest) map[string]any {
	params := maps.Clone(r.Params)
	if action, ok := u.app.charm.Actions[r.Name]; ok && m.profile.DefaultParameters {
		params = action.WithDefaults(params)
	}
	if m.profile.FlatParameters {
		for k, v := range params {
			switch v.(type) {
			case map[string]any, []any:
				params[k] = fmt.Sprint(v)
			}
		}
	}
	return params
}

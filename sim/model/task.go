package model

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TaskStatus is the state of a task or of an operation.
type TaskStatus string

// States.
const (
	TaskPending   TaskStatus = "pending"
	TaskRunning   TaskStatus = "running"
	TaskCompleted TaskStatus = "completed"
	TaskFailed    TaskStatus = "failed"
	TaskCancelled TaskStatus = "cancelled"
	TaskError     TaskStatus = "error"
)

// Final says that the state will not change.
func (s TaskStatus) Final() bool { return s != TaskPending && s != TaskRunning }

// Exec is the name of the tasks that run a command.
const Exec = "juju-exec"

type operation struct {
	id        int
	summary   string
	enqueued  time.Time
	completed time.Time
	tasks     []int
	empty     TaskStatus // Status where there are no tasks.
}

type task struct {
	id        int
	operation int
	unit      string
	name      string
	params    map[string]any
	parallel  bool
	group     string
	status    TaskStatus
	message   string
	log       []TaskLog
	output    map[string]any
	enqueued  time.Time
	started   time.Time
	completed time.Time
}

// TaskLog is one line of action-log.
type TaskLog struct {
	At      time.Time
	Message string
}

// Task is one task, as others see it. Completed is the true time; Juju 4.0 does not show it.
type Task struct {
	ID        int
	Operation int
	Unit      string
	Name      string
	Params    map[string]any
	Parallel  bool
	Group     string
	Status    TaskStatus
	Message   string
	Log       []TaskLog
	Output    map[string]any
	Enqueued  time.Time
	Started   time.Time
	Completed time.Time
}

// Operation is a group of tasks that were asked for together.
type Operation struct {
	ID        int
	Summary   string
	Enqueued  time.Time
	Started   time.Time
	Completed time.Time
	Status    TaskStatus
	Tasks     []Task
}

// TaskRequest asks for one task.
type TaskRequest struct {
	// Receiver is a unit's name, or application/leader.
	Receiver string
	Name     string
	Params   map[string]any
	Parallel bool
	Group    string
}

// TaskResult is a Task, or why there is none.
type TaskResult struct {
	Task Task
	Err  error
}

// Enqueue makes an operation. An unknown action fails the whole (its own task only, with EarlyValidation); a unit that is not
// there only its own task, though a number is used.
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

// checkRequest refuses an action that the charm does not have, and with OneActionPerCall one that differs from the first.
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
		return nil // Told for the one task.
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
		id: id, operation: op.id, unit: u.name, name: r.Name, params: m.storedParams(u, r), parallel: r.Parallel, group: r.Group,
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

// ClaimTask takes the unit's oldest pending task and makes it running. A task that its charm's schema refuses ends in error on the
// way. Without one, ok is false.
func (m *Model) ClaimTask(unitName string) (claimed Task, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return Task{}, false, err
	}
	for _, id := range slices.Sorted(maps.Keys(m.tasks)) {
		t := m.tasks[id]
		if t.unit != unitName || t.status != TaskPending {
			continue
		}
		if err := u.accepts(t); err != nil {
			m.endTask(t, TaskError, fmt.Sprintf("cannot run %q action: %v", t.name, err), nil)
			m.bump()
			continue
		}
		t.status, t.started = TaskRunning, m.now()
		m.bump()
		return t.show(), true, nil
	}
	return Task{}, false, nil
}

func (u *unit) accepts(t *task) error {
	if t.name == Exec {
		return nil
	}
	action, ok := u.app.charm.Actions[t.name]
	if !ok {
		return errorf(NotFound, "action %q not defined", t.name)
	}
	return action.Check(t.params)
}

// LogTask is action-log.
func (m *Model) LogTask(id int, message string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tasks[id]
	if !ok {
		return errorf(NotFound, "task %d not found", id)
	}
	t.log = append(t.log, TaskLog{m.now(), message})
	m.bump()
	return nil
}

// FinishTask ends a running task. Output holds what action-set gave, nested by the dots in its keys, with strings as values, and the
// agent's own stdout, stderr (strings) and return-code (int).
func (m *Model) FinishTask(id int, status TaskStatus, message string, output map[string]any) error {
	if !status.Final() {
		return errorf(NotValid, "cannot finish task %d as %s", id, status)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tasks[id]
	if !ok {
		return errorf(NotFound, "task %d not found", id)
	}
	if t.status.Final() {
		return errorf(NotValid, "task %d is %s already", id, t.status)
	}
	m.endTask(t, status, message, output)
	m.bump()
	return nil
}

func (m *Model) endTask(t *task, status TaskStatus, message string, output map[string]any) {
	t.status, t.message, t.output, t.completed = status, message, copyValue(output).(map[string]any), m.now()
	op := m.operations[t.operation]
	for _, id := range op.tasks {
		if !m.tasks[id].status.Final() {
			return
		}
	}
	op.completed = t.completed
}

// Task returns a task.
func (m *Model) Task(id int) (Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tasks[id]
	if !ok {
		return Task{}, errorf(NotFound, "id not found")
	}
	return t.show(), nil
}

// CancelTask makes a pending task cancelled; one that runs is left alone.
func (m *Model) CancelTask(id int) (Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tasks[id]
	if !ok {
		return Task{}, errorf(NotFound, "action %d not found", id)
	}
	if m.profile.CancelError != "" {
		return Task{}, errorf(NoCode, m.profile.CancelError, strconv.Itoa(id))
	}
	if t.status == TaskPending {
		m.endTask(t, TaskCancelled, "cancelled", nil)
		m.bump()
	}
	return t.show(), nil
}

// Operation returns an operation with its tasks.
func (m *Model) Operation(id int) (Operation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	op, ok := m.operations[id]
	if !ok {
		return Operation{}, errorf(NoCode, "operation %q not found", strconv.Itoa(id))
	}
	return m.showOperation(op), nil
}

// Operations returns all, in Juju 4.0's order: their numbers as text.
func (m *Model) Operations() []Operation {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Operation
	for _, op := range m.operations {
		all = append(all, m.showOperation(op))
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(strconv.Itoa(a.ID), strconv.Itoa(b.ID)) })
	return all
}

// operationStatus orders the states by which one shows for the whole operation.
var operationStatus = []TaskStatus{TaskError, TaskRunning, TaskPending, TaskFailed, TaskCancelled, TaskCompleted}

func (m *Model) showOperation(op *operation) Operation {
	shown := Operation{ID: op.id, Summary: op.summary, Enqueued: op.enqueued, Completed: op.completed, Status: op.empty}
	best := len(operationStatus)
	for _, id := range op.tasks {
		t := m.tasks[id].show()
		shown.Tasks = append(shown.Tasks, t)
		if i := slices.Index(operationStatus, t.Status); i < best {
			best, shown.Status = i, t.Status
		}
	}
	return shown
}

func (t *task) show() Task {
	return Task{
		ID: t.id, Operation: t.operation, Unit: t.unit, Name: t.name, Params: copyValue(t.params).(map[string]any), Parallel: t.parallel,
		Group: t.group, Status: t.status, Message: t.message, Log: slices.Clone(t.log), Output: copyValue(t.output).(map[string]any),
		Enqueued: t.enqueued, Started: t.started, Completed: t.completed,
	}
}

// copyValue copies maps and lists as JSON has them.
func copyValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v //nolint:gocritic // a map that is nil, and not nothing: its type is asked for
		}
		c := map[string]any{}
		for k, x := range v {
			c[k] = copyValue(x)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, x := range v {
			c[i] = copyValue(x)
		}
		return c
	}
	return v
}

package model

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
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

// ClaimTask takes one of the unit's pending tasks and makes it running: the oldest, or with TasksInNoOrder any, though the same
// one each time. A task that its charm's schema refuses ends in error on the way. Without one, ok is false.
func (m *Model) ClaimTask(unitName string) (claimed Task, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return Task{}, false, err
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.tasks), m.before) {
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

// before is the order in which tasks run. One that looks like none is that of a checksum, which is
// the same in every run of a test.
func (m *Model) before(a, b int) int {
	if m.profile.TasksInNoOrder {
		sum := func(id int) uint32 { return crc32.ChecksumIEEE([]byte(strconv.Itoa(id))) }
		return cmp.Or(cmp.Compare(sum(a), sum(b)), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
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
	m.completed(m.operations[t.operation], t.completed)
}

// completed ends an operation whose tasks have all ended.
func (m *Model) completed(op *operation, at time.Time) {
	for _, id := range op.tasks {
		if !m.tasks[id].status.Final() {
			return
		}
	}
	op.completed = at
}

// tasksWithout ends or forgets the tasks of a unit that goes.
func (m *Model) tasksWithout(u *unit) {
	for id, t := range m.tasks {
		switch {
		case t.unit != u.name:
		case m.profile.TasksGo:
			op := m.operations[t.operation]
			op.tasks = slices.DeleteFunc(op.tasks, func(of int) bool { return of == id })
			delete(m.tasks, id)
			if len(op.tasks) == 0 {
				delete(m.operations, op.id)
			} else if !t.status.Final() {
				m.completed(op, m.now())
			}
		case !t.status.Final():
			m.endTask(t, TaskError, "unit is gone", nil)
		}
	}
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

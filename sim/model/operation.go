package model

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

type operation struct {
	id        int
	summary   string
	enqueued  time.Time
	completed time.Time
	tasks     []int
	empty     TaskStatus // Status where there are no tasks.
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

package jujuapi

import (
	"context"
	"errors"
	"slices"
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Session is a supervised connection to one model.
type Session struct {
	*supervisor
	ref ModelRef
	// action is Options.Action.
	action  string
	ongoing ongoing
}

// OpenModel opens a session with a model. It returns at once and connects by itself; the first call waits for that. The
// session lasts until Close, or until ctx ends.
func OpenModel(ctx context.Context, controller Controller, model ModelRef, options Options) *Session {
	return &Session{supervisor: supervise(ctx, controller, model.UUID, options), ref: model, action: options.Action, ongoing: newOngoing()}
}

// Model returns what the session is with.
func (s *Session) Model() ModelRef { return s.ref }

// Snapshot reads the model.
func (s *Session) Snapshot(ctx context.Context) (*Model, error) {
	var m *Model
	err := s.with(ctx, func(ctx context.Context, c *Conn) (err error) {
		m, err = c.FullStatus(ctx, s.ref)
		return err
	})
	return m, err
}

// UnitsInfo reads all units of an application, with their databags.
func (s *Session) UnitsInfo(ctx context.Context, application string) ([]UnitInfo, error) {
	var units []UnitInfo
	err := s.with(ctx, func(ctx context.Context, c *Conn) (err error) {
		units, err = c.UnitsInfo(ctx, wire.ApplicationTag(application))
		return err
	})
	return units, err
}

// Options reads the configuration of an application.
func (s *Session) Options(ctx context.Context, application string) (map[string]Option, error) {
	var all map[string]Option
	err := s.with(ctx, func(ctx context.Context, c *Conn) (err error) {
		all, err = c.Options(ctx, application)
		return err
	})
	return all, err
}

// Tasks lists the tasks of an application's units that are not final, without output: those of all actions, and of juju exec, whoever
// asked for them.
//
// A list of operations alone cannot be relied on (see ListTasks): the first one of an application is read thoroughly, and
// tasks that were seen or enqueued since, and that a later list lacks, are asked for by their ids. A task that somebody else has
// enqueued since may be missed where pages are cut first, until a unit's agent says that it runs it.
func (s *Session) Tasks(ctx context.Context, application string) ([]Task, error) {
	var tasks []Task
	err := s.with(ctx, func(ctx context.Context, c *Conn) error {
		listed, err := c.listTasks(ctx, TaskFilter{
			Applications: []string{application}, Status: []TaskStatus{TaskPending, TaskRunning, TaskAborting},
		}, !s.ongoing.swept(application))
		if err != nil {
			return err
		}
		// 3.6 lets one operation be about several applications.
		listed = slices.DeleteFunc(listed, func(t Task) bool { return applicationOf(t.Unit) != application })
		missing := s.ongoing.missing(application, listed)
		for _, id := range missing {
			found, err := c.Tasks(ctx, id)
			switch {
			case errors.Is(err, ErrNotFound):
				s.ongoing.forget(id)
			case err != nil:
				return err
			default:
				listed = append(listed, found[0])
			}
		}
		s.ongoing.sweep(application)
		for _, t := range listed {
			s.ongoing.learn(t)
		}
		tasks = slices.DeleteFunc(listed, func(t Task) bool { return t.Status.Final() })
		return nil
	})
	return tasks, err
}

// applicationOf is the application of a unit.
func applicationOf(unit string) string {
	application, _, _ := strings.Cut(unit, "/")
	return application
}

// Task reads one task, with its output once it is final.
func (s *Session) Task(ctx context.Context, id string) (Task, error) {
	var t Task
	err := s.with(ctx, func(ctx context.Context, c *Conn) error {
		tasks, err := c.Tasks(ctx, id)
		if err == nil {
			t = tasks[0]
			s.ongoing.learn(t)
		}
		return err
	})
	return t, err
}

// Enqueue asks Juju to run an action on a unit. After an error that is no *Error the task may exist all the same: look with
// Tasks before asking again.
func (s *Session) Enqueue(ctx context.Context, unit, action string, params map[string]any) (Task, error) {
	var t Task
	err := s.with(ctx, func(ctx context.Context, c *Conn) (err error) {
		if t, err = c.Enqueue(ctx, unit, action, params); err == nil {
			s.ongoing.learn(t)
		}
		return err
	})
	return t, err
}

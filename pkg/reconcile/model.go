package reconcile

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/registry"
	"jujuetcd.io/pkg/reconcile/world"
)

// Model is one model that the daemon looks after.
type Model struct {
	Ref  jujuapi.ModelRef
	Juju world.Juju
	// User is whom the daemon is to Juju, for messages.
	User string
	// Link says how the connection is; nil if there is nothing to show.
	Link func() jujuapi.State
}

// Name is owner/name.
func (m Model) Name() string { return m.Ref.Owner + "/" + m.Ref.Name }

// The calls as they are counted.
const (
	callSnapshot = "Snapshot"
	callUnits    = "UnitsInfo"
	callOptions  = "Options"
	callTasks    = "Tasks"
	callTask     = "Task"
	callEnqueue  = "Enqueue"
	callExpose   = "Expose"
	callChange   = "MayChange"
)

// snapshotFresh is how old a snapshot may be that several clusters of a model share.
const snapshotFresh = time.Second

// model is a Model at work. It is a world.Juju itself: calls are counted, and snapshots shared
// between the source and the model's clusters, as long as we have not changed anything since they
// were asked for.
type model struct {
	Model
	source   *jujuapi.Source
	health   *jujuHealth
	fallback *fallbackAddress
	now      func() time.Time

	mu      sync.Mutex
	touched time.Time
}

// newModel puts a Model to work. healthChanged is called when trouble with Juju begins, and with
// nil when it is over; addressChanged when Juju is reached at no configured address, and with
// nothing when it is again.
func newModel(m Model, now func() time.Time, log logr.Logger, healthChanged func(*Trouble), addressChanged func(string)) *model {
	w := &model{Model: m, now: now}
	w.health = &jujuHealth{log: log, model: m.Name(), user: m.User, now: now, report: healthChanged, failed: map[string]Trouble{}}
	w.fallback = &fallbackAddress{log: log, model: m.Name(), report: addressChanged}
	w.source = jujuapi.NewSource(uncached{w})
	return w
}

// uncached is what the source reads: always a new snapshot.
type uncached struct{ *model }

func (u uncached) Snapshot(ctx context.Context) (*jujuapi.Model, error) {
	m, err := u.Juju.Snapshot(ctx)
	u.count(ctx, callSnapshot, err)
	return m, err
}

// Listen implements jujuapi.Listener, as far as the model does.
func (u uncached) Listen(ctx context.Context, heard func(jujuapi.Hint)) error {
	if l, ok := u.Juju.(jujuapi.Listener); ok {
		return l.Listen(ctx, heard)
	}
	return nil
}

// Snapshot implements world.Juju.
func (m *model) Snapshot(ctx context.Context) (*jujuapi.Model, error) {
	state, now := m.source.State(), m.now()
	m.mu.Lock()
	touched := m.touched
	m.mu.Unlock()
	if state.Model != nil && state.Err == nil && now.Sub(state.At) < snapshotFresh && state.At.Add(-state.Took).After(touched) {
		return state.Model, nil
	}
	return uncached{m}.Snapshot(ctx)
}

// UnitsInfo implements world.Juju.
func (m *model) UnitsInfo(ctx context.Context, application string) ([]jujuapi.UnitInfo, error) {
	units, err := m.Juju.UnitsInfo(ctx, application)
	m.count(ctx, callUnits, err)
	return units, err
}

// Options implements world.Juju.
func (m *model) Options(ctx context.Context, application string) (map[string]jujuapi.Option, error) {
	options, err := m.Juju.Options(ctx, application)
	m.count(ctx, callOptions, err)
	return options, err
}

// Tasks implements world.Juju.
func (m *model) Tasks(ctx context.Context, application string) ([]jujuapi.Task, error) {
	tasks, err := m.Juju.Tasks(ctx, application)
	m.count(ctx, callTasks, err)
	return tasks, err
}

// Task implements world.Juju.
func (m *model) Task(ctx context.Context, id string) (jujuapi.Task, error) {
	task, err := m.Juju.Task(ctx, id)
	m.count(ctx, callTask, err)
	if err == nil && task.Status.Final() {
		m.touch()
	}
	return task, err
}

// Enqueue implements world.Juju.
func (m *model) Enqueue(ctx context.Context, unit, action string, params map[string]any) (jujuapi.Task, error) {
	m.touch()
	task, err := m.Juju.Enqueue(ctx, unit, action, params)
	m.count(ctx, callEnqueue, err)
	return task, err
}

// ExposeTo implements world.Juju. How it ends is reported by the cluster that wanted it: it says
// nothing of Juju's health.
func (m *model) ExposeTo(ctx context.Context, application, endpoint string, cidrs []string) error {
	m.touch()
	err := m.Juju.ExposeTo(ctx, application, endpoint, cidrs)
	jujuRequests.WithLabelValues(m.Name(), callExpose, outcomeOf(err)).Inc()
	if trouble, is := troubleOf(err); is {
		return fmt.Errorf("%s (%w)", trouble.Message, err)
	}
	return err
}

// local is the address from which we are connected to Juju; empty if it is not known.
func (m Model) local() string {
	return m.link().LocalAddress
}

// link is how the connection is; zero if there is nothing to show.
func (m Model) link() jujuapi.State {
	if m.Link == nil {
		return jujuapi.State{}
	}
	return m.Link()
}

// touch makes snapshots that were asked for before now too old.
func (m *model) touch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.touched = m.now()
}

func (m *model) count(ctx context.Context, call string, err error) {
	jujuRequests.WithLabelValues(m.Name(), call, outcomeOf(err)).Inc()
	switch call {
	case callTask, callEnqueue:
		call = callTasks // of one facade; the list is what is asked for again and again
	}
	if ctx.Err() == nil { // whoever asked has not given up by himself
		m.health.note(call, err)
	}
	if err == nil {
		m.fallback.note(m.link())
	}
	// Here, and not in a pass: while Juju cannot be reached there are no passes that see anything.
	m.measure()
}

func outcomeOf(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// measure shows how the model is doing.
func (m *model) measure() {
	state := m.source.State()
	pollInterval.WithLabelValues(m.Name()).Set(state.Interval.Seconds())
	connected, pushed := 1.0, 0.0
	if m.Link != nil && !m.Link().Connected {
		connected = 0
	}
	if state.Push {
		pushed = 1
	}
	modelConnected.WithLabelValues(m.Name()).Set(connected)
	modelPushed.WithLabelValues(m.Name()).Set(pushed)
}

// standing is how the daemon stands with the model.
func (m *model) standing() registry.Model {
	state := m.source.State()
	standing := registry.Model{Name: m.Name(), UUID: m.Ref.UUID, Connected: state.Err == nil && state.Model != nil, ReadAt: state.At}
	if state.Err != nil {
		standing.Error = state.Err.Error()
	}
	if trouble := m.health.trouble(); trouble != nil {
		standing.Trouble, standing.Error, standing.TroubleSince = trouble.Kind, trouble.Message, trouble.Since
	}
	if m.Link != nil {
		link := m.Link()
		standing.Connected, standing.Since = link.Connected, link.Since
	}
	return standing
}

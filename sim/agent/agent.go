package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/pause"
	"jujuetcd.io/sim/hooktool"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/service"
)

// Options are what an Agent needs to know.
type Options struct {
	Model *model.Model
	Unit  string
	// Root is the machine's root folder.
	Root string
	// Program is the program that plays hook tools and systemctl by its name.
	Program string
	// Enter makes a command one that runs on the machine, where the machine is more than a folder of this host: what it is handed
	// has the machine's own paths, without Root, its directory included. systemctl is the machine's, and Program a path there.
	Enter func(*exec.Cmd)
	// EnterNetwork takes the thread that starts the charm's processes to the machine's network. Nil means that of this program.
	EnterNetwork func() error
	// Resources are those that are on the machine without an upload, by name: paths there.
	Resources map[string]string
	// Lock is the machine lock, held while a hook runs: a channel of capacity one.
	Lock chan struct{}
	// APIAddresses are what JUJU_API_ADDRESSES says.
	APIAddresses string
	// UpdateStatus is the interval of update-status: 5 min if zero.
	UpdateStatus time.Duration
	// Rebooted says that the machine was started anew: the charm's start hook runs again.
	Rebooted bool
	Log      logr.Logger
}

// Agent is the agent of one unit.
type Agent struct {
	Options

	dir     string
	state   *state
	looked  bool // at the first snapshot
	server  *hooktool.Server
	spawner *service.Spawner
	// bags are databags as they were last seen, for the departed hook of a unit that is gone.
	bags map[int]map[string]map[string]string

	mu     sync.Mutex
	latest model.Snapshot
	woken  chan struct{}
}

// defaultUpdateStatus is Juju's update-status-hook-interval.
const defaultUpdateStatus = 5 * time.Minute

// Tag is a unit's tag, which names its folders.
func Tag(unit string) string { return "unit-" + strings.ReplaceAll(unit, "/", "-") }

// New makes the agent of a unit. Nothing runs yet.
func New(o Options) (*Agent, error) {
	if o.UpdateStatus == 0 {
		o.UpdateStatus = defaultUpdateStatus
	}
	if o.Lock == nil {
		o.Lock = make(chan struct{}, 1)
	}
	a := &Agent{Options: o, dir: filepath.Join(o.Root, "var/lib/juju/agents", Tag(o.Unit)),
		bags: map[int]map[string]map[string]string{}, woken: make(chan struct{}, 1)}
	var err error
	if a.state, err = readState(a.statePath()); err != nil {
		return nil, err
	}
	a.state.Rebooted = a.state.Rebooted || o.Rebooted
	return a, nil
}

func (a *Agent) statePath() string { return filepath.Join(a.dir, "state.json") }
func (a *Agent) toolsDir() string  { return filepath.Join(a.Root, "var/lib/juju/tools", Tag(a.Unit)) }
func (a *Agent) charmDir() string  { return filepath.Join(a.dir, "charm") }

// Run works until ctx is done or the unit is gone. When it returns no process and no goroutine of the agent is left.
func (a *Agent) Run(ctx context.Context) error {
	more := []string{"systemctl", "systemd-run"}
	if a.Enter != nil {
		more = nil
	}
	if err := hooktool.Link(a.toolsDir(), a.Program, a.Model.Profile(), more...); err != nil {
		return err
	}
	server, err := hooktool.NewServer(filepath.Join(a.dir, "agent.socket"))
	if err != nil {
		return err
	}
	defer server.Close()
	a.server, a.spawner = server, service.NewSpawner(a.EnterNetwork)
	defer a.spawner.Close()
	if err := a.Model.AgentUp(a.Unit); err != nil {
		return ignoreGone(err)
	}
	defer func() { _ = a.Model.AgentGone(a.Unit) }() // the unit may be gone, too
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { a.watch(ctx) })
	defer watching.Wait()
	defer cancel()
	return ignoreGone(a.work(ctx))
}

func ignoreGone(err error) error {
	if model.IsNotFound(err) || errors.Is(err, model.ErrClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// watch keeps the latest snapshot: a new one is taken only when the model tells its agents of a change.
func (a *Agent) watch(ctx context.Context) {
	revision := uint64(0)
	for {
		snap, err := a.Model.Snapshot(a.Unit)
		if err != nil {
			snap = model.Snapshot{Life: vanished}
		}
		a.mu.Lock()
		a.latest = snap
		a.mu.Unlock()
		a.wake()
		if err != nil {
			return
		}
		if revision, err = a.Model.Wait(ctx, max(revision, snap.Revision)); err != nil {
			return
		}
	}
}

func (a *Agent) wake() {
	select {
	case a.woken <- struct{}{}:
	default:
	}
}

func (a *Agent) snapshot() model.Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.latest
}

// forget takes out of the latest snapshot what was dealt with; the next one does not have it.
func (a *Agent) forget(edit func(*model.Snapshot)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	edit(&a.latest)
}

// errStale says that an operation was decided on a snapshot that the model has left behind.
var errStale = errors.New("the model has changed")

// work does one operation after another.
func (a *Agent) work(ctx context.Context) error {
	a.state.NextStatus = time.Now().Add(a.UpdateStatus)
	for first := true; ; first = false {
		snap := a.snapshot()
		if snap.Life == vanished {
			return nil
		}
		if snap.Life == "" { // not yet taken
			if err := a.wait(ctx); err != nil {
				return err
			}
			continue
		}
		if !a.looked {
			a.looked = true
			a.state.mend(snap)
		}
		if !snap.Leader {
			a.state.Leader = false
		}
		if snap.Resolved == model.ResolveSkip && a.state.Failed != nil {
			if err := a.skip(); err != nil {
				return err
			}
			continue
		}
		op, found := next(a.Unit, snap, a.state, time.Now())
		if found && op.Kind == gone {
			return a.end(ctx)
		}
		if !found {
			if err := a.idle(snap); err != nil {
				return err
			}
			if err := a.wait(ctx); err != nil {
				return err
			}
			continue
		}
		err := a.do(ctx, op)
		if errors.Is(err, errStale) {
			err = a.wait(ctx)
		}
		if err != nil {
			return err
		}
		if first && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// vanished is the life of a unit that the model does not know any more.
const vanished model.Life = "vanished"

// end takes the unit out of the model, for which it is dead for a while first.
func (a *Agent) end(ctx context.Context) error {
	_ = os.RemoveAll(a.charmDir())
	if err := a.Model.UnitDead(a.Unit); err != nil {
		return err
	}
	if err := pause.For(ctx, a.Model.DeadFor()); err != nil {
		return err
	}
	return a.Model.UnitGone(a.Unit)
}

// idle shows that nothing is to be done, unless a failed hook is.
func (a *Agent) idle(snap model.Snapshot) error {
	if a.state.Failed != nil || !a.state.Installed || !snap.MachineStarted {
		return nil
	}
	return a.setAgentStatus("idle", "")
}

// setAgentStatus leaves a status alone that is as wanted: its since would change.
func (a *Agent) setAgentStatus(current, message string) error {
	u, err := a.Model.Unit(a.Unit)
	if err != nil {
		return err
	}
	if u.Agent.Current == current && u.Agent.Message == message && u.Workload.Current != "error" {
		return nil
	}
	return a.Model.SetAgentStatus(a.Unit, current, message)
}

// wait waits for the model to change, or for the next thing that is due by the clock.
func (a *Agent) wait(ctx context.Context) error {
	until := a.state.NextStatus
	if a.state.Failed != nil {
		until = a.state.RetryAt
	} else if !a.state.Started {
		until = time.Now().Add(a.UpdateStatus)
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-a.woken:
	case <-timer.C:
	}
	return nil
}

// skip leaves a failed hook out, as resolved --no-retry does.
func (a *Agent) skip() error {
	if err := a.Model.ClearResolved(a.Unit); err != nil {
		return err
	}
	a.forget(func(s *model.Snapshot) { s.Resolved = model.ResolveNone })
	op := *a.state.Failed
	op.Twice = false
	return a.finished(op)
}

// finished records an operation that ended well.
func (a *Agent) finished(op operation) error {
	if op.Kind == relationBroken || op.Kind == relationLeft {
		if err := a.Model.LeaveScope(a.Unit, op.Relation); err != nil && !model.IsNotFound(err) {
			return fmt.Errorf("cannot leave relation %d: %w", op.Relation, err)
		}
		delete(a.bags, op.Relation)
	}
	a.state.done(op)
	if op.Kind == upgradeCharm {
		a.state.mend(a.snapshot())
	}
	if op.Kind == updateStatus {
		a.state.NextStatus = time.Now().Add(a.UpdateStatus)
	}
	return a.state.write(a.statePath())
}

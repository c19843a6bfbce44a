package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"

	"jujuetcd.io/sim/agent"
	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/test/e2e/nspawn"
)

// Where things are on a real machine.
const (
	programDir = "/opt/jujusim"
	snapDir    = "/opt/snaps"
)

// realFleet is a model's machines and agents. Units of the application etcd get real machines; others, such as a certificate
// authority, a folder on the host.
type realFleet struct {
	fleet.Fleet // refuses what is not here
	options     fleet.Options
	log         logr.Logger

	mu       sync.Mutex
	ctx      context.Context // that of Run, for agents that are started again
	machines map[string]*host
	agents   map[string]*running
}

// host is a machine. real is nil for one that is a folder.
type host struct {
	real    *nspawn.Machine
	root    string
	address string
	lock    chan struct{}
	off     bool
	booted  bool // anew, which the agent tells the charm
}

// running is an agent at work.
type running struct {
	machine string
	cancel  context.CancelFunc
	done    chan struct{}
}

func newFleet(o fleet.Options) (fleet.Fleet, error) {
	rest, err := fleet.None(o)
	if err != nil {
		return nil, err
	}
	log := logr.Discard()
	if o.Log != nil {
		log = zapr.NewLogger(o.Log)
	}
	return &realFleet{Fleet: rest, options: o, log: log, machines: map[string]*host{}, agents: map[string]*running{}}, nil
}

// Run makes what the model asks for, until ctx is done.
func (f *realFleet) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer f.closeAll()
	defer cancel()
	f.mu.Lock()
	f.ctx = ctx
	f.mu.Unlock()
	revision := uint64(0)
	for {
		now := f.options.Model.Revision()
		if err := f.follow(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		var err error
		if revision, err = f.options.Model.WaitChange(ctx, max(revision, now)); err != nil {
			if ctx.Err() != nil || errors.Is(err, model.ErrClosed) {
				return nil
			}
			return err
		}
	}
}

func (f *realFleet) follow(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range f.options.Model.MachineIDs() {
		if err := f.followMachine(ctx, id); err != nil && !model.IsNotFound(err) {
			return err
		}
	}
	for _, unit := range f.options.Model.UnitNames("") {
		if err := f.followUnit(unit); err != nil && !model.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func (f *realFleet) followMachine(ctx context.Context, id string) error {
	seen, err := f.options.Model.Machine(id)
	if err != nil || f.machines[id] != nil {
		return err
	}
	h := &host{address: nspawn.Host, root: filepath.Join(f.options.Dir, id), lock: make(chan struct{}, 1)}
	if len(seen.Units) > 0 && strings.HasPrefix(seen.Units[0], "etcd/") {
		if h, err = f.realHost(id); err != nil {
			return err
		}
		if err := h.real.Start(ctx); err != nil {
			return err
		}
		if err := writeLeader(h); err != nil {
			return err
		}
	} else if err := os.MkdirAll(h.root, 0o755); err != nil {
		return fmt.Errorf("cannot make machine %s: %w", id, err)
	}
	f.machines[id] = h
	return f.options.Model.MachineStarted(id, f.facts(id, h))
}

// firstHost is the last number of machine 0's address.
const firstHost = 10

func (f *realFleet) realHost(id string) (*host, error) {
	n, err := strconv.Atoi(id)
	if err != nil {
		return nil, fmt.Errorf("cannot find an address for machine %q: %w", id, err)
	}
	address := strings.TrimSuffix(nspawn.Host, ".1") + "." + strconv.Itoa(firstHost+n)
	m := nspawn.New(nspawn.Options{
		Image: os.Getenv("E2E_IMAGE"), Name: "n" + id, Hostname: f.hostname(id), Dir: f.options.Dir, Address: address,
		Binds: []string{filepath.Dir(f.options.Program) + ":" + programDir, os.Getenv("E2E_SNAPS") + ":" + snapDir},
	})
	return &host{real: m, root: m.Root(), address: address, lock: make(chan struct{}, 1)}, nil
}

func (f *realFleet) hostname(id string) string { return "juju-" + f.options.Model.Name + "-" + id }

func (f *realFleet) facts(id string, h *host) model.MachineFacts {
	return model.MachineFacts{Hostname: f.hostname(id), Addresses: []string{h.address}}
}

// writeLeader tells tests how to enter the machine: root.leader has the number of its first process.
func writeLeader(h *host) error {
	return os.WriteFile(h.root+".leader", []byte(strconv.Itoa(h.real.Leader())), 0o600)
}

func (f *realFleet) followUnit(unit string) error {
	snap, err := f.options.Model.Snapshot(unit)
	if err != nil {
		return err
	}
	h := f.machines[snap.MachineID]
	if f.agents[unit] != nil || h == nil || h.off {
		return nil
	}
	o := agent.Options{
		Model: f.options.Model, Unit: unit, Root: h.root, Program: f.options.Program, Lock: h.lock,
		APIAddresses: f.options.APIAddress, UpdateStatus: f.options.UpdateStatus, Rebooted: h.booted, Log: f.log.WithValues("unit", unit),
	}
	if h.real != nil {
		o.Program = filepath.Join(programDir, filepath.Base(f.options.Program))
		o.Enter = func(cmd *exec.Cmd) { h.real.Enter(cmd) }
		o.Resources = map[string]string{"etcd": filepath.Join(snapDir, "etcd.snap")}
	}
	a, err := agent.New(o)
	if err != nil {
		return fmt.Errorf("cannot start the agent of %s: %w", unit, err)
	}
	h.booted = false
	ctx, cancel := context.WithCancel(f.ctx)
	r := &running{machine: snap.MachineID, cancel: cancel, done: make(chan struct{})}
	f.agents[unit] = r
	go func() {
		defer close(r.done)
		defer cancel()
		if err := a.Run(ctx); err != nil {
			f.log.Error(err, "Agent ended", "unit", unit)
		}
	}()
	return nil
}

// StopMachine cuts a machine's power.
func (f *realFleet) StopMachine(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.machines[id]
	if h == nil || h.real == nil {
		return fmt.Errorf("cannot stop machine %s: it is not a real one", id)
	}
	h.off, h.booted = true, true
	h.real.PowerOff()
	for unit, r := range f.agents {
		if r.machine == id {
			r.cancel()
			<-r.done
			delete(f.agents, unit)
		}
	}
	return f.options.Model.MachineStopped(id)
}

// StartMachine boots a machine that was stopped.
func (f *realFleet) StartMachine(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.machines[id]
	if h == nil || !h.off {
		return fmt.Errorf("cannot start machine %s: it is not off", id)
	}
	if err := h.real.Start(f.ctx); err != nil {
		return err
	}
	if err := writeLeader(h); err != nil {
		return err
	}
	h.off = false
	if err := f.options.Model.MachineStarted(id, f.facts(id, h)); err != nil {
		return err
	}
	for _, unit := range f.options.Model.UnitNames("") {
		if err := f.followUnit(unit); err != nil {
			return err
		}
	}
	return nil
}

// closeAll ends all agents, then all machines.
func (f *realFleet) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.agents {
		r.cancel()
		<-r.done
	}
	for _, h := range f.machines {
		if h.real != nil {
			h.real.Close()
		}
	}
}

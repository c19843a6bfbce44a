package machine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"

	"jujuetcd.io/sim/agent"
	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/netns"
)

// Fleet is the machines and agents of one model.
type Fleet struct {
	options  fleet.Options
	log      logr.Logger
	mu       sync.Mutex
	ctx      context.Context //nolint:containedctx // that of Run, for the agents that a fault starts again
	machines map[string]*Machine
	agents   map[string]*running
	// stopped are units whose agent a fault has stopped, halted the machines that are down.
	stopped map[string]bool
	halted  map[string]bool
	booted  map[string]bool // units whose machine was started anew since their agent ran last
	moved   int             // how many times a machine has changed its address
}

// running is an agent at work.
type running struct {
	machine string
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // why it ended, once done is closed
}

// NewFleet is a fleet.Maker.
func NewFleet(o fleet.Options) (fleet.Fleet, error) { return newFleet(o) }

func newFleet(o fleet.Options) (*Fleet, error) {
	log := logr.Discard()
	if o.Log != nil {
		log = zapr.NewLogger(o.Log)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot make machines: %w", err)
	}
	o.Dir = dir
	if o.Program == "" {
		if o.Program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("cannot find the program that plays the hook tools: %w", err)
		}
	}
	return &Fleet{options: o, log: log, machines: map[string]*Machine{}, agents: map[string]*running{},
		stopped: map[string]bool{}, halted: map[string]bool{}, booted: map[string]bool{}}, nil
}

// Run makes the machines and runs the agents that the model asks for, until ctx is done.
func (f *Fleet) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	f.ctx = ctx
	f.mu.Unlock()
	defer f.closeAll()
	defer cancel()
	revision := uint64(0)
	for {
		now := f.options.Model.Revision()
		if err := f.follow(); err != nil {
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

// follow brings machines and agents to where the model wants them.
func (f *Fleet) follow() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range f.options.Model.MachineIDs() {
		if err := f.followMachine(id); err != nil {
			return err
		}
	}
	for name, r := range f.agents {
		select {
		case <-r.done:
			delete(f.agents, name)
			if r.err != nil { // it would fail again: start-agent tries
				f.stopped[name] = true
			}
		default:
		}
	}
	for _, unit := range f.options.Model.UnitNames("") {
		if err := f.followUnit(unit); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) followMachine(id string) error {
	seen, err := f.options.Model.Machine(id)
	if model.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	m := f.machines[id]
	switch {
	case seen.Life != model.Alive && len(seen.Units) == 0:
		if m != nil {
			m.Close()
			delete(f.machines, id)
		}
		return ignoreNotFound(f.options.Model.MachineGone(id))
	case m != nil:
		return nil
	}
	address, err := f.address(id)
	if err != nil {
		return err
	}
	facts := f.facts(id, address)
	var port *netns.Port
	if f.options.Ethernet != nil {
		if port, err = f.options.Ethernet.Join(); err != nil {
			return err
		}
	}
	m, err = New(Options{Port: port, Root: filepath.Join(f.options.Dir, id), Address: address, MoreAddresses: facts.Addresses[1:], Store: f.options.Store,
		SnapdVersion: f.options.SnapdVersion, TaskDelay: f.options.SnapDelay, Log: f.log.WithValues("machine", id)})
	if err != nil {
		if port != nil {
			port.Close()
		}
		return err
	}
	f.machines[id] = m // also one that does not start is closed in the end
	if err := m.Start(); err != nil {
		return fmt.Errorf("cannot start machine %s: %w", id, err)
	}
	return f.options.Model.MachineStarted(id, facts)
}

func ignoreNotFound(err error) error {
	if model.IsNotFound(err) {
		return nil
	}
	return err
}

// facts are what the machine is told to be: its address, and one in each further space, in the network that many further on.
func (f *Fleet) facts(id, address string) model.MachineFacts {
	facts := model.MachineFacts{Hostname: "juju-" + f.options.Model.Name + "-" + id, Addresses: []string{address}, Spaces: map[string]string{}}
	first, _ := f.address(id) // it had one, or it would not be
	for i, space := range f.options.Spaces {
		facts.Spaces[space] = shift(first, i+1)
		facts.Addresses = append(facts.Addresses, facts.Spaces[space])
	}
	if f.options.Public {
		facts.Public = shift(first, len(f.options.Spaces)+1)
		facts.Addresses = append(facts.Addresses, facts.Public)
	}
	return facts
}

// shift is the address with the same last number in the n-th network after its own.
func shift(address string, n int) string {
	bytes := netip.MustParseAddr(address).AsSlice()
	bytes[len(bytes)-2] += byte(n)
	shifted, _ := netip.AddrFromSlice(bytes)
	return shifted.String()
}

// firstHost is the last number of machine 0's address: the ones before are the controller's. Addresses that machines
// change to are given out from lastHost downwards.
const (
	firstHost = 10
	lastHost  = 254
)

// address is a machine's: in the /24 of this jujusim, by its number.
func (f *Fleet) address(id string) (string, error) {
	n, err := strconv.Atoi(id)
	if err != nil {
		return "", fmt.Errorf("cannot find an address for machine %q: %w", id, err)
	}
	host := firstHost + f.options.First + n
	if host > 254 {
		return "", fmt.Errorf("cannot find an address for machine %s: the network %s is full", id, f.options.Network)
	}
	return f.host(host), nil
}

// host is the address of that number in the network.
func (f *Fleet) host(n int) string {
	bytes := f.options.Network.Masked().Addr().AsSlice()
	bytes[len(bytes)-1] = byte(n)
	address, _ := netip.AddrFromSlice(bytes)
	return address.String()
}

func (f *Fleet) followUnit(unit string) error {
	snap, err := f.options.Model.Snapshot(unit)
	if err != nil {
		return ignoreNotFound(err)
	}
	m := f.machines[snap.MachineID]
	if f.agents[unit] != nil || f.stopped[unit] || m == nil || f.halted[snap.MachineID] {
		return nil
	}
	return f.startAgent(unit, snap.MachineID, m)
}

func (f *Fleet) startAgent(unit, machineID string, m *Machine) error {
	a, err := agent.New(agent.Options{
		Model: f.options.Model, Unit: unit, Root: m.Root(), Program: f.options.Program, Lock: m.Lock, EnterNetwork: m.EnterNetwork(),
		APIAddresses: f.options.APIAddress, UpdateStatus: f.options.UpdateStatus, Rebooted: f.booted[unit], Log: f.log.WithValues("unit", unit),
	})
	if err != nil {
		return fmt.Errorf("cannot start the agent of %s: %w", unit, err)
	}
	delete(f.booted, unit)
	ctx, cancel := context.WithCancel(f.ctx)
	r := &running{machine: machineID, cancel: cancel, done: make(chan struct{})}
	f.agents[unit] = r
	go func() {
		defer close(r.done)
		defer cancel()
		if r.err = a.Run(ctx); r.err != nil {
			f.log.Error(r.err, "Agent ended", "unit", unit)
			f.options.Model.Log(agent.Tag(unit), "ERROR", "juju.worker.uniter", "cannot go on: "+r.err.Error())
		}
	}()
	return nil
}

// Root is the folder that is a machine's root.
func (f *Fleet) Root(id string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[id]
	if m == nil {
		return "", fmt.Errorf("cannot find machine %s: there is no such machine", id)
	}
	return m.Root(), nil
}

// MachineOf is the machine of a unit.
func (f *Fleet) MachineOf(unit string) (*Machine, error) {
	u, err := f.options.Model.Unit(unit)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[u.Machine]
	if m == nil {
		return nil, fmt.Errorf("cannot find the machine of %s: it is not there yet", unit)
	}
	return m, nil
}

func (f *Fleet) endAgent(unit string) {
	if r := f.agents[unit]; r != nil {
		r.cancel()
		<-r.done
		delete(f.agents, unit)
	}
}

// closeAll ends all agents, then all machines.
func (f *Fleet) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.agents {
		r.cancel()
	}
	for unit, r := range f.agents {
		<-r.done
		delete(f.agents, unit)
	}
	var closing sync.WaitGroup
	for _, m := range f.machines {
		closing.Go(m.Close)
	}
	closing.Wait()
}

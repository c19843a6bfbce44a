package machine

import (
	"fmt"
	"strings"
	"syscall"
)

// dataDir is where etcd's data is, unless LoseDisk is told otherwise.
const dataDir = "/var/snap/etcd/common/data"

// StopAgent ends a unit's agent; a hook that runs is killed.
func (f *Fleet) StopAgent(unit string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.options.Model.Unit(unit); err != nil {
		return err
	}
	f.stopped[unit] = true
	f.endAgent(unit)
	return nil
}

// StartAgent starts a unit's agent again.
func (f *Fleet) StartAgent(unit string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.options.Model.Unit(unit); err != nil {
		return err
	}
	delete(f.stopped, unit)
	return f.followUnit(unit)
}

// Kill sends SIGKILL to a service's process on a unit's machine. A service is named as snap.etcd.etcd or etcd; empty means the
// only one, or etcd.
func (f *Fleet) Kill(unit, name string) error {
	m, err := f.MachineOf(unit)
	if err != nil {
		return err
	}
	if name == "" {
		name = "etcd"
	}
	if !strings.Contains(name, ".") {
		name = "snap." + name + "." + name
	}
	return m.Kill(name, syscall.SIGKILL)
}

// StopMachine stops a machine: its agents and services are killed.
func (f *Fleet) StopMachine(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stopMachine(id)
}

func (f *Fleet) stopMachine(id string) error {
	m := f.machines[id]
	if m == nil {
		return fmt.Errorf("cannot stop machine %s: there is no such machine", id)
	}
	seen, err := f.options.Model.Machine(id)
	if err != nil {
		return err
	}
	f.halted[id] = true
	for _, unit := range seen.Units {
		f.endAgent(unit)
		f.booted[unit] = true
	}
	m.Stop()
	return f.options.Model.MachineStopped(id)
}

// LoseDisk kills the services of the unit's machine and removes what is below the folder.
func (f *Fleet) LoseDisk(unit, path string) error {
	m, err := f.MachineOf(unit)
	if err != nil {
		return err
	}
	if path == "" {
		path = dataDir
	}
	m.KillAll()
	return m.Wipe(path)
}

// Partition cuts the unit's machine off from the model's other machines, and from those of other models; what runs there runs on.
func (f *Fleet) Partition(unit string) error {
	m, err := f.MachineOf(unit)
	if err != nil {
		return err
	}
	if err := m.Cut(); err != nil {
		return fmt.Errorf("cannot cut off the machine of %s: %w", unit, err)
	}
	return nil
}

// HealPartition ends Partition.
func (f *Fleet) HealPartition(unit string) error {
	m, err := f.MachineOf(unit)
	if err != nil {
		return err
	}
	if err := m.Mend(); err != nil {
		return fmt.Errorf("cannot bring the machine of %s back: %w", unit, err)
	}
	return nil
}

// ChangeAddress stops a machine, if it runs, and boots it with an address that no machine has had.
func (f *Fleet) ChangeAddress(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[id]
	if m == nil {
		return fmt.Errorf("cannot change the address of machine %s: there is no such machine", id)
	}
	host := lastHost - f.options.First - f.moved
	if host <= firstHost+f.options.First+len(f.machines) {
		return fmt.Errorf("cannot change the address of machine %s: the network %s is full", id, f.options.Network)
	}
	if err := f.stopMachine(id); err != nil {
		return err
	}
	f.moved++
	m.SetAddress(f.host(host))
	return f.startMachine(id)
}

// StartMachine boots a machine that was stopped.
func (f *Fleet) StartMachine(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.startMachine(id)
}

func (f *Fleet) startMachine(id string) error {
	m := f.machines[id]
	if m == nil {
		return fmt.Errorf("cannot start machine %s: there is no such machine", id)
	}
	if err := m.Start(); err != nil {
		return err
	}
	delete(f.halted, id)
	if err := f.options.Model.MachineStarted(id, f.facts(id, m.Address())); err != nil {
		return err
	}
	for _, unit := range f.options.Model.UnitNames("") {
		if err := f.followUnit(unit); err != nil {
			return err
		}
	}
	return nil
}

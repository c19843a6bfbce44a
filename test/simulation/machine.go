package simulation

import (
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/record"
)

// Machine is a thing of its own: what lies on it outlives the unit that has put it there, and the next unit that is placed there finds
// it. One operation runs at a time on it, whichever unit's.
type Machine struct {
	sim    *Sim
	number int
	// moves is how often its address has changed, ahead how far its clock is ahead of Juju's.
	moves int
	ahead time.Duration
	// clockSet is when its clock was set last.
	clockSet time.Time
	// dark: it is without power. kept: it stays when its last unit has gone.
	dark, kept bool
	// squatted: another process listens where etcd is to. halted: a delivery has stopped and disabled etcd.
	squatted, halted bool
	freeAt           time.Time
	units            []*Unit
	// owner is whom the owner's file names.
	owner *v1alpha1.UnitRef
	// records are the durable files of the units that are here, and of those that were.
	records map[string]*record.Record

	// installed is when the snap is there; zero before it was asked for.
	installed time.Time
	files     string
	process   process
	trust
	// aside is the data that was set aside. It is never deleted.
	aside []*data
	// replaced is what was in the place of restored data, until there is no way back.
	replaced *data
}

// AddMachine adds an empty machine that stays when its last unit has gone.
func (s *Sim) AddMachine() *Machine {
	m := s.newMachine()
	m.kept = true
	return m
}

func (s *Sim) newMachine() *Machine {
	m := &Machine{sim: s, number: s.juju.lastMachine, ahead: s.off(), records: map[string]*record.Record{}}
	s.juju.lastMachine++
	s.juju.machines = append(s.juju.machines, m)
	return m
}

// Machines are those of the model.
func (s *Sim) Machines() []*Machine { return slices.Clone(s.juju.machines) }

// Keep lets the machine stay when its last unit has gone.
func (m *Machine) Keep() { m.kept = true }

// Units are those that are placed on the machine, of all applications.
func (m *Machine) Units() []*Unit { return slices.Clone(m.units) }

// Serves says that an etcd runs here, whosever it is.
func (m *Machine) Serves() bool { return m.process.up }

// Squat lets another process listen at etcd's ports, or end.
func (m *Machine) Squat(listens bool) { m.squatted = listens }

// Clock sets how far the machine's clock is ahead of Juju's; a negative one is behind.
func (m *Machine) Clock(ahead time.Duration) {
	m.ahead, m.clockSet = ahead, m.sim.now
	m.sim.say("    the clock of machine %d is %s ahead", m.number, ahead)
}

func (m *Machine) now() time.Time { return m.sim.now.Add(m.ahead) }

func (m *Machine) address() string { return fmt.Sprintf("10.0.%d.%d", m.moves, m.number+1) }

// release takes a unit from its machine, which goes with its last one unless it is kept.
func (m *Machine) release(u *Unit) {
	m.units = slices.DeleteFunc(m.units, func(o *Unit) bool { return o == u })
	if len(m.units) == 0 && !m.kept {
		m.destroy()
	}
}

// destroy ends the machine with everything that is on it.
func (m *Machine) destroy() {
	m.stop()
	m.sim.juju.machines = slices.DeleteFunc(m.sim.juju.machines, func(o *Machine) bool { return o == m })
}

// setAside stops etcd, and gives its data a name under which nobody looks for it.
func (m *Machine) setAside() {
	m.stop()
	if m.process.data != nil {
		m.aside = append(m.aside, m.process.data)
		m.process.data, m.process.mark = nil, ""
	}
}

// recordOf is the unit's durable file here, written before anything is done.
func (m *Machine) recordOf(u *Unit) *record.Record {
	if m.records[u.Name] == nil {
		m.records[u.Name] = &record.Record{}
	}
	return m.records[u.Name]
}

package model

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

type machine struct {
	id         string
	base       string // Ubuntu's release.
	life       Life
	started    bool
	present    bool
	instanceID string
	hostname   string
	addresses  []string
	spaces     map[string]string // the address in each space but alpha
	public     string
	agent      statusLog
	instance   statusLog
}

// MachineFacts is what a machine layer reports of a machine that it has made.
type MachineFacts struct {
	// InstanceID is the id plus the model's name where empty.
	InstanceID string
	Hostname   string
	// Addresses, the one to use first.
	Addresses []string
	// Spaces are the addresses among them that are in another space than DefaultSpace, by space.
	Spaces map[string]string
	// Public is the address that others than the machine's own network reach it at; empty where
	// that is the first one.
	Public string
	// InstanceInfo is the message of the instance's status.
	InstanceInfo string
}

func (m *Model) addMachine(base string) *machine {
	mc := &machine{id: strconv.Itoa(m.next("machine")), base: base, life: Alive}
	mc.agent.set("juju-machine", "pending", "", m.now())
	mc.instance.set("machine", "pending", "", m.now())
	m.machines[mc.id] = mc
	return mc
}

// AddMachine makes an empty machine of that release of Ubuntu, DefaultBase where it is empty, and
// returns its id. It goes with the last unit that was placed on it, as any other does.
func (m *Model) AddMachine(base string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	mc := m.addMachine(cmp.Or(base, DefaultBase))
	m.bump()
	return mc.id
}

// MachineStarted says that a machine exists and its agent runs.
func (m *Model) MachineStarted(id string, facts MachineFacts) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	mc, ok := m.machines[id]
	if !ok {
		return m.missing("machine", id)
	}
	mc.instanceID = cmp.Or(facts.InstanceID, "jujusim-"+id)
	mc.hostname, mc.addresses = facts.Hostname, slices.Clone(facts.Addresses)
	mc.spaces, mc.public = maps.Clone(facts.Spaces), facts.Public
	if !mc.started {
		mc.instance.set("machine", "running", facts.InstanceInfo, m.now())
	}
	if mc.agent.now.Current != "started" {
		mc.agent.set("juju-machine", "started", "", m.now())
	}
	mc.started, mc.present = true, true
	m.bump()
	return nil
}

// MachineStopped says that a machine's agent does not answer any more.
func (m *Model) MachineStopped(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	mc, ok := m.machines[id]
	if !ok {
		return m.missing("machine", id)
	}
	mc.present = false
	m.bump()
	return nil
}

// MachineGone removes a machine; units still on it go with it.
func (m *Model) MachineGone(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	mc, ok := m.machines[id]
	if !ok {
		return m.missing("machine", id)
	}
	for _, u := range m.unitsOn(mc) {
		m.removeUnit(u)
	}
	delete(m.machines, id)
	m.bump()
	return nil
}

func (m *Model) unitsOn(mc *machine) []*unit {
	var units []*unit
	for _, a := range m.applications {
		for _, u := range a.sortedUnits() {
			if u.machine == mc {
				units = append(units, u)
			}
		}
	}
	return units
}

// Machine is a machine as others see it.
type Machine struct {
	ID         string
	Base       string
	Life       Life
	Started    bool
	InstanceID string
	Hostname   string
	Addresses  []string
	Spaces     map[string]string
	// Agent is down where its agent was lost.
	Agent    Status
	Instance Status
	// OwnAgent is what the agent said last, also where it is lost.
	OwnAgent Status
	// Units on it, sorted.
	Units []string
}

// SpaceOf is the space of one of the machine's addresses.
func (m Machine) SpaceOf(address string) string {
	for space, a := range m.Spaces {
		if a == address {
			return space
		}
	}
	return DefaultSpace
}

// Machine returns one.
func (m *Model) Machine(id string) (Machine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mc, ok := m.machines[id]
	if !ok {
		return Machine{}, m.missing("machine", id)
	}
	return m.showMachine(mc), nil
}

func (m *Model) showMachine(mc *machine) Machine {
	shown := Machine{
		ID: mc.id, Base: mc.base, Life: mc.life, Started: mc.started, InstanceID: cmp.Or(mc.instanceID, "pending"), Hostname: mc.hostname,
		Addresses: slices.Clone(mc.addresses), Spaces: maps.Clone(mc.spaces), Agent: mc.agent.now, OwnAgent: mc.agent.now, Instance: mc.instance.now,
	}
	if mc.started && !mc.present {
		shown.Agent.Current, shown.Agent.Message = "down", lostMessage
	}
	for _, u := range m.unitsOn(mc) {
		shown.Units = append(shown.Units, u.name)
	}
	slices.Sort(shown.Units)
	return shown
}

// MachineIDs lists machines in the order of their numbers.
func (m *Model) MachineIDs() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machineIDs()
}

func (m *Model) machineIDs() []string {
	var ids []string
	for id := range m.machines {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return cmp.Compare(x, y)
	})
	return ids
}

func (u *unit) address() string {
	if u.machine == nil || len(u.machine.addresses) == 0 {
		return ""
	}
	return u.machine.addresses[0]
}

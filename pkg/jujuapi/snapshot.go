package jujuapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// newModel makes a Model from what a controller of any version said. now is used where the
// controller reports no time.
func newModel(ref ModelRef, s wire.FullStatus, now time.Time) *Model {
	m := &Model{
		Name: s.Model.Name, Owner: ref.Owner, UUID: ref.UUID, Version: s.Model.Version, TakenAt: now,
		Applications: map[string]Application{}, Machines: map[string]Machine{},
	}
	if s.ControllerTimestamp != nil && !s.ControllerTimestamp.IsZero() {
		m.TakenAt = *s.ControllerTimestamp
	}
	addMachines(m.Machines, s.Machines)
	relations := relationsByApplication(s.Relations)
	for name, a := range s.Applications {
		m.Applications[name] = Application{
			Name: name, Charm: a.Charm, CharmRevision: charmRevision(a), Life: life(a.Life), Exposures: exposures(a.Exposed, a.ExposedEndpoints),
			Status: status(a.Status), WorkloadVersion: a.WorkloadVersion, Relations: relations[name], Units: map[string]Unit{},
		}
	}
	for name, a := range s.Applications {
		addUnits(m, name, a.Units, "")
	}
	m.Storage = storage(s.Storage)
	m.Hash = m.hash(func(string) bool { return true })
	return m
}

// storage is in the order of its IDs. An instance whose tag cannot be read is left in, with the
// tag: it must not pass for absent.
func storage(all []wire.StorageDetails) []Storage {
	var list []Storage
	for _, d := range all {
		s := Storage{ID: d.StorageTag}
		if id, ok := wire.ID(d.StorageTag, "storage"); ok {
			if i := strings.LastIndexByte(id, '-'); i > 0 {
				s.ID = id[:i] + "/" + id[i+1:]
			}
		}
		s.Owner = unitOrApplication(d.OwnerTag)
		for tag := range d.Attachments {
			s.Units = append(s.Units, unitOrApplication(tag))
		}
		slices.Sort(s.Units)
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Storage) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func unitOrApplication(tag string) string {
	if unit, ok := wire.UnitName(tag); ok {
		return unit
	}
	if application, ok := wire.ID(tag, "application"); ok {
		return application
	}
	return tag
}

// addUnits files the units of an application, and their subordinates under their own applications:
// Juju lists those only below the principals, and without a machine of their own.
func addUnits(m *Model, application string, units map[string]wire.UnitStatus, machine string) {
	for name, u := range units {
		unit := Unit{
			Name: name, Life: life(u.AgentStatus.Life), Leader: u.Leader, Machine: cmp.Or(u.Machine, machine),
			PublicAddress: u.PublicAddress, OpenedPorts: slices.Sorted(slices.Values(u.OpenedPorts)),
			AgentStatus: status(u.AgentStatus), WorkloadStatus: status(u.WorkloadStatus),
			WorkloadVersion: u.WorkloadVersion, AgentVersion: u.AgentStatus.Version,
		}
		if a, ok := m.Applications[application]; ok {
			a.Units[name] = unit
		}
		for sub, s := range u.Subordinates {
			owner, _, _ := strings.Cut(sub, "/")
			addUnits(m, owner, map[string]wire.UnitStatus{sub: s}, unit.Machine)
		}
	}
}

// addMachines files machines and the containers in them.
func addMachines(to map[string]Machine, machines map[string]wire.MachineStatus) {
	for id, s := range machines {
		to[id] = Machine{
			ID: id, InstanceID: s.InstanceID, Life: life(s.AgentStatus.Life), Provisioned: provisioned(s),
			Addresses: machineAddresses(s), AgentStatus: status(s.AgentStatus),
		}
		addMachines(to, s.Containers)
	}
}

// provisioned says that an instance exists and its agent has started once: an agent that is away
// now is "down", one that never came is "pending".
func provisioned(s wire.MachineStatus) bool {
	if s.InstanceID == "" || s.InstanceID == "pending" {
		return false
	}
	switch s.AgentStatus.Status {
	case "started", "down", "stopped":
		return true
	}
	return false
}

func machineAddresses(s wire.MachineStatus) []string {
	if len(s.IPAddresses) == 0 && s.DNSName != "" {
		return []string{s.DNSName}
	}
	return s.IPAddresses
}

// relationsByApplication turns the model's list of relations into what each application sees, in a
// stable order.
func relationsByApplication(all []wire.RelationStatus) map[string][]Relation {
	by := map[string][]Relation{}
	for _, r := range all {
		for i, here := range r.Endpoints {
			there := r.Endpoints[(i+1)%len(r.Endpoints)]
			by[here.Application] = append(by[here.Application], Relation{
				ID: r.ID, Key: r.Key, Interface: r.Interface, Endpoint: here.Name, Peer: len(r.Endpoints) == 1,
				RemoteApplication: there.Application, RemoteEndpoint: there.Name, Status: r.Status.Status,
			})
		}
	}
	for _, relations := range by {
		slices.SortFunc(relations, func(a, b Relation) int {
			return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.ID, b.ID))
		})
	}
	return by
}

func status(s wire.DetailedStatus) Status {
	st := Status{Current: s.Status, Message: s.Info}
	if s.Since != nil {
		st.Since = *s.Since
	}
	return st
}

// life fills in what 2.9 and 3.6 leave out.
func life(s string) Life {
	if s == "" {
		return Alive
	}
	return Life(s)
}

// charmRevision is taken from the charm's URL where it is not given: before 3.0, and for revision
// 0.
func charmRevision(a wire.ApplicationStatus) int {
	if a.CharmRev != 0 {
		return a.CharmRev
	}
	n, err := strconv.Atoi(a.Charm[strings.LastIndexByte(a.Charm, '-')+1:])
	if err != nil {
		return 0
	}
	return n
}

// HashOf identifies the content of one application: itself, its units, and the machines that they
// are on.
func (m *Model) HashOf(application string) string {
	return m.hash(func(name string) bool { return name == application })
}

// hash digests the applications that are wanted, and their machines (all machines, if nothing is
// left out), without the times that change by themselves.
func (m *Model) hash(want func(application string) bool) string {
	content := Model{
		Name: m.Name, Owner: m.Owner, UUID: m.UUID, Version: m.Version,
		Applications: map[string]Application{}, Machines: map[string]Machine{},
	}
	used, all := map[string]bool{}, true
	for name, a := range m.Applications {
		if !want(name) {
			all = false
			continue
		}
		a.Status.Since = time.Time{}
		units := make(map[string]Unit, len(a.Units))
		for unit, u := range a.Units {
			u.WorkloadStatus.Since = time.Time{}
			units[unit] = u
			used[u.Machine] = true
		}
		a.Units = units
		content.Applications[name] = a
	}
	for id, machine := range m.Machines {
		if all || used[id] {
			machine.AgentStatus.Since = time.Time{}
			content.Machines[id] = machine
		}
	}
	content.Storage = m.Storage
	// Maps are encoded in the order of their keys, and these types cannot fail to be.
	data, _ := json.Marshal(content)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

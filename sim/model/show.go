package model

import (
	"maps"
	"slices"
	"time"

	"jujuetcd.io/sim/charm"
)

// What Juju says of an agent that it has not heard of.
const (
	lostMessage   = "agent is not communicating with the server"
	lostWorkloads = "agent lost, see `juju debug-logs` or `juju show-status-log` for more information"
)

// FullStatus is all that a user sees of a model.
type FullStatus struct {
	At           time.Time
	Applications []ApplicationStatus // Sorted by name.
	Machines     []Machine           // In the order of their numbers.
	Relations    []RelationStatus    // In the order of their ids.
	Remotes      []RemoteApplication // Sorted by name.
	Offers       []Offer             // Sorted by name.
}

// ApplicationStatus is an application as a user sees it.
type ApplicationStatus struct {
	Name     string
	CharmURL string
	Charm    *charm.Charm
	// Bindings are the spaces of all endpoints, that of "" among them.
	Bindings   map[string]string
	Revision   int
	Base       string // Ubuntu's release.
	Life       Life
	Exposed    map[string]Exposure // by endpoint, "" for all of them
	Status     Status
	StatusData map[string]any
	// OwnStatus is what the charm has set, unset where it has not.
	OwnStatus       Status
	WorkloadVersion string
	Leader          string
	Units           []UnitStatus // In the order of their numbers.
	// Config is what users have set.
	Config map[string]any
}

// UnitStatus is a unit as a user sees it: a lost agent and a failed hook are worked in.
type UnitStatus struct {
	Name         string
	Number       int
	Application  string
	Life         Life
	Machine      string
	Leader       bool
	Address      string
	Agent        Status
	Workload     Status
	WorkloadData map[string]any
	// OwnAgent and OwnWorkload are what the agent said last, also where it is lost.
	OwnAgent, OwnWorkload Status
	// Principal is the unit that a subordinate one stands beside.
	Principal       string
	WorkloadVersion string
	Ports           []string
	CharmURL        string
	Storage         []Storage
}

// RelationStatus is a relation as a user sees it.
type RelationStatus struct {
	ID        int
	Key       string
	Life      Life
	Interface string
	Scope     string
	Status    Status
	Endpoints []RelationEndpoint
}

// RelationEndpoint is one side of a relation.
type RelationEndpoint struct{ Application, Name, Role string }

// FullStatus shows the whole model, as of one moment.
func (m *Model) FullStatus() FullStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := FullStatus{At: m.now()}
	for _, name := range slices.Sorted(maps.Keys(m.applications)) {
		s.Applications = append(s.Applications, m.showApplication(m.applications[name]))
	}
	for _, id := range m.machineIDs() {
		s.Machines = append(s.Machines, m.showMachine(m.machines[id]))
	}
	s.Remotes = m.showRemotes()
	for _, name := range slices.Sorted(maps.Keys(m.offers)) {
		s.Offers = append(s.Offers, m.offers[name])
	}
	for _, id := range slices.Sorted(maps.Keys(m.relations)) {
		s.Relations = append(s.Relations, m.relations[id].show())
	}
	return s
}

// Application shows one application.
func (m *Model) Application(name string) (ApplicationStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[name]
	if !ok {
		return ApplicationStatus{}, m.missing("application", name)
	}
	return m.showApplication(a), nil
}

// Unit shows one unit.
func (m *Model) Unit(name string) (UnitStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(name)
	if err != nil {
		return UnitStatus{}, err
	}
	return u.show(), nil
}

func (m *Model) showApplication(a *application) ApplicationStatus {
	shown := ApplicationStatus{
		Name: a.name, CharmURL: a.charmURL, Charm: a.charm, Bindings: a.showBindings(), Revision: a.revision, Base: a.base, Life: a.life, Exposed: a.exposed,
		Status: a.status.now, OwnStatus: a.status.now, WorkloadVersion: a.workloadVersion, Leader: a.leader, Config: maps.Clone(a.config),
	}
	for _, u := range a.sortedUnits() {
		shown.Units = append(shown.Units, u.show())
	}
	if shown.Status.Current == "unset" && len(shown.Units) > 0 {
		shown.Status, shown.StatusData = worst(shown.Units)
	}
	return shown
}

func (u *unit) show() UnitStatus {
	shown := UnitStatus{
		Name: u.name, Number: u.number, Application: u.app.name, Life: u.life, Machine: u.machine.id, Leader: u.app.leader == u.name,
		Address: u.address(), Agent: u.agent.now, Workload: u.workload.now, WorkloadVersion: u.workloadVersion,
		CharmURL: u.charmURL, Storage: u.showStorage(), WorkloadData: map[string]any{},
	}
	if u.principal != nil {
		shown.Principal = u.principal.name
	}
	for _, p := range u.ports {
		shown.Ports = append(shown.Ports, p.String())
	}
	if shown.Agent.Current == "error" {
		// A failed hook is the workload's error; the agent itself is idle.
		shown.Workload = shown.Agent
		shown.Agent = Status{Current: "idle", Since: shown.Agent.Since}
		shown.WorkloadData = u.failed.data()
	}
	shown.OwnAgent, shown.OwnWorkload = shown.Agent, shown.Workload
	if u.everUp && !u.present {
		shown.Agent.Current, shown.Agent.Message = "lost", lostMessage
		if shown.Workload.Current != "error" {
			shown.Workload.Current, shown.Workload.Message = "unknown", lostWorkloads
		}
	}
	return shown
}

func (h FailedHook) data() map[string]any {
	data := map[string]any{"hook": h.Name}
	if h.Relation >= 0 {
		data["relation-id"] = h.Relation
	}
	if h.RemoteUnit != "" {
		data["remote-unit"] = h.RemoteUnit
	}
	return data
}

func (r *relation) show() RelationStatus {
	shown := RelationStatus{ID: r.id, Key: r.key(), Life: r.life, Interface: r.iface, Scope: r.scope, Status: r.status}
	for _, e := range r.endpoints {
		shown.Endpoints = append(shown.Endpoints, RelationEndpoint{e.app.name, e.name, e.role})
	}
	return shown
}

// RelationData is what a user sees of a relation from one unit's side.
type RelationData struct {
	ID       int
	Endpoint string
	Related  string
	// CrossModel says that the other side is of another model.
	CrossModel bool
	// OwnApplication and RemoteApplication are the two application databags; alike for peers.
	OwnApplication, RemoteApplication map[string]string
	// Units are those of the other side, all of them for peers; nil databag where not in scope.
	Units map[string]map[string]string
}

// RelationData of a unit, newest relation first, as Juju 4.0 lists it.
func (m *Model) RelationData(unitName string) ([]RelationData, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return nil, err
	}
	var all []RelationData
	for _, r := range slices.Backward(m.relationsOf(u.app)) {
		own, other, _ := r.side(u.app)
		d := RelationData{
			ID: r.id, Endpoint: own.name, Related: other.name, CrossModel: r.crossModel(), Units: map[string]map[string]string{},
			OwnApplication: maps.Clone(r.apps[own.app.name].data), RemoteApplication: maps.Clone(r.apps[other.app.name].data),
		}
		for _, o := range other.app.units {
			if !r.sees(u, o) {
				continue
			}
			d.Units[o.name] = nil
			if bag := r.units[o.name]; bag != nil {
				d.Units[o.name] = maps.Clone(bag.data)
			}
		}
		all = append(all, d)
	}
	return all, nil
}

// UnitNames of an application, in the order of their numbers; all of the model's where the application is empty.
func (m *Model) UnitNames(application string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.applications)) {
		if application != "" && application != name {
			continue
		}
		for _, u := range m.applications[name].sortedUnits() {
			names = append(names, u.name)
		}
	}
	return names
}

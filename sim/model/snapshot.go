package model

import (
	"maps"
	"slices"

	"jujuetcd.io/sim/charm"
)

// Resolution is what a user wants with a failed hook.
type Resolution string

// Resolutions.
const (
	ResolveNone  Resolution = ""
	ResolveRetry Resolution = "retry-hooks"
	ResolveSkip  Resolution = "no-hooks"
)

// Snapshot is what a unit's agent watches.
type Snapshot struct {
	Revision uint64
	Life     Life
	// MachineStarted says that the unit's machine is there: nothing runs before.
	MachineStarted bool
	MachineID      string
	Leader         bool
	Resolved       Resolution
	// Subordinates says that units stand beside this one, without which it does not go.
	Subordinates bool
	Charm        *charm.Charm
	CharmURL     string
	// ConfigVersion grows with each change of the application's configuration.
	ConfigVersion int
	// ResourceVersion grows with each resource that is attached: the charm is told by upgrade-charm.
	ResourceVersion int
	// Addresses of the machine; a change of them runs config-changed, too.
	Addresses []string
	Relations map[int]RelationSnapshot
	Storage   []Storage
	// Changed are secrets of which there is a newer revision than the unit reads; Obsolete are revisions of the unit's own, or as the
	// leader the application's, that nobody reads any more.
	Changed, Obsolete []SecretNotice
	// SilentDepartures says that nobody is told of a peer that has gone, until its agent starts or its charm is upgraded.
	SilentDepartures bool
	// ConfigTwice and TellsLeader are what the profile says.
	ConfigTwice, TellsLeader bool
	// Pending are the tasks to run, oldest first.
	Pending []int
}

// RelationSnapshot is one relation as the unit's agent watches it.
type RelationSnapshot struct {
	ID       int
	Endpoint string
	Life     Life
	Peer     bool
	// RemoteApplication is the own one for a peer relation.
	RemoteApplication string
	// InScope says that this unit has entered.
	InScope bool
	// Members are the remote units in scope, with the version of their databag; for a peer relation without the unit itself.
	Members map[string]int
	// ApplicationVersion is the version of the remote application's databag.
	ApplicationVersion int
}

// Snapshot returns what the unit's agent has to compare with what it has done.
func (m *Model) Snapshot(unitName string) (Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{
		Revision: m.revision, Life: u.life, MachineStarted: u.machine.started, MachineID: u.machine.id,
		Leader: u.app.leader == u.name, Resolved: u.resolved, Charm: u.app.charm, CharmURL: u.app.charmURL,
		ConfigVersion: u.app.configVersion, ResourceVersion: u.app.resources.version, Addresses: slices.Clone(u.machine.addresses),
		Relations: map[int]RelationSnapshot{}, Storage: u.showStorage(), Subordinates: len(m.subordinatesOf(u)) > 0,
		SilentDepartures: m.silent, ConfigTwice: m.profile.ConfigTwice, TellsLeader: m.profile.TellsLeader,
	}
	if m.pace == PaceJuju {
		s.Revision = m.published
	}
	s.Changed, s.Obsolete = m.secretNotices(u)
	for _, r := range m.relationsOf(u.app) {
		s.Relations[r.id] = r.snapshot(u)
	}
	for _, id := range slices.Sorted(maps.Keys(m.tasks)) {
		if t := m.tasks[id]; t.unit == u.name && t.status == TaskPending {
			s.Pending = append(s.Pending, id)
		}
	}
	return s, nil
}

func (r *relation) snapshot(u *unit) RelationSnapshot {
	own, other, _ := r.side(u.app)
	s := RelationSnapshot{
		ID: r.id, Endpoint: own.name, Life: r.life, Peer: r.peer(), RemoteApplication: other.app.name,
		InScope: r.units[u.name] != nil, Members: map[string]int{}, ApplicationVersion: r.apps[other.app.name].version,
	}
	for _, v := range other.app.sortedUnits() {
		if bag := r.units[v.name]; bag != nil && v != u && r.sees(u, v) {
			s.Members[v.name] = bag.version
		}
	}
	return s
}

// Resolve asks a unit's agent to retry or to skip its failed hook.
func (m *Model) Resolve(unitName string, how Resolution) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	if u.agent.now.Current != "error" {
		return errorf(NoCode, "unit %q is not in an error state", unitName)
	}
	u.resolved = how
	m.bump()
	return nil
}

// ClearResolved says that the agent has heard it.
func (m *Model) ClearResolved(unitName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	u.resolved = ResolveNone
	return nil
}

// FailedHook is a hook that failed. Relation is -1 for one that is of no relation.
type FailedHook struct {
	Name       string
	Relation   int
	RemoteUnit string
}

// FailHook shows a failed hook as the workload's error, until the agent's status changes.
func (m *Model) FailHook(unitName string, hook FailedHook) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	u.failed = hook
	u.agent.set("juju-unit", "error", "hook failed: \""+hook.Name+"\"", m.now())
	m.bump()
	return nil
}

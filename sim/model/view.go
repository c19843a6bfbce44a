package model

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// View is what a unit may see from inside a hook or an action; its methods are the hook tools that
// read. What the hook itself has asked for and not yet committed is not in it.
type View struct {
	m    *Model
	unit string
}

// View of a unit.
func (m *Model) View(unitName string) View { return View{m, unitName} }

// read runs do under the lock with the unit, or fails if it is gone.
func (v View) read(do func(u *unit) error) error {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	u, err := v.m.unit(v.unit)
	if err != nil {
		return err
	}
	return do(u)
}

// Config is config-get: the values of all options that are set or have a default. Options without
// value are nil with all.
func (v View) Config(all bool) (config map[string]any, err error) {
	err = v.read(func(u *unit) error {
		config = map[string]any{}
		for name, option := range u.app.charm.Options {
			value, set := u.app.config[name]
			if !set {
				value = option.Default
			}
			if value != nil || all {
				config[name] = value
			}
		}
		return nil
	})
	return config, err
}

// RelationIDs is relation-ids: ids as in cluster:0, of the relations whose scope the unit is in.
func (v View) RelationIDs(endpoint string) (ids []string, err error) {
	err = v.read(func(u *unit) error {
		ids = []string{}
		for _, r := range v.m.relationsOf(u.app) {
			if own, _, _ := r.side(u.app); own.name == endpoint && r.units[u.name] != nil {
				ids = append(ids, fmt.Sprintf("%s:%d", own.name, r.id))
			}
		}
		return nil
	})
	return ids, err
}

// RelationUnits is relation-list: the remote units in scope, for a peer relation without the unit
// itself.
func (v View) RelationUnits(relationID int) (units []string, err error) {
	err = v.read(func(u *unit) error {
		units = []string{}
		_, r, err := v.m.member(u.name, relationID)
		if err != nil {
			return err
		}
		_, other, _ := r.side(u.app)
		for _, o := range other.app.sortedUnits() {
			if o != u && r.units[o.name] != nil && r.sees(u, o) {
				units = append(units, o.name)
			}
		}
		return nil
	})
	return units, err
}

// RelationApplication is relation-list --app.
func (v View) RelationApplication(relationID int) (name string, err error) {
	err = v.read(func(u *unit) error {
		_, r, err := v.m.member(u.name, relationID)
		if err != nil {
			return err
		}
		_, other, _ := r.side(u.app)
		name = other.app.name
		return nil
	})
	return name, err
}

// RelationSettings is relation-get for a unit.
func (v View) RelationSettings(relationID int, ofUnit string) (settings map[string]string, err error) {
	err = v.read(func(u *unit) error {
		_, r, err := v.m.member(u.name, relationID)
		if err != nil {
			return err
		}
		if bag := r.units[ofUnit]; bag != nil {
			settings = maps.Clone(bag.data)
			return nil
		}
		former, left := r.left[ofUnit]
		if !left {
			return errorf(NotFound, "cannot read settings for unit %q in relation %q: unit %q: settings not found", ofUnit, r.key(), ofUnit)
		}
		settings = maps.Clone(former)
		return nil
	})
	return settings, err
}

// RelationApplicationSettings is relation-get --app: the remote application's; one's own only for
// the leader, or in a peer relation.
func (v View) RelationApplicationSettings(relationID int, ofApplication string) (settings map[string]string, err error) {
	err = v.read(func(u *unit) error {
		_, r, err := v.m.member(u.name, relationID)
		if err != nil {
			return err
		}
		bag := r.apps[ofApplication]
		if bag == nil || ofApplication == u.app.name && !r.peer() && u.app.leader != u.name {
			return errorf(NoCode, "permission denied")
		}
		settings = maps.Clone(bag.data)
		return nil
	})
	return settings, err
}

// IsLeader is is-leader.
func (v View) IsLeader() bool { return v.m.IsLeader(v.unit) }

// Network is what network-get shows.
type Network struct {
	Interface, MAC string
	Hostname       string
	BindAddress    string
	CIDR           string
	Ingress        []string
	Egress         []string
}

// Network of an endpoint or extra binding: the address in the space that it is bound to. In the
// context of a relation (not -1) its own endpoint's ingress is where the other side of that
// relation reaches the unit.
func (v View) Network(binding string, relationID int) (n Network, err error) {
	err = v.read(func(u *unit) error {
		if !slices.Contains(u.app.charm.Bindings(), binding) {
			return errorf(NotValid, "binding name %q not defined by the unit's charm", binding)
		}
		address := u.addressIn(binding)
		if address == "" {
			return errorf(NotFound, "no network config found for binding %q", binding)
		}
		ingress := address
		if r := v.m.relations[relationID]; r != nil {
			if own, _, ok := r.side(u.app); ok && own.name == binding {
				ingress = u.addressFor(r)
			}
		}
		keys := v.m.addressKeys(ingress)
		n = Network{
			Interface: "lo", Hostname: "", BindAddress: address, CIDR: network(address),
			Ingress: []string{ingress}, Egress: []string{keys["egress-subnets"]},
		}
		return nil
	})
	return n, err
}

// Address is unit-get private-address and public-address.
func (v View) Address() (address string, err error) {
	err = v.read(func(u *unit) error {
		address = u.address()
		return nil
	})
	return address, err
}

// State is state-get.
func (v View) State() (state map[string]string, err error) {
	err = v.read(func(u *unit) error {
		state = maps.Clone(u.state)
		return nil
	})
	return state, err
}

// OpenedPorts is opened-ports, of this unit.
func (v View) OpenedPorts() (ports []PortRange, err error) {
	err = v.read(func(u *unit) error {
		ports = slices.Clone(u.ports)
		return nil
	})
	return ports, err
}

// Storage lists the unit's storage.
func (v View) Storage() (instances []Storage, err error) {
	err = v.read(func(u *unit) error {
		instances = u.showStorage()
		return nil
	})
	return instances, err
}

// Status is status-get: what the charm set, also while a hook error hides it.
func (v View) Status() (status Status, err error) {
	err = v.read(func(u *unit) error {
		status = u.workload.now
		return nil
	})
	return status, err
}

// ApplicationStatus is status-get --application; only the leader may.
func (v View) ApplicationStatus() (status Status, units map[string]Status, err error) {
	err = v.read(func(u *unit) error {
		if u.app.leader != u.name {
			return errorf(NoCode, "finding application status: this unit is not the leader")
		}
		status, units = u.app.status.now, map[string]Status{}
		for _, o := range u.app.units {
			units[o.name] = o.workload.now
		}
		return nil
	})
	return status, units, err
}

// Goal is one entry of goal-state.
type Goal struct {
	Status string
	Since  time.Time
}

// GoalState is goal-state: the application's units, and by endpoint the remote applications and
// their units. Units that are to go are dying, those yet to join are joining.
func (v View) GoalState() (units map[string]Goal, relations map[string]map[string]Goal, err error) {
	err = v.read(func(u *unit) error {
		units, relations = map[string]Goal{}, map[string]map[string]Goal{}
		for _, o := range u.app.units {
			units[o.name] = o.goal(o.workload.now.Current)
		}
		for _, r := range v.m.relationsOf(u.app) {
			own, other, _ := r.side(u.app)
			goals := relations[own.name]
			if goals == nil {
				goals = map[string]Goal{}
				relations[own.name] = goals
			}
			if !r.peer() {
				goals[other.app.name] = Goal{r.status.Current, r.status.Since}
			}
			for _, o := range other.app.units {
				if o != u && r.sees(u, o) {
					goals[o.name] = o.goal(o.workload.now.Current)
				}
			}
		}
		return nil
	})
	return units, relations, err
}

func (u *unit) goal(status string) Goal {
	if u.life != Alive {
		status = string(Dying)
	}
	return Goal{status, u.workload.now.Since}
}

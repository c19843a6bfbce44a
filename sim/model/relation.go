package model

import (
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/sim/charm"
)

type relation struct {
	id        int
	life      Life
	iface     string
	scope     string
	endpoints []endpoint // One for a peer relation, else requirer first.
	status    Status
	units     map[string]*databag // In scope, by unit.
	apps      map[string]*databag // By application.
	// left keeps the settings of units that have left: they stay readable for as long as the relation is there, so that hooks
	// which are still to run find them (Juju's table relation_unit_setting_archive).
	left map[string]map[string]string
}

type endpoint struct {
	app  *application
	name string
	role string
}

type databag struct {
	data    map[string]string
	version int
}

// newDatabag has version 0 while nothing was ever set: agents are not told of it.
func newDatabag() *databag { return &databag{data: map[string]string{}} }

// apply sets keys, or deletes those with an empty value, and says whether anything changed.
func (d *databag) apply(settings map[string]string) bool {
	before := maps.Clone(d.data)
	for k, v := range settings {
		if v == "" {
			delete(d.data, k)
		} else {
			d.data[k] = v
		}
	}
	if maps.Equal(before, d.data) {
		return false
	}
	d.version++
	return true
}

func (r *relation) peer() bool { return len(r.endpoints) == 1 }

// key is the relation's name, as in "client:db etcd:db".
func (r *relation) key() string {
	var parts []string
	for _, e := range r.endpoints {
		parts = append(parts, e.app.name+":"+e.name)
	}
	slices.Sort(parts)
	if r.peer() {
		return parts[0]
	}
	// The requirer comes first, whatever the names.
	return r.endpoints[0].app.name + ":" + r.endpoints[0].name + " " + r.endpoints[1].app.name + ":" + r.endpoints[1].name
}

// side returns an application's endpoint and the other side's (the same for peers).
func (r *relation) side(a *application) (own, other endpoint, ok bool) {
	for i, e := range r.endpoints {
		if e.app == a {
			return e, r.endpoints[(i+1)%len(r.endpoints)], true
		}
	}
	return endpoint{}, endpoint{}, false
}

func (m *Model) addPeer(a *application, name string) {
	m.newRelation(a.charm.Metadata.Peers[name].Interface, endpointOf(a, name))
}

func endpointOf(a *application, peer string) endpoint { return endpoint{a, peer, charm.Peer} }

func (m *Model) newRelation(iface string, endpoints ...endpoint) *relation {
	r := &relation{
		id: m.next("relation"), life: Alive, iface: iface, scope: "global", endpoints: endpoints,
		status: Status{Current: "joining", Since: m.now()}, units: map[string]*databag{}, apps: map[string]*databag{},
	}
	for _, e := range endpoints {
		r.apps[e.app.name] = newDatabag()
	}
	m.relations[r.id] = r
	return r
}

// AddRelation relates two endpoints, given as application or application:endpoint, and returns the relation's id.
func (m *Model) AddRelation(a, b string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	requirer, provider, err := m.match(a, b)
	if err != nil {
		return 0, errorf(CodeOf(err), "adding relation between endpoints %q and %q: %v", a, b, err)
	}
	for _, r := range m.relations {
		if !r.peer() && r.endpoints[0] == requirer && r.endpoints[1] == provider {
			return 0, errorf(NoCode, "adding relation between endpoints %q and %q: cannot add relation %q, %q: relation %s: already exists",
				a, b, requirer.app.name+":"+requirer.name, provider.app.name+":"+provider.name, r.key())
		}
	}
	scope, err := scopeOf(requirer, provider)
	if err != nil {
		return 0, errorf(CodeOf(err), "adding relation between endpoints %q and %q: %v", a, b, err)
	}
	e := requirer.app.charm.Metadata.Requires[requirer.name]
	r := m.newRelation(e.Interface, requirer, provider)
	r.scope = scope
	m.bump()
	return r.id, nil
}

// match finds the one pair of endpoints that fits both texts.
func (m *Model) match(a, b string) (requirer, provider endpoint, err error) {
	left, err := m.candidates(a)
	if err != nil {
		return
	}
	right, err := m.candidates(b)
	if err != nil {
		return
	}
	type pair struct{ requirer, provider endpoint }
	var pairs []pair
	for _, x := range left {
		for _, y := range right {
			for _, p := range []pair{{x, y}, {y, x}} {
				if p.requirer.role == charm.Requirer && p.provider.role == charm.Provider && p.requirer.iface() == p.provider.iface() {
					pairs = append(pairs, p)
				}
			}
		}
	}
	// juju-info counts only where nothing else fits.
	if explicit := slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.provider.name == "juju-info" }); len(explicit) > 0 {
		pairs = explicit
	}
	switch len(pairs) {
	case 1:
		return pairs[0].requirer, pairs[0].provider, nil
	case 0:
		return endpoint{}, endpoint{}, errorf(NoCode, "cannot relate endpoints %q and %q: no compatible endpoints found between applications", a, b)
	}
	var names []string
	for _, p := range pairs {
		names = append(names, "\""+p.requirer.app.name+":"+p.requirer.name+" "+p.provider.app.name+":"+p.provider.name+"\"")
	}
	slices.Sort(names)
	return endpoint{}, endpoint{}, errorf(NoCode, "cannot relate endpoints %q and %q: ambiguous relation: %s", a, b, strings.Join(names, "; "))
}

func (e endpoint) iface() string {
	x, _, _ := e.app.charm.Endpoint(e.name)
	return x.Interface
}

func (m *Model) candidates(text string) ([]endpoint, error) {
	name, only, _ := strings.Cut(text, ":")
	a, ok := m.applications[name]
	if !ok {
		a, ok = m.remotes[name]
	}
	if !ok || a.life != Alive {
		return nil, errorf(NotFound, "application %q not found", name)
	}
	var found []endpoint
	for _, ep := range a.charm.Endpoints() {
		if only == "" || only == ep {
			_, role, _ := a.charm.Endpoint(ep)
			found = append(found, endpoint{a, ep, role})
		}
	}
	if len(found) == 0 {
		return nil, errorf(NotFound, "application %q has no endpoint %q", name, only)
	}
	return found, nil
}

// DestroyRelation begins the end of the relation between two endpoints: it is gone when all units have
// left its scope, by force at once.
func (m *Model) DestroyRelation(a, b string, force bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	requirer, provider, err := m.match(a, b)
	if err != nil {
		return err
	}
	for _, r := range m.relations {
		if !r.peer() && r.endpoints[0] == requirer && r.endpoints[1] == provider {
			m.endRelation(r, force)
			return nil
		}
	}
	return errorf(NotFound, "relation %q not found", requirer.app.name+":"+requirer.name+" "+provider.app.name+":"+provider.name)
}

// DestroyRelationID ends the relation with that number, which is none of peers.
func (m *Model) DestroyRelationID(id int, force bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.relations[id]
	if r == nil || r.peer() {
		return errorf(NotFound, "relation %d not found", id)
	}
	m.endRelation(r, force)
	return nil
}

// endRelation is what DestroyRelation does. Units that are put out of the scope by force still run
// their hooks, without what the relation had.
func (m *Model) endRelation(r *relation, force bool) {
	m.destroyRelation(r)
	if force {
		for name := range r.units {
			m.leave(name, r)
		}
	}
	m.bump()
}

func (m *Model) destroyRelation(r *relation) {
	r.life = Dying
	m.destroySubordinates(r)
	if len(r.units) == 0 {
		delete(m.relations, r.id)
	}
}

// EnterScope makes a unit a member of a relation, with the addresses that Juju writes into its databag. It is called before the
// relation's created hook; a unit that dies, or a relation that does, is refused.
func (m *Model) EnterScope(unitName string, relationID int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, r, err := m.member(unitName, relationID)
	if err != nil {
		return err
	}
	if _, in := r.units[u.name]; in {
		return nil
	}
	if u.life != Alive || r.life != Alive {
		return errorf(NoCode, "cannot enter scope: unit or relation is not alive")
	}
	bag := newDatabag()
	bag.apply(m.addressKeys(u.addressFor(r)))
	r.units[u.name] = bag
	delete(r.left, u.name)
	m.ensureSubordinate(u, r)
	if r.status.Current != "joined" {
		r.status = Status{Current: "joined", Since: m.now()}
	}
	m.bump()
	return nil
}

func (m *Model) addressKeys(address string) map[string]string {
	if address == "" {
		return nil
	}
	bits := "/32"
	if strings.Contains(address, ":") {
		bits = "/128"
	}
	keys := map[string]string{"ingress-address": address, "egress-subnets": address + bits}
	if m.profile.PrivateAddress {
		keys["private-address"] = address
	}
	return keys
}

// LeaveScope ends a unit's part in a relation, whose databag goes with it. A dying relation without members is gone.
func (m *Model) LeaveScope(unitName string, relationID int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, r, err := m.member(unitName, relationID)
	if err != nil {
		return err
	}
	m.leave(u.name, r)
	m.bump()
	return nil
}

func (m *Model) leave(unit string, r *relation) {
	if bag := r.units[unit]; bag != nil {
		if r.left == nil {
			r.left = map[string]map[string]string{}
		}
		r.left[unit] = bag.data
	}
	delete(r.units, unit)
	if r.life != Alive && len(r.units) == 0 {
		delete(m.relations, r.id)
		for _, e := range r.endpoints {
			if e.app != nil {
				m.removeIfEmpty(e.app) // one whose units went by force before has waited for this
			}
		}
	}
}

// member finds a unit and a relation of its application.
func (m *Model) member(unitName string, relationID int) (*unit, *relation, error) {
	u, err := m.unit(unitName)
	if err != nil {
		return nil, nil, err
	}
	r, ok := m.relations[relationID]
	if !ok {
		return nil, nil, errorf(NotFound, "relation %d not found", relationID)
	}
	if _, _, ok := r.side(u.app); !ok {
		return nil, nil, errorf(NotFound, "relation %d is not one of %s", relationID, unitName)
	}
	return u, r, nil
}

// relationsOf returns an application's relations in the order of their ids.
func (m *Model) relationsOf(a *application) []*relation {
	var found []*relation
	for _, id := range slices.Sorted(maps.Keys(m.relations)) {
		if _, _, ok := m.relations[id].side(a); ok {
			found = append(found, m.relations[id])
		}
	}
	return found
}

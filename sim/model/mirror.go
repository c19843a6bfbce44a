package model

import (
	"maps"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"jujuetcd.io/sim/charm"
)

// mirror carries what the relations of one consumed application hold between its model (near) and that of the offer (far). Only
// one model is locked at a time.
type mirror struct {
	near, far *Model
	remote    *application // the offered application's stand-in in near
	links     map[int]*link
	removed   bool // the offer
}

// link is one relation in both models, by its id in near.
type link struct {
	far      int
	consumer *application // the consuming application's stand-in in far
}

// side is what one end of a relation shows to the other model.
type side struct {
	life     Life
	units    map[int]map[string]string
	settings map[string]string
	// of near alone: the consuming application's endpoint, the offered one, and their interface
	endpoint, offered, iface string
}

// run carries over until one of the models is closed, or the consumed application is gone from both.
func (x *mirror) run() {
	for {
		near, nearClosed := x.near.watchChange()
		far, farClosed := x.far.watchChange()
		if nearClosed || farClosed {
			return
		}
		if x.carry(); x.retire() {
			return
		}
		select {
		case <-near:
		case <-far:
		}
	}
}

// watchChange is closed with the next change, or says that there will be none.
func (m *Model) watchChange() (<-chan struct{}, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed, m.closed
}

func (x *mirror) carry() {
	consumers := x.consumers()
	offered := x.toOffer(consumers)
	x.toConsumers(offered)
}

// retire takes a consumed application away that was removed and has no relation any more, and says whether there is nothing left of it.
func (x *mirror) retire() bool {
	m := x.near
	m.mu.Lock()
	defer m.mu.Unlock()
	if x.remote.life == Alive || len(m.relationsOf(x.remote)) > 0 {
		return false
	}
	if m.remotes[x.remote.name] == x.remote {
		delete(m.remotes, x.remote.name)
		m.bump()
	}
	return len(x.links) == 0
}

// consumers reads near.
func (x *mirror) consumers() map[int]side {
	m := x.near
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[int]side{}
	for _, r := range m.relationsOf(x.remote) {
		own, other, _ := r.side(x.remote)
		s := r.sideOf(other.app)
		s.endpoint, s.offered, s.iface = other.name, own.name, r.iface
		found[r.id] = s
	}
	return found
}

// sideOf is what the application's end of a relation shows.
func (r *relation) sideOf(a *application) side {
	s := side{life: r.life, units: map[int]map[string]string{}, settings: maps.Clone(r.apps[a.name].data)}
	for n, u := range a.units {
		if bag := r.units[u.name]; bag != nil {
			s.units[n] = maps.Clone(bag.data)
		}
	}
	return s
}

// toOffer writes far, and returns what the offered application shows there, by relation of near.
func (x *mirror) toOffer(consumers map[int]side) map[int]side {
	m := x.far
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	offered := map[int]side{}
	a := m.applications[x.remote.offer.Application]
	x.removed = m.offers[x.remote.offer.Name].UUID != x.remote.offer.UUID
	for id, s := range consumers {
		l := x.links[id]
		if l == nil && s.life == Alive && a != nil && a.life == Alive && !x.removed {
			l = m.relateStandIn(a, x.remote.offer.UUID, s)
			x.links[id] = l
			changed = true
		}
		if l == nil {
			continue
		}
		r := m.relations[l.far]
		if r == nil {
			offered[id] = side{life: Dead}
			continue
		}
		changed = m.reflect(r, l.consumer, s) || changed
		offered[id] = r.sideOf(a)
	}
	for id, l := range x.links {
		if _, there := consumers[id]; there {
			continue
		}
		if r := m.relations[l.far]; r != nil {
			changed = m.reflect(r, l.consumer, side{life: Dead}) || changed
			continue
		}
		delete(m.remotes, l.consumer.name)
		delete(x.links, id)
	}
	if changed {
		m.bump()
	}
	return offered
}

// relateStandIn makes a consumer's stand-in in the model of the offer, and relates it.
func (m *Model) relateStandIn(a *application, offer string, s side) *link {
	name := "remote-" + strings.ReplaceAll(uuid.NewString(), "-", "")
	meta := charm.Metadata{Name: name}
	declared := map[string]charm.Endpoint{s.endpoint: {Interface: s.iface, Scope: "global"}}
	_, role, _ := a.charm.Endpoint(s.offered)
	if role == charm.Provider {
		meta.Requires = declared
	} else {
		meta.Provides = declared
	}
	consumer := standIn(name, meta)
	consumer.consumes = offer
	m.remotes[name] = consumer
	ends := []endpoint{{consumer, s.endpoint, charm.Requirer}, {a, s.offered, charm.Provider}}
	if role != charm.Provider {
		ends = []endpoint{{a, s.offered, charm.Requirer}, {consumer, s.endpoint, charm.Provider}}
	}
	return &link{far: m.newRelation(s.iface, ends...).id, consumer: consumer}
}

// toConsumers writes near.
func (x *mirror) toConsumers(offered map[int]side) {
	m := x.near
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	if x.removed && x.remote.status.now.Current != "terminated" {
		x.remote.status.set("application", "terminated", "offer has been removed", m.now())
		changed = true
	}
	for id, s := range offered {
		if r := m.relations[id]; r != nil {
			changed = m.reflect(r, x.remote, s) || changed
		}
	}
	if changed {
		m.bump()
	}
}

// reflect makes a stand-in's end of a relation what it is in the other model, and says whether anything changed.
func (m *Model) reflect(r *relation, a *application, s side) bool {
	changed := false
	if s.life != Alive && r.life == Alive {
		m.destroyRelation(r)
		changed = true
	}
	if r.life != Alive {
		s.units = nil // they leave at once; this model's own units in their own time
	}
	for n, u := range a.units {
		if _, there := s.units[n]; !there && r.units[u.name] != nil {
			m.leave(u.name, r)
			changed = true
		}
	}
	for n, bag := range s.units {
		u := a.units[n]
		if u == nil {
			u = &unit{name: a.name + "/" + strconv.Itoa(n), number: n, app: a, life: Alive}
			a.units[n] = u
		}
		have := r.units[u.name]
		if have == nil {
			have = newDatabag()
			r.units[u.name] = have
			delete(r.left, u.name)
			changed = true
		}
		changed = have.replace(bag) || changed
	}
	return r.apps[a.name].replace(s.settings) || changed
}

// replace makes the databag hold these settings and no others, and says whether anything changed.
func (d *databag) replace(settings map[string]string) bool {
	if maps.Equal(d.data, settings) {
		return false
	}
	d.data = maps.Clone(settings)
	if d.data == nil {
		d.data = map[string]string{}
	}
	d.version++
	return true
}

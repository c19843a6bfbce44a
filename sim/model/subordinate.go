package model

import (
	"slices"
)

// Subordinates are as in Juju: an application whose charm is subordinate has no units of its own choice. When a unit enters the
// scope of a relation with scope container to it, Juju makes one on the unit's machine, which sees its principal alone in that
// relation, and goes with the relation or with its principal; and a principal does not go before it.

// scopeOf is the scope of a relation between two endpoints: container, if one of them says so.
func scopeOf(ends ...endpoint) (string, error) {
	scope, subordinate := "global", false
	for _, e := range ends {
		if declared, _, _ := e.app.charm.Endpoint(e.name); declared.Scope == containerScope {
			scope = containerScope
		}
		subordinate = subordinate || e.app.subordinate()
	}
	if scope == containerScope && !subordinate {
		return "", errorf(NoCode, "container scoped relation requires at least one subordinate application")
	}
	return scope, nil
}

const containerScope = "container"

func (a *application) subordinate() bool { return a.charm.Metadata.Subordinate }

// sees says whether two units of different sides, or two peers, meet in a relation.
func (r *relation) sees(u, v *unit) bool {
	return r.scope != containerScope || u.principal == v || v.principal == u || u.principal != nil && u.principal == v.principal
}

// ensureSubordinate makes the subordinate unit that belongs to a unit which has entered the relation's scope.
func (m *Model) ensureSubordinate(u *unit, r *relation) {
	_, other, _ := r.side(u.app)
	if r.scope != containerScope || r.peer() || u.app.subordinate() || !other.app.subordinate() || other.app.life != Alive {
		return
	}
	if slices.ContainsFunc(other.app.sortedUnits(), func(s *unit) bool { return s.principal == u }) {
		return
	}
	name := m.addUnits(other.app, 1, []Placement{Placement(u.machine.id)})[0]
	s, err := m.unit(name)
	if err == nil { // it was made just now
		s.principal = u
	}
}

// subordinatesOf are the subordinate units of a principal, by application and number.
func (m *Model) subordinatesOf(u *unit) []*unit {
	var found []*unit
	for _, a := range m.applications {
		if a.subordinate() {
			for _, s := range a.sortedUnits() {
				if s.principal == u {
					found = append(found, s)
				}
			}
		}
	}
	return found
}

// destroySubordinates begins the end of the subordinate units that a dying relation had brought.
func (m *Model) destroySubordinates(r *relation) {
	if r.scope != containerScope || r.peer() {
		return
	}
	for i, e := range r.endpoints {
		if !e.app.subordinate() {
			continue
		}
		for _, s := range e.app.sortedUnits() {
			if s.principal != nil && s.principal.app == r.endpoints[(i+1)%2].app && !m.keptByAnother(s, r) {
				m.destroyUnit(s)
			}
		}
	}
}

// keptByAnother says that a subordinate unit's application has another relation of this kind to its principal's.
func (m *Model) keptByAnother(s *unit, gone *relation) bool {
	return slices.ContainsFunc(m.relationsOf(s.app), func(r *relation) bool {
		_, other, _ := r.side(s.app)
		return r != gone && r.life == Alive && !r.peer() && r.scope == containerScope && other.app == s.principal.app
	})
}

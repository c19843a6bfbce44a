package model

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"jujuetcd.io/sim/charm"
)

// Relations across models are as in Juju: an application's endpoints are offered under a URL, another model consumes the offer,
// which puts a remote application into it, and relates to that. Each model then has a relation of its own, with a stand-in for the
// other side, and the controller carries units and databags over (mirror.go). In the model of the offer the stand-in is called
// remote- and a number in hex, as are its units, and it shows in no list of applications.

// Offer are endpoints of an application that other models may relate to.
type Offer struct {
	Name, Application string
	URL               string
	Endpoints         []string
	UUID              string

	model *Model
}

// Offer offers endpoints of an application under a name, the application's where empty, and returns the offer.
func (c *Controller) Offer(modelUUID, application, name string, endpoints []string) (Offer, error) {
	m, ok := c.Model(modelUUID)
	if !ok {
		return Offer{}, errorf(NotFound, "model %q not found", modelUUID)
	}
	if name == "" {
		name = application
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[application]
	if !ok {
		return Offer{}, errorf(NotFound, "cannot offer non-existent application %q", application)
	}
	for _, endpoint := range endpoints {
		if _, role, ok := a.charm.Endpoint(endpoint); !ok || role == charm.Peer {
			return Offer{}, errorf(NotFound, "getting relation endpoint for relation %q and application %q: application %q has no %q relation",
				endpoint, application, application, endpoint)
		}
	}
	if len(endpoints) == 0 {
		return Offer{}, errorf(NotValid, "offer %q has no endpoints", name)
	}
	o := Offer{Name: name, Application: application, URL: m.Owner + "/" + m.Name + "." + name, Endpoints: slices.Clone(endpoints),
		UUID: uuid.NewString(), model: m}
	m.offers[name] = o
	m.bump()
	return o, nil
}

// Consume puts the application behind an offer's URL into a model, under an alias, or the offer's name where empty.
func (c *Controller) Consume(modelUUID, url, alias string) (string, error) {
	m, ok := c.Model(modelUUID)
	if !ok {
		return "", errorf(NotFound, "model %q not found", modelUUID)
	}
	where, name, _ := strings.Cut(url, ".")
	from, err := c.FindModel(where)
	if err != nil {
		return "", err
	}
	from.mu.Lock()
	o, offered := from.offers[name]
	var offering *charm.Charm
	if a := from.applications[o.Application]; a != nil {
		offering = a.charm
	}
	from.mu.Unlock()
	if !offered || offering == nil {
		return "", errorf(NotFound, "application offer %q not found", url)
	}
	if alias == "" {
		alias = o.Name
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applications[alias] != nil || m.remotes[alias] != nil {
		return "", errorf(AlreadyExists, "saas application %q already exists", alias)
	}
	meta := charm.Metadata{Name: alias, Provides: map[string]charm.Endpoint{}, Requires: map[string]charm.Endpoint{}}
	for _, endpoint := range o.Endpoints {
		switch e, role, _ := offering.Endpoint(endpoint); role {
		case charm.Provider:
			meta.Provides[endpoint] = e
		case charm.Requirer:
			meta.Requires[endpoint] = e
		}
	}
	remote := standIn(alias, meta)
	remote.offer = &o
	remote.status.set("application", "unknown", "", m.now())
	m.remotes[alias] = remote
	m.bump()
	c.mirrors.Go(func() { (&mirror{near: m, far: from, remote: remote, links: map[int]*link{}}).run() })
	return alias, nil
}

// RemoveOffer takes an offer back. One that has relations is refused, unless they are to end with it. The URL may be the name of an
// offer of the given model.
func (c *Controller) RemoveOffer(modelUUID, url string, force bool) error {
	m, known := c.Model(modelUUID)
	where, name, elsewhere := strings.Cut(url, ".")
	switch {
	case elsewhere:
		var err error
		if m, err = c.FindModel(where); err != nil {
			return err
		}
	case !known:
		return errorf(NotFound, "model %q not found", modelUUID)
	default:
		name = url
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.offers[name]
	if !ok {
		return errorf(NotFound, "offer %q not found", name)
	}
	var relations []*relation
	for _, r := range m.relations {
		if slices.ContainsFunc(r.endpoints, func(e endpoint) bool { return e.app.consumes == o.UUID }) {
			relations = append(relations, r)
		}
	}
	if n := len(relations); n > 0 && !force {
		ending := "s"
		if n == 1 {
			ending = ""
		}
		return errorf(NoCode, "cannot delete application offer %q: offer has %d relation%s", name, n, ending)
	}
	for _, r := range relations {
		m.destroyRelation(r)
	}
	delete(m.offers, name)
	m.bump()
	return nil
}

// DestroyConsumed begins the end of a consumed application and of its relations, after which it is gone.
func (m *Model) DestroyConsumed(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.remotes[name]
	if a == nil || a.offer == nil {
		return errorf(NotFound, "saas application %q not found", name)
	}
	a.life = Dying
	for _, r := range m.relationsOf(a) {
		m.destroyRelation(r)
	}
	m.bump()
	return nil
}

// standIn is an application of another model.
func standIn(name string, meta charm.Metadata) *application {
	return &application{name: name, charm: &charm.Charm{Metadata: meta}, life: Alive, foreign: true, units: map[int]*unit{}}
}

// crossModel says that one side of the relation is of another model.
func (r *relation) crossModel() bool {
	return slices.ContainsFunc(r.endpoints, func(e endpoint) bool { return e.app.foreign })
}

// addressFor is the address that the other side of a relation reaches a unit at: for another model the public one, if there is.
func (u *unit) addressFor(r *relation) string {
	if r.crossModel() && u.machine != nil && u.machine.public != "" {
		return u.machine.public
	}
	own, _, _ := r.side(u.app)
	return u.addressIn(own.name)
}

// RemoteApplication is an application of another model as a user sees it.
type RemoteApplication struct {
	Name, OfferURL, OfferName string
	Life                      Life
	Status                    Status
	Endpoints                 []RemoteEndpoint
}

// RemoteEndpoint is an endpoint of it.
type RemoteEndpoint struct {
	Name, Role, Interface string
	Limit                 int
}

// showRemotes are the consumed applications, sorted by name; stand-ins for consumers do not show.
func (m *Model) showRemotes() []RemoteApplication {
	var shown []RemoteApplication
	for _, name := range slices.Sorted(maps.Keys(m.remotes)) {
		a := m.remotes[name]
		if a.offer == nil {
			continue
		}
		one := RemoteApplication{Name: name, OfferURL: a.offer.URL, OfferName: a.offer.Name, Life: a.life, Status: a.status.now}
		for _, endpoint := range a.offer.Endpoints {
			e, role, _ := a.charm.Endpoint(endpoint)
			one.Endpoints = append(one.Endpoints, RemoteEndpoint{endpoint, role, e.Interface, e.Limit})
		}
		shown = append(shown, one)
	}
	return shown
}

package simulation

import (
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/pki"
)

// dbID is the relation db, and clientApplication who is on its other side.
const (
	dbID              = 3
	clientApplication = "kube"
)

// Client is a unit that is related to db. It knows nothing of the cluster but the list that its
// charm has read in its last hook.
type Client struct {
	sim   *Sim
	name  string
	takes time.Duration
	// due are the units of etcd whose databags have changed: a hook runs for each. busy: one runs.
	due   []*Unit
	busy  bool
	since time.Time
	list  []string
	// trusts and certOf are the bundle and whose the certificate is that it has read with the list.
	trusts []string
	certOf string
}

// AddClient relates a client each of whose hooks takes so long.
func (s *Sim) AddClient(takes time.Duration) *Client {
	c := &Client{sim: s, name: fmt.Sprintf("%s/%d", clientApplication, len(s.clients)), takes: takes, since: s.now}
	s.clients = append(s.clients, c)
	for _, u := range s.units {
		c.changed(u)
	}
	return c
}

// List is where the client looks for etcd.
func (c *Client) List() []string { return slices.Clone(c.list) }

// publishList writes into the unit's databag where clients find etcd, and whom to trust: before that is on the disk, what the
// unit was handed.
func (a *Agent) publishList(spec *v1alpha1.EtcdUnitSpec) {
	list, with := spec.Clients.Endpoints, a.trust
	if len(with.bundle) == 0 {
		with.bundle = pki.Fingerprints(spec.TLS.CABundle)
	}
	if with.leafOf == "" {
		with.leafOf = a.unit.app.authority().print()
	}
	if slices.Equal(a.published, list) && slices.Equal(a.publishedTrust.bundle, with.bundle) && a.publishedTrust.leafOf == with.leafOf {
		return
	}
	a.published, a.publishedTrust = list, with
	for _, c := range a.unit.app.clients {
		c.changed(a.unit)
	}
}

// changed lets the client run a hook for the unit when its agent comes to it.
func (c *Client) changed(u *Unit) {
	if !slices.Contains(c.due, u) {
		c.due = append(c.due, u)
	}
	c.work()
}

func (c *Client) work() {
	s := c.sim
	if c.busy || len(c.due) == 0 {
		return
	}
	s.At(s.between(100*time.Millisecond, 900*time.Millisecond), func() {
		if c.busy || len(c.due) == 0 {
			return
		}
		c.busy, c.since, c.due = true, s.now, c.due[1:]
		list, with := c.read() // what a hook reads is as it was when it began
		s.At(c.takes, func() {
			c.busy, c.since = false, s.now
			if len(list) > 0 {
				c.list, c.trusts, c.certOf = list, with.bundle, with.leafOf
			}
			c.work()
		})
	})
}

// reads is the unit whose databag is read: the first that has a value, and has not left the relation, as a requirer's side takes it.
func (c *Client) reads() *Unit {
	i := slices.IndexFunc(c.sim.units, func(u *Unit) bool { return len(u.agent.published) > 0 && !u.departed })
	if i < 0 {
		return nil
	}
	return c.sim.units[i]
}

func (c *Client) read() ([]string, trust) {
	if u := c.reads(); u != nil {
		return u.agent.published, u.agent.publishedTrust
	}
	return nil, trust{}
}

func (c *Client) status() jujuapi.Unit {
	status := jujuapi.Status{Current: "idle", Since: c.since}
	if c.busy {
		status.Current = "executing"
	}
	return jujuapi.Unit{Name: c.name, Life: jujuapi.Alive, AgentStatus: status, WorkloadStatus: jujuapi.Status{Current: "active"}}
}

// judgeClients is asked when a member that serves is about to stop or to go: each client must find
// another one.
func (s *Sim) judgeClients(c *cluster, leaves *Member) {
	for _, client := range c.app.clients {
		finds := func(m *Member) bool {
			a := c.host(m)
			return !m.learner && a != nil && a.process.up && slices.Contains(client.list, a.clientURL())
		}
		others := slices.DeleteFunc(slices.Clone(c.members), func(m *Member) bool { return m == leaves })
		if len(client.list) == 0 || len(c.members) <= 1 || slices.ContainsFunc(others, finds) {
			continue
		}
		// After a power cut in the middle of a roll all members serve elsewhere. A client that reads
		// the databag of a unit that is dying finds nobody then, whoever stops: no daemon writes there.
		if u := client.reads(); !finds(leaves) && u != nil && u.life == jujuapi.Dying {
			continue
		}
		s.violate("%s knows of %v, and finds nobody there without %s", client.name, client.list, leaves.name)
	}
}

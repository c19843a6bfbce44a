package simulation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// Application is the name of the one application, and ModelUUID its model's.
const (
	Application = "etcd"
	ModelUUID   = "0a1b2c3d-0000-4000-8000-000000000001"
	peerID      = 1
	caID        = 2
)

// UpdateStatus is how often Juju runs update-status.
const UpdateStatus = 5 * time.Minute

// juju is the model: what Juju's database holds.
type juju struct {
	sim     *Sim
	units   []*Unit
	number  int
	related bool
	options map[string]jujuapi.Option
	latch   v1alpha1.Latch
	status  jujuapi.Status
	tasks   []*task
	counter int
	clients []*Client
	authority
}

// Unit is one unit with its machine.
type Unit struct {
	Name   string
	number int
	life   jujuapi.Life
	leader bool
	// provisioned: the machine is there; present: the agent has published facts.
	provisioned bool
	lost        bool
	failed      bool
	agentSince  time.Time
	databag     string
	status      jujuapi.Status
	ports       []string
	agent       *Agent
}

type task struct {
	id       int
	unit     *Unit
	spec     v1alpha1.EtcdUnitSpec
	status   jujuapi.TaskStatus
	enqueued time.Time
	output   map[string]any
	// hold keeps the agent from running it: a delivery that is late.
	hold bool
}

func newJuju(s *Sim) *juju {
	j := &juju{sim: s, options: map[string]jujuapi.Option{}, authority: newAuthority()}
	j.status = jujuapi.Status{Current: "waiting"}
	return j
}

// Relate gives the application its certificate authority; Unrelate takes it away.
func (s *Sim) Relate() {
	s.juju.related = true
	for _, u := range s.juju.units {
		s.certify(u)
	}
}

// Unrelate takes the certificate authority away. What it signed stays on the machines.
func (s *Sim) Unrelate() { s.juju.related = false }

// Ports are those that the unit has open.
func (s *Sim) Ports(u *Unit) []string { return u.ports }

// Option is what an option is set to; nil if it is not.
func (s *Sim) Option(name string) any { return s.juju.options[name].Value }

// SetOption sets one of the application's options.
func (s *Sim) SetOption(name string, value any) {
	s.juju.options[name] = jujuapi.Option{Value: value, Source: "user"}
	for _, u := range s.juju.units {
		s.hook(u, 0)
	}
}

// AddUnits adds units; their machines appear, their agents start and publish facts in their own time.
func (s *Sim) AddUnits(n int) []*Unit {
	var added []*Unit
	for range n {
		u := &Unit{
			Name: fmt.Sprintf("%s/%d", Application, s.juju.number), number: s.juju.number, life: jujuapi.Alive,
			status: jujuapi.Status{Current: "waiting", Message: "waiting for machine"},
		}
		u.agent = &Agent{sim: s, unit: u}
		s.juju.number++
		s.juju.units = append(s.juju.units, u)
		added = append(added, u)
		s.At(s.between(s.cfg.Provision, s.cfg.Provision*3/2), func() { s.provision(u) })
	}
	return added
}

func (s *Sim) provision(u *Unit) {
	if !s.known(u) {
		return
	}
	u.provisioned = true
	s.elect()
	u.status = jujuapi.Status{Current: "waiting", Message: "Waiting for the jujuetcd controller"}
	s.hook(u, s.between(time.Second, 4*time.Second))
	s.certify(u)
	s.At(UpdateStatus, func() { s.updateStatus(u) })
}

// certify lets the authority answer the unit.
func (s *Sim) certify(u *Unit) {
	if !s.juju.related || !u.provisioned || u.agent.certified && u.agent.leaf == u.agent.address() {
		return
	}
	s.At(s.between(4*time.Second, 9*time.Second), func() {
		if s.juju.related && s.known(u) {
			u.agent.certified, u.agent.leaf = true, u.agent.address()
			s.hook(u, 0)
		}
	})
}

func (s *Sim) updateStatus(u *Unit) {
	if !s.known(u) {
		return
	}
	s.hook(u, 0)
	s.look(u)
	s.At(UpdateStatus, func() { s.updateStatus(u) })
}

// hook runs a hook on the unit when its agent has time: facts are refreshed, status shows local health.
func (s *Sim) hook(u *Unit, delay time.Duration) {
	s.At(delay, func() {
		if s.known(u) && u.provisioned && !u.lost && !u.failed {
			u.agent.run(200*time.Millisecond, func() {
				s.counts.Hooks++
				u.agent.publish()
			})
		}
	})
}

// RemoveUnit lets Juju remove the unit: dying, until its member is gone or it was the last.
func (s *Sim) RemoveUnit(u *Unit) {
	u.life = jujuapi.Dying
	s.elect()
	var wait func()
	wait = func() {
		if !s.known(u) {
			return
		}
		if c, m := u.agent.membership(); c != nil && m != nil && s.aliveUnits() > 0 {
			s.At(2*time.Second, wait)
			return
		}
		s.Vanish(u)
	}
	s.At(2*time.Second, wait)
}

// Vanish removes a unit with its machine, at once, as remove-unit --force does.
func (s *Sim) Vanish(u *Unit) {
	u.agent.stop()
	s.juju.units = slices.DeleteFunc(s.juju.units, func(o *Unit) bool { return o == u })
	for _, c := range s.juju.clients {
		c.changed(u) // its hook relation-departed
	}
	s.elect()
}

func (s *Sim) aliveUnits() int {
	n := 0
	for _, u := range s.juju.units {
		if u.life == jujuapi.Alive {
			n++
		}
	}
	return n
}

func (s *Sim) known(u *Unit) bool { return slices.Contains(s.juju.units, u) }

// Units are the application's units.
func (s *Sim) Units() []*Unit { return slices.Clone(s.juju.units) }

// Lose and Find cut the unit's agent off from Juju, and bring it back. etcd goes on.
func (s *Sim) Lose(u *Unit) { u.lost = true; s.elect() }

// Find brings a lost agent back: it runs what has been waiting for it.
func (s *Sim) Find(u *Unit) {
	if u.agent.dark {
		return
	}
	u.lost = false
	s.elect()
	u.agent.work()
}

// elect makes the first unit that can be reached Juju's leader, if there is none.
func (s *Sim) elect() {
	usable := func(u *Unit) bool { return u.provisioned && !u.lost }
	if slices.ContainsFunc(s.juju.units, func(u *Unit) bool { return u.leader && usable(u) }) {
		return
	}
	for _, u := range s.juju.units {
		u.leader = false
	}
	if i := slices.IndexFunc(s.juju.units, usable); i >= 0 {
		s.juju.units[i].leader = true
	}
}

// snapshot is what FullStatus shows.
func (j *juju) snapshot() *jujuapi.Model {
	m := &jujuapi.Model{
		Name: "demo", Owner: "admin", UUID: ModelUUID, Version: "4.0.15", TakenAt: j.sim.now, AskedAt: j.sim.now,
		Applications: map[string]jujuapi.Application{}, Machines: map[string]jujuapi.Machine{},
	}
	a := jujuapi.Application{Name: Application, Charm: "local:etcd-0", Life: jujuapi.Alive, Status: j.status, Units: map[string]jujuapi.Unit{}}
	a.Relations = append(a.Relations, jujuapi.Relation{ID: peerID, Interface: "etcd", Endpoint: "cluster", Peer: true, RemoteApplication: Application, RemoteEndpoint: "cluster"})
	if j.related {
		a.Relations = append(a.Relations, jujuapi.Relation{ID: caID, Interface: "tls-certificates", Endpoint: "certificates", RemoteApplication: "easyrsa", RemoteEndpoint: "client"})
	}
	if len(j.clients) > 0 {
		a.Relations = append(a.Relations, jujuapi.Relation{ID: dbID, Interface: "etcd", Endpoint: "db", RemoteApplication: clientApplication, RemoteEndpoint: "etcd"})
		remote := jujuapi.Application{Name: clientApplication, Life: jujuapi.Alive, Units: map[string]jujuapi.Unit{}}
		for _, c := range j.clients {
			remote.Units[c.name] = c.status()
		}
		m.Applications[clientApplication] = remote
	}
	for _, u := range j.units {
		agent := jujuapi.Status{Current: "idle", Since: u.agentSince}
		switch {
		case !u.provisioned:
			agent.Current = "allocating"
		case u.lost:
			agent.Current = "lost"
		}
		status := u.status
		if u.failed {
			status.Current = "error"
		}
		id := strconv.Itoa(u.number)
		a.Units[u.Name] = jujuapi.Unit{Name: u.Name, Life: u.life, Leader: u.leader, Machine: id, OpenedPorts: slices.Clone(u.ports),
			AgentStatus: agent, WorkloadStatus: status}
		m.Machines[id] = jujuapi.Machine{ID: id, Provisioned: u.provisioned}
	}
	m.Applications[Application] = a
	text, _ := json.Marshal(struct{ A, M any }{m.Applications, m.Machines})
	m.Hash = string(text)
	return m
}

func (j *juju) unitsInfo() ([]jujuapi.UnitInfo, error) {
	bag, err := j.latch.Databag()
	if err != nil {
		return nil, err
	}
	peers := map[string]jujuapi.UnitDatabag{}
	for _, u := range j.units {
		if u.provisioned {
			data := map[string]string{}
			if u.databag != "" {
				data[v1alpha1.FactsKey] = u.databag
			}
			peers[u.Name] = jujuapi.UnitDatabag{InScope: true, Data: data}
		}
	}
	var infos []jujuapi.UnitInfo
	for _, u := range j.units {
		info := jujuapi.UnitInfo{Name: u.Name, Leader: u.leader, Life: u.life}
		if u.provisioned {
			info.RelationData = append(info.RelationData, jujuapi.RelationData{RelationID: peerID, Endpoint: "cluster",
				RelatedEndpoint: "cluster", ApplicationData: maps.Clone(bag), Units: peers})
		}
		if j.related && u.provisioned {
			info.RelationData = append(info.RelationData, jujuapi.RelationData{RelationID: caID, Endpoint: "certificates", RelatedEndpoint: "client",
				Units: map[string]jujuapi.UnitDatabag{"easyrsa/0": {InScope: true, Data: map[string]string{
					"ca": j.ca, "client.cert": j.cert, "client.key": j.key}}}})
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (t *task) shown(output bool) jujuapi.Task {
	shown := jujuapi.Task{ID: strconv.Itoa(t.id), Unit: t.unit.Name, Name: "reconcile", Status: t.status, Enqueued: t.enqueued}
	if output {
		shown.Output = t.output
	}
	return shown
}

func (j *juju) pending() []jujuapi.Task {
	var open []jujuapi.Task
	for _, t := range j.tasks {
		if !t.status.Final() {
			open = append(open, t.shown(false))
		}
	}
	return open
}

// enqueue takes a delivery into the unit's queue.
func (j *juju) enqueue(unit, action string, params map[string]any) (*task, error) {
	i := slices.IndexFunc(j.units, func(u *Unit) bool { return u.Name == unit })
	if i < 0 {
		return nil, fmt.Errorf("unit %q not found", unit)
	}
	text, ok := params["desired"].(string)
	if !ok || action != "reconcile" || len(params) != 1 {
		return nil, errors.New("cannot queue it: the action is reconcile, with the one parameter desired")
	}
	j.counter++
	t := &task{id: j.counter, unit: j.units[i], status: jujuapi.TaskPending, enqueued: j.sim.now,
		hold: j.units[i].agent.held}
	if err := json.Unmarshal([]byte(text), &t.spec); err != nil {
		return nil, fmt.Errorf("cannot read the delivery: %w", err)
	}
	j.tasks = append(j.tasks, t)
	u := t.unit
	j.sim.judgeDelivery(t)
	pickUp := j.sim.between(100*time.Millisecond, 900*time.Millisecond)
	if j.sim.cfg.Slow {
		pickUp = j.sim.between(time.Second, 10*time.Second)
	}
	j.sim.At(pickUp, func() { u.agent.work() })
	return t, nil
}

func (j *juju) task(id string) (*task, error) {
	n, err := strconv.Atoi(id)
	if err != nil || n < 1 || n > len(j.tasks) {
		return nil, fmt.Errorf("task %q not found", id)
	}
	return j.tasks[n-1], nil
}

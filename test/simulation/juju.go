package simulation

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// ModelUUID is the model's.
const ModelUUID = "0a1b2c3d-0000-4000-8000-000000000001"

// UpdateStatus is how often Juju runs update-status.
const UpdateStatus = 5 * time.Minute

// juju is the model: what Juju's database holds. Numbers of units go on when an application is deployed anew.
type juju struct {
	sim         *Sim
	apps        []*App
	machines    []*Machine
	lastMachine int
	relations   int
	numbers     map[string]int
	tasks       []*task
	counter     int
}

// Unit is one unit on its machine.
type Unit struct {
	Name   string
	app    *App
	life   jujuapi.Life
	leader bool
	// provisioned: the machine is there; present: the agent has published facts.
	provisioned bool
	lost        bool
	failed      bool
	// departed: it is dying, and has left its relations.
	departed   bool
	agentSince time.Time
	databag    string
	status     jujuapi.Status
	ports      []string
	agent      *Agent
}

type task struct {
	id       int
	unit     *Unit
	spec     v1alpha1.EtcdUnitSpec
	status   jujuapi.TaskStatus
	enqueued time.Time
	started  time.Time
	output   map[string]any
	// hold keeps the agent from running it: a delivery that is late.
	hold bool
	// action is what a person runs, for so long; empty is a reconcile.
	action string
	takes  time.Duration
}

// Ports are those that the unit has open.
func (s *Sim) Ports(u *Unit) []string { return u.ports }

func (s *Sim) provision(u *Unit) {
	if !s.known(u) {
		return
	}
	u.provisioned = true
	u.app.elect()
	u.status = jujuapi.Status{Current: "waiting", Message: "Waiting for the jujuetcd controller"}
	s.hook(u, s.between(time.Second, 4*time.Second))
	s.At(4*time.Second, u.agent.work) // what was asked of it before it was there
	s.certify(u)
	s.At(UpdateStatus, func() { s.updateStatus(u) })
}

// certify lets the authority answer the unit.
func (s *Sim) certify(u *Unit) {
	if !u.app.related || !u.provisioned || u.agent.answered == u.agent.address() {
		return
	}
	s.At(s.between(4*time.Second, 9*time.Second), func() {
		if u.app.related && s.known(u) {
			u.agent.answered = u.agent.address()
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
				u.agent.occupied()
			})
		}
	})
}

func (s *Sim) known(u *Unit) bool { return slices.Contains(u.app.units, u) }

// Lose and Find cut the unit's agent off from Juju, and bring it back. etcd goes on.
func (s *Sim) Lose(u *Unit) { u.lost = true; u.app.elect() }

// Find brings a lost agent back: it runs what has been waiting for it.
func (s *Sim) Find(u *Unit) {
	if u.agent.dark {
		return
	}
	u.lost = false
	u.app.elect()
	u.agent.work()
}

func (t *task) shown(output bool) jujuapi.Task {
	shown := jujuapi.Task{ID: strconv.Itoa(t.id), Unit: t.unit.Name, Name: cmp.Or(t.action, v1alpha1.ActionReconcile), Status: t.status, Enqueued: t.enqueued, Started: t.started}
	if output {
		shown.Output = t.output
	}
	return shown
}

func (j *juju) pending(application string) []jujuapi.Task {
	var open []jujuapi.Task
	for _, t := range j.tasks {
		if !t.status.Final() && t.unit.app.name == application {
			open = append(open, t.shown(false))
		}
	}
	return open
}

// enqueue takes a delivery into the unit's queue.
func (j *juju) enqueue(unit, action string, params map[string]any) (*task, error) {
	u := j.unit(unit)
	if u == nil || u.life == jujuapi.Dead {
		return nil, fmt.Errorf("unit %q not found", unit)
	}
	text, ok := params["desired"].(string)
	if !ok || action != "reconcile" || len(params) != 1 {
		return nil, errors.New("cannot queue it: the action is reconcile, with the one parameter desired")
	}
	j.counter++
	t := &task{id: j.counter, unit: u, status: jujuapi.TaskPending, enqueued: j.sim.now, hold: u.agent.held}
	if err := json.Unmarshal([]byte(text), &t.spec); err != nil {
		return nil, fmt.Errorf("cannot read the delivery: %w", err)
	}
	j.tasks = append(j.tasks, t)
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

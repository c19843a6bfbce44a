package simulation

import (
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// RunAction lets a person run an action of the charm, or a command, on the unit. It takes the agent so long once it has begun, and changes
// nothing.
func (s *Sim) RunAction(u *Unit, action string, takes time.Duration) {
	s.juju.counter++
	t := &task{id: s.juju.counter, unit: u, status: jujuapi.TaskPending, enqueued: s.now, hold: u.agent.held, action: action, takes: takes}
	s.juju.tasks = append(s.juju.tasks, t)
	s.say("a person runs task %d (%s) on %s", t.id, action, u.Name)
	s.At(s.between(100*time.Millisecond, 900*time.Millisecond), u.agent.work)
}

// ActionsRun says that what a person runs on a unit has not ended.
func (a *App) ActionsRun() bool {
	for _, t := range a.sim.juju.tasks {
		if t.action != "" && t.unit.app == a && !t.status.Final() {
			return true
		}
	}
	return false
}

// Work lets the unit be at something that lasts, and say so in its facts.
func (s *Sim) Work(u *Unit, takes time.Duration) {
	a := u.agent
	a.busyUntil = s.now.Add(takes)
	s.say("%s is busy for %s", u.Name, takes)
	say := func() {
		if s.known(u) && u.provisioned && u.databag != "" {
			a.publish()
		}
	}
	say()
	s.At(takes, say)
}

func (a *Agent) endAction(t *task) {
	t.status = jujuapi.TaskCompleted
	a.unit.agentSince = a.sim.now
	a.sim.say("    %s: task %d (%s) has ended", a.unit.Name, t.id, t.action)
	a.work()
}

// judgeBeside: nothing disruptive is planned or begun beside what a person runs that may disturb, on any unit that Juju shows.
func (s *Sim) judgeBeside(app *App, what string) {
	for _, t := range s.juju.tasks {
		if t.unit.app == app && s.known(t.unit) && !t.status.Final() && t.action != "" && t.action != v1alpha1.ActionHealth {
			s.violate("I4: %s while task %d (%s) may still run on %s", what, t.id, t.action, t.unit.Name)
		}
	}
}

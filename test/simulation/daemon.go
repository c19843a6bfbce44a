package simulation

import (
	"context"
	"errors"
	"slices"
	"time"

	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
)

// The daemon's poll rate: fast while a step waits, slow when there is nothing to do.
const (
	FirstPoll   = 250 * time.Millisecond
	WaitingPoll = 2 * time.Second
	SettledPoll = 10 * time.Second
)

var errDead = errors.New("the daemon is dead")

// Daemon is one process of the daemon, as far as it is busy with one application. All that it does
// to the world passes through effect.
type Daemon struct {
	// credentials are what it connects with.
	credentials world.Credentials
	began       time.Time
	sim         *Sim
	app         *App
	self        string
	dead        bool
	doomed      bool
	memory      *memory.Memory
	observer    *observe.Observer
	actor       *act.Actor
	cancel      context.CancelFunc
	ctx         context.Context // the life of a process is what this type is

	due     map[string]time.Time
	lookAt  time.Time
	waits   int
	last    planner.Step
	settled bool
	lock    *lease
	// decisions are how many there have been.
	decisions int
}

// StartDaemon starts a process with this identity.
func (a *App) StartDaemon(self string) *Daemon { return a.startDaemon(self, false) }

// TakeOver starts a process that replaces whoever leads.
func (a *App) TakeOver(self string) *Daemon { return a.startDaemon(self, true) }

// DaemonClock sets how far the clock of the machine that daemons run on is ahead of Juju's; a
// negative one is behind.
func (s *Sim) DaemonClock(ahead time.Duration) {
	s.ahead, s.clockSet = ahead, s.now
	s.say("the daemon's clock is %s ahead", ahead)
}

func (a *App) startDaemon(self string, takeOver bool) *Daemon {
	s := a.sim
	d := &Daemon{sim: s, app: a, self: self, memory: memory.New(), due: map[string]time.Time{}, lookAt: s.now, began: s.now}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	now := d.now
	d.observer = observe.New(observe.Config{
		Application: a.name, Self: self, Juju: d, Memory: d.memory, Now: now, TakeOver: takeOver,
		ThroughUnits: true, Pause: d.pause,
		Policy: s.policy,
		Dial:   d.dial, Keys: keys{app: a, self: self},
	})
	d.actor = act.New(act.Config{
		Application: a.name, Self: self, Juju: d, Memory: d.memory, Now: now,
		Etcd: d.observer.Etcd, Jitter: func() float64 { return 0.5 },
	})
	a.daemon = d
	s.say("daemon %s starts for %s", self, a.name)
	s.At(0, d.turn)
	return d
}

func (d *Daemon) now() time.Time { return d.sim.now.Add(d.sim.ahead) }

// Stop kills the process as SIGKILL does.
func (d *Daemon) Stop() { d.die("it is stopped") }

func (d *Daemon) die(why string) {
	if d.dead {
		return
	}
	d.dead = true
	d.cancel()
	d.sim.say("daemon %s dies: %s", d.self, why)
	if d.lock != nil {
		d.lock.expires = d.sim.now.Add(act.LockTTL) // nobody keeps the lease alive any more
	}
}

// turn is one pass of the process's loops: deliveries that are due, then a look, a plan and an act.
func (d *Daemon) turn() {
	if d.dead {
		return
	}
	d.deliver()
	if !d.dead && !d.lookAt.After(d.sim.now) {
		d.reconcile()
	}
	if d.doomed {
		d.die("it was to die after the reply")
	}
	if d.dead {
		return
	}
	next := d.lookAt
	for _, at := range d.due {
		if at.Before(next) {
			next = at
		}
	}
	d.sim.At(max(next.Sub(d.sim.now), time.Millisecond), d.turn)
}

func (d *Daemon) deliver() {
	var units []string
	for u, at := range d.due {
		if !at.After(d.sim.now) {
			units = append(units, u)
		}
	}
	slices.Sort(units)
	for _, u := range units {
		p, err := d.actor.Deliver(d.ctx, u)
		if d.dead {
			return
		}
		if err != nil {
			d.sim.say("  %s: %v", u, err)
		}
		if p.Done {
			delete(d.due, u)
			d.lookAt = d.sim.now
			continue
		}
		d.due[u] = d.sim.now.Add(p.After)
	}
}

func (d *Daemon) reconcile() {
	s := d.sim
	obs, err := d.observer.Observe(d.ctx, !d.settled)
	if d.dead {
		return
	}
	if err != nil {
		s.say("  cannot observe: %v", err)
		d.lookAt = s.now.Add(WaitingPoll)
		return
	}
	step, ok := d.decide(obs)
	d.last, d.settled = step, !ok
	switch {
	case !ok:
		d.waits = 0
		d.lookAt = s.now.Add(SettledPoll)
		return
	case step.Kind == planner.StepWait:
		d.waits++
		after := min(FirstPoll*time.Duration(1<<min(d.waits-1, 6)), WaitingPoll)
		if step.Person {
			after = SettledPoll
		}
		d.lookAt = s.now.Add(after)
		d.handWords(obs, step)
		return
	}
	d.waits = 0
	s.acts = append(s.acts, Act{At: s.now, Step: actText(step, d.app.name)})
	s.say("  %s %s: %s", step.Kind, step.Target(d.app.name), step.Reason)
	if err := d.actor.Act(d.ctx, obs, step); err != nil {
		s.say("  %v", err)
		d.lookAt = s.now.Add(WaitingPoll)
		return
	}
	for _, u := range step.Units {
		d.due[u.Unit] = s.now
	}
	d.lookAt = s.now.Add(FirstPoll)
	if len(step.Units) > 0 {
		d.deliver()
	}
}

// handWords hands out the words of a wait.
func (d *Daemon) handWords(obs observation.Observation, step planner.Step) {
	if len(step.Words) == 0 {
		return
	}
	if err := d.actor.Act(d.ctx, obs, step); err != nil {
		d.sim.say("  %v", err)
		return
	}
	for _, u := range step.Words {
		d.sim.say("  tells %s: %s", u.Unit, u.Spec.Status.Unit.Message)
		d.due[u.Unit] = d.sim.now
	}
	d.deliver()
}

// effect does one thing to the world, or dies at it.
func (d *Daemon) effect(name string, do func() error) error {
	s := d.sim
	if d.doomed {
		d.die("it was to die after the reply")
	}
	if d.dead {
		return errDead
	}
	s.counts.Effects++
	hit := s.isKilled(name)
	if hit && s.kill.Mode == BeforeEffect {
		s.execute(d)
		return errDead
	}
	err := do()
	if hit {
		if s.kill.Mode == BeforeReply {
			s.execute(d)
			return errDead
		}
		s.revive(d)
		d.doomed = true
	}
	return err
}

// point is a side effect of an agent that the daemon may die at.
func (s *Sim) point(name string, do func()) {
	d := s.daemon // of the application that is killed
	hit := d != nil && !d.dead && s.isKilled(name)
	if hit && s.kill.Mode == BeforeEffect {
		s.execute(d)
	}
	do()
	if hit {
		s.execute(d)
	}
}

// isKilled counts a side effect and says whether the daemon is to die at it.
func (s *Sim) isKilled(name string) bool {
	s.effects++
	s.say("  effect %d: %s", s.effects, name)
	if s.kill == nil || s.kill.Hit != nil || s.kill.At != s.effects {
		return false
	}
	s.kill.Hit = &Effect{Number: s.effects, Name: name}
	return true
}

func (s *Sim) execute(d *Daemon) {
	if !d.dead {
		d.die("it is killed at this side effect")
		s.revive(d)
	}
}

// revive starts another process with the same identity after a while.
func (s *Sim) revive(d *Daemon) {
	s.At(s.kill.After, func() { d.app.StartDaemon(d.self) })
}

// Kill lets the daemon die at a side effect, and another one start.
func (s *Sim) Kill(k *Kill) { s.kill = k }

// Effects is how many side effects there have been.
func (s *Sim) Effects() int { return s.effects }

// Last is the daemon's last step; its Reason says what is waited for.
func (a *App) Last() planner.Step {
	if a.daemon == nil {
		return planner.Step{}
	}
	return a.daemon.last
}

// Last is this process's last step, and Settled says that it has nothing to do.
func (d *Daemon) Last() planner.Step { return d.last }

// Settled says that this process has nothing to do and nothing to wait for.
func (d *Daemon) Settled() bool { return d.settled && !d.dead }

// OnPlan lets hear of the plan at each decision that is an act: its steps as Act.Step shows them,
// and how many acts there have been.
func (s *Sim) OnPlan(hear func(steps []string, done int)) { s.onPlan = hear }

package simulation

import (
	"slices"
	"time"

	"jujuetcd.io/pkg/jujuapi"
)

// RemoveUnit lets Juju remove the unit: dying, until its member is gone or it was the last, then dead for some seconds, then gone. Its
// machine goes with its last unit, unless it is kept.
func (s *Sim) RemoveUnit(u *Unit) {
	if u.life != jujuapi.Alive {
		return
	}
	u.life = jujuapi.Dying
	u.app.elect()
	s.depart(u)
	var wait func()
	wait = func() {
		if !s.known(u) {
			return
		}
		if c, m := u.agent.membership(); c != nil && m != nil && !c.over && u.agent.process.data.by == u && u.app.Alive() > 0 || u.agent.dark {
			s.At(2*time.Second, wait)
			return
		}
		u.agent.run(s.between(500*time.Millisecond, 2*time.Second), func() {
			if s.known(u) {
				u.agent.end()
				u.agent.leave()
				s.die(u)
			}
		})
	}
	s.At(2*time.Second, wait)
}

// depart has the agent of a dying unit leave its relations when it can, which is the first that it does: clients hear of that in
// their hook relation-departed, and read what the other units have published from then on.
func (s *Sim) depart(u *Unit) {
	s.At(s.between(time.Second, 4*time.Second), func() {
		switch a := u.agent; {
		case !s.known(u) || u.life == jujuapi.Dead:
		case !u.provisioned || u.lost || u.failed || a.held || a.dark:
			s.depart(u)
		default:
			a.run(s.between(200*time.Millisecond, time.Second), func() {
				if !s.known(u) {
					return
				}
				u.departed = true
				for _, c := range u.app.clients {
					c.changed(u)
				}
			})
		}
	})
}

// die is what Juju shows of a unit whose agent has ended: it is there, and whoever asks for it is told that it is dead.
func (s *Sim) die(u *Unit) {
	u.life = jujuapi.Dead
	u.app.elect()
	s.At(s.between(3*time.Second, 10*time.Second), func() { s.forget(u) })
}

// forget is the unit's end.
func (s *Sim) forget(u *Unit) {
	if !s.known(u) {
		return
	}
	u.agent.release(u)
	u.app.units = slices.DeleteFunc(u.app.units, func(o *Unit) bool { return o == u })
	for _, c := range u.app.clients {
		c.changed(u) // its hook relation-departed
	}
	u.app.elect()
	u.app.end()
}

// Vanish removes a unit with its machine, at once, as remove-unit --force and a machine's death do.
func (s *Sim) Vanish(u *Unit) {
	m := u.agent.Machine
	for _, o := range m.Units() {
		s.forget(o)
	}
	m.destroy()
}

// ForceOff removes a unit by force from a machine that stays: no hook runs any more, and its etcd goes on.
func (s *Sim) ForceOff(u *Unit) {
	u.agent.kept = true
	s.forget(u)
}

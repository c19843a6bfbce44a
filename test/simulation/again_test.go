package simulation_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/simulation"
)

// TestAMachineIsUsedAgain moves units of two applications over the same machines: whoever comes
// finds what the last one has left.
func TestAMachineIsUsedAgain(t *testing.T) {
	for _, force := range []bool{false, true} {
		s := simulation.New(simulation.Config{Seed: 43})
		other := s.Deploy(simulation.Second)
		machines := kept(s, 5)
		s.Relate()
		other.Relate()
		on(s.App, machines[:3])
		on(other, machines[3:4])
		s.StartDaemon("daemon-a")
		other.StartDaemon("daemon-a")
		rests(t, s, s.App, 3)
		rests(t, s, other, 1)
		u := s.Units()[0]
		m := machines[0]
		if force {
			s.ForceOff(u)
		} else {
			s.RemoveUnit(u)
		}
		must(t, s, "it does not go", s.Until(func() bool { return len(s.Units()) == 2 }, patience))
		other.AddUnitOn(m)
		s.AddUnitOn(machines[4])
		if force { // its member serves on, and is none that anybody may stop who comes to its machine
			must(t, s, "the other one's unit does not say it", s.Until(func() bool { return strings.Contains(other.Units()[1].Status(), u.Name) }, patience))
			s.AddUnitOn(m) // until a unit of its own cluster waits for the machine: then it makes way
			s.RemoveUnit(other.Units()[1])
		}
		must(t, s, "it does not come to rest", s.Until(func() bool {
			return s.Settled() && s.Serving() == len(s.Units()) && s.Members() == len(s.Units()) && other.Settled() && other.Serving() == len(other.Units())
		}, 2*patience))
	}
}

// TestNoUnitsAndBack removes all units, and adds new ones, on the same machines and on others.
func TestNoUnitsAndBack(t *testing.T) {
	for name, same := range map[string]bool{"the same machines": true, "other machines": false} {
		t.Run(name, func(t *testing.T) {
			s := simulation.New(simulation.Config{Seed: 44})
			machines := kept(s, 3)
			s.Relate()
			on(s.App, machines)
			s.StartDaemon("daemon-a")
			rests(t, s, s.App, 3)
			for _, u := range s.Units() {
				s.RemoveUnit(u)
			}
			must(t, s, "they do not go", s.Until(func() bool { return len(s.Units()) == 0 }, patience))
			s.Pass(10 * time.Minute)
			if !same {
				machines = kept(s, 3)
			}
			on(s.App, machines)
			rests(t, s, s.App, 3)
		})
	}
}

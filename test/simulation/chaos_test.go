package simulation_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

var (
	chaosSeed   = flag.Uint64("chaos-seed", 1, "first seed of the disturbed worlds")
	chaosWorlds = flag.Int("chaos-worlds", 20, "how many worlds are disturbed")
)

// fault is one thing that goes wrong; it says whether it could be done.
type fault struct {
	name string
	do   func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool
}

var faults = []fault{
	{"the daemon is killed", func(s *simulation.Sim, _ *simulation.Unit, _ *rand.Rand) bool { s.Restart(); return true }},
	{"the daemon is away for a while", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.Daemon().Stop()
		s.Pass(time.Duration(rng.IntN(600)) * time.Second)
		s.StartDaemon("daemon-a")
		return true
	}},
	{"a process crashes", func(s *simulation.Sim, u *simulation.Unit, _ *rand.Rand) bool { s.Crash(u); return true }},
	{"a machine is without power for a while", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		s.PowerCut(u, time.Duration(5+rng.IntN(300))*time.Second, time.Duration(rng.IntN(10000))*time.Millisecond)
		return true
	}},
	{"all machines are without power for a while", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.PowerCutEverywhere(func() time.Duration { return time.Duration(5+rng.IntN(100)) * time.Second })
		return true
	}},
	{"a member is wiped", func(s *simulation.Sim, u *simulation.Unit, _ *rand.Rand) bool {
		if !s.Spare() {
			return false
		}
		s.Wipe(u)
		return true
	}},
	{"a machine has another address", func(s *simulation.Sim, u *simulation.Unit, _ *rand.Rand) bool {
		if !s.Spare() {
			return false
		}
		s.Readdress(u)
		return true
	}},
	{"an agent is lost for a while", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		s.Lose(u)
		s.At(time.Duration(rng.IntN(600))*time.Second, func() { s.Find(u) })
		return true
	}},
	{"an agent is busy for a while", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		s.Hold(u)
		s.At(time.Duration(rng.IntN(600))*time.Second, func() { s.Release(u) })
		return true
	}},
	{"a unit is added", func(s *simulation.Sim, _ *simulation.Unit, _ *rand.Rand) bool {
		if len(s.Units()) > 5 {
			return false
		}
		s.AddUnits(1)
		return true
	}},
	{"a unit is removed", func(s *simulation.Sim, u *simulation.Unit, _ *rand.Rand) bool {
		if s.Alive() < 3 {
			return false
		}
		s.RemoveUnit(u)
		return true
	}},
	{"a unit vanishes", func(s *simulation.Sim, u *simulation.Unit, _ *rand.Rand) bool {
		if s.Alive() < 4 || !s.Spare() {
			return false
		}
		s.Vanish(u)
		return true
	}},
	{"an option changes", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.SetOption("snapshot_count", fmt.Sprint(5000+rng.IntN(100)))
		return true
	}},
	{"the pair changes", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		pair := [][2]int{{100, 1000}, {180, 1000}, {100, 500}, {900, 4500}, {1000, 50000}}[rng.IntN(5)]
		s.SetOption("heartbeat_interval", pair[0])
		s.SetOption("election_timeout", pair[1])
		return true
	}},
	{"a port changes", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.SetOption("port", []int{2379, 4001, 4002}[rng.IntN(3)])
		return true
	}},
	{"the peers' port changes", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.SetOption("management_port", []int{2380, 7001, 7002}[rng.IntN(3)])
		return true
	}},
	{"an option is wrong for a while", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		name := []string{"port", "management_port", "election_timeout", "snapshot_count"}[rng.IntN(4)]
		good := s.Option(name)
		s.SetOption(name, -1)
		s.At(time.Duration(rng.IntN(300))*time.Second, func() {
			if s.Option(name) == -1 { // else somebody has set it since
				s.SetOption(name, good)
			}
		})
		return true
	}},
	{"the authority is away for a while", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.Unrelate()
		s.At(time.Duration(rng.IntN(120))*time.Second, s.Relate)
		return true
	}},
	{"a person runs an action for a while", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		s.RunAction(u, []string{"restore", "juju-exec", "health"}[rng.IntN(3)], time.Duration(1+rng.IntN(300))*time.Second)
		return true
	}},
	{"a unit is at something that lasts", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		s.Work(u, time.Duration(1+rng.IntN(120))*time.Second)
		return true
	}},
	{"all disks are full for a while", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.DisksFull(true)
		s.At(time.Duration(rng.IntN(1200))*time.Second, func() { s.DisksFull(false) })
		return true
	}},
	{"a hook is in error for a while", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		s.FailHook(u)
		s.At(time.Duration(rng.IntN(300))*time.Second, func() { s.Resolve(u) })
		return true
	}},
	{"Juju does not answer everything for a while", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		what := []simulation.Unread{simulation.UnreadTasks, simulation.UnreadUnits}[rng.IntN(2)]
		s.Refuse(what, time.Duration(rng.IntN(120))*time.Second)
		return true
	}},
	{"a client comes", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.AddClient(time.Duration(200+rng.IntN(20000)) * time.Millisecond)
		return true
	}},
	{"the authority is another one, and a person replaces it", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		if s.Procedure() != "" || s.AsksToRotate() || !s.Born() {
			return false
		}
		s.RenewAuthority()
		s.At(time.Duration(rng.IntN(120))*time.Second, func() { s.Ask(u, v1alpha1.ActionRotateCA) })
		return true
	}},
	{"the authority offers another one beside itself, and its certificates", func(s *simulation.Sim, _ *simulation.Unit, _ *rand.Rand) bool {
		// One whose hooks take longer than clients are given may be late.
		return s.Procedure() == "" && !s.AsksToRotate() && s.Born() && s.ClientsKeepUp() && s.SlowestHook() < 5*time.Second && s.AddAuthority()
	}},
	{"a person asks for a rolling restart, or a defragmentation", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		return s.Ask(u, []string{v1alpha1.ActionRestart, v1alpha1.ActionDefrag}[rng.IntN(2)])
	}},
	{"a machine's clock is wrong for a while", func(s *simulation.Sim, u *simulation.Unit, rng *rand.Rand) bool {
		u.Machine().Clock(wrong(rng))
		s.At(time.Duration(rng.IntN(900))*time.Second, func() { u.Machine().Clock(0) })
		return true
	}},
	{"the daemon's clock is wrong for a while", func(s *simulation.Sim, _ *simulation.Unit, rng *rand.Rand) bool {
		s.DaemonClock(wrong(rng))
		s.At(time.Duration(rng.IntN(900))*time.Second, func() { s.DaemonClock(0) })
		return true
	}},
}

// wrong is how far a clock that is wrong is ahead: minutes, in either direction.
func wrong(rng *rand.Rand) time.Duration { return time.Duration(rng.IntN(1800)-900) * time.Second }

// person goes on with procedures that wait, or back.
type person struct {
	s         *simulation.Sim
	rng       *rand.Rand
	mayGoBack bool
}

// look is what the person does every half minute. In the end an authority that was not replaced is.
func (p *person) look() {
	s := p.s
	s.At(30*time.Second, p.look)
	units := s.Units()
	if len(units) == 0 {
		return
	}
	u := units[p.rng.IntN(len(units))]
	switch {
	case s.Procedure() != "" && p.mayGoBack && p.rng.IntN(12) == 0:
		s.Ask(u, v1alpha1.ActionGoBack)
	case waits(s) && s.ClientsKeepUp():
		s.Ask(u, v1alpha1.ActionProceed)
	case !p.mayGoBack && s.Procedure() == "" && s.AsksToRotate():
		s.Ask(u, v1alpha1.ActionRotateCA)
	}
}

// TestDisturbedWorldsComeToRest disturbs worlds at random times, several faults at once, and
// expects every unit that is left to be a healthy voter in the end, with no invariant broken on the
// way.
func TestDisturbedWorldsComeToRest(t *testing.T) {
	t.Parallel()
	t.Logf("seeds %d to %d: go test -run %s -chaos-seed N -chaos-worlds 1", *chaosSeed, *chaosSeed+uint64(*chaosWorlds)-1, t.Name())
	happened := map[string]int{}
	for n := range *chaosWorlds {
		seed := *chaosSeed + uint64(n)
		rng := rand.New(rand.NewPCG(seed, 3))
		cfg := simulation.Config{Seed: seed, Slow: rng.IntN(2) == 0, Apart: time.Duration(seed%4) * 17 * time.Second,
			Schedule: []string{"", "", "*/4 * * * *", "@hourly"}[seed/4%4]}
		if cfg.Schedule != "" { // a policy with drills and no schedule is refused
			cfg.Drill = []string{"", "*/6 * * * *"}[seed/2%2]
		}
		s := simulation.New(cfg)
		s.Relate()
		s.AddUnits(1 + rng.IntN(5))
		s.StartDaemon("daemon-a")
		p := &person{s: s, rng: rng, mayGoBack: true}
		p.look()
		if rng.IntN(3) > 0 {
			must(t, s, "birth", s.Until(s.Settled, patience))
		}
		for range 12 {
			s.Pass(time.Duration(rng.IntN(60)) * time.Second)
			units := s.Units()
			f := faults[rng.IntN(len(faults))]
			u := units[rng.IntN(len(units))]
			if f.do(s, u, rng) {
				s.Note("--- %s (%s)", f.name, u.Name)
				happened[f.name]++
			}
		}
		p.mayGoBack = false
		s.Pass(11 * time.Minute)
		if s.NeedsAPerson() {
			happened["left to a person"]++
			must(t, s, "for a person", nil)
			continue
		}
		err := s.Until(func() bool {
			return s.Settled() && s.Procedure() == "" && s.Voters() == len(s.Units()) && s.Alive() == len(s.Units())
		}, 2*patience)
		if err != nil && s.NeedsAPerson() { // what a clock that jumped has held up is reported only now
			happened["left to a person"]++
			err = nil
		}
		if err != nil || len(s.Violations()) > 0 {
			t.Errorf("seed %d", seed)
		}
		must(t, s, "it does not come to rest", err)
		s.Pass(15 * time.Minute) // what failed is tried again, or reported, by then
		if why := s.KeepsSchedule(); why != "" {
			t.Errorf("seed %d: %s\n%s", seed, why, tail(s))
		}
		if why := s.KeepsDrills(); why != "" {
			t.Errorf("seed %d: %s\n%s", seed, why, tail(s))
		}
		must(t, s, "afterwards", nil)
		happened["snapshots taken"] += s.Counts().SnapshotsTaken
		happened["restore drills"] += s.Counts().Drills
	}
	t.Logf("%v", happened)
}

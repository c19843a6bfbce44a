package simulation_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/simulation"
)

// reused is a world in which two applications use a few machines again and again.
type reused struct {
	*simulation.Sim
	rng      *rand.Rand
	apps     []*simulation.App
	machines []*simulation.Machine
}

// turn is one thing that is done in a reused world, to an application and to one of its units, nil
// if it has none; it says whether it could be done.
type turn struct {
	name string
	do   func(w *reused, app *simulation.App, u *simulation.Unit) bool
}

// spare says that the application can lose a member's machine: it has more than it needs, and all
// are there.
func spare(app *simulation.App) bool { return app.Alive() >= 3 && app.Spare() }

var turns = []turn{
	{"a unit is put on a machine", func(w *reused, app *simulation.App, _ *simulation.Unit) bool {
		if app.Gone() || app.Alive() > 4 {
			return false
		}
		app.AddUnitOn(w.machines[w.rng.IntN(len(w.machines))])
		return true
	}},
	{"a unit is removed", func(w *reused, app *simulation.App, u *simulation.Unit) bool {
		if u == nil || app.Alive() < 2 {
			return false
		}
		w.RemoveUnit(u)
		return true
	}},
	{"a unit is forced off its machine", func(w *reused, app *simulation.App, u *simulation.Unit) bool {
		if u == nil || !spare(app) {
			return false
		}
		w.ForceOff(u)
		return true
	}},
	{"all units are removed, and come again", func(w *reused, app *simulation.App, _ *simulation.Unit) bool {
		if len(app.Units()) == 0 || app.Gone() {
			return false
		}
		for _, u := range app.Units() {
			w.RemoveUnit(u)
		}
		w.Pass(time.Duration(w.rng.IntN(300)) * time.Second)
		for range 1 + w.rng.IntN(3) {
			app.AddUnitOn(w.machines[w.rng.IntN(len(w.machines))])
		}
		return true
	}},
	{"an application is removed, and deployed again", func(w *reused, app *simulation.App, _ *simulation.Unit) bool {
		app.Remove()
		if w.Until(app.Gone, patience) != nil {
			w.Note("--- it does not go")
			return true
		}
		next := w.DeployAgain(app)
		w.apps[slices.Index(w.apps, app)] = next
		next.Relate()
		next.StartDaemon("daemon-a")
		for range 1 + w.rng.IntN(3) {
			next.AddUnitOn(w.machines[w.rng.IntN(len(w.machines))])
		}
		return true
	}},
	{"the daemon is killed", func(_ *reused, app *simulation.App, _ *simulation.Unit) bool {
		if app.Gone() {
			return false
		}
		app.Restart()
		return true
	}},
	{"a process crashes", func(w *reused, _ *simulation.App, u *simulation.Unit) bool {
		if u == nil {
			return false
		}
		w.Crash(u)
		return true
	}},
	{"a machine is without power for a while", func(w *reused, _ *simulation.App, u *simulation.Unit) bool {
		if u == nil {
			return false
		}
		w.PowerCut(u, time.Duration(5+w.rng.IntN(300))*time.Second, time.Second)
		return true
	}},
	{"a machine's clock is wrong for a while", func(w *reused, _ *simulation.App, u *simulation.Unit) bool {
		if u == nil {
			return false
		}
		u.Machine().Clock(wrong(w.rng))
		w.At(time.Duration(w.rng.IntN(600))*time.Second, func() { u.Machine().Clock(0) })
		return true
	}},
	{"an option changes", func(w *reused, app *simulation.App, _ *simulation.Unit) bool {
		app.SetOption("snapshot_count", fmt.Sprint(5000+w.rng.IntN(100)))
		return true
	}},
	{"an agent is busy for a while", func(w *reused, _ *simulation.App, u *simulation.Unit) bool {
		if u == nil {
			return false
		}
		w.Hold(u)
		w.At(time.Duration(w.rng.IntN(400))*time.Second, func() { w.Release(u) })
		return true
	}},
	{"somebody hands a unit something by hand", func(w *reused, _ *simulation.App, u *simulation.Unit) bool {
		return u != nil && w.Forge(u, forgeries[w.rng.IntN(len(forgeries))])
	}},
	{"another process listens for a while", func(w *reused, _ *simulation.App, _ *simulation.Unit) bool {
		m := w.machines[w.rng.IntN(len(w.machines))]
		if m.Serves() {
			return false
		}
		m.Squat(true)
		w.At(time.Duration(w.rng.IntN(400))*time.Second, func() { m.Squat(false) })
		return true
	}},
}

// forgeries are what an attacker hands: nothing of it may come true.
var forgeries = []simulation.Forged{simulation.NoClaim, simulation.WildClaim, simulation.WrongReset, simulation.NewAgain, simulation.Late}

func newReused(seed uint64) *reused {
	rng := rand.New(rand.NewPCG(seed, 5))
	s := simulation.New(simulation.Config{Seed: seed, Slow: rng.IntN(3) == 0, Apart: time.Duration(seed%4) * 17 * time.Second})
	w := &reused{Sim: s, rng: rng, apps: []*simulation.App{s.App, s.Deploy(simulation.Second)}, machines: kept(s, 4+rng.IntN(4))}
	for i, app := range w.apps {
		app.Relate()
		for range 1 + rng.IntN(4-i) {
			app.AddUnitOn(w.machines[rng.IntN(len(w.machines))])
		}
		app.StartDaemon("daemon-a")
	}
	return w
}

// disturb takes some turns, and leaves it then to a person to do what the status asks for.
func (w *reused) disturb(happened map[string]int) {
	for range 12 {
		w.Pass(time.Duration(w.rng.IntN(240)) * time.Second)
		app := w.apps[w.rng.IntN(len(w.apps))]
		var u *simulation.Unit
		if units := app.Units(); len(units) > 0 {
			u = units[w.rng.IntN(len(units))]
		}
		if next := turns[w.rng.IntN(len(turns))]; next.do(w, app, u) {
			w.Note("--- %s (%s)", next.name, app.Name())
			happened[next.name]++
		}
	}
	w.Pass(16 * time.Minute)
	w.RemoveOthers()
	w.RightClocks()
	w.Pass(11 * time.Minute)
}

func blocked(u *simulation.Unit) bool { return strings.HasPrefix(u.Status(), "blocked") }

// TestMachinesAreUsedAgainAndAgain lets two applications come and go on a few machines, with wrong
// clocks, dead units, no units at all and things handed by hand, and expects every unit that is
// left to be a healthy voter in the end, or a person to be told what to do.
func TestMachinesAreUsedAgainAndAgain(t *testing.T) {
	t.Parallel()
	t.Logf("seeds %d to %d: go test -run %s -chaos-seed N -chaos-worlds 1", *chaosSeed, *chaosSeed+uint64(*chaosWorlds)-1, t.Name())
	happened := map[string]int{}
	for n := range *chaosWorlds {
		seed := *chaosSeed + uint64(n)
		w := newReused(seed)
		w.disturb(happened)
		for _, app := range w.apps {
			rest := func() bool {
				return app.Settled() && app.Serving() == len(app.Units()) && app.Alive() == len(app.Units())
			}
			if len(app.Units()) == 0 {
				continue
			}
			err := w.Until(func() bool { return rest() || app.Last().Person && app.Delivered() }, 2*patience)
			if !rest() && (err == nil || !strings.HasPrefix(app.ApplicationStatus(), "active") && slices.ContainsFunc(app.Units(), blocked)) {
				err = nil
				happened["left to a person: "+strings.SplitN(app.Last().Reason, ":", 2)[0]]++
				if got := app.ApplicationStatus(); strings.HasPrefix(got, "active") {
					err = fmt.Errorf("a person has to act, and the application is %s", got)
				}
			}
			if err != nil || len(w.Violations()) > 0 {
				t.Errorf("seed %d\n%s", seed, w.Places())
			}
			must(t, w.Sim, app.Name()+" does not come to rest: "+app.Last().Reason, err)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(happened)) {
		t.Logf("%4d %s", happened[what], what)
	}
}

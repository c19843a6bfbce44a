package simulation_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/test/simulation"
)

var (
	slowAgents = flag.Bool("slow", false, "let agents pick tasks up as slowly as Juju 4.0 does after a quiet spell")
	killSeed   = flag.Uint64("seed", 7, "seed of the worlds in which daemons are killed")
)

// TestADaemonKilledAtAnySideEffectComesToTheSameEnd kills the daemon at each thing that it does to the world on the way from
// nothing to three members, on each side of it, and lets another process with the same identity go on, at once or after the
// lease of its lock and the deadline of its deliveries are over.
func TestADaemonKilledAtAnySideEffectComesToTheSameEnd(t *testing.T) {
	ways := map[string]func(*testing.T, *simulation.Sim){"0 to 3 at once": threeAtOnce, "0 to 1 to 3": oneThenThree}
	config := simulation.Config{Seed: *killSeed, Slow: *slowAgents}
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		way := ways[name]
		calm := simulation.New(config)
		way(t, calm)
		points := calm.Effects()
		end := calm.End()
		runs := 0
		names := map[string]bool{}
		for n := 1; n <= points; n++ {
			for _, mode := range []simulation.Mode{simulation.BeforeEffect, simulation.BeforeReply, simulation.AfterReply} {
				for _, after := range []time.Duration{time.Second, 5 * time.Minute} {
					s := simulation.New(config)
					kill := &simulation.Kill{At: n, Mode: mode, After: after}
					s.Kill(kill)
					way(t, s)
					if kill.Hit == nil {
						t.Fatalf("%s: there is no side effect %d", name, n)
					}
					names[kill.Hit.Name] = true
					if got := s.End(); got != end {
						t.Fatalf("%s: killed %s at side effect %d (%s), back after %s:\n%s\nwithout:\n%s\n%s",
							name, mode, n, kill.Hit.Name, after, got, end, tail(s))
					}
					runs++
				}
			}
		}
		t.Logf("%s: %d side effects, %d kills, the same end each time: %s", name, points, runs,
			fmt.Sprint(slices.Sorted(maps.Keys(names))))
	}
}

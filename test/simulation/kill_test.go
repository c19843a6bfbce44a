package simulation_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

var (
	slowAgents = flag.Bool("slow", false, "let agents pick tasks up as slowly as Juju 4.0 does after a quiet spell")
	killAll    = flag.Bool("every-kill", false, "kill daemons at each side effect in every way, instead of half of them")
	killSeed   = flag.Uint64("seed", 7, "seed of the worlds in which daemons are killed")
)

// way is something that is done with a cluster: daemons are killed on the way, once what comes before it is there.
type way struct {
	name   string
	before func(*testing.T, *simulation.Sim)
	do     func(*testing.T, *simulation.Sim)
}

// ways are all operations that change a cluster. What they do is over when their last function returns.
var ways = []way{
	{"0 to 3 at once", nil, threeAtOnce},
	{"0 to 1 to 3", nil, oneThenThree},
	{"5 to 3 to 1, the leader among them", five, fiveThreeOne},
	{"a unit is removed while it joins", threeAtOnce, func(t *testing.T, s *simulation.Sim) {
		u := s.AddUnits(1)[0]
		// Not by what the daemon has done: that differs with when it is killed.
		s.Pass(45 * time.Second)
		s.RemoveUnit(u)
		must(t, s, "not gone", s.Until(func() bool { return len(s.Units()) == 3 && s.Voters() == 3 }, patience))
		s.Pass(10 * time.Second)
		settles(t, s, 3)
	}},
	{"a unit vanishes", threeAtOnce, func(t *testing.T, s *simulation.Sim) {
		s.Vanish(s.Units()[0])
		must(t, s, "not removed", s.Until(func() bool { return s.Members() == 2 && s.Voters() == 2 && s.Settled() }, patience))
	}},
	{"a member is wiped", threeAtOnce, func(t *testing.T, s *simulation.Sim) {
		s.Wipe(s.Units()[0])
		must(t, s, "not seen", s.Until(func() bool { return s.Voters() == 2 }, patience))
		settles(t, s, 3)
	}},
	{"a machine has another address", threeAtOnce, func(t *testing.T, s *simulation.Sim) {
		s.Readdress(s.Units()[0])
		must(t, s, "not seen", s.Until(func() bool { return s.Voters() == 2 }, patience))
		settles(t, s, 3)
	}},
	{"an authority is replaced", otherAuthority, func(t *testing.T, s *simulation.Sim) {
		rotate(t, s)
		settles(t, s, 3)
	}},
	{"a rolling restart", threeAtOnce, func(t *testing.T, s *simulation.Sim) {
		before := restarts(s)
		if !s.Ask(s.Units()[0], v1alpha1.ActionRestart) {
			t.Fatal("the action is refused")
		}
		must(t, s, "not restarted", s.Until(func() bool { return restarts(s) >= before+3 && s.Settled() }, patience))
		settles(t, s, 3)
	}},
	{"a snapshot is restored among three", threeAtOnce, func(t *testing.T, s *simulation.Sim) { restore(t, s, 1) }},
	{"a defragmentation", threeAtOnce, func(t *testing.T, s *simulation.Sim) {
		before := s.Counts().Defragmented
		if !s.Ask(s.Units()[0], v1alpha1.ActionDefrag) {
			t.Fatal("the action is refused")
		}
		must(t, s, "not defragmented", s.Until(func() bool { return s.Counts().Defragmented >= before+3 && s.Settled() }, patience))
		s.Pass(time.Minute)
		settles(t, s, 3)
		if n := s.Counts().Defragmented - before; n != 3 {
			t.Errorf("%d defragmentations of three members", n)
		}
	}},
}

// otherAuthority is a settled cluster whose provider offers another authority than the one in use.
func otherAuthority(t *testing.T, s *simulation.Sim) {
	t.Helper()
	threeAtOnce(t, s)
	s.RenewAuthority()
	s.Pass(time.Minute)
}

func five(t *testing.T, s *simulation.Sim) {
	t.Helper()
	s.Relate()
	s.AddUnits(5)
	s.StartDaemon("daemon-a")
	settles(t, s, 5)
}

// fiveThreeOne removes the first units each time: Juju's leader and etcd's are among them.
func fiveThreeOne(t *testing.T, s *simulation.Sim) {
	t.Helper()
	for _, left := range []int{3, 1} {
		for _, u := range s.Units()[:2] {
			s.RemoveUnit(u)
		}
		must(t, s, "not gone", s.Until(func() bool { return len(s.Units()) == left && s.Voters() == left }, patience))
		s.Pass(10 * time.Second) // the last of them has been Juju's leader: the daemon has yet to see the next one
		settles(t, s, left)
	}
}

// TestADaemonKilledAtAnySideEffectComesToTheSameEnd kills the daemon at each thing that it does to the world on each way, on
// each side of it, and lets another process with the same identity go on, at once or after the lease of its lock and the
// deadline of its deliveries are over.
func TestADaemonKilledAtAnySideEffectComesToTheSameEnd(t *testing.T) {
	config := simulation.Config{Seed: *killSeed, Slow: *slowAgents}
	run := func(t *testing.T, w way, kill *simulation.Kill) (s *simulation.Sim, before int) {
		s = simulation.New(config)
		if kill != nil {
			s.Kill(kill)
		}
		if w.before != nil {
			w.before(t, s)
			before = s.Effects()
		}
		w.do(t, s)
		return s, before
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			calm, first := run(t, w, nil)
			points, end := calm.Effects(), calm.End()
			runs := 0
			names := map[string]bool{}
			for n := first + 1; n <= points; n++ {
				for m, mode := range []simulation.Mode{simulation.BeforeEffect, simulation.BeforeReply, simulation.AfterReply} {
					for i, after := range []time.Duration{time.Second, 5 * time.Minute} {
						if !*killAll && (n+m+i)%2 == 0 {
							continue // each effect in each mode, and next time after the other pause
						}
						kill := &simulation.Kill{At: n, Mode: mode, After: after}
						s, _ := run(t, w, kill)
						if kill.Hit == nil {
							t.Fatalf("there is no side effect %d", n)
						}
						names[kill.Hit.Name] = true
						if got := s.End(); got != end {
							t.Fatalf("killed %s at side effect %d (%s), back after %s:\n%s\nwithout:\n%s\n%s",
								mode, n, kill.Hit.Name, after, got, end, tail(s))
						}
						runs++
					}
				}
			}
			t.Logf("%d side effects, %d kills, the same end each time: %s", points-first, runs,
				fmt.Sprint(slices.Sorted(maps.Keys(names))))
		})
	}
}

// closedWays are the ways in a closed network on which each op is needed that an agent does for its daemon.
var closedWays = []way{
	{"0 to 1 to 3", nil, oneThenThree},
	{"3 to 1, the leader among them", threeAtOnce, func(t *testing.T, s *simulation.Sim) {
		for _, u := range s.Units()[:2] {
			s.RemoveUnit(u)
		}
		must(t, s, "not gone", s.Until(func() bool { return len(s.Units()) == 1 && s.Voters() == 1 }, patience))
		s.Pass(2 * time.Minute) // a settled cluster is looked at once a minute
		settles(t, s, 1)
	}},
	{"a machine has another address", threeAtOnce, func(t *testing.T, s *simulation.Sim) {
		s.Readdress(s.Units()[1])
		must(t, s, "not seen", s.Until(func() bool { return s.Voters() == 2 }, patience))
		settles(t, s, 3)
	}},
}

// TestEveryOpIsKilledAndDoneOnce kills whoever is at work at each look and change that an agent makes for a daemon in a closed
// network, before and after it: the daemon that asked, or the agent itself, whose task then ends without an answer. The same end
// is come to, and each change has been made once.
func TestEveryOpIsKilledAndDoneOnce(t *testing.T) {
	for _, w := range closedWays {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			run := func(kill *simulation.Kill) (*simulation.Sim, int) {
				s := simulation.New(simulation.Config{Seed: *killSeed, Slow: *slowAgents, Closed: true})
				if kill != nil {
					s.Kill(kill)
				}
				first := 0
				if w.before != nil {
					w.before(t, s)
					first = s.Effects()
				}
				w.do(t, s)
				return s, first
			}
			calm, first := run(nil)
			end, ops := calm.End(), once(t, calm)
			kills := map[string]int{}
			for _, n := range calm.OpEffects() {
				if n <= first {
					continue
				}
				for _, agent := range []bool{false, true} {
					for _, mode := range []simulation.Mode{simulation.BeforeEffect, simulation.AfterReply} {
						kill := &simulation.Kill{At: n, Mode: mode, After: time.Second, Agent: agent}
						s, _ := run(kill)
						if kill.Hit == nil {
							t.Fatalf("there is no side effect %d", n)
						}
						kills[strings.Fields(kill.Hit.Name)[0]]++
						if got := s.End(); got != end {
							t.Fatalf("killed %s at %s (the agent: %t):\n%s\nwithout:\n%s\n%s", mode, kill.Hit.Name, agent, got, end, tail(s))
						}
						if got := once(t, s); got != ops {
							t.Fatalf("killed %s at %s (the agent: %t), the changes were\n%s\nand without\n%s\n%s", mode, kill.Hit.Name, agent, got, ops, tail(s))
						}
					}
				}
			}
			t.Logf("kills: %v; changes: %s", kills, strings.ReplaceAll(ops, "\n", ", "))
		})
	}
}

// once are the changes that agents have made, sorted. The leadership may move again, because elections do not ask; nothing else
// may be done twice.
func once(t *testing.T, s *simulation.Sim) string {
	t.Helper()
	ops := slices.DeleteFunc(s.Ops(), func(op string) bool { return strings.HasPrefix(op, string(v1alpha1.OpMoveLeader)) })
	slices.Sort(ops)
	if n := len(slices.Compact(slices.Clone(ops))); n != len(ops) {
		t.Errorf("a change was made twice: %q", ops)
	}
	return strings.Join(ops, "\n")
}

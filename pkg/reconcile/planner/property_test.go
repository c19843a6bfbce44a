package planner_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

var (
	seed   = flag.Uint64("seed", 1, "first seed of the generated worlds")
	worlds = flag.Int("worlds", 150, "how many worlds are generated")
)

// event disturbs the world; its weight is how often it does.
type event struct {
	name   string
	weight int
	do     func(w *world, u *unit)
}

var events = []event{
	{"a unit is added", 3, func(w *world, _ *unit) {
		if alive(w) < 6 {
			u := w.addUnit()
			u.published = w.rng.IntN(3) > 0
			u.provisioned = u.published || w.rng.IntN(2) == 0
		}
	}},
	{"a unit is removed", 2, func(w *world, u *unit) {
		if alive(w) > 2 {
			u.dying = true
		}
	}},
	{"a dying unit is gone", 3, func(w *world, u *unit) {
		if u.dying && w.member(u.data) == nil {
			w.drop(u)
		}
	}},
	{"a unit vanishes", 1, func(w *world, u *unit) {
		if all, up := w.voters(); alive(w) > 3 && (!u.up || up-1 >= etcdops.Quorum(all)) {
			w.drop(u)
		}
	}},
	{"a process dies", 3, func(_ *world, u *unit) { u.up = false }},
	{"a process comes back", 6, func(_ *world, u *unit) {
		if u.data != 0 {
			u.comeUp()
		}
	}},
	{"a member is wiped", 1, func(w *world, u *unit) {
		// One at a time: more is for a person.
		if all, up := w.voters(); u.data != 0 && up == all && all >= 3 {
			u.data, u.up = 0, false
		}
	}},
	{"a seed's disk is lost before anybody looked", 1, func(w *world, u *unit) {
		if u.data != 0 && w.latch.ClusterID == "" {
			u.data, u.up, u.started = 0, false, false
		}
	}},
	{"an agent is lost", 1, func(w *world, u *unit) { u.lost = true; w.elect() }},
	{"an agent is back", 3, func(w *world, u *unit) { u.lost = false; w.elect() }},
	{"a hook fails", 1, func(_ *world, u *unit) { u.failed = true }},
	{"a hook is resolved", 3, func(_ *world, u *unit) { u.failed = false }},
	{"facts are published", 5, func(w *world, u *unit) { u.provisioned, u.published = true, true; w.elect() }},
	{"the port changes", 1, func(w *world, _ *unit) { w.port = []int32{2379, 4001}[w.rng.IntN(2)] }},
	{"a restart is due", 1, func(_ *world, u *unit) { u.pending = u.data != 0 }},
	{"the daemon is killed", 2, func(w *world, _ *unit) { w.restartDaemon() }},
	{"etcd elects another leader", 1, func(w *world, u *unit) {
		if m := w.member(u.data); m != nil && !m.learner && u.up {
			w.leader = m.id
		}
	}},
	{"a port is taken", 1, func(_ *world, u *unit) { u.taken = u.data == 0 }},
	{"a port is free again", 2, func(_ *world, u *unit) { u.taken = false }},
	{"the authority goes", 1, func(w *world, _ *unit) { w.ca = false }},
	{"the authority is back", 3, func(w *world, _ *unit) { w.ca = true }},
	{"a client comes", 1, func(w *world, _ *unit) {
		if len(w.clients) < 3 {
			w.clients = append(w.clients, &client{name: fmt.Sprintf("client/%d", len(w.clients)), idle: true, since: w.now, unseen: w.rng.IntN(4) == 0})
		}
	}},
	{"a client's hook runs", 4, func(w *world, _ *unit) {
		if len(w.clients) > 0 {
			c := w.clients[w.rng.IntN(len(w.clients))]
			c.idle, c.since = w.rng.IntN(2) == 0, w.now
		}
	}},
	{"a person runs an action", 2, (*world).runPersons},
	{"work begins that lasts", 1, func(w *world, u *unit) { u.busy = w.now.Add(time.Duration(w.rng.IntN(120)) * time.Second) }},
	{"time passes", 12, func(w *world, _ *unit) { w.now = w.now.Add(time.Duration(w.rng.IntN(90)) * time.Second) }},
}

func alive(w *world) int {
	n := 0
	for _, u := range w.units {
		if !u.dying {
			n++
		}
	}
	return n
}

func (w *world) drop(u *unit) {
	w.units = slices.DeleteFunc(w.units, func(o *unit) bool { return o == u })
	w.elect()
}

func pick(rng *rand.Rand) event {
	total := 0
	for _, e := range events {
		total += e.weight
	}
	n := rng.IntN(total)
	for _, e := range events {
		if n -= e.weight; n < 0 {
			return e
		}
	}
	return events[0]
}

// step lets the planner look and act once, with all that must hold for any observation. Sometimes it sees less than there is.
func (w *world) step(t *testing.T, calm bool) (planner.Step, bool) {
	t.Helper()
	w.tick()
	w.excuse()
	o := w.observe()
	if !calm && w.rng.IntN(12) == 0 {
		o.Blind = []string{"the pending tasks could not be read"}
	}
	if !calm && w.rng.IntN(20) == 0 {
		o.LatchRead, o.Blind = false, []string{"the databags could not be read"}
	}
	before := snapshot(o)
	step, ok := planner.Next(o)
	again, okAgain := planner.Next(o)
	if ok != okAgain || !reflect.DeepEqual(step, again) {
		w.violate("Next is not a function: %+v, then %+v", step, again)
	}
	if calm || w.rng.IntN(4) == 0 {
		plan := planner.Plan(o)
		if len(plan) > 64 {
			w.violate("a plan of %d steps", len(plan))
		}
		if ok != (len(plan) > 0) || ok && !reflect.DeepEqual(plan[0], step) {
			w.violate("the plan does not begin with the next step")
		}
		planner.Status(o)
	}
	if !reflect.DeepEqual(before, snapshot(o)) {
		w.violate("the observation was changed")
	}
	if ok {
		if len(o.Blind) > 0 && step.Kind != planner.StepWait && step.Kind != planner.StepUpdate && step.Kind != planner.StepClaim {
			w.violate("%s while blind", step.Kind)
		}
		w.act(o, step)
	}
	return step, ok
}

func snapshot(o observation.Observation) observation.Observation { return planner.Clone(o) }

func (w *world) runTasks(chance int) {
	for _, u := range w.units {
		if w.goOn(u) {
			continue // it takes the unit's one slot
		}
		if u.task != nil && !u.lost && !u.failed && w.rng.IntN(100) < chance {
			w.run(u)
		}
	}
}

// TestEveryReachableWorldConvergesAndNothingForbiddenHappensOnTheWay generates worlds, disturbs them, lets the dust settle, and
// expects every unit to be a healthy voter, save in the states that are reserved for a person.
func TestEveryReachableWorldConvergesAndNothingForbiddenHappensOnTheWay(t *testing.T) {
	t.Logf("seeds %d to %d: go test -run %s -seed N -worlds 1", *seed, *seed+uint64(*worlds)-1, t.Name())
	kinds := map[planner.StepKind]int{}
	reserved := map[string]int{}
	for n := range *worlds {
		s := *seed + uint64(n)
		w := newWorld(rand.New(rand.NewPCG(s, 17)))
		for range 1 + w.rng.IntN(5) {
			w.addUnit()
		}
		for range 150 {
			if w.rng.IntN(3) == 0 && len(w.units) > 0 {
				e := pick(w.rng)
				u := w.units[w.rng.IntN(len(w.units))]
				e.do(w, u)
				w.say("- %s (%s)", e.name, u.name)
			}
			if step, ok := w.step(t, false); ok {
				kinds[step.Kind]++
			}
			w.runTasks(60)
			w.now = w.now.Add(time.Duration(w.rng.IntN(4)) * time.Second)
		}
		last := settle(t, w, kinds)
		if len(w.violations) > 0 {
			t.Fatalf("seed %d: %s\n%s", s, strings.Join(w.violations, "\n"), tail(w.log))
		}
		if last.Person {
			why := w.personNeeded()
			if why == "" {
				t.Fatalf("seed %d: the planner asks for a person without need: %s\n%s", s, last.Reason, tail(w.log))
			}
			reserved[why]++
			continue
		}
		if why := w.unsettled(); why != "" {
			if need := w.personNeeded(); need != "" {
				reserved[need]++
				continue
			}
			t.Fatalf("seed %d: it does not converge: %s; last step %s %q\n%s", s, why, last.Kind, last.Reason, tail(w.log))
		}
	}
	t.Logf("steps: %v; left to a person: %v", kinds, reserved)
	for _, k := range []planner.StepKind{planner.StepClaim, planner.StepPrepare, planner.StepLatchSeeds, planner.StepLatchCluster,
		planner.StepStart, planner.StepAddLearner, planner.StepPromote, planner.StepRemove, planner.StepMoveLeader,
		planner.StepUpdate, planner.StepRestart} {
		if kinds[k] == 0 && *worlds >= 100 {
			t.Errorf("the worlds never led to a step %s", k)
		}
	}
}

// settle heals what heals by itself and lets the planner finish. Dying units go when they are no members any more.
func settle(t *testing.T, w *world, kinds map[planner.StepKind]int) planner.Step {
	var last planner.Step
	quiet := 0
	w.ca = true
	for range 600 {
		for _, u := range slices.Clone(w.units) {
			u.lost, u.failed, u.provisioned, u.published, u.taken = false, false, true, true, false
			if u.data != 0 {
				u.comeUp()
			}
			if u.dying && (w.member(u.data) == nil || alive(w) == 0) {
				w.drop(u)
			}
		}
		w.elect()
		for _, c := range w.clients {
			if !c.idle {
				c.idle, c.since = true, w.now
			}
		}
		step, ok := w.step(t, true)
		kinds[step.Kind]++
		w.runTasks(100)
		w.now = w.now.Add(3 * time.Second)
		last = step
		if ok && !step.Person {
			quiet = 0
			continue
		}
		if quiet++; quiet > 3 {
			break
		}
	}
	return last
}

// personNeeded says why, by the world's own knowledge, only a person can help.
func (w *world) personNeeded() string {
	if len(w.units) == 0 {
		return "no units"
	}
	all, up := w.voters()
	if all > 0 && up < etcdops.Quorum(all) {
		return "the data of a quorum is gone"
	}
	if all == 2 && up == 2 && len(w.units) == 2 && (w.units[0].pending || w.units[1].pending) {
		return "a restart of one of two members"
	}
	if w.latch.Seeds != nil && w.latch.ClusterID == "" && !w.allWithout() {
		there := 0
		for _, s := range w.latch.Seeds.Members {
			if u := w.unitNamed(s.Unit); u != nil && (u.data != 0 || !u.started && !u.startedNew) {
				there++
			}
		}
		if there < etcdops.Quorum(len(w.latch.Seeds.Members)) {
			return "a majority of the seeds is gone"
		}
	}
	return ""
}

// allWithout says that all seeds are here, and that nobody has data: they can be born anew.
func (w *world) allWithout() bool {
	for _, s := range w.latch.Seeds.Members {
		if u := w.unitNamed(s.Unit); u == nil || u.dying {
			return false
		}
	}
	return !slices.ContainsFunc(w.units, func(u *unit) bool { return u.data != 0 })
}

// unsettled says what is not as it should be in the end.
func (w *world) unsettled() string {
	if w.born > 1 {
		return fmt.Sprintf("the cluster was born %d times", w.born)
	}
	for _, u := range w.units {
		m := w.member(u.data)
		switch {
		case u.data == 0 || m == nil:
			return u.name + " is no member"
		case m.learner:
			return u.name + " is a learner"
		case !u.up:
			return u.name + " is down"
		case u.pending:
			return u.name + " has not been restarted"
		case u.port != w.port:
			return fmt.Sprintf("%s serves at %d, not at %d", u.name, u.port, w.port)
		}
	}
	if len(w.members) != len(w.units) {
		return fmt.Sprintf("%d members for %d units", len(w.members), len(w.units))
	}
	return ""
}

func tail(log []string) string { return strings.Join(log[max(0, len(log)-60):], "\n") }

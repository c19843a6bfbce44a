package simulation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

func count(s *simulation.Sim, prefix string) int {
	n := 0
	for _, a := range steps(s) {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

// TestACrashedMemberCostsTwoActionsEachWay: its own unit's status and the application's, down and
// up again.
func TestACrashedMemberCostsTwoActionsEachWay(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 9})
	threeAtOnce(t, s)
	var victim *simulation.Unit
	for _, u := range s.Units() {
		if !u.Leads() {
			victim = u
		}
	}
	before := s.Counts().Actions
	s.Crash(victim)
	must(t, s, "it is never reported", s.Until(func() bool {
		return victim.Status() == "blocked UnHealthy with 3 known peers: down (connection refused)"
	}, 30*time.Second))
	settles(t, s, 3)
	s.Pass(time.Minute)
	if got := victim.Status(); got != "active Healthy with 3 known peers" {
		t.Errorf("healed: %s", got)
	}
	if got := s.Counts().Actions - before; got > 4 {
		t.Errorf("%d actions, want at most 4\n%s", got, tail(s))
	}
}

// TestAUnitShowsThatItsMemberServesAgainAfterAPowerCut: its first hook has said that it does not,
// and what it was handed last is what it should show now.
func TestAUnitShowsThatItsMemberServesAgainAfterAPowerCut(t *testing.T) {
	// After a long cut, clients' lists of endpoints have changed on the two others, and change
	// back.
	for off, most := range map[time.Duration]int{10 * time.Second: 4, 4 * time.Minute: 8} {
		for n := range 12 {
			s := simulation.New(simulation.Config{Seed: uint64(n)})
			threeAtOnce(t, s)
			u := s.Units()[n%3]
			before := s.Counts().Actions
			s.PowerCut(u, off, []time.Duration{310 * time.Millisecond, 6 * time.Second}[n%2])
			must(t, s, "its first hook does not show it", s.Until(func() bool {
				return strings.HasPrefix(u.Status(), "blocked UnHealthy") ||
					strings.HasPrefix(u.Status(), "blocked Errored")
			}, off+2*time.Second))
			settles(t, s, 3)
			must(t, s, "it goes on showing it", s.Until(func() bool { return u.Status() == "active Healthy with 3 known peers" }, time.Minute))
			must(t, s, "the application goes on showing it", s.Until(func() bool { return s.ApplicationStatus() == "active 3 members, can lose 1" }, time.Minute))
			s.Pass(10 * time.Minute)
			if got := s.Counts().Actions - before; got > most {
				t.Errorf("%s without power for %s: %d actions, want at most %d\n%s", u.Name, off, got, most, tail(s))
			}
		}
	}
}

func TestAWipedMemberIsRemovedAndJoinsAnew(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 10})
	threeAtOnce(t, s)
	for _, u := range s.Units() {
		s.Wipe(u)
		must(t, s, "not removed", s.Until(func() bool { return s.Voters() == 2 }, patience))
		settles(t, s, 3)
		s.Pass(10 * time.Second)
	}
	if got := count(s, "RemoveMember"); got != 3 {
		t.Errorf("%d removals, want 3", got)
	}
}

func TestUnitsThatLeaveAreRemovedUnderTheGuard(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 11})
	s.Relate()
	s.AddUnits(5)
	s.StartDaemon("daemon-a")
	settles(t, s, 5)
	for _, u := range s.Units()[:4] {
		s.RemoveUnit(u)
	}
	must(t, s, "not gone", s.Until(func() bool { return len(s.Units()) == 1 && s.Voters() == 1 && s.Settled() }, patience))
	if got := count(s, "MoveLeader"); got < 1 {
		t.Errorf("the leader left %d times with a hand-over, want at least once", got)
	}
	s.RemoveUnit(s.Units()[0])
	must(t, s, "the last unit", s.Until(func() bool { return len(s.Units()) == 0 }, patience))
}

func TestAMemberWhoseUnitVanishedIsRemovedAfterItsGrace(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 12})
	threeAtOnce(t, s)
	s.Vanish(s.Units()[2])
	s.Pass(v1alpha1.DefaultRemovalGrace - time.Minute)
	if got := count(s, "RemoveMember"); got != 0 {
		t.Errorf("removed before the grace was over")
	}
	must(t, s, "not removed", s.Until(func() bool { return count(s, "RemoveMember") == 1 && s.Settled() }, patience))
}

// TestARestartWhoseUnitVanishedHoldsUpTheNextOneForItsTimeOnly: its task is never seen to end.
func TestARestartWhoseUnitVanishedHoldsUpTheNextOneForItsTimeOnly(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 4})
	threeAtOnce(t, s)
	s.SetOption("snapshot_count", "5000")
	must(t, s, "nobody is restarted", s.Until(func() bool { return count(s, "RestartMember") == 1 }, patience))
	for _, u := range s.Units() {
		if "RestartMember "+u.Name == steps(s)[len(steps(s))-1] {
			s.Vanish(u)
		}
	}
	s.AddUnits(1)
	settles(t, s, 3)
	if got := len(s.Units()); got != 3 {
		t.Fatalf("%d units: none has vanished", got)
	}
	must(t, s, "the others are not restarted", s.Until(func() bool { return count(s, "RestartMember") == 3 }, patience))
}

func TestAMachineWithAnotherAddressIsBroughtHomeOneAtATime(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 18})
	threeAtOnce(t, s)
	for _, u := range s.Units() {
		s.Readdress(u)
		must(t, s, "not brought home", s.Until(func() bool { return s.Voters() == 2 }, patience))
		settles(t, s, 3)
		s.Pass(10 * time.Second)
	}
	if moves, restarts := count(s, "UpdatePeerURL"), count(s, "RestartMember"); moves != 3 || restarts != 3 {
		t.Errorf("%d moves and %d restarts, want 3 of each", moves, restarts)
	}
	if got := count(s, "RemoveMember"); got != 0 {
		t.Errorf("%d members were removed", got)
	}
}

// TestTwoOfThreeThatMoveAtOnceAreLeftAlone: without a quorum nothing can be made known to the
// others; nothing is destroyed either.
func TestTwoOfThreeThatMoveAtOnceAreLeftAlone(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 19})
	threeAtOnce(t, s)
	changes := s.Counts().Changes
	s.Readdress(s.Units()[1])
	s.Readdress(s.Units()[2])
	s.Pass(20 * time.Minute)
	must(t, s, "no quorum", nil)
	if got := s.Counts().Changes - changes; got != 0 {
		t.Errorf("%d changes of the member list", got)
	}
	if got := s.ApplicationStatus(); !strings.Contains(got, "no quorum") {
		t.Errorf("the status is %q", got)
	}
}

func TestAChangedOptionRestartsOneMemberAtATimeAndTheLeaderLast(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 13})
	threeAtOnce(t, s)
	leader := s.LeaderUnit()
	s.SetOption("election_timeout", 2000)
	must(t, s, "roll", s.Until(func() bool { return count(s, "RestartMember") == 3 && s.Settled() }, patience))
	restarts := slices.DeleteFunc(steps(s), func(a string) bool { return !strings.HasPrefix(a, "RestartMember") })
	if restarts[2] != "RestartMember "+leader {
		t.Errorf("restarts: %v; the leader was %s", restarts, leader)
	}
}

func TestAFaultyOptionKeepsTheLastGoodOneAndIsReported(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 14})
	threeAtOnce(t, s)
	s.SetOption("port", 99999)
	must(t, s, "reported", s.Until(func() bool { return strings.Contains(s.ApplicationStatus(), "Option port is 99999") }, patience))
	s.SetOption("port", 2379)
	must(t, s, "healed", s.Until(func() bool { return s.ApplicationStatus() == "active 3 members, can lose 1" }, patience))
	// A daemon that begins with a faulty option knows the last good one from what the units have
	// applied.
	s.SetOption("heartbeat_interval", 150)
	must(t, s, "roll", s.Until(func() bool { return count(s, "RestartMember") == 3 && s.Settled() }, patience))
	s.Daemon().Stop()
	s.SetOption("heartbeat_interval", 7000)
	s.SetOption("snapshot_count", "none")
	s.StartDaemon("daemon-a")
	must(t, s, "reported", s.Until(func() bool {
		return strings.Contains(s.ApplicationStatus(), "heartbeat_interval, which is 7000") && strings.Contains(s.ApplicationStatus(), "Option snapshot_count")
	}, patience))
	if got := s.ApplicationStatus(); !strings.HasPrefix(got, "blocked") {
		t.Errorf("the application is %s", got)
	}
	s.Pass(5 * time.Minute)
	s.SetOption("heartbeat_interval", 150)
	s.SetOption("snapshot_count", "auto")
	must(t, s, "healed", s.Until(func() bool { return s.ApplicationStatus() == "active 3 members, can lose 1" }, patience))
	if got := count(s, "RestartMember") - 3; got != 0 {
		t.Errorf("%d restarts", got)
	}
}

// TestPortsMoveOneMemberAtATime: both ports change, one member at a time, the leader last; each is
// made known to the others right before it is restarted, and clients hear of it before the next.
func TestPortsMoveOneMemberAtATime(t *testing.T) {
	cases := []map[string]any{{"port": 4001}, {"management_port": 7001}, {"port": 4001, "management_port": 7001}}
	for _, options := range cases {
		t.Run(fmt.Sprint(options), func(t *testing.T) {
			s := simulation.New(simulation.Config{Seed: 31})
			threeAtOnce(t, s)
			leader, before := s.LeaderUnit(), len(steps(s))
			for name, value := range options {
				s.SetOption(name, value)
			}
			want := "2379/tcp"
			if options["port"] != nil {
				want = "4001/tcp"
			}
			must(t, s, "roll", s.Until(func() bool {
				return count(s, "RestartMember") == 3 && s.Settled() && !slices.ContainsFunc(s.Units(), func(u *simulation.Unit) bool {
					return !slices.Equal(s.Ports(u), []string{want})
				})
			}, patience))
			rolled := slices.DeleteFunc(steps(s)[before:], func(a string) bool {
				return !strings.HasPrefix(a, "RestartMember") && !strings.HasPrefix(a, "UpdatePeerURL")
			})
			var kinds []string
			for _, step := range rolled {
				kinds = append(kinds, strings.Fields(step)[0])
			}
			want = "RestartMember RestartMember RestartMember"
			if options["management_port"] != nil {
				want = strings.TrimSpace(strings.Repeat("UpdatePeerURL RestartMember ", 3))
			}
			if got := strings.Join(kinds, " "); got != want || rolled[len(rolled)-1] != "RestartMember "+leader {
				t.Errorf("the roll is %v; the leader was %s", rolled, leader)
			}
		})
	}
}

// TestAPowerCutInTheMiddleOfAPortRollLeavesMembersThatFindEachOther cuts the power of all machines
// at every second of the roll. Each member then begins with the port that is on its disk, and if
// two of three had a new one that nobody knew, they would not find each other any more.
func TestAPowerCutInTheMiddleOfAPortRollLeavesMembersThatFindEachOther(t *testing.T) {
	worst := 0
	for at := time.Duration(0); ; at += time.Second {
		s := simulation.New(simulation.Config{Seed: 31})
		threeAtOnce(t, s)
		s.SetOption("management_port", 7001)
		for end := s.Now().Add(at); s.Now().Before(end); s.Pass(100 * time.Millisecond) {
			worst = max(worst, s.WrittenElsewhere())
		}
		over := count(s, "RestartMember") == 3 && s.Settled()
		s.PowerCutEverywhere(func() time.Duration { return 30 * time.Second })
		s.Pass(time.Minute)
		must(t, s, fmt.Sprintf("a power cut after %s", at), s.Until(func() bool {
			return s.Settled() && s.WrittenElsewhere() == 0 && s.ApplicationStatus() == "active 3 members, can lose 1"
		}, patience))
		if over {
			break
		}
	}
	if worst != 1 {
		t.Errorf("at worst %d disks had a port that peers did not know, want 1", worst)
	}
}

func TestNothingIsBornWithoutACertificateAuthority(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 15})
	s.AddUnits(3)
	s.StartDaemon("daemon-a")
	s.Pass(10 * time.Minute)
	// The one effect are the words that set the application's status so, once, and touch no
	// machine.
	if step := s.Last(); !step.Person || step.Reason != "Missing relation to certificate authority." || s.Counts().Effects > 1 || s.Latch().Seeds != nil {
		t.Errorf("%s %q after %d effects", step.Kind, step.Reason, s.Counts().Effects)
	}
	if status := s.ApplicationStatus(); status != "blocked Missing relation to certificate authority." {
		t.Errorf("the application is %s", status)
	}
	s.Relate()
	settles(t, s, 3)
}

func TestALostAgentDoesNotHoldUpTheOthers(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 16})
	threeAtOnce(t, s)
	s.Lose(s.Units()[0])
	s.AddUnits(2)
	must(t, s, "growth", s.Until(func() bool { return s.Voters() == 5 }, patience))
	s.Find(s.Units()[0])
	settles(t, s, 5)
}

// TestThePlanIsWhatIsDone holds the plan of the first act against everything that is done from then
// on, if nothing else happens (I19). Deliveries of one step may go out in parts, as their units
// have time.
func TestThePlanIsWhatIsDone(t *testing.T) {
	for name, ready := range map[string]func(*simulation.Sim) int{
		"0 to 3": func(s *simulation.Sim) int { s.AddUnits(3); return 3 },
		"3 to 5": func(s *simulation.Sim) int {
			threeAtOnce(t, s)
			s.Daemon().Stop()
			s.AddUnits(2)
			return 5
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulation.New(simulation.Config{Seed: 17})
			s.Relate()
			n := ready(s)
			s.Pass(time.Minute)
			var plan []string
			from := 0
			s.OnPlan(func(steps []string, done int) {
				if plan == nil {
					plan, from = steps, done
				}
			})
			s.StartDaemon("daemon-a")
			settles(t, s, n)
			planned, done := merged(plan), merged(steps(s)[from:])
			if !slices.Equal(planned, done) {
				t.Errorf("planned:\n%s\ndone:\n%s", strings.Join(planned, "\n"), strings.Join(done, "\n"))
			}
			t.Logf("planned and done: %s", strings.Join(planned, "; "))
		})
	}
}

// merged joins steps of one kind that follow each other, and their targets. A preparation that is
// asked for again, because it was in progress, is no step of its own.
func merged(list []string) []string {
	var out []string
	asked := map[string]bool{}
	list = slices.DeleteFunc(slices.Clone(list), func(a string) bool {
		units, ok := strings.CutPrefix(a, "PrepareUnits ")
		if !ok {
			return false
		}
		again := true
		for u := range strings.SplitSeq(units, ", ") {
			again = again && asked[u]
			asked[u] = true
		}
		return again
	})
	targets := map[string]bool{}
	kind := ""
	flush := func() {
		if kind != "" {
			out = append(out, kind+" "+strings.Join(slices.Sorted(maps.Keys(targets)), ", "))
		}
	}
	for _, a := range list {
		k, rest, _ := strings.Cut(a, " ")
		if k != kind {
			flush()
			kind, targets = k, map[string]bool{}
		}
		for u := range strings.SplitSeq(rest, ", ") {
			targets[u] = true
		}
	}
	flush()
	return out
}

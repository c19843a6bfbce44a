package simulation_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

// TestNothingIsRestartedBesideAPersonsAction: what is due waits for as long as the action takes, and is done then.
func TestNothingIsRestartedBesideAPersonsAction(t *testing.T) {
	for action, waits := range map[string]bool{"restore": true, "juju-exec": true, "health": false} {
		s := simulation.New(simulation.Config{Seed: 5})
		threeAtOnce(t, s)
		s.RunAction(s.Units()[1], action, 15*time.Minute) // longer than any deadline of a delivery
		s.Pass(10 * time.Second)
		before := s.Counts()
		s.SetOption("snapshot_count", "5001")
		s.Pass(10 * time.Minute)
		if n := restarts(s); waits != (n == 0) {
			t.Errorf("%s runs: %d restarts; %s", action, n, s.Last().Reason)
		}
		if waits && !strings.Contains(s.Last().Reason, "("+action+")") {
			t.Errorf("%s runs: what is waited for is %q", action, s.Last().Reason)
		}
		if n := s.Counts().Refused[v1alpha1.ReasonLate] - before.Refused[v1alpha1.ReasonLate]; n != 0 && waits {
			t.Errorf("%d deliveries waited behind %s until it was too late for them", n, action)
		}
		must(t, s, "afterwards", s.Until(func() bool { return !s.ActionsRun() && s.Settled() }, patience))
		if n := restarts(s); n != 3 {
			t.Errorf("after %s: %d restarts, want 3", action, n)
		}
	}
}

func restarts(s *simulation.Sim) int {
	n := 0
	for _, a := range s.Acts() {
		if strings.HasPrefix(a.Step, "RestartMember") {
			n++
		}
	}
	return n
}

// TestASettledClusterIsNotTouchedForAPersonsAction: it waits for nothing, and looks no more often.
func TestASettledClusterIsNotTouchedForAPersonsAction(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 6})
	threeAtOnce(t, s)
	s.Pass(time.Minute)
	before := s.Counts()
	s.RunAction(s.Units()[0], "restore", 5*time.Minute)
	s.Pass(10 * time.Minute)
	after := s.Counts()
	if after.Effects != before.Effects {
		t.Errorf("%d effects beside an action\n%s", after.Effects-before.Effects, tail(s))
	}
	if got, want := perMinute(after.Snapshots-before.Snapshots, 10*time.Minute), float64(time.Minute/simulation.SettledPoll); got > want+0.5 {
		t.Errorf("%.1f snapshots a minute, want %.1f", got, want)
	}
	must(t, s, "settled", nil)
}

package simulation_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jujuetcd.io/test/simulation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// must fails the test unless err is nil and no invariant was broken.
func must(t *testing.T, s *simulation.Sim, what string, err error) {
	t.Helper()
	if err != nil || len(s.Violations()) > 0 {
		t.Fatalf("%s: %v; last: %s %q\n%s\n%s", what, err, s.Last().Kind, s.Last().Reason,
			strings.Join(s.Violations(), "\n"), tail(s))
	}
}

func tail(s *simulation.Sim) string {
	log := s.Log()
	return strings.Join(log[max(0, len(log)-120):], "\n")
}

// patience is how much virtual time anything may take.
const patience = 30 * time.Minute

// settles waits for n voters and for a daemon with nothing left to do.
func settles(t *testing.T, s *simulation.Sim, n int) {
	t.Helper()
	must(t, s, "it does not settle", s.Until(func() bool { return s.Settled() && s.Voters() == n }, patience))
}

// threeAtOnce brings three units up with one daemon.
func threeAtOnce(t *testing.T, s *simulation.Sim) {
	t.Helper()
	s.Relate()
	s.AddUnits(3)
	s.StartDaemon("daemon-a")
	settles(t, s, 3)
}

// oneThenThree is the demo: one unit, then two more.
func oneThenThree(t *testing.T, s *simulation.Sim) {
	t.Helper()
	s.Relate()
	s.AddUnits(1)
	s.StartDaemon("daemon-a")
	settles(t, s, 1)
	s.AddUnits(2)
	settles(t, s, 3)
}

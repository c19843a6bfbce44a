package simulation_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

// TestAWrongClockIsReported is a machine whose clock is ten minutes ahead: what it refuses is
// reported, and comes when its clock is right.
func TestAWrongClockIsReported(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 46})
	threeAtOnce(t, s)
	for _, u := range s.Units() {
		if !u.Leads() {
			u.Machine().Clock(10 * time.Minute)
			break
		}
	}
	s.SetOption("election_timeout", 1500)
	must(t, s, "it is not reported", s.Until(func() bool { return strings.Contains(s.ApplicationStatus(), "clock") }, 10*time.Minute))
	s.RightClocks()
	must(t, s, "roll", s.Until(func() bool { return count(s, "RestartMember") >= 3 && s.Settled() }, patience))
	must(t, s, "reported for ever", s.Until(func() bool { return s.ApplicationStatus() == "active 3 members, can lose 1" }, patience))
}

// TestAQuorumIsMissedWithAWrongClockToo: all machines are ten minutes ahead of the daemon, and two
// of three lose their power.
func TestAQuorumIsMissedWithAWrongClockToo(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 47})
	threeAtOnce(t, s)
	s.DaemonClock(-10 * time.Minute)
	off := 0
	for _, u := range s.Units() {
		if !u.Leads() {
			s.PowerCut(u, time.Hour, time.Second)
			off++
		}
	}
	must(t, s, "it is not reported", s.Until(func() bool { return strings.Contains(s.ApplicationStatus(), "no quorum") }, 10*time.Minute))
	if got := s.Counts().Refused[v1alpha1.ReasonLate]; got == 0 {
		t.Errorf("nothing was refused as late: the clocks are not apart")
	}
}

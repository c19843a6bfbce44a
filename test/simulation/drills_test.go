package simulation_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/simulation"
)

// TestATimetableOfDrillsIsKept: one for each time, whoever dies meanwhile, and members and data are left alone.
func TestATimetableOfDrillsIsKept(t *testing.T) {
	for seed := range uint64(2) {
		s := simulation.New(simulation.Config{Seed: 300 + seed, Schedule: "@hourly", Drill: "10,30,50 * * * *"})
		threeAtOnce(t, s)
		s.Pass(25*time.Minute - time.Duration(s.Now().Minute())*time.Minute)
		before := s.Counts()
		s.Pass(6 * time.Minute)
		s.Restart()
		s.Pass(34 * time.Minute)
		if got := s.Counts().Drills - before.Drills; before.Drills == 0 || got != 2 {
			t.Errorf("seed %d: %d drills, and %d then\n%s", seed, before.Drills, got, tail(s))
		}
		if why := s.KeepsDrills(); why != "" {
			t.Error(why)
		}
		must(t, s, "in the end", nil)
	}
}

// TestADrillThatFailsIsReportedAndTriedAgain.
func TestADrillThatFailsIsReportedAndTriedAgain(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 41, Schedule: "@hourly", Drill: "@hourly"})
	threeAtOnce(t, s)
	s.DrillsFail(true)
	s.Pass(70 * time.Minute)
	if text := s.ApplicationStatus(); !strings.Contains(text, "The restore drill of ") {
		t.Errorf("it says %q", text)
	}
	s.DrillsFail(false)
	must(t, s, "goes on", s.Until(func() bool { return s.ApplicationStatus() == "active 3 members, can lose 1" }, 90*time.Minute))
	must(t, s, "in the end", nil)
}

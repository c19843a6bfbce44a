package simulation_test

import (
	"testing"
	"time"

	"jujuetcd.io/test/simulation"
)

// TestAScheduleIsKept: one for each time, none when nobody wants one, and what was missed is made up once.
func TestAScheduleIsKept(t *testing.T) {
	for _, n := range []int{1, 3} {
		for seed := range uint64(2) {
			s := simulation.New(simulation.Config{Seed: 200 + seed, Schedule: "@hourly"})
			s.Relate()
			s.AddUnits(n)
			s.StartDaemon("daemon-a")
			settles(t, s, n)
			s.Pass(2*time.Hour + 30*time.Minute)
			if got := s.Counts().SnapshotsTaken; got != 3 {
				t.Errorf("%d units, seed %d: %d snapshots, want 3\n%s", n, seed, got, tail(s))
			}
			s.Daemon().Stop()
			s.Pass(3 * time.Hour)
			s.StartDaemon("daemon-a")
			s.Pass(25 * time.Minute)
			if got := s.Counts().SnapshotsTaken; got != 4 {
				t.Errorf("%d units, seed %d: %d snapshots after a pause, want 4\n%s", n, seed, got, tail(s))
			}
			if why := s.KeepsSchedule(); why != "" {
				t.Error(why)
			}
			must(t, s, "in the end", nil)
		}
	}
}

// TestAScheduleThatCannotBeKeptIsReportedAndGoesOn, with a daemon that is killed again and again.
func TestAScheduleThatCannotBeKeptIsReportedAndGoesOn(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 31, Schedule: "*/10 * * * *"})
	threeAtOnce(t, s)
	s.Pass(20 * time.Minute)
	s.DisksFull(true)
	for i := range 12 {
		s.Pass(3 * time.Minute)
		s.Restart()
		s.Note("--- restart %d", i)
	}
	reported := func() bool { return s.KeepsSchedule() == "" }
	if !reported() || s.ApplicationStatus() == "active 3 members, can lose 1" {
		t.Errorf("it says %q", s.ApplicationStatus())
	}
	s.DisksFull(false)
	must(t, s, "goes on", s.Until(func() bool { return s.ApplicationStatus() == "active 3 members, can lose 1" }, 20*time.Minute))
	must(t, s, "in the end", nil)
}

// TestADaemonMayDieAtAnyTimeOfASchedule: there is one snapshot for each time all the same.
func TestADaemonMayDieAtAnyTimeOfASchedule(t *testing.T) {
	for after := range 8 {
		s := simulation.New(simulation.Config{Seed: 77, Schedule: "@hourly"})
		threeAtOnce(t, s)
		s.Pass(50 * time.Minute)
		before := s.Counts().SnapshotsTaken
		s.Pass(time.Hour - time.Duration(s.Now().Minute())*time.Minute - time.Duration(s.Now().Second())*time.Second)
		s.Pass(time.Duration(after*11) * time.Second)
		s.Restart()
		s.Pass(12 * time.Minute)
		if got := s.Counts().SnapshotsTaken - before; got != 1 {
			t.Errorf("killed %d s after the hour: %d snapshots\n%s", after*11, got, tail(s))
		}
		must(t, s, "in the end", nil)
	}
}

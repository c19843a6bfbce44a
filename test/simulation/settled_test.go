package simulation_test

import (
	"testing"
	"time"

	"jujuetcd.io/test/simulation"
)

// TestASettledClusterCostsNothing lets ten minutes pass, update-status and the daemon's own restart included.
func TestASettledClusterCostsNothing(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 3})
	threeAtOnce(t, s)
	s.Pass(time.Minute)
	before := s.Counts()
	const quiet = 10 * time.Minute
	s.Pass(quiet)
	after := s.Counts()
	t.Logf("in %s: %d actions, %d databag writes, %d status writes, %d file writes, %d hooks; %.1f snapshots, %.1f other reads, %.1f looks a minute",
		quiet, after.Actions-before.Actions, after.DatabagWrites-before.DatabagWrites, after.StatusWrites-before.StatusWrites,
		after.FileWrites-before.FileWrites, after.Hooks-before.Hooks,
		perMinute(after.Snapshots-before.Snapshots, quiet), perMinute(after.Reads-before.Reads, quiet), perMinute(after.Looks-before.Looks, quiet))
	if after.Actions != before.Actions || after.Effects != before.Effects || after.DatabagWrites != before.DatabagWrites ||
		after.StatusWrites != before.StatusWrites || after.FileWrites != before.FileWrites {
		t.Errorf("a settled cluster was touched: %+v, then %+v\n%s", before, after, tail(s))
	}
	if after.Hooks-before.Hooks < 6 {
		t.Errorf("update-status ran %d times on three units, want at least 6", after.Hooks-before.Hooks)
	}
	if got, want := perMinute(after.Snapshots-before.Snapshots, quiet), float64(time.Minute/simulation.SettledPoll); got > want+0.5 {
		t.Errorf("%.1f snapshots a minute, want %.1f", got, want)
	}
	must(t, s, "settled", nil)
}

func perMinute(n int, d time.Duration) float64 { return float64(n) / d.Minutes() }

// TestANewDaemonDoesNotTouchASettledCluster: the claim is lazy.
func TestANewDaemonDoesNotTouchASettledCluster(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 4})
	threeAtOnce(t, s)
	epoch := *s.Latch().Epoch
	before := s.Counts()
	for range 5 {
		s.Restart()
		s.Pass(2 * time.Minute)
	}
	if after := s.Counts(); after.Effects != before.Effects || *s.Latch().Epoch != epoch {
		t.Errorf("a daemon that only started did %d things; epoch %v, then %v", after.Effects-before.Effects, epoch, s.Latch().Epoch)
	}
	must(t, s, "settled", nil)
}

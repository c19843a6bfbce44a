package simulation_test

import (
	"fmt"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

// restore has a person restore a snapshot on the i-th unit, and waits until all are members of the
// restored cluster.
func restore(t *testing.T, s *simulation.Sim, i int) {
	t.Helper()
	before, n := s.ClusterID(), len(s.Units())
	if !s.AskToRestore(s.Units()[i]) {
		t.Fatal("the action is refused")
	}
	must(t, s, "restored", s.Until(func() bool { return s.ClusterID() != before && s.Procedure() == "" && s.Voters() == n }, patience))
	settles(t, s, n)
}

// TestASnapshotIsRestoredAmongSeveralUnits: on Juju's leader and on another unit, twice; nobody runs
// with the old data beside the restored cluster.
func TestASnapshotIsRestoredAmongSeveralUnits(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		for i := range min(n, 3) {
			t.Run(fmt.Sprintf("%d of %d", i, n), func(t *testing.T) {
				s := simulation.New(simulation.Config{Seed: uint64(10*n + i)})
				s.Relate()
				s.AddUnits(n)
				s.StartDaemon("daemon-a")
				must(t, s, "birth", s.Until(s.Settled, patience))
				restore(t, s, i)
				restore(t, s, (i+1)%n)
			})
		}
	}
}

// TestASnapshotIsRestoredInAClosedNetwork: the daemon sees etcd through units alone, and none of them
// sees anything while all members are stopped.
func TestASnapshotIsRestoredInAClosedNetwork(t *testing.T) {
	for i := range 3 {
		s := simulation.New(simulation.Config{Seed: uint64(i), Closed: true})
		s.Relate()
		s.AddUnits(3)
		s.StartDaemon("daemon-a")
		must(t, s, "birth", s.Until(s.Settled, patience))
		s.Pass(2 * time.Minute)
		restore(t, s, i)
	}
}

// TestARestoreWithoutAQuorumInAClosedNetwork: nobody but the restored unit can look at etcd, and the
// latch tells of the cluster before until somebody has.
func TestARestoreWithoutAQuorumInAClosedNetwork(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 7, Closed: true})
	s.Relate()
	s.AddUnits(3)
	s.StartDaemon("daemon-a")
	must(t, s, "birth", s.Until(s.Settled, patience))
	for _, u := range s.Units()[:2] {
		s.Wipe(u)
	}
	s.Pass(2 * time.Minute)
	restore(t, s, 2)
}

// TestARestoreMeetsALearner that is half joined: it is stopped, too, and joins the restored cluster.
func TestARestoreMeetsALearner(t *testing.T) {
	for after := 20 * time.Second; after < 60*time.Second; after += 4 * time.Second {
		s := simulation.New(simulation.Config{Seed: uint64(after)})
		threeAtOnce(t, s)
		s.AddUnits(1)
		s.Pass(after)
		before := s.ClusterID()
		if !s.AskToRestore(s.Units()[1]) {
			t.Fatal("the action is refused")
		}
		must(t, s, "restored", s.Until(func() bool { return s.ClusterID() != before && s.Procedure() == "" && s.Voters() == 4 }, patience))
		settles(t, s, 4)
	}
}

// TestARestoreWhoseUnitIsWipedAfterwards is asked for once: nobody restores again.
func TestARestoreWhoseUnitIsWipedAfterwards(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 6})
	threeAtOnce(t, s)
	restore(t, s, 1)
	restored := s.ClusterID()
	s.Wipe(s.Units()[1])
	must(t, s, "not seen", s.Until(func() bool { return s.Voters() == 2 }, patience))
	settles(t, s, 3)
	if s.ClusterID() != restored {
		t.Errorf("it is restored again, as %s", s.ClusterID())
	}
}

// TestARestoreWithoutAQuorum: two of three have lost their data.
func TestARestoreWithoutAQuorum(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 4})
	threeAtOnce(t, s)
	for _, u := range s.Units()[:2] {
		s.Wipe(u)
	}
	s.Pass(2 * time.Minute)
	restore(t, s, 2)
	s = simulation.New(simulation.Config{Seed: 5})
	threeAtOnce(t, s)
	for _, u := range s.Units()[:2] {
		s.Wipe(u)
	}
	s.Pass(2 * time.Minute)
	restore(t, s, 0) // on one of those
}

// TestARestoreGoesBack: from any moment before the restored cluster is latched, and the old one is
// there again.
func TestARestoreGoesBack(t *testing.T) {
	back, through := 0, 0
	for after := time.Second; after < 40*time.Second; after += time.Second {
		s := simulation.New(simulation.Config{Seed: uint64(after)})
		threeAtOnce(t, s)
		before := s.ClusterID()
		if !s.AskToRestore(s.Units()[1]) {
			t.Fatal("the action is refused")
		}
		s.Pass(after)
		asked := s.Ask(s.Units()[0], v1alpha1.ActionGoBack)
		must(t, s, "over", s.Until(func() bool { return s.Procedure() == "" && s.Voters() == 3 && s.Settled() }, patience))
		s.Pass(time.Minute)
		settles(t, s, 3)
		switch {
		case s.ClusterID() != before:
			through++
		case asked:
			back++
		}
	}
	if back < 3 || through < 3 {
		t.Errorf("%d went back, %d through", back, through)
	}
}

//go:build integration

package integration

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/sim/netns"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// A member that runs, and that the daemon reaches, but no other member: a follower at first, then
// etcd's leader. The others go on, with a new leader where it takes one; the status shows; and
// nothing is done about it: no member is removed, replaced or restarted, as the network is to be
// mended by somebody else. When it is, the member is healthy again by itself. What was acknowledged
// is there, also what the cut off member has acknowledged before.
func TestAPartitionedMemberIsNeitherRemovedNorHarmsTheOthers(t *testing.T) {
	runBeside(t)
	switch err := netns.Available(); {
	case errors.Is(err, netns.ErrNotRoot):
		t.Skipf("THIS TEST DID NOT RUN: %v", err)
	case err != nil:
		t.Fatalf("%v; make tools installs it", err)
	}
	w := begin(t, "--own-networks")
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	for _, part := range []struct {
		name   string
		leader bool
	}{{"a follower", false}, {"etcd's leader", true}} {
		t.Run(part.name, func(t *testing.T) {
			w := w.in(t)
			unit := w.etcdLeader()
			if !part.leader {
				unit = w.bystander(unit)
			}
			w.partitioned(part.name, unit)
		})
	}
}

// partitioned cuts the unit's machine off for a while, and heals it.
func (w *world) partitioned(name, unit string) {
	t := w.t
	t.Helper()
	ids, starts, tasks := w.memberIDs(), w.starts(), w.tasks()
	config, endpoints := w.client()
	s, err := w.Status(w.ctx)
	must(t, err)
	isCut := func(endpoint string) bool { return strings.Contains(endpoint, "//"+s.Unit(unit).PublicAddress+":") }
	others := slices.DeleteFunc(slices.Clone(endpoints), isCut)
	writer := etcdtest.StartWriter(t, config, others)
	lonely := etcdtest.StartWriter(t, config, slices.DeleteFunc(slices.Clone(endpoints), func(e string) bool { return !isCut(e) }))

	w.juju("fault", "partition", unit)
	began := time.Now()
	shown := w.await(rig.All(rig.UnitShows(unit, "blocked", "UnHealthy with 3 known peers: no leader"),
		rig.ApplicationShows("etcd", "active", "2 of 3 healthy, can lose 0: "+unit+": no leader")))
	eventually(w.ctx, t, "the others have a leader among them", func() bool {
		leader, err := rig.LeaderUnit(w.ctx, config, others, "etcd")
		return err == nil && leader != unit
	})
	// A window in which the daemon has every reason to do something: the cut member has been
	// without a leader for a long time.
	before, ctx := writer.Acknowledged(), w.within(20*time.Second)
	for _, line := range w.blamedOthers(ctx, unit) {
		t.Errorf("a unit that is not cut off was blamed: %s", line)
	}
	// A member list is asked for as a write is: one that has no leader does not answer.
	w.checkSame("while it is cut off", ids, w.memberIDsAt(config, others), starts)
	if n := writer.Acknowledged() - before; n < 100 {
		t.Errorf("%d writes acknowledged in 20 s: the others do not go on", n)
	}
	cut := time.Since(began)
	asked := w.tasks() - tasks

	w.juju("fault", "heal", unit)
	whole := w.await(rig.All(rig.Healthy("etcd", 3), rig.ApplicationShows("etcd", "active", "3 members, can lose 1")))
	w.checkMembers(3)
	w.checkSame("when it is back", ids, w.memberIDs(), starts)
	writer.SetEndpoints(endpoints...)
	report, had := writer.VerifyNoneLost(), lonely.Acknowledged()
	eventually(w.ctx, t, "the member that was cut off writes again", func() bool { return lonely.Acknowledged() > had })
	t.Logf("%s (%s): shown after %.1f s, cut off for %.1f s with %d actions, whole again in %.1f s; on the others %s; through it alone %s",
		name, unit, shown.Seconds(), cut.Seconds(), asked, whole.Seconds(), report, lonely.VerifyNoneLost())
}

// within is a context that ends after a while.
func (w *world) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(w.ctx, d)
	w.t.Cleanup(cancel)
	return ctx
}

// blamedOthers collects what is said of units other than one that is not as in health, until the
// context ends.
func (w *world) blamedOthers(ctx context.Context, unit string) []string {
	seen := map[string]bool{}
	_, _ = w.Await(ctx, func(s rig.Status) (bool, string) {
		for _, name := range s.UnitNames("etcd") {
			if line := s.Unit(name).Workload; name != unit && line.String() != "active Healthy with 3 known peers" {
				seen[name+": "+line.String()] = true
			}
		}
		return false, "told to stop"
	})
	return slices.Sorted(maps.Keys(seen))
}

// checkSame: the members are those that they were, and none was started anew.
func (w *world) checkSame(when string, before, now map[string]uint64, starts map[string]int) {
	w.t.Helper()
	if !maps.Equal(before, now) {
		w.t.Errorf("%s the members are %x, and were %x", when, now, before)
	}
	if now := w.starts(); !maps.Equal(now, starts) {
		w.t.Errorf("%s units have started etcd %v times, and had %v times", when, now, starts)
	}
}

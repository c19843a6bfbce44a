//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/test/rig"
)

// All units are removed, each graciously, and three are added: the application says at once that no unit stays, and the new ones are an
// empty cluster of their own. Where neither they nor a daemon could mark the latch, nobody can tell removed from lost: then it waits for a
// person, who types the ID of the cluster that is given up.
func TestThreeUnitsAreRemovedAndThreeAdded(t *testing.T) {
	runBeside(t)
	for _, profile := range []string{"4.0", "3.6"} {
		t.Run("Juju "+profile, func(t *testing.T) {
			w := begin(t, "--profile", profile)
			w.daemon()
			w.deploy("3")
			w.await(rig.Healthy("etcd", 3))
			first := w.clusterID()

			w.removeAll(3)
			w.await(rig.ApplicationShows("etcd", "waiting", "No unit stays"))
			w.juju("add-unit", "etcd", "-n", "3")
			took := w.await(rig.Healthy("etcd", 3))
			second := w.clusterID()
			if second == first {
				t.Errorf("the new units are members of %s, which has ended", first)
			}
			t.Logf("3 -> 0 -> 3: %.1f s from add-unit to healthy", took.Seconds())

			// By force no hook of theirs runs, and no daemon sees them go.
			must(t, w.StopDaemon())
			w.removeAll(3, "--force", "--no-prompt")
			w.daemon()
			w.juju("add-unit", "etcd", "-n", "3")
			hint := fmt.Sprintf("juju run etcd/leader begin-anew cluster-id=%s", second)
			w.await(rig.ApplicationShows("etcd", "blocked", "no quorum"))
			s, err := w.Status(w.ctx)
			must(t, err)
			unit := s.Leader("etcd")
			w.await(rig.UnitShows(unit, "blocked", hint))
			if out, err := w.Juju(w.ctx, "run", unit, "begin-anew", "cluster-id="+first); err == nil {
				t.Errorf("the ID of another cluster is taken: %s", out)
			}
			w.juju("run", unit, "begin-anew", "cluster-id="+second)
			took = w.await(rig.Healthy("etcd", 3))
			t.Logf("begun anew: %.1f s from the action to healthy", took.Seconds())
			if third := w.clusterID(); third == second || third == first {
				t.Errorf("the new units are members of %s, which was given up", third)
			}
		})
	}
}

// removeAll removes all n units at once, and waits until Juju has none.
func (w *world) removeAll(n int, flags ...string) {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	units := s.UnitNames("etcd")
	if len(units) != n {
		w.t.Fatalf("there are %s", strings.Join(units, ", "))
	}
	w.juju(slices.Concat([]string{"remove-unit"}, flags, units)...)
	w.await(func(s rig.Status) (bool, string) { return len(s.UnitNames("etcd")) == 0, "units are left" })
}

// clusterID is the ID that is latched.
func (w *world) clusterID() string {
	w.t.Helper()
	return w.cluster(w.Socket()).Status.ClusterID
}

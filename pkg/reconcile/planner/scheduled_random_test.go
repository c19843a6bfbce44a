package planner_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// TestWhateverUnitsHaveDoneAScheduleAsksForOneSnapshotOfOne: of the last time, that nobody has taken, in an
// attempt that nobody has failed in, of a voter that serves and is not the leader; and any daemon asks for the same.
func TestWhateverUnitsHaveDoneAScheduleAsksForOneSnapshotOfOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	asked := 0
	for range 500 {
		n := 1 + rng.IntN(4)
		o := scheduled(n)
		o.Now = o.Now.Add(time.Duration(rng.IntN(90)) * time.Minute)
		for i := range n {
			if rng.IntN(2) == 0 {
				took(&o, i, hour(8+rng.IntN(6)))
			}
			if rng.IntN(2) == 0 {
				tried(&o, i, hour(11+rng.IntN(3)), int32(rng.IntN(6)), []string{"", "the disk is full"}[rng.IntN(2)])
			}
			switch rng.IntN(8) {
			case 0:
				older(&o, i)
			case 1:
				o.Units[i].Task = &observation.Task{ID: 9, Enqueued: o.Now, Harmless: rng.IntN(2) == 0}
			case 2:
				o.Units[i].Lost = true
			}
		}
		if n > 2 && rng.IntN(3) == 0 {
			down(&o, n-1, time.Second)
		}
		apply(&o)
		unit, of := order(t, o)
		other := o
		other.Self, other.Claimed, other.Latch.Epoch = "daemon-b", 4, &v1alpha1.Epoch{Number: 4, Holder: "daemon-b"}
		if u, again := order(t, other); u != unit || again != of {
			t.Fatalf("one daemon asks %q for %+v, another one %q for %+v", unit, of, u, again)
		}
		if unit == "" {
			continue
		}
		asked++
		if want := v1alpha1.TickID(o.Now.Truncate(time.Hour)); of.ID != want {
			t.Errorf("it asks for %s, and the last time is %s", of.ID, want)
		}
		for i, u := range o.Units {
			s := u.Facts.Snapshots
			switch {
			case u.Task != nil && !u.Task.Harmless:
				t.Errorf("beside a delivery to %s that may disturb", u.Name)
			case s != nil && s.Last != nil && s.Last.ID == of.ID:
				t.Errorf("%s has taken it", u.Name)
			case s != nil && s.Tried.ID == of.ID && s.Tried.Attempt == of.Attempt && s.Tried.Fault != "":
				t.Errorf("%s has failed in that attempt", u.Name)
			}
			if u.Name != unit {
				continue
			}
			if leads := id(i) == o.Etcd.Leader(); leads && others(o) || u.Lost || u.Task != nil || u.Facts.Protocol < v1alpha1.ProtocolSchedule ||
				!o.Etcd.Health[url(i)].Serves {
				t.Errorf("it asks %s: leads %t, %+v", unit, leads, u)
			}
		}
	}
	if asked < 50 {
		t.Errorf("only %d times one was due", asked)
	}
	plan := planner.Plan(scheduled(3))
	if len(plan) != 1 {
		t.Errorf("%+v", plan)
	}
}

// others says that a follower could take one, now or when it can be reached.
func others(o observation.Observation) bool {
	for i, u := range o.Units {
		if id(i) != o.Etcd.Leader() && !u.Lost && u.Facts.Protocol >= v1alpha1.ProtocolSchedule && o.Etcd.Health[url(i)].Serves {
			return true
		}
	}
	return false
}

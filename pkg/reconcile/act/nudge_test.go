package act_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

// What a nudge writes is the lock; the change under it is none.
func TestNudgeTakesTheLockAndRests(t *testing.T) {
	r := newRig(t)
	step := planner.Step{Kind: planner.StepNudge, Member: 0x12, Unit: "etcd/2", Change: etcdops.Touch{Member: 0x12, PeerURL: worldtest.PeerURL(2)}}
	if err := r.actor.Act(t.Context(), r.observation(), step); err != nil {
		t.Fatal(err)
	}
	if got, want := r.etcd.Done(), []string{"Lock", "Look", "Touch", "Unlock"}; !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
	if _, notBefore := r.memory.Attempts(); !notBefore[step.Key()].Equal(r.now.Add(30 * time.Second)) {
		t.Errorf("not done again before %s", notBefore[step.Key()])
	}
}

// Nobody can take the lock while the alarm is up.
func TestDisarmTakesNoLockAndRests(t *testing.T) {
	r := newRig(t)
	r.etcd.Fail = map[string]error{"Lock": errors.New("etcdserver: mvcc: database space exceeded")}
	r.etcd.View.Alarms = []etcdops.Alarm{{Member: 0x12, Kind: "NOSPACE"}}
	for url, h := range r.etcd.View.Health {
		h.DBSize, h.Quota = 1<<20, 1<<30
		r.etcd.View.Health[url] = h
	}
	step := planner.Step{Kind: planner.StepDisarm, Member: 0x12, Unit: "etcd/2", Change: etcdops.Disarm{Member: 0x12}}
	if err := r.actor.Act(t.Context(), r.observation(), step); err != nil {
		t.Fatal(err)
	}
	if got, want := r.etcd.Done(), []string{"Look", "Disarm"}; !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
	if _, notBefore := r.memory.Attempts(); !notBefore[step.Key()].Equal(r.now.Add(time.Minute)) {
		t.Errorf("not done again before %s", notBefore[step.Key()])
	}
}

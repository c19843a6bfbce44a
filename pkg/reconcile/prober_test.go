package reconcile_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/world"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

// lookers are an observer, whose passes the test makes, and a prober of one cluster.
type lookers struct {
	*worldtest.Etcd
	t        *testing.T
	observer *observe.Observer

	mu sync.Mutex
	// well says whether a look finds the member well, slow how long it takes from then.
	well  bool
	slow  time.Duration
	wakes int
}

func newLookers(t *testing.T) *lookers {
	t.Helper()
	l := &lookers{Etcd: &worldtest.Etcd{}, t: t, well: true}
	facts, err := json.Marshal(v1alpha1.UnitFacts{Protocol: 1, Addresses: v1alpha1.UnitAddresses{Client: "10.0.0.1", Peer: "10.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	juju := &worldtest.Juju{
		Model: &jujuapi.Model{Name: "prod", Owner: "admin", UUID: "uuid", Machines: map[string]jujuapi.Machine{"0": {ID: "0", Provisioned: true}},
			Applications: map[string]jujuapi.Application{"etcd": {Name: "etcd", Charm: "local:etcd-0", Life: jujuapi.Alive,
				Relations: []jujuapi.Relation{{ID: 1, Endpoint: "cluster", Peer: true}},
				Units:     map[string]jujuapi.Unit{"etcd/0": {Name: "etcd/0", Life: jujuapi.Alive, Machine: "0"}}}}},
		Units: []jujuapi.UnitInfo{{Name: "etcd/0", RelationData: []jujuapi.RelationData{{Endpoint: "cluster",
			Units: map[string]jujuapi.UnitDatabag{"etcd/0": {InScope: true, Data: map[string]string{"facts": string(facts)}}}}}}}}
	l.observer = observe.New(observe.Config{Application: "etcd", Self: "me", Juju: juju, Memory: memory.New(), Now: time.Now,
		Dial: func(world.Credentials) (world.Etcd, error) { return l, nil }})
	l.pass()
	stop := reconcile.Probe(t.Context(), l.observer, time.Second, func() { l.set(func() { l.wakes++ }) })
	t.Cleanup(func() { stop(); l.observer.Close() })
	return l
}

func (l *lookers) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// Look replaces the fake's.
func (l *lookers) Look(context.Context, []string) etcdops.View {
	l.mu.Lock()
	v, slow := worldtest.Healthy(time.Now(), 1), l.slow
	if url := worldtest.ClientURL(0); !l.well {
		h := v.Health[url]
		h.Serves, h.Fault = false, etcdops.FaultNoLeader
		v.Health[url] = h
	}
	l.mu.Unlock()
	time.Sleep(slow)
	return v
}

// pass is one of the controller's.
func (l *lookers) pass() {
	l.t.Helper()
	if _, err := l.observer.Observe(l.t.Context(), false); err != nil {
		l.t.Fatal(err)
	}
}

// woken is how often the controller is woken meanwhile.
func (l *lookers) woken(d time.Duration) (n int) {
	l.set(func() { l.wakes = 0 })
	time.Sleep(d)
	synctest.Wait()
	l.set(func() { n = l.wakes })
	return n
}

// While a member comes back, prober and controller may see different things in the same second, and then the controller what is
// not so any more.
func TestTheControllerIsWokenUntilItHasSeenWhatTheProberSees(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLookers(t)
		if n := l.woken(10 * time.Second); n != 0 {
			t.Errorf("woken %d times though nothing changes", n)
		}
		l.set(func() { l.well = false })
		if n := l.woken(time.Second); n != 1 {
			t.Errorf("woken %d times by a member that is ill", n)
		}
		l.pass()
		l.set(func() { l.well = true })
		if n := l.woken(time.Second); n != 1 {
			t.Errorf("woken %d times by a member that is well", n)
		}
		l.set(func() { l.well = false })
		l.pass() // it was ill once more just then
		l.set(func() { l.well = true })
		if n := l.woken(time.Second); n != 1 {
			t.Errorf("woken %d times where the pass has seen what was a moment before", n)
		}
		l.pass()
		if n := l.woken(10 * time.Second); n != 0 {
			t.Errorf("woken %d times though the pass has seen all", n)
		}
	})
}

func TestASlowLookThatThePassHasOvertakenWakesNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLookers(t)
		l.set(func() { l.well, l.slow = false, 4*time.Second })
		time.Sleep(time.Second + time.Millisecond) // the prober looks
		l.set(func() { l.well, l.slow = true, 0 })
		l.pass()
		if n := l.woken(10 * time.Second); n != 0 {
			t.Errorf("woken %d times by what was before the pass", n)
		}
	})
}

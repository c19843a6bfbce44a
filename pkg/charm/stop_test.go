package charm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/etcdops"
)

// fakeCluster is etcd's member list as a leaving unit sees it.
type fakeCluster struct {
	view      etcdops.View
	looks     int
	removedAt int // the look at which the controller has removed the unit's member; 0 means never
	asked     []string
	locked    bool
	removed   []etcdops.MemberID
	onLook    func() // under the lock
}

func (c *fakeCluster) Look(_ context.Context, endpoints []string) etcdops.View {
	c.asked = endpoints
	c.looks++
	if c.locked && c.onLook != nil {
		c.onLook()
	}
	if c.removedAt > 0 && c.looks >= c.removedAt {
		c.view.Members = c.view.Members[1:]
		c.removedAt = 0
	}
	return c.view
}

func (c *fakeCluster) Lock(context.Context, []string, string, time.Duration, ...etcdops.LockOption) (*etcdops.Lock, error) {
	c.locked = true
	return etcdops.NewLock(make(chan struct{}), func(context.Context) error { c.locked = false; return nil }), nil
}

func (c *fakeCluster) Remove(_ context.Context, _ etcdops.View, id etcdops.MemberID) error {
	if !c.locked {
		return errors.New("removed without the lock")
	}
	c.removed = append(c.removed, id)
	return nil
}

func (c *fakeCluster) Close() {}

func TestLeavingUnitWaitsForTheControllerAndThenActsBehindTheGuard(t *testing.T) {
	one := charmtest.Three()
	one.Members = one.Members[:1]
	blind := charmtest.Three()
	blind.Listed, blind.Members, blind.Err = false, nil, "no leader"
	another := charmtest.Three()
	another.Members, another.ClusterID = another.Members[1:], 8
	dying := `{"units":{"etcd/0":{"status":"dying"},"etcd/1":{"status":"dying"}}}`
	tests := []struct {
		name    string
		cluster fakeCluster
		goal    string
		looks   string // none, once or patient
		removed bool
		fails   string
		unborn  bool
	}{
		{"the controller removes it", fakeCluster{view: charmtest.Three(), removedAt: 5}, "", "", false, "", false},
		{"no controller", fakeCluster{view: charmtest.Three()}, "", "patient", true, "", false},
		{"no controller, and a quorum would be lost", fakeCluster{view: charmtest.Three(1, 2)}, "", "patient", false, "cannot remove member", false},
		{"the last member", fakeCluster{view: one}, "", "once", false, "", false},
		{"all units go", fakeCluster{view: charmtest.Three(1, 2)}, dying, "none", false, "", false},
		{"etcd does not answer", fakeCluster{view: blind}, "", "patient", false, "no leader", false},
		{"another cluster answers", fakeCluster{view: another}, "", "patient", false, "answers instead of", false},
		{"nothing was started here", fakeCluster{view: charmtest.Three()}, "", "none", false, "", true},
		{"Juju cannot tell who goes", fakeCluster{view: charmtest.Three()}, "no", "patient", true, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			s := spec()
			b.machine.last = &s
			b.machine.facts.Member.Started = !test.unborn
			b.machine.facts.Member.Present, b.machine.facts.Member.ClusterID = !test.unborn, "0000000000000007"
			b.machine.cluster = &test.cluster
			if test.goal != "" {
				b.juju.Goal = test.goal
			}
			err := b.dispatch("hooks/stop")
			if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
				t.Errorf("error %v, want %q", err, test.fails)
			}
			if left := b.machine.left > 0; left != (err == nil) {
				t.Errorf("left its machine: %v, with error %v", left, err)
			}
			if removed := len(test.cluster.removed) > 0; removed != test.removed {
				t.Errorf("removed itself: %v, want %v", removed, test.removed)
			}
			if test.cluster.locked {
				t.Error("the lock is still held")
			}
			switch looks := test.cluster.looks; {
			case test.looks == "none" && looks > 0, test.looks == "once" && looks != 1, test.looks == "patient" && looks < 10:
				t.Errorf("looked %d times, want %s", looks, test.looks)
			}
		})
	}
}

// A unit that is stopped between its look under the lock and its own removal does not remove itself
// when it goes on: another one may have left meanwhile.
func TestLeavingUnitThatWasStoppedLeavesNothing(t *testing.T) {
	b := newBench(t)
	s := spec()
	b.machine.last = &s
	b.machine.facts.Member.Started = true
	cluster := &fakeCluster{view: charmtest.Three()}
	cluster.onLook = func() { b.clock = b.clock.Add(15 * time.Second) }
	b.machine.cluster = cluster
	err := b.dispatch("hooks/stop")
	if !errors.Is(err, etcdops.ErrLockOver) || !strings.HasPrefix(err.Error(), "cannot leave the cluster: ") {
		t.Errorf("error %v", err)
	}
	if len(cluster.removed) > 0 || cluster.locked {
		t.Errorf("removed %v, the lock is held: %t", cluster.removed, cluster.locked)
	}
}

// A unit that goes before it is on the clients' list asks the members that it was started with or
// that its spec names: its own, once it is removed, does not answer any more.
func TestUnitThatHasJustJoinedAsksTheOthers(t *testing.T) {
	own := spec().Etcd.AdvertiseClientURLs[0]
	tests := []struct {
		name string
		know func(*v1alpha1.EtcdUnitSpec)
	}{
		{"started with them", func(s *v1alpha1.EtcdUnitSpec) {
			s.Etcd.Initial = &v1alpha1.InitialCluster{State: v1alpha1.InitialExisting, Members: []v1alpha1.NamedMember{
				{Name: "etcd0", PeerURL: s.Etcd.AdvertisePeerURLs[0]}, {Name: "etcd1", PeerURL: "https://10.0.0.5:2380"}, {Name: "etcd2", PeerURL: "https://[fd00::6]:2380"},
			}}
		}},
		{"named in its spec", func(s *v1alpha1.EtcdUnitSpec) {
			s.Clients.Members = []string{own, "https://10.0.0.5:2379", "https://[fd00::6]:2379"}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			s := spec()
			s.Clients.Endpoints = nil
			test.know(&s)
			b.machine.last = &s
			b.machine.facts.Member.Started = true
			cluster := &fakeCluster{view: charmtest.Three(), removedAt: 1}
			b.machine.cluster = cluster
			b.hook("stop")
			want := []string{own, "https://10.0.0.5:2379", "https://[fd00::6]:2379"}
			slices.Sort(want)
			if !slices.Equal(cluster.asked, want) {
				t.Errorf("asked %v, want %v", cluster.asked, want)
			}
		})
	}
}

func TestUnitWithoutAMemberStopsAtOnce(t *testing.T) {
	b := newBench(t)
	b.hook("stop")
	if b.machine.left != 1 {
		t.Error("it has not left its machine")
	}
	b.hook("remove")
	if len(b.juju.Writes()) > 0 {
		t.Errorf("wrote %q", b.juju.Writes())
	}
}

// A unit whose machine is another's says so, whatever hook runs, publishes nothing to clients, and
// waits for no controller.
func TestUnitOnAMachineThatIsAnothersSaysSo(t *testing.T) {
	b := newBench(t)
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.machine.facts = v1alpha1.UnitFacts{Taken: &v1alpha1.TakenFacts{Units: []v1alpha1.UnitRef{{Unit: "ea/0", ModelUUID: "m-1"}}}}
	for _, hook := range []string{"start", "certificates-relation-changed", "update-status"} {
		b.hook(hook)
		want := [2]string{"blocked", "ea/0 of application ea runs on this machine: one machine can carry one member; remove one of the two units, or what a removed one has left"}
		if got := b.juju.Status["unit"]; got != want {
			t.Errorf("%s: %q", hook, got)
		}
	}
	b.hook("stop")
	if b.machine.left != 1 {
		t.Error("it has not left its machine")
	}
}

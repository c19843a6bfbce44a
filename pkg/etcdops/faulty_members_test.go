package etcdops_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

func TestADeadMemberIsRemovedByIDAndALiveOneIsNot(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS())
	v := pool.Look(t.Context(), cluster.Endpoints())
	dead := cluster.Members[0]
	deadMember, _ := v.MemberByName(dead.Name)
	live, _ := v.MemberByName(cluster.Members[1].Name)
	dead.Kill()
	etcdtest.Eventually(t, 10*time.Second, "two serve, with a leader", func(ctx context.Context) bool {
		v = pool.Look(ctx, cluster.Endpoints())
		return v.Listed && len(v.HealthyVoters()) == 2 && v.Leader() != 0
	})
	if err := pool.Remove(t.Context(), v, live.ID); !errors.Is(err, etcdops.ErrGuard) {
		t.Errorf("a live member goes while another one is dead: %v", err)
	}
	if _, _, err := pool.AddLearner(t.Context(), v, "https://127.1.1.1:2380"); !errors.Is(err, etcdops.ErrUnhealthy) {
		t.Errorf("add while one is dead: %v", err)
	}
	if err := pool.Remove(t.Context(), v, deadMember.ID); err != nil {
		t.Errorf("the dead member cannot go: %v", err)
	}
	v = pool.Look(t.Context(), cluster.Endpoints())
	if len(v.Members) != 2 || len(v.HealthyVoters()) != 2 {
		t.Errorf("%d members, %d healthy", len(v.Members), len(v.HealthyVoters()))
	}

	// Wiped and started under its old identity, it is a member of nothing: it must not be taken for
	// one.
	dead.Wipe()
	dead.StartWith("existing", cluster.Initial())
	dead.WaitGone(30 * time.Second)
	if h := pool.Check(t.Context(), dead.ClientURL); h.Fault != etcdops.FaultRefused {
		t.Errorf("the removed and wiped member is %q", h.Reason())
	}
}

func TestAMemberMovesToAnotherPeerURLAndBack(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS())
	moved := cluster.Members[0]
	v := pool.Look(t.Context(), cluster.Endpoints())
	m, _ := v.MemberByName(moved.Name)
	if err := pool.UpdatePeerURL(t.Context(), v, m.ID, cluster.Members[1].PeerURL); !errors.Is(err, etcdops.ErrPeerURLInUse) {
		t.Errorf("a member moves to another one's peer URL: %v", err)
	}
	if err := pool.UpdatePeerURL(t.Context(), v, 4711, moved.PeerURL); !errors.Is(err, etcdops.ErrNotMember) {
		t.Errorf("an unknown member moves: %v", err)
	}
	moved.Kill()
	etcdtest.Eventually(t, 10*time.Second, "two serve, with a leader", func(ctx context.Context) bool {
		v = pool.Look(ctx, cluster.Endpoints())
		return v.Listed && len(v.HealthyVoters()) == 2 && v.Leader() != 0
	})
	for range 2 { // the second time it is there already
		if err := pool.UpdatePeerURL(t.Context(), v, m.ID, "https://127.1.1.1:2380"); err != nil {
			t.Fatal(err)
		}
	}
	v = pool.Look(t.Context(), cluster.Endpoints())
	if now, _ := v.Member(m.ID); len(now.PeerURLs) != 1 || now.PeerURLs[0] != "https://127.1.1.1:2380" || len(v.Members) != 3 {
		t.Errorf("the list has %v of %d members", now.PeerURLs, len(v.Members))
	}
	if err := pool.UpdatePeerURL(t.Context(), v, m.ID, moved.PeerURL); err != nil {
		t.Fatal(err)
	}
	moved.Start()
	etcdtest.Eventually(t, 20*time.Second, "all three are healthy", func(ctx context.Context) bool {
		return len(pool.Look(ctx, cluster.Endpoints()).HealthyVoters()) == 3
	})
}

func TestAnotherClustersMemberIsNotCounted(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	v := pool.Look(t.Context(), cluster.Endpoints())
	// The same machine, wiped and born again: same name, same addresses, another cluster.
	m := cluster.Members[0]
	m.Stop()
	m.Wipe()
	fresh := cluster.NewMember()
	fresh.StartWith("new", fresh.Name+"="+fresh.PeerURL)
	fresh.WaitServing()
	m.StartWith("new", m.Name+"="+m.PeerURL)
	m.WaitServing()

	both := pool.Look(t.Context(), []string{m.ClientURL, fresh.ClientURL})
	if ids := both.ClusterIDs(); len(ids) != 2 {
		t.Fatalf("cluster IDs: %v", ids)
	}
	foreign := 0
	for _, h := range both.Health {
		if h.Fault == etcdops.FaultOtherID && !h.Serves {
			foreign++
		}
	}
	if foreign != 1 {
		t.Errorf("%d endpoints are foreign, want 1: %+v", foreign, both.Health)
	}
	if err := etcdops.CanAdd(both); !errors.Is(err, etcdops.ErrOtherCluster) {
		t.Errorf("add to a split: %v", err)
	}
	moved := v
	moved.ClusterID = 0x4711
	if _, _, err := pool.AddLearner(t.Context(), moved, "https://127.1.1.1:2380"); !errors.Is(err, etcdops.ErrOtherCluster) {
		t.Errorf("add to another cluster than the one seen: %v", err)
	}
}

func TestAFullMemberIsNotHealthyAndVotes(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1, Args: []string{"--quota-backend-bytes=65536"}})
	pool := newPool(t, cluster.TLS())
	client := cluster.Client()
	value := strings.Repeat("x", 16<<10)
	etcdtest.Eventually(t, 20*time.Second, "the quota is used up", func(ctx context.Context) bool {
		_, err := client.Put(ctx, "fill", value)
		return err != nil && strings.Contains(err.Error(), "space")
	})
	v := pool.Look(t.Context(), cluster.Endpoints())
	if len(v.Alarms) != 1 || v.Alarms[0].Kind != "NOSPACE" || v.Alarms[0].Member != v.Members[0].ID {
		t.Fatalf("alarms: %+v", v.Alarms)
	}
	h := v.HealthOf(v.Members[0])
	if h.Reason() != "alarm NOSPACE" || !h.Votes() || h.Healthy() {
		t.Errorf("health: %+v", h)
	}
	if w := etcdops.UnitWords(v, etcdops.Ref{Name: "etcd0"}, ""); w.Message != "UnHealthy with 1 known peer: alarm NOSPACE" {
		t.Errorf("unit: %v", w)
	}
	if err := etcdops.CanAdd(v); err == nil {
		t.Errorf("a member may be added while etcd is full")
	}
}

func TestAlarmsOfUnknownMembersAreDropped(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	// An alarm outlives its member; this one never had one.
	_, err := etcdserverpb.NewMaintenanceClient(cluster.Client().ActiveConnection()).Alarm(t.Context(), &etcdserverpb.AlarmRequest{
		Action: etcdserverpb.AlarmRequest_ACTIVATE, MemberID: 4711, Alarm: etcdserverpb.AlarmType_NOSPACE,
	})
	if err != nil {
		t.Fatal(err)
	}
	v := pool.Look(t.Context(), cluster.Endpoints())
	h := v.HealthOf(v.Members[0])
	if !h.Alarmed || !h.Healthy() || len(v.Alarms) != 0 {
		t.Errorf("alarmed %v, %d alarms, reason %q", h.Alarmed, len(v.Alarms), h.Reason())
	}
}

func TestDeathOfTheLeaderLosesNoWriteAndIsSeenToHeal(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS(), etcdops.WithHealthTimeout(2*time.Second))
	v := pool.Look(t.Context(), cluster.Endpoints())
	leader, ok := v.Member(v.Leader())
	if !ok {
		t.Fatalf("no leader at first: %+v", v)
	}
	writer := etcdtest.StartWriter(t, cluster.TLS(), cluster.Endpoints())
	for _, m := range cluster.Members {
		if m.Name == leader.Name {
			m.Kill()
		}
	}
	took := etcdtest.Eventually(t, 20*time.Second, "two members serve under a new leader", func(ctx context.Context) bool {
		v = pool.Look(ctx, cluster.Endpoints())
		return v.Leader() != 0 && v.Leader() != leader.ID && len(v.HealthyVoters()) == 2
	})
	if got := etcdops.Tolerance(v); got != 0 {
		t.Errorf("tolerance is %d, want 0", got)
	}
	before := writer.Acknowledged()
	etcdtest.Eventually(t, 10*time.Second, "writes are acknowledged again", func(context.Context) bool {
		return writer.Acknowledged() > before
	})
	t.Logf("healed after %s; %s", took.Round(time.Millisecond), writer.VerifyNoneLost())
}

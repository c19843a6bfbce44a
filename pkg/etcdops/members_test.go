package etcdops_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

// grow adds one learner under the guard, as the planner would: it waits until the cluster lets it.
func grow(t *testing.T, pool *etcdops.Pool, cluster *etcdtest.Cluster) (*etcdtest.Member, etcdops.Member) {
	t.Helper()
	m := cluster.NewMember()
	var added etcdops.Member
	var members []etcdops.Member
	etcdtest.Eventually(t, 20*time.Second, "etcd lets a learner in", func(ctx context.Context) bool {
		var err error
		added, members, err = pool.AddLearner(ctx, pool.Look(ctx, cluster.Endpoints()), m.PeerURL)
		if err != nil && !errors.Is(err, etcdops.ErrUnhealthy) {
			t.Fatal(err)
		}
		return err == nil
	})
	m.StartWith("existing", initialCluster(members, added.ID, m.Name))
	return m, added
}

// initialCluster is what a new member is started with: the list as etcd gave it, with its own name put in.
func initialCluster(members []etcdops.Member, own etcdops.MemberID, name string) string {
	var parts []string
	for _, m := range members {
		if m.ID == own {
			m.Name = name
		}
		for _, url := range m.PeerURLs {
			parts = append(parts, m.Name+"="+url)
		}
	}
	return strings.Join(parts, ",")
}

func promote(t *testing.T, pool *etcdops.Pool, cluster *etcdtest.Cluster, id etcdops.MemberID) {
	t.Helper()
	etcdtest.Eventually(t, 30*time.Second, "the learner is promoted", func(ctx context.Context) bool {
		err := pool.Promote(ctx, pool.Look(ctx, cluster.Endpoints()), id)
		if err != nil && !errors.Is(err, etcdops.ErrNotReady) && !errors.Is(err, etcdops.ErrUnhealthy) {
			t.Fatal(err)
		}
		return err == nil
	})
}

func TestGrowthFromOneToThreeLosesNoWrite(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	writer := etcdtest.StartWriter(t, cluster.TLS(), cluster.Endpoints())
	start := time.Now()

	for range 2 {
		m, added := grow(t, pool, cluster)
		v := pool.Look(t.Context(), cluster.Endpoints())
		if len(v.Learners()) != 1 || len(v.Unstarted()) > 1 {
			t.Fatalf("%d learners and %d unstarted members while one joins", len(v.Learners()), len(v.Unstarted()))
		}
		if w := etcdops.UnitWords(v, etcdops.Ref{ID: added.ID}, etcdops.PhaseJoining); w.State != etcdops.Maintenance {
			t.Errorf("joining: %v", w)
		}
		promote(t, pool, cluster, added.ID)
		m.WaitServing()
		// A voter is a success, so that a lost answer does no harm.
		if err := pool.Promote(t.Context(), v, added.ID); err != nil {
			t.Errorf("promote again: %v", err)
		}
		writer.SetEndpoints(cluster.Endpoints()...)
	}
	v := pool.Look(t.Context(), cluster.Endpoints())
	if len(v.HealthyVoters()) != 3 || etcdops.Tolerance(v) != 1 {
		t.Errorf("end: %d healthy voters, tolerance %d", len(v.HealthyVoters()), etcdops.Tolerance(v))
	}
	took := time.Since(start)
	t.Logf("1 to 3 in %s; %s", took.Round(time.Millisecond), writer.VerifyNoneLost())
	if took > 60*time.Second {
		t.Errorf("growth took %s", took)
	}
}

func TestLearnersAreGuarded(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	view := func() etcdops.View { return pool.Look(t.Context(), cluster.Endpoints()) }
	joiner := cluster.NewMember()
	added, members, err := pool.AddLearner(t.Context(), view(), joiner.PeerURL)
	if err != nil || !added.Learner || added.Started() || len(members) != 2 {
		t.Fatalf("add: %+v of %d, %v", added, len(members), err)
	}

	again, members, err := pool.AddLearner(t.Context(), view(), joiner.PeerURL)
	if err != nil || again.ID != added.ID || len(members) != 2 {
		t.Errorf("an unstarted member with the same peer URL is not adopted: %+v, %v", again, err)
	}
	if _, _, err := pool.AddLearner(t.Context(), view(), "https://127.1.1.1:2380"); !errors.Is(err, etcdops.ErrGuard) {
		t.Errorf("a second change beside an unstarted member: %v", err)
	}
	if err := pool.Promote(t.Context(), view(), added.ID); !errors.Is(err, etcdops.ErrNotReady) {
		t.Errorf("promotion of an unstarted learner: %v", err)
	}
	if w := etcdops.UnitWords(view(), etcdops.Ref{ID: added.ID}, etcdops.PhaseJoining); w.Message != "joining: added, waiting for etcd to start" {
		t.Errorf("unstarted learner: %v", w)
	}

	joiner.StartWith("existing", initialCluster(members, added.ID, joiner.Name))
	var v etcdops.View
	etcdtest.Eventually(t, 30*time.Second, "the learner serves", func(ctx context.Context) bool {
		v = pool.Look(ctx, cluster.Endpoints())
		m, ok := v.Member(added.ID)
		return ok && v.HealthOf(m).Healthy()
	})
	if m, _ := v.Member(added.ID); !v.HealthOf(m).Learner || v.HealthOf(m).Votes() {
		t.Errorf("the learner's health: %+v", v.HealthOf(m))
	}
	if _, _, err := pool.AddLearner(t.Context(), v, "https://127.1.1.1:2380"); !errors.Is(err, etcdops.ErrTooManyLearners) {
		t.Errorf("a second learner: %v", err)
	}
	if _, _, err := pool.AddLearner(t.Context(), v, joiner.PeerURL); !errors.Is(err, etcdops.ErrPeerURLInUse) {
		t.Errorf("the peer URL of a started member: %v", err)
	}

	// A learner may always go.
	if err := pool.Remove(t.Context(), view(), added.ID); err != nil {
		t.Errorf("remove the learner: %v", err)
	}
	if err := pool.Remove(t.Context(), view(), added.ID); err != nil {
		t.Errorf("remove again: %v", err)
	}
	if err := pool.Remove(t.Context(), view(), view().Members[0].ID); !errors.Is(err, etcdops.ErrGuard) {
		t.Errorf("remove the last voter: %v", err)
	}
	joiner.WaitGone(20 * time.Second)
}

func TestEtcdsRefusalsAreTyped(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	client := cluster.Client()
	first, err := client.MemberAddAsLearner(t.Context(), []string{"https://127.1.1.1:2380"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.MemberAddAsLearner(t.Context(), []string{"https://127.1.1.2:2380"}); !errors.Is(etcdops.Typed(err), etcdops.ErrTooManyLearners) {
		t.Errorf("second learner: %v", err)
	}
	if _, err := client.MemberPromote(t.Context(), first.Member.ID); !errors.Is(etcdops.Typed(err), etcdops.ErrNotReady) {
		t.Errorf("early promotion: %v", err)
	}
	if _, err := client.MemberRemove(t.Context(), 4711); !errors.Is(etcdops.Typed(err), etcdops.ErrNotMember) {
		t.Errorf("removal of a stranger: %v", err)
	}
}

// lossyProxy passes connections on to a member until it is told to swallow what comes back.
type lossyProxy struct {
	url     string
	swallow chan struct{}
}

func newLossyProxy(t *testing.T, address, target string) *lossyProxy {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	p := &lossyProxy{url: "https://" + l.Addr().String(), swallow: make(chan struct{})}
	go func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", strings.TrimPrefix(target, "https://"))
			if err != nil {
				front.Close()
				continue
			}
			t.Cleanup(func() { front.Close(); back.Close() })
			go io.Copy(back, front)
			go func() {
				buffer := make([]byte, 64<<10)
				for {
					n, err := back.Read(buffer)
					if err != nil {
						front.Close()
						return
					}
					select {
					case <-p.swallow: // said, done, and never heard
					default:
						if _, err := front.Write(buffer[:n]); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return p
}

func TestAnAddWhoseAnswerIsLostIsAdopted(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	direct := newPool(t, cluster.TLS())
	proxy := newLossyProxy(t, cluster.Members[0].Address, cluster.Endpoints()[0])
	lossy := newPool(t, cluster.TLS(), etcdops.WithMembershipTimeout(time.Second), etcdops.WithHealthTimeout(time.Second))

	// The view knows the member by the proxy only, so all goes through it.
	v := direct.Look(t.Context(), cluster.Endpoints())
	if v = lossy.LookFrom(t.Context(), []string{proxy.url}); !v.Listed {
		t.Fatalf("nothing through the proxy: %+v", v)
	}
	const peerURL = "https://127.1.1.1:2380"
	err := lossy.ChangeThrough(t.Context(), proxy.url, func() { close(proxy.swallow) }, peerURL)
	if err == nil || !etcdops.UnknownOutcome(err) {
		t.Fatalf("a lost answer is not an unknown outcome: %v", err)
	}
	added, members, err := direct.AddLearner(t.Context(), direct.Look(t.Context(), cluster.Endpoints()), peerURL)
	if err != nil || len(members) != 2 || added.Started() {
		t.Errorf("the member that was added unheard is not adopted: %+v of %d, %v", added, len(members), err)
	}
}

func TestLeadershipMovesAndTheLeaderCanGo(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS())
	v := pool.Look(t.Context(), cluster.Endpoints())
	old := v.Leader()
	to := etcdops.BestLeader(v, old)
	if to == 0 || to == old {
		t.Fatalf("best leader beside %s is %s", old, to)
	}
	if err := pool.MoveLeader(t.Context(), v, to); err != nil {
		t.Fatal(err)
	}
	v = pool.Look(t.Context(), cluster.Endpoints())
	if v.Leader() != to {
		t.Errorf("leader is %s, want %s", v.Leader(), to)
	}
	if err := pool.MoveLeader(t.Context(), v, to); err != nil {
		t.Errorf("move to where it is: %v", err)
	}
	if err := pool.MoveLeader(t.Context(), v, 4711); !errors.Is(err, etcdops.ErrNotMember) {
		t.Errorf("move to a stranger: %v", err)
	}

	writer := etcdtest.StartWriter(t, cluster.TLS(), cluster.Endpoints())
	// etcd counts a peer as connected only after five seconds, and refuses before.
	etcdtest.Eventually(t, 20*time.Second, "the leader is removed", func(ctx context.Context) bool {
		err := pool.Remove(ctx, v, to)
		if err != nil && !errors.Is(err, etcdops.ErrUnhealthy) {
			t.Fatal(err)
		}
		return err == nil
	})
	report := writer.VerifyNoneLost()
	t.Logf("the leader was removed: %s", report)
	v = pool.Look(t.Context(), cluster.Endpoints())
	if _, ok := v.Member(to); ok || len(v.Voters()) != 2 {
		t.Errorf("%d voters, the removed one among them: %v", len(v.Voters()), ok)
	}
}

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

	// Wiped and started under its old identity, it is a member of nothing: it must not be taken for one.
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
		t.Errorf("a stranger moves: %v", err)
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

func TestAlarmsOfStrangersAreDropped(t *testing.T) {
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

package etcdops_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

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

// initialCluster is what a new member is started with: the list as etcd gave it, with its own name
// put in.
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
		t.Errorf("removal of an unknown member: %v", err)
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
				_ = front.Close()
				continue
			}
			t.Cleanup(func() { _, _ = front.Close(), back.Close() })
			go func() { _, _ = io.Copy(back, front) }()
			go func() {
				buffer := make([]byte, 64<<10)
				for {
					n, err := back.Read(buffer)
					if err != nil {
						_ = front.Close()
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
	t.Cleanup(func() { _ = l.Close() })
	return p
}

func TestAnAddWhoseAnswerIsLostIsAdopted(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	direct := newPool(t, cluster.TLS())
	proxy := newLossyProxy(t, cluster.Members[0].Address, cluster.Endpoints()[0])
	lossy := newPool(t, cluster.TLS(), etcdops.WithMembershipTimeout(time.Second), etcdops.WithHealthTimeout(time.Second))

	// The view knows the member by the proxy only, so all goes through it.
	if v := lossy.LookFrom(t.Context(), []string{proxy.url}); !v.Listed {
		t.Fatalf("nothing through the proxy: %+v", v)
	}
	const peerURL = "https://127.1.1.1:2380"
	err := lossy.ChangeThrough(t.Context(), proxy.url, func() { close(proxy.swallow) }, peerURL)
	if err == nil || !etcdops.UnknownOutcome(err) {
		t.Fatalf("a lost answer is not an unknown outcome: %v", err)
	}
	added, members, err := direct.AddLearner(t.Context(), direct.Look(t.Context(), cluster.Endpoints()), peerURL)
	if err != nil || len(members) != 2 || added.Started() {
		t.Errorf("the member that was added without an answer is not adopted: %+v of %d, %v", added, len(members), err)
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
		t.Errorf("move to an unknown member: %v", err)
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

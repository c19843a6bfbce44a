package etcdops_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

func newPool(t testing.TB, config *tls.Config, options ...etcdops.Option) *etcdops.Pool {
	t.Helper()
	pool := etcdops.NewPool(config, options...)
	t.Cleanup(pool.Close)
	return pool
}

func TestLookSeesAHealthyClusterWhole(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS())
	// One endpoint is enough: the others are found in the list.
	v := pool.Look(t.Context(), cluster.Endpoints()[:1])

	if !v.Listed || v.Err != "" || len(v.Members) != 3 || len(v.Health) != 3 || v.ClusterID == 0 {
		t.Fatalf("view is not whole: %+v", v)
	}
	if ids := v.ClusterIDs(); len(ids) != 1 || ids[0] != v.ClusterID {
		t.Errorf("cluster IDs are %v, want only %v", ids, v.ClusterID)
	}
	if _, ok := v.Member(v.Leader()); !ok {
		t.Errorf("leader %s is no member", v.Leader())
	}
	for _, m := range v.Members {
		h := v.HealthOf(m)
		if !h.Healthy() || h.MemberID != m.ID || !strings.HasPrefix(h.Version, "3.") || h.DBSize == 0 || h.RaftTerm == 0 {
			t.Errorf("%s: %+v", m.Name, h)
		}
		if lag, ok := etcdops.Lag(v, m.ID); !ok || lag > 10 {
			t.Errorf("%s lags by %d (%v)", m.Name, lag, ok)
		}
	}
	if got := etcdops.Tolerance(v); got != 1 {
		t.Errorf("tolerance is %d, want 1", got)
	}
	if w := etcdops.UnitWords(v, etcdops.Ref{Name: "etcd1"}, ""); w.Message != "Healthy with 3 known peers" {
		t.Errorf("unit: %v", w)
	}
	units := []string{"etcd/0", "etcd/1", "etcd/2"}
	if w := etcdops.ApplicationWords(v, units, ""); w.Message != "3 members, can lose 1" {
		t.Errorf("application: %v", w)
	}

	t.Run("looking writes nothing", func(t *testing.T) {
		before := v.HealthOf(v.Members[0]).RaftIndex
		for range 20 {
			v = pool.Look(t.Context(), cluster.Endpoints())
		}
		// etcd itself writes now and then, when a member publishes itself or a version is agreed
		// on.
		if after := v.HealthOf(v.Members[0]).RaftIndex; after > before+5 {
			t.Errorf("raft index went from %d to %d in 20 looks", before, after)
		}
	})
}

func TestFaultsAreToldApart(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	endpoint := cluster.Endpoints()[0]
	address := cluster.Members[0].Address
	other := etcdtest.NewCA(t)

	// A listener that never answers, as a machine behind a packet filter would be once connected.
	silent, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	refused, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	refusedAddr := refused.Addr().String()
	_ = refused.Close()

	expired := cluster.CA.IssueExpired(t, "late")
	tests := []struct {
		name     string
		config   *tls.Config
		endpoint string
		fault    etcdops.Fault
		reason   string
	}{
		{"served", cluster.TLS(), endpoint, etcdops.FaultNone, ""},
		{"nothing listens", cluster.TLS(), "https://" + refusedAddr, etcdops.FaultRefused, "down (connection refused)"},
		{"no answer", cluster.TLS(), "https://" + silent.Addr().String(), etcdops.FaultUnreachable, "unreachable (no answer)"},
		{"we trust another authority", etcdtest.ClientTLS(other, cluster.CA.Issue(t, "c")), endpoint, etcdops.FaultTLS,
			"TLS handshake failed: certificate signed by unknown authority"},
		{"our certificate is of another authority", etcdtest.ClientTLS(cluster.CA, other.Issue(t, "c")), endpoint,
			etcdops.FaultTLS, "TLS handshake failed: the member refuses our certificate"},
		{"our certificate has expired", etcdtest.ClientTLS(cluster.CA, expired), endpoint, etcdops.FaultTLS,
			"TLS handshake failed: the member refuses our certificate"},
		{"no certificate", &tls.Config{RootCAs: cluster.TLS().RootCAs}, endpoint, etcdops.FaultTLS,
			"TLS handshake failed: the member refuses our certificate"},
		{"plain http", cluster.TLS(), "http://" + address + ":1", etcdops.FaultOther, "failed: cannot use endpoint"},
		{"no TLS", nil, endpoint, etcdops.FaultOther, "failed: cannot dial etcd: no TLS configuration is given"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pool := newPool(t, test.config, etcdops.WithHealthTimeout(2*time.Second))
			start := time.Now()
			h := pool.Check(t.Context(), test.endpoint)
			if h.Fault != test.fault || !strings.HasPrefix(h.Reason(), test.reason) || h.Serves != (test.fault == "") {
				t.Errorf("got %q %q (serves %v), want %q %q", h.Fault, h.Reason(), h.Serves, test.fault, test.reason)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %s, more than its deadline", took)
			}
		})
	}
}

func TestWrongServerNameIsATLSFault(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	m := cluster.Members[0]
	// etcd reads its certificate at each handshake.
	m.WriteTLS(cluster.CA.PEM, cluster.CA.Issue(t, m.Name, "10.99.99.99"))
	h := newPool(t, cluster.TLS()).Check(t.Context(), m.ClientURL)
	if want := "TLS handshake failed: certificate is not valid for " + m.Address; h.Reason() != want {
		t.Errorf("got %q, want %q", h.Reason(), want)
	}
}

func TestFreshHandshakeSeesWhatKeptConnectionsHide(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	m := cluster.Members[0]
	pool := newPool(t, cluster.TLS(), etcdops.WithFreshHandshakes(time.Hour))
	eager := newPool(t, cluster.TLS(), etcdops.WithFreshHandshakes(0))
	for _, p := range []*etcdops.Pool{pool, eager} {
		if h := p.Check(t.Context(), m.ClientURL); !h.Healthy() {
			t.Fatalf("not healthy at first: %+v", h)
		}
	}
	shake, err := pool.FreshHandshake(t.Context(), m.ClientURL)
	if err != nil || shake.Issuer != "etcdtest CA" || shake.Serial == "" || shake.NotAfter.Before(time.Now()) {
		t.Fatalf("handshake %+v, %v", shake, err)
	}

	m.WriteTLS(cluster.CA.PEM, etcdtest.NewCA(t).Issue(t, m.Name, m.SANs()...))
	if h := pool.Check(t.Context(), m.ClientURL); !h.Healthy() {
		t.Errorf("the kept connection should still serve: %+v", h)
	}
	if _, err := pool.FreshHandshake(t.Context(), m.ClientURL); err == nil ||
		!strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("fresh handshake: %v", err)
	}
	h := eager.Check(t.Context(), m.ClientURL)
	if h.Fault != etcdops.FaultTLS || !h.Serves || h.Healthy() || h.Votes() {
		t.Errorf("the probe is not in the health: %+v", h)
	}
	m.WriteTLS(cluster.CA.PEM, cluster.CA.Issue(t, m.Name, m.SANs()...))
	if h := eager.Check(t.Context(), m.ClientURL); !h.Healthy() {
		t.Errorf("not healed: %+v", h)
	}
}

func TestKillIsSeenAtOnceAndSoIsTheRestart(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS())
	units := []string{"etcd/0", "etcd/1", "etcd/2"}
	if v := pool.Look(t.Context(), cluster.Endpoints()); len(v.HealthyVoters()) != 3 {
		t.Fatalf("not healthy at first: %+v", v)
	}
	m := cluster.Members[2]
	ref := etcdops.Ref{ClientURL: m.ClientURL}
	m.Kill()
	var words etcdops.Words
	took := etcdtest.Eventually(t, 5*time.Second, "the death is in the words", func(ctx context.Context) bool {
		words = etcdops.ApplicationWords(pool.Look(ctx, cluster.Endpoints()), units, "")
		return words.Message == "2 of 3 healthy, can lose 0: etcd/2 is down (connection refused)"
	})
	t.Logf("killed: seen after %s", took)
	if h := pool.Check(t.Context(), m.ClientURL); h.Fault != etcdops.FaultRefused {
		t.Errorf("killed: %+v", h)
	}
	v := pool.Look(t.Context(), cluster.Endpoints())
	if w := etcdops.UnitWords(v, ref, ""); w != (etcdops.Words{
		State: "blocked", Message: "UnHealthy with 3 known peers: down (connection refused)",
	}) {
		t.Errorf("unit: %v", w)
	}

	m.Start()
	m.WaitServing()
	took = etcdtest.Eventually(t, 5*time.Second, "the restart is seen", func(ctx context.Context) bool {
		return pool.Check(ctx, m.ClientURL).Healthy()
	})
	t.Logf("restarted: seen %s after it served", took)
	if took > 2*time.Second {
		t.Errorf("the restart was seen %s late", took)
	}
}

func TestWithoutQuorumThereIsNoLeaderAndNoList(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS(), etcdops.WithHealthTimeout(3*time.Second))
	if v := pool.Look(t.Context(), cluster.Endpoints()); !v.Listed {
		t.Fatalf("not listed at first: %+v", v)
	}
	cluster.Members[0].Kill()
	cluster.Members[1].Kill()
	units := []string{"etcd/0", "etcd/1", "etcd/2"}
	var v etcdops.View
	etcdtest.Eventually(t, 15*time.Second, "no leader is reported", func(ctx context.Context) bool {
		v = pool.Look(ctx, cluster.Endpoints())
		return v.Health[cluster.Members[2].ClientURL].Fault == etcdops.FaultNoLeader && !v.Listed
	})
	if v.Err != "no leader" || len(v.Members) != 3 {
		t.Errorf("view: Err %q, %d members as last known", v.Err, len(v.Members))
	}
	if w := etcdops.ApplicationWords(v, units, ""); w != (etcdops.Words{State: "blocked", Message: "no quorum: 1 of 3 answers"}) {
		t.Errorf("application: %v", w)
	}
	own := etcdops.UnitWords(v, etcdops.Ref{ClientURL: cluster.Members[2].ClientURL}, "")
	if own != (etcdops.Words{State: "blocked", Message: "Errored with 0 known peers: no leader"}) {
		t.Errorf("unit that answers: %v", own)
	}
	for _, m := range v.Members {
		if etcdops.CanStop(v, m.ID) == nil || etcdops.CanRemove(v, m.ID) == nil || etcdops.CanAdd(v) == nil {
			t.Errorf("a guard passes without a quorum")
		}
	}
	if _, _, err := pool.AddLearner(t.Context(), v, "https://127.1.1.1:2380"); err == nil {
		t.Errorf("a member was added without a quorum")
	}

	start := time.Now()
	h := pool.Check(t.Context(), cluster.Members[2].ClientURL)
	if took := time.Since(start); h.Fault != etcdops.FaultNoLeader || took > time.Second {
		t.Errorf("no leader is reported as %q, after %s", h.Reason(), took)
	}
}

func TestASilentMemberDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS(), etcdops.WithHealthTimeout(time.Second))
	if v := pool.Look(t.Context(), cluster.Endpoints()); len(v.HealthyVoters()) != 3 {
		t.Fatalf("not healthy at first: %+v", v)
	}
	v := pool.Look(t.Context(), cluster.Endpoints())
	frozen := cluster.Members[0]
	for _, m := range cluster.Members {
		if member, _ := v.MemberByName(m.Name); member.ID != v.Leader() {
			frozen = m
		}
	}
	frozen.Freeze()
	start := time.Now()
	v = pool.Look(t.Context(), cluster.Endpoints())
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("a look with a silent member took %s", took)
	}
	if len(v.HealthyVoters()) != 2 || v.Health[frozen.ClientURL].Fault != etcdops.FaultUnreachable {
		t.Errorf("%d healthy, the silent one is %q", len(v.HealthyVoters()), v.Health[frozen.ClientURL].Reason())
	}
	frozen.Thaw()
	took := etcdtest.Eventually(t, 10*time.Second, "the member is healthy again", func(ctx context.Context) bool {
		return pool.Check(ctx, frozen.ClientURL).Healthy()
	})
	t.Logf("thawed: healthy after %s", took)
}

func TestAClosedPoolRefusesAndLeaksNothing(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := etcdops.NewPool(cluster.TLS())
	if h := pool.Check(t.Context(), cluster.Endpoints()[0]); !h.Healthy() {
		t.Fatalf("not healthy: %+v", h)
	}
	pool.Close()
	pool.Close()
	if h := pool.Check(t.Context(), cluster.Endpoints()[0]); h.Serves || h.Fault != etcdops.FaultOther {
		t.Errorf("a closed pool answers: %+v", h)
	}
}

func TestConnectionsOfMembersThatAreGoneAreClosed(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	kept, forgetful := newPool(t, cluster.TLS()), newPool(t, cluster.TLS(), etcdops.ForgetIdle(-1))
	gone := "https://" + cluster.Members[0].Address + ":1"
	for _, pool := range []*etcdops.Pool{kept, forgetful} {
		pool.Check(t.Context(), gone)
		if h := pool.Check(t.Context(), cluster.Endpoints()[0]); !h.Healthy() {
			t.Errorf("not healthy: %+v", h)
		}
	}
	if kept.Connections() != 2 || forgetful.Connections() != 1 {
		t.Errorf("%d and %d connections, want 2 and 1", kept.Connections(), forgetful.Connections())
	}
}

package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"go.uber.org/goleak"
	"k8s.io/klog/v2"
	crlog "sigs.k8s.io/controller-runtime/pkg/log"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile"
	"jujuetcd.io/pkg/reconcile/policy"
	"jujuetcd.io/pkg/reconcile/registry"
	"jujuetcd.io/pkg/reconcile/world"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

func TestMain(m *testing.M) {
	crlog.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	goleak.VerifyTestMain(m)
}

// rig is a daemon over a fake model with one unit.
type rig struct {
	juju    *worldtest.Juju
	etcd    *worldtest.Etcd
	objects *registry.Registry
	daemon  *reconcile.Daemon
	stop    context.CancelFunc
	ended   chan error

	mu   sync.Mutex
	log  []string
	link jujuapi.State
}

func newRig(t *testing.T, charm string, facts bool) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{objects: registry.New(time.Now), ended: make(chan error, 1), etcd: &worldtest.Etcd{}}
	r.etcd.View = etcdops.View{Health: map[string]etcdops.EndpointHealth{}}
	bag := map[string]string{}
	if facts {
		text, err := json.Marshal(v1alpha1.UnitFacts{Protocol: 1, Addresses: v1alpha1.UnitAddresses{Client: "10.0.0.1", Peer: "10.0.0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		bag["facts"] = string(text)
	}
	r.juju = &worldtest.Juju{Fail: map[string]error{},
		Model: &jujuapi.Model{Name: "prod", Owner: "admin", UUID: "uuid", Hash: "1",
			Machines: map[string]jujuapi.Machine{"0": {ID: "0", Provisioned: true}},
			Applications: map[string]jujuapi.Application{"etcd": {Name: "etcd", Charm: charm, Life: jujuapi.Alive,
				Relations: []jujuapi.Relation{{ID: 1, Endpoint: "cluster", Peer: true}},
				Units: map[string]jujuapi.Unit{"etcd/0": {Name: "etcd/0", Life: jujuapi.Alive, Leader: true, Machine: "0",
					AgentStatus: jujuapi.Status{Current: "idle"}}}}}},
		Units: []jujuapi.UnitInfo{{Name: "etcd/0", RelationData: []jujuapi.RelationData{{Endpoint: "cluster",
			Units: map[string]jujuapi.UnitDatabag{"etcd/0": {InScope: true, Data: bag}}}}}}}
	r.link = jujuapi.State{Connected: true, Address: "10.0.0.1:17070"}
	policies, err := policy.Open("")
	if err != nil {
		t.Fatal(err)
	}
	log := funcr.New(func(_, line string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.log = append(r.log, line)
	}, funcr.Options{})
	r.daemon, err = reconcile.New(reconcile.Config{Self: "me", Registry: r.objects, Policies: policies, Log: log, ProbeEvery: 100 * time.Millisecond, GrantEvery: 100 * time.Millisecond,
		Dial: func(world.Credentials) (world.Etcd, error) { return r.etcd, nil }},
		[]reconcile.Model{{Ref: jujuapi.ModelRef{Owner: "admin", Name: "prod", UUID: "uuid"}, Juju: r.juju, User: "keeper", Link: r.linked}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.ended <- r.daemon.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-r.ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(reconcile.GraceOnStop + time.Second):
			t.Error("the daemon did not stop in time")
		}
		if t.Failed() {
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Logf("log: %q", r.log)
		}
	})
	return r
}

func (r *rig) linked() jujuapi.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.link
}

// fail makes calls of a method fail, until it is told nil.
func (r *rig) fail(method string, err error) {
	r.juju.Lock()
	defer r.juju.Unlock()
	r.juju.Fail[method] = err
}

// eventually waits for a condition; changes in the registry make it look again.
func (r *rig) eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func (r *rig) phase() v1alpha1.ClusterPhase {
	clusters, _ := r.objects.Clusters()
	if len(clusters) != 1 {
		return ""
	}
	return clusters[0].Status.Phase
}

func TestClusterWithoutAuthorityIsShownAndLeftAlone(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown as pending", func() bool { return r.phase() == v1alpha1.PhasePending })
	r.eventually(t, "the daemon is ready", r.daemon.Ready)
	units, _ := r.objects.Units()
	if len(units) != 1 || units[0].Name != "etcd/0" || units[0].Spec.Unit != "etcd/0" {
		t.Errorf("units %+v", units)
	}
}

func TestOtherCharmsAreLeftAlone(t *testing.T) {
	for _, test := range []struct {
		name, charm string
		facts       bool
	}{
		{"another charm", "local:etcd-proxy-0", true},
		{"a charm whose name ends alike", "ch:amd64/charmed-etcd-12", true},
		{"the older etcd charm, which publishes no facts", "ch:amd64/etcd-760", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.charm, test.facts)
			r.eventually(t, "the model is read", r.daemon.Ready)
			r.eventually(t, "the application is judged", func() bool {
				return test.facts || r.juju.Count("UnitsInfo") > 0
			})
			if clusters, _ := r.objects.Clusters(); len(clusters) != 0 || r.juju.Count("Enqueue") != 0 {
				t.Errorf("clusters %v, %d actions", clusters, r.juju.Count("Enqueue"))
			}
		})
	}
}

func TestGoneApplicationIsForgotten(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() != "" })
	r.juju.Lock()
	gone := *r.juju.Model
	gone.Hash, gone.Applications = "2", map[string]jujuapi.Application{}
	r.juju.Model = &gone
	r.juju.Unlock()
	r.eventually(t, "the cluster is forgotten", func() bool {
		clusters, _ := r.objects.Clusters()
		units, _ := r.objects.Units()
		return len(clusters)+len(units) == 0
	})
}

func TestJujuAwayIsNotReadyAndHealsByItself(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the daemon is ready", r.daemon.Ready)
	r.fail("Snapshot", errors.New("connection lost"))
	r.eventually(t, "the daemon is not ready", func() bool { return !r.daemon.Ready() })
	r.fail("Snapshot", nil)
	r.eventually(t, "the daemon is ready again", r.daemon.Ready)
}

func TestAccessNeedsACertificate(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() != "" })
	if _, err := r.daemon.Access(registry.Ref{Name: "etcd"}); err == nil {
		t.Error("access without credentials")
	}
	if _, err := r.daemon.Access(registry.Ref{Name: "nothing"}); err == nil {
		t.Error("access to a cluster that is not there")
	}
}

// TestNoRequestLeavesForAnAPIServer holds the manager to its promise.
func TestNoRequestLeavesForAnAPIServer(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://there-is-no-api-server.invalid/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := reconcile.Refusing().RoundTrip(request)
	if err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		t.Error("a request went out")
	}
}

func TestNameOfACharm(t *testing.T) {
	for charm, want := range map[string]string{"local:etcd-0": "etcd", "ch:amd64/jammy/etcd-12": "etcd", "cs:~containers/etcd-655": "etcd",
		"etcd": "etcd", "ch:etcd": "etcd", "local:charmed-etcd-3": "charmed-etcd", "local:etcd-proxy-1": "etcd-proxy"} {
		if got := reconcile.NameOf(charm); got != want {
			t.Errorf("%s: %q, want %q", charm, got, want)
		}
	}
}

func TestKeysNameTheirCluster(t *testing.T) {
	if got := fmt.Sprint(reconcile.ClusterKey{Model: "admin/prod", Application: "etcd"}); got != "admin/prod:etcd" {
		t.Error(got)
	}
}

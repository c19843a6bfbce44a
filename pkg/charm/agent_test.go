package charm_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/nagios"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/requests"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
)

// fakeMachine answers what a test sets, and records what it was told to do.
type fakeMachine struct {
	unfinished *record.Restore
	restored   machine.Restored
	refuse     string
	outcome    v1alpha1.Outcome
	message    string
	channels   []string // those that the store has
	facts      v1alpha1.UnitFacts
	last       *v1alpha1.EtcdUnitSpec
	damaged    error
	own        etcdops.EndpointHealth
	view       etcdops.View
	keys       machine.Credentials
	cluster    *fakeCluster

	applied []machine.Situation
	words   *v1alpha1.StatusSpec
	leaves  int
	left    int // how often it was left
	checks  *nagios.Checks
	noNRPE  bool

	dir            string // of its requests
	bundle         string
	refused        []string // where refused peers came from
	server, client *x509.Certificate
	broken         error // why a leaf cannot be written
	unserved       error
	proofs         int
	cleared        int
	uncleared      error
	v2             *record.V2
}

func (m *fakeMachine) Apply(_ context.Context, spec *v1alpha1.EtcdUnitSpec, s machine.Situation) v1alpha1.EtcdUnitStatus {
	m.applied = append(m.applied, s)
	facts := m.facts
	if m.refuse != "" {
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeRefused, Reason: m.refuse, Facts: &facts}
	}
	m.last = spec
	m.facts.Applied = &v1alpha1.AppliedFacts{Hash: spec.Hash(), Epoch: spec.Delivery.Epoch.Number, Action: s.Action}
	facts.Applied = m.facts.Applied
	return v1alpha1.EtcdUnitStatus{Outcome: m.outcome, Message: m.message, Channels: m.channels, Facts: &facts}
}

func (m *fakeMachine) Leave(context.Context) error { m.left++; return nil }

func (m *fakeMachine) Restore(context.Context, machine.Restore) (machine.Restored, error) {
	return machine.Restored{}, errors.New("this machine restores nothing")
}
func (m *fakeMachine) UnfinishedRestore() (*record.Restore, error) { return m.unfinished, nil }
func (m *fakeMachine) ResumeRestore(context.Context) (bool, machine.Restored, error) {
	return m.restored.To != "", m.restored, nil
}
func (m *fakeMachine) UnlatchedV2() (*record.V2, error) { return m.v2, nil }
func (m *fakeMachine) ForgetV2() error                  { m.v2 = nil; return nil }
func (m *fakeMachine) ForgetRestore() error             { m.unfinished = nil; return nil }
func (m *fakeMachine) DropStaged() error                { m.unfinished = nil; return nil }
func (m *fakeMachine) StageRestore(context.Context, machine.Restore) (v1alpha1.RestoreFacts, error) {
	return v1alpha1.RestoreFacts{}, errors.New("not here")
}
func (m *fakeMachine) ClearRestore(context.Context) error { m.cleared++; return nil }
func (m *fakeMachine) ClearDrill() error                  { m.cleared++; return m.uncleared }
func (m *fakeMachine) Path(path string) string            { return path }
func (m *fakeMachine) TakeWords(_ context.Context, spec *v1alpha1.EtcdUnitSpec, _ machine.Situation) v1alpha1.EtcdUnitStatus {
	if m.refuse != "" {
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeRefused, Reason: m.refuse}
	}
	m.words = &spec.Status
	return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied}
}

func (m *fakeMachine) DeliveredWords() (*v1alpha1.StatusSpec, error) { return m.words, nil }

func (m *fakeMachine) Facts(context.Context) (v1alpha1.UnitFacts, error) { return m.facts, nil }

func (m *fakeMachine) WriteLeaves(server, client *tlsfiles.Leaf, _ v1alpha1.UnitAddresses) ([]string, error) {
	if server != nil || client != nil {
		m.leaves++
	}
	if m.broken != nil {
		return nil, m.broken
	}
	var wrote []string
	for path, put := range map[string]struct {
		leaf *tlsfiles.Leaf
		to   **x509.Certificate
	}{"/server.crt": {server, &m.server}, "/client.crt": {client, &m.client}} {
		if put.leaf == nil {
			continue
		}
		certs, err := pki.Certificates(put.leaf.Certificate)
		if err != nil {
			return nil, err
		}
		if *put.to == nil || !(*put.to).Equal(certs[0]) {
			*put.to = certs[0]
			wrote = append(wrote, path)
		}
	}
	return wrote, nil
}

func (m *fakeMachine) Leaves() (server, client tlsfiles.Held, err error) {
	bundle, err := pki.Certificates(m.bundle)
	held := func(c *x509.Certificate) tlsfiles.Held {
		if c == nil {
			return tlsfiles.Held{}
		}
		return tlsfiles.Held{Certificate: c, Authority: pki.Authority([]*x509.Certificate{c}, bundle)}
	}
	return held(m.server), held(m.client), err
}

func (m *fakeMachine) Bundle() (string, error) { return m.bundle, nil }

func (m *fakeMachine) Requests() requests.Store {
	return requests.Store{Dir: m.dir, Disk: &durable.Disk{}}
}

func (m *fakeMachine) Served(context.Context) error { m.proofs++; return m.unserved }

func (m *fakeMachine) Prove(context.Context, *tlsfiles.Leaf, *tlsfiles.Leaf) error { return nil }

func (m *fakeMachine) Refused(context.Context) []string { return m.refused }

func (m *fakeMachine) Last() (*v1alpha1.EtcdUnitSpec, error)               { return m.last, m.damaged }
func (m *fakeMachine) ClientCredentials() (machine.Credentials, error)     { return m.keys, nil }
func (m *fakeMachine) HandOut(string, []byte) (string, error)              { return "", nil }
func (m *fakeMachine) Diagnostics(context.Context) []machine.Diagnostic    { return nil }
func (m *fakeMachine) Disarm(context.Context) ([]etcdops.Alarm, error)     { return nil, nil }
func (m *fakeMachine) Compact(context.Context, int64, bool) (int64, error) { return 0, nil }

func (m *fakeMachine) RestoreV2(context.Context, machine.RestoreV2) (machine.RestoredV2, error) {
	return machine.RestoredV2{}, nil
}

func (m *fakeMachine) TakeV2Snapshot(context.Context, machine.Snapshots) (snapshot.Archive, error) {
	return snapshot.Archive{}, nil
}

func (m *fakeMachine) TakeSnapshot(context.Context, machine.Snapshots) (snapshot.Archive, string, error) {
	return snapshot.Archive{}, "", nil
}

func (m *fakeMachine) ListSnapshots(context.Context, string, bool) ([]snapshot.Listed, error) {
	return nil, nil
}

func (m *fakeMachine) OpenStore(store.Provider) (*store.Store, error) { return nil, nil }

func (m *fakeMachine) FetchStored(context.Context, *store.Store, string, string) (string, func(), error) {
	return "", func() {}, nil
}

func (m *fakeMachine) Health(context.Context) (etcdops.EndpointHealth, etcdops.View, error) {
	return m.own, m.view, nil
}

func (m *fakeMachine) WriteChecks(_ context.Context, c nagios.Checks) ([]string, error) {
	if m.noNRPE {
		return nil, nagios.ErrNotInstalled
	}
	m.checks = &c
	return nil, nil
}

func (m *fakeMachine) RemoveChecks(context.Context) ([]string, error) {
	m.checks = nil
	return nil, nil
}

// now is the clock of these tests when they begin.
var now = charmtest.Now

// bench is one unit on a fake Juju and a fake machine.
type bench struct {
	t       *testing.T
	juju    *charmtest.Juju
	machine *fakeMachine
	real    charm.Machine // stands in the fake's place if it is set
	action  int64
	clock   time.Time
	out     bytes.Buffer // what the action printed
}

func newBench(t *testing.T) *bench {
	return &bench{
		t: t, juju: charmtest.NewJuju(),
		machine: &fakeMachine{outcome: v1alpha1.OutcomeApplied, dir: filepath.Join(t.TempDir(), "requests")},
		action:  11,
		clock:   now,
	}
}

// relate adds a classic certificate authority that has answered.
func (b *bench) relate(ca *charmtest.Authority) (serverKey, clientKey string) {
	server, serverKey := ca.Issue(now.Add(-time.Hour), 24*time.Hour, "10.0.0.4", "127.0.0.1", "node")
	client, clientKey := ca.Issue(now.Add(-time.Hour), 24*time.Hour, "client")
	b.juju.Relations["certificates"] = []string{"certificates:1"}
	b.juju.Members["certificates:1"] = []string{"easyrsa/0"}
	b.juju.Bags["certificates:1 easyrsa/0"] = map[string]string{
		"ca": charmtest.Described(ca.PEM), "client.cert": charmtest.Described(client), "client.key": clientKey,
		"etcd_0.server.cert": charmtest.Described(server), "etcd_0.server.key": serverKey,
	}
	return serverKey, clientKey
}

func (b *bench) dispatch(path string, extra ...string) error {
	b.t.Helper()
	b.juju.Calls = nil
	values := map[string]string{
		"JUJU_DISPATCH_PATH": path, "JUJU_UNIT_NAME": "etcd/0", "JUJU_MODEL_NAME": "prod", "JUJU_MODEL_UUID": "m-1",
		"JUJU_ACTION_UUID": fmt.Sprint(b.action),
	}
	for _, pair := range extra {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	env, err := dispatch.ReadEnv(func(name string) string { return values[name] })
	if err != nil {
		b.t.Fatal(err)
	}
	ctx := context.Background()
	tools := hooktool.New(b.juju)
	on := charm.Machine(b.machine)
	if b.real != nil {
		on = b.real
	}
	agent := charm.New(charm.Options{
		Env: env, Tools: tools, Machine: on, Log: dispatch.JujuLog(ctx, tools), Hostname: "node", Out: &b.out,
		Now:     func() time.Time { return b.clock },
		Connect: func(machine.Credentials) (charm.Cluster, error) { return b.machine.cluster, nil },
		Wait:    func(_ context.Context, d time.Duration) error { b.clock = b.clock.Add(d); return nil },
	})
	b.action++
	return agent.Dispatch(ctx)
}

func (b *bench) hook(name string, extra ...string) {
	b.t.Helper()
	if err := b.dispatch("hooks/"+name, extra...); err != nil {
		b.t.Fatalf("hook %s: %v", name, err)
	}
}

// reconcile delivers a spec and returns the outcome.
func (b *bench) reconcile(spec v1alpha1.EtcdUnitSpec) v1alpha1.EtcdUnitStatus {
	b.t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		b.t.Fatal(err)
	}
	b.juju.Desired = string(text)
	b.out.Reset()
	clear(b.juju.Results)
	if err := b.dispatch("actions/reconcile"); err != nil {
		b.t.Fatalf("reconcile: %v", err)
	}
	output := map[string]any{"stdout": b.out.String()}
	for key, value := range b.juju.Results {
		output[key] = value
	}
	result := v1alpha1.ResultText(output)
	var status v1alpha1.EtcdUnitStatus
	if err := json.Unmarshal([]byte(result), &status); err != nil {
		b.t.Fatalf("the result is %q: %v", result, err)
	}
	return status
}

func spec() v1alpha1.EtcdUnitSpec {
	return v1alpha1.EtcdUnitSpec{
		Unit: "etcd/0", Application: "etcd", ModelUUID: "m-1",
		Delivery: v1alpha1.Delivery{Protocol: 1, Epoch: v1alpha1.Epoch{Number: 1, Holder: "d"}, NotAfter: metav1.NewTime(now.Add(time.Minute))},
		Etcd: v1alpha1.EtcdSpec{Name: "etcd0", AdvertisePeerURLs: []string{"https://10.0.0.4:2380"},
			AdvertiseClientURLs: []string{"https://10.0.0.4:2379"}},
		Service: v1alpha1.ServiceSpec{State: v1alpha1.ServiceRunning},
		Status: v1alpha1.StatusSpec{
			Unit:        v1alpha1.StatusText{State: "active", Message: "Healthy with 1 known peer"},
			Application: &v1alpha1.StatusText{State: "active", Message: "1 member, can lose 0"},
		},
	}
}

package machine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/tlsfiles"
	sim "jujuetcd.io/sim/machine"
	"jujuetcd.io/test/etcd/etcdbin"
)

func TestMain(m *testing.M) {
	if code, handled := sim.MultiCall(os.Args); handled {
		os.Exit(code)
	}
	if root := os.Getenv(drillsIn); root != "" {
		drillUntilKilled(root)
	}
	goleak.VerifyTestMain(m)
}

// simulated is a machine of jujusim, with the real etcd in its store, and an agent's view of it.
func simulated(t *testing.T, address string) (*sim.Machine, *machine.Machine) {
	t.Helper()
	return simulatedWith(t, "3.6", address)
}

// simulatedWith is simulated with an etcd of another minor.
func simulatedWith(t *testing.T, minor, address string) (*sim.Machine, *machine.Machine) {
	t.Helper()
	dir, err := os.MkdirTemp("", "jm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	programs, err := etcdbin.Dir(t.Context(), minor)
	if err != nil {
		t.Fatal(err)
	}
	channel := filepath.Join(dir, "store/etcd", minor, "stable")
	for _, d := range []string{channel, filepath.Join(dir, "bin")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	links := map[string]string{filepath.Join(dir, "bin/systemctl"): self}
	for _, p := range []string{"etcd", "etcdctl", "etcdutl"} {
		if minor == "3.4" && p == "etcdutl" {
			continue // which it has not
		}
		links[filepath.Join(channel, p)] = filepath.Join(programs, p)
	}
	for link, to := range links {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(channel, "version"), []byte(filepath.Base(programs)), 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "0")
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("JUJUETCD_ROOT", root)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // systemctl is this very program, and run often
	m, err := sim.New(sim.Options{Root: root, Address: address, Store: filepath.Join(dir, "store"), Log: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m, machine.New(machine.Options{Root: root, Unit: "etcd/0", ModelUUID: "uuid", Log: logr.Discard()})
}

// alone is what the only unit of an application is handed before it starts.
func alone(t *testing.T, address string) (v1alpha1.EtcdUnitSpec, machine.Situation) {
	leaf := theCA(t).Issue(t, "etcd-0", address)
	one := &v1alpha1.Seeds{Token: "tok", Members: []v1alpha1.Seed{{Unit: "etcd/0", Name: "etcd0", PeerURL: "https://" + address + ":2380"}}}
	s := machine.Situation{
		Latch:     v1alpha1.Latch{Epoch: &v1alpha1.Epoch{Number: 1, Holder: "d"}, Seeds: one},
		Addresses: v1alpha1.UnitAddresses{Peer: address, Client: address},
		Server:    &tlsfiles.Leaf{Certificate: string(leaf.CertPEM), Key: string(leaf.KeyPEM)},
		Client:    &tlsfiles.Leaf{Certificate: string(leaf.CertPEM), Key: string(leaf.KeyPEM)},
	}
	return v1alpha1.EtcdUnitSpec{
		Unit: "etcd/0", Application: "etcd", ModelUUID: "uuid",
		Delivery: v1alpha1.Delivery{Epoch: *s.Latch.Epoch, NotAfter: metav1.NewTime(time.Now().Add(time.Hour))},
		Snap:     v1alpha1.SnapSpec{Name: "etcd", Channel: "3.6/stable"},
		Etcd: v1alpha1.EtcdSpec{Name: "etcd0", DataDir: machine.DataDir,
			ListenPeerURLs: []string{"https://0.0.0.0:2380"}, ListenClientURLs: []string{"https://0.0.0.0:2379"},
			AdvertisePeerURLs: []string{"https://" + address + ":2380"}, AdvertiseClientURLs: []string{"https://" + address + ":2379"},
			HeartbeatIntervalMs: 100, ElectionTimeoutMs: 1000},
		TLS:     v1alpha1.TLSSpec{CABundle: string(theCA(t).PEM)},
		Service: v1alpha1.ServiceSpec{State: v1alpha1.ServiceStopped},
	}, s
}

func TestRealEtcdOnASimulatedMachine(t *testing.T) {
	const address, service = "127.83.9.1", "snap.etcd.etcd"
	host, agent := simulated(t, address)
	spec, s := alone(t, address)
	apply := func(want v1alpha1.Outcome) v1alpha1.EtcdUnitStatus {
		t.Helper()
		s.Action++
		status := agent.Apply(t.Context(), &spec, s)
		if status.Outcome != want {
			text, _ := os.ReadFile(filepath.Join(host.Root(), "var/log", service+".log"))
			t.Fatalf("%+v\n%s", status, text)
		}
		return status
	}
	apply(v1alpha1.OutcomeApplied)
	// It may have failed, because a fresh snap starts without a configuration.
	if state := host.Service(service, "ActiveState"); state != "inactive" && state != "failed" {
		t.Errorf("a unit that is only prepared is %s", state)
	}
	spec.Service.State = v1alpha1.ServiceRunning
	spec.Etcd.Initial = &v1alpha1.InitialCluster{Token: "tok", State: v1alpha1.InitialNew,
		Members: []v1alpha1.NamedMember{{Name: "etcd0", PeerURL: "https://" + address + ":2380"}}}
	status := apply(v1alpha1.OutcomeApplied)
	own, view, err := agent.Health(t.Context())
	if err != nil || !own.Serves || !view.Listed {
		t.Fatalf("%+v, %v", own, err)
	}
	member := status.Facts.Member
	if !member.Started || member.MemberID != own.MemberID.String() || member.ClusterID != own.ClusterID.String() {
		t.Errorf("facts %+v, and etcd says %s of %s", member, own.MemberID, own.ClusterID)
	}

	// What etcd reads only when it starts, and then a restart behind the guard.
	s.Latch.ClusterID = member.ClusterID
	spec.Etcd.Initial = nil
	spec.Delivery.ExpectClusterID, spec.Delivery.ExpectMemberID = member.ClusterID, member.MemberID
	if status = apply(v1alpha1.OutcomeApplied); len(status.Changed) != 0 {
		t.Errorf("a settled member: %+v", status)
	}
	spec.Etcd.ElectionTimeoutMs = 2000
	pid := host.Service(service, "MainPID")
	if status = apply(v1alpha1.OutcomeApplied); !status.RestartPending || host.Service(service, "MainPID") != pid {
		t.Errorf("without permission: %+v", status)
	}
	spec.Delivery.AllowRestart = true
	if status = apply(v1alpha1.OutcomeApplied); status.RestartPending || host.Service(service, "MainPID") == pid {
		t.Errorf("with permission: %+v", status)
	}
	if own, _, err = agent.Health(t.Context()); err != nil || !own.Serves || own.MemberID.String() != member.MemberID {
		t.Errorf("after the restart: %+v, %v", own, err)
	}

	// A member that is killed and wiped stays down, and only a removal lets the unit begin again.
	if err := host.Wipe(machine.DataDir); err != nil {
		t.Fatal(err)
	}
	if err := host.Kill(service, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the wiped member is down", func(context.Context) bool { return host.Service(service, "MainPID") == "0" })
	status = apply(v1alpha1.OutcomeApplied)
	if !status.Facts.Member.DataLost() || host.Service(service, "MainPID") != "0" {
		t.Errorf("a wiped member: %+v", status)
	}
	spec.Delivery.ExpectMemberID = ""
	spec.Delivery.AllowReset, spec.Delivery.Members = true, []string{otherMember}
	spec.Service.State = v1alpha1.ServiceStopped
	if status = apply(v1alpha1.OutcomeFailed); status.Reason != v1alpha1.ReasonQuorumGuard || !status.Facts.Member.DataLost() {
		t.Errorf("reset without anybody to ask: %+v", status)
	}

	// The unit goes, and leaves the machine to the next one.
	if err := agent.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if facts, err := agent.Facts(t.Context()); err != nil || facts.Member != (v1alpha1.MemberFacts{}) || facts.Taken != nil {
		t.Errorf("after the unit has left: %+v, %v", facts, err)
	}

	// A start that fails says why.
	spec.Delivery.AllowReset, spec.Delivery.Members = false, nil
	spec.Delivery.ExpectClusterID, s.Latch.ClusterID = "", ""
	spec.Service.State = v1alpha1.ServiceRunning
	spec.Etcd.Initial = &v1alpha1.InitialCluster{Token: "tok", State: v1alpha1.InitialExisting,
		Members: []v1alpha1.NamedMember{{Name: "etcd0", PeerURL: "https://" + address + ":2380"}}}
	status = apply(v1alpha1.OutcomeFailed)
	if status.Reason != v1alpha1.ReasonStartFailed || !strings.HasPrefix(status.Message, "cannot keep etcd running") {
		t.Errorf("%+v", status)
	}
	t.Log(status.Message)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited for too long: %s", what)
		}
	}
}

package machine_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
)

// withClient does something with a client of the unit's etcd that has the unit's own certificate.
func withClient(t *testing.T, agent *machine.Machine, endpoint string, do func(context.Context, *clientv3.Client) error) {
	t.Helper()
	keys, err := agent.ClientCredentials()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(keys.Certificate), []byte(keys.Key))
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(keys.CA))
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint},
		TLS: &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := do(t.Context(), client); err != nil {
		t.Fatal(err)
	}
}

// TestAHaltOfARealEtcd: the service manager has it stopped and disabled, so that it stays down
// through hooks and a boot of the machine; refused, it serves on; and when it is to run again it is
// the same member, with what was written into it.
func TestAHaltOfARealEtcd(t *testing.T) {
	const address, service, key = "127.83.9.2", "snap.etcd.etcd", "kept"
	host, agent := simulated(t, address)
	spec, s := alone(t, address)
	apply := func(want v1alpha1.Outcome, reason string) v1alpha1.EtcdUnitStatus {
		t.Helper()
		s.Action++
		status := agent.Apply(t.Context(), &spec, s)
		if status.Outcome != want || status.Reason != reason {
			t.Fatalf("want %s %s: %+v", want, reason, status)
		}
		return status
	}
	apply(v1alpha1.OutcomeApplied, "")
	spec.Service.State = v1alpha1.ServiceRunning
	spec.Etcd.Initial = &v1alpha1.InitialCluster{Token: "tok", State: v1alpha1.InitialNew,
		Members: []v1alpha1.NamedMember{{Name: "etcd0", PeerURL: "https://" + address + ":2380"}}}
	member := apply(v1alpha1.OutcomeApplied, "").Facts.Member
	s.Latch.ClusterID, spec.Etcd.Initial = member.ClusterID, nil
	spec.Delivery.ExpectClusterID, spec.Delivery.ExpectMemberID = member.ClusterID, member.MemberID
	apply(v1alpha1.OutcomeApplied, "")
	endpoint := spec.Etcd.AdvertiseClientURLs[0]
	withClient(t, agent, endpoint, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Put(ctx, key, "before")
		return err
	})

	pid := host.Service(service, "MainPID")
	spec.Service.State, spec.Delivery.Under = v1alpha1.ServiceHalted, under("17", "stop", false)
	apply(v1alpha1.OutcomeRefused, v1alpha1.ReasonOtherPhase)
	if host.Service(service, "MainPID") != pid {
		t.Fatal("a halt that was refused has touched etcd")
	}
	s.Latch.Journal = stopping
	down := func(what string) {
		t.Helper()
		if state, pid := host.Service(service, "ActiveState"), host.Service(service, "MainPID"); state != "inactive" || pid != "0" {
			t.Fatalf("%s: it is %s, with process %s", what, state, pid)
		}
	}
	halted := apply(v1alpha1.OutcomeApplied, "")
	down("halted")
	if result := host.Service(service, "Result"); result != "success" {
		t.Errorf("it was not stopped in order: %s", result)
	}
	if halted.Facts.Member != member {
		t.Errorf("the member was %+v and is %+v", member, halted.Facts.Member)
	}
	// A config-changed.
	if facts, err := agent.Facts(t.Context()); err != nil || facts.Member != member || facts.RestartPending {
		t.Errorf("%+v, %v", facts, err)
	}
	if err := agent.Served(t.Context()); err != nil {
		t.Error(err)
	}
	down("after a hook")
	host.Stop()
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	down("after a boot")
	if status := apply(v1alpha1.OutcomeApplied, ""); len(status.Changed) > 0 {
		t.Errorf("the same again did %v", status.Changed)
	}
	down("handed the same again")

	// The procedure is over.
	s.Latch.Journal, spec.Delivery.Under, spec.Service.State = "", nil, v1alpha1.ServiceRunning
	if back := apply(v1alpha1.OutcomeApplied, "").Facts.Member; back != member {
		t.Errorf("the member was %+v and is %+v", member, back)
	}
	own, _, err := agent.Health(t.Context())
	if err != nil || !own.Serves || own.MemberID.String() != member.MemberID || own.ClusterID.String() != member.ClusterID {
		t.Errorf("%+v, %v", own, err)
	}
	withClient(t, agent, endpoint, func(ctx context.Context, c *clientv3.Client) error {
		got, err := c.Get(ctx, key)
		if err == nil && (len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "before") {
			t.Errorf("the key is %v", got.Kvs)
		}
		return err
	})
}

package charm_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/machine"
)

// commonName is that of the certificate that the databag of a relation db holds; empty where it is none.
func (b *bench) commonName(relation string) string {
	block, _ := pem.Decode([]byte(b.juju.Bags[relation+" etcd/0"]["client_cert"]))
	if block == nil {
		return ""
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		b.t.Fatal(err)
	}
	return cert.Subject.CommonName
}

// ownClients relates two clients on the endpoint db, which are to have certificates of their own beside the shared one.
func (b *bench) ownClients(ca *charmtest.Authority, valid time.Duration) {
	b.juju.Relations["db"] = []string{"db:2", "db:5"}
	b.juju.Members["db:2"], b.juju.Members["db:5"] = []string{"kubernetes/0"}, []string{"calico/0"}
	cert, key := ca.Issue(now, valid, "shared")
	b.machine.keys = machine.Credentials{CA: ca.PEM, Certificate: cert, Key: key}
	spec := served()
	spec.TLS.OwnClientCertificates = true
	b.machine.last = &spec
}

// common fails the test unless the two clients have certificates of these names.
func (b *bench) common(want ...string) {
	b.t.Helper()
	if got := []string{b.commonName("db:2"), b.commonName("db:5")}; !slices.Equal(got, want) {
		b.t.Errorf("clients have certificates of %q, not of %q", got, want)
	}
}

// files are those of keys and requests.
func (b *bench) files() string {
	b.t.Helper()
	names, err := b.machine.Requests().Names()
	if err != nil {
		b.t.Fatal(err)
	}
	var text []string
	for _, n := range names {
		text = append(text, string(n))
	}
	return strings.Join(text, " ")
}

func TestAClientHasTheSharedCertificateUntilItsOwnArrivesAndKeepsIt(t *testing.T) {
	s := newSigner(t)
	s.ownClients(s.ca, s.valid)
	s.hook("config-changed")
	s.common("shared", "shared")
	if n := len(s.asked()); n != 4 {
		t.Fatalf("%d requests, not one for each of two leaves and two clients", n)
	}
	s.sign()
	s.hook("certificates-relation-changed")
	s.common("kubernetes-2", "calico-5")
	s.hook("update-status")
	s.juju.Calls = nil
	s.hook("update-status")
	if writes := s.juju.Writes(); len(writes) > 0 {
		t.Errorf("a steady state writes %q", writes)
	}

	// The provider goes: what clients have is not withdrawn.
	s.juju.Relations["certificates"] = nil
	s.hook("config-changed")
	s.common("kubernetes-2", "calico-5")

	// Members trust another authority: a certificate of the one before is none any more.
	other := charmtest.NewAuthority(t, "other")
	cert, key := other.Issue(now, s.valid, "shared")
	s.machine.keys = machine.Credentials{CA: other.PEM, Certificate: cert, Key: key}
	s.hook("config-changed")
	s.common("shared", "shared")
}

// A client's key and request go with its relation, and with the policy: from the databag, and then from the machine.
func TestTheRequestOfAClientGoesWithItsRelation(t *testing.T) {
	const both = "client db-calico-5 db-kubernetes-2 server"
	for _, c := range []struct {
		name     string
		do       func(s *signer)
		requests int
		files    string
	}{
		{"the relation", func(s *signer) { s.hook("db-relation-broken", "JUJU_RELATION_ID=db:5") }, 3, "client db-kubernetes-2 server"},
		{"the relation, whose request is damaged", func(s *signer) {
			if err := os.WriteFile(s.machine.dir+"/db-calico-5.json", []byte("{"), 0o600); err != nil {
				s.t.Fatal(err)
			}
			s.hook("db-relation-broken", "JUJU_RELATION_ID=db:5")
		}, 3, "client db-kubernetes-2 server"},
		{"the policy", func(s *signer) {
			s.machine.last.TLS.OwnClientCertificates = false
			s.hook("update-status")
		}, 2, "client server"},
		{"the provider: nothing goes", func(s *signer) {
			s.hook("certificates-relation-broken", "JUJU_RELATION_ID=certificates:1")
		}, 4, both},
		{"the provider, and then the relation", func(s *signer) {
			s.juju.Relations["certificates"] = nil
			s.juju.Relations["db"] = []string{"db:5"}
			s.hook("update-status")
		}, 4, "client db-calico-5 server"},
		{"a databag that cannot be written: nothing goes", func(s *signer) {
			s.juju.Broken = "relation-set"
			s.juju.Relations["db"] = []string{"db:2"}
			if err := s.dispatch("hooks/update-status"); err == nil {
				s.t.Error("the hook succeeds")
			}
		}, 4, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSigner(t)
			s.ownClients(s.ca, s.valid)
			s.hook("config-changed")
			s.sign()
			s.hook("certificates-relation-changed")
			s.common("kubernetes-2", "calico-5")
			if got := s.files(); got != both {
				t.Fatalf("files %q", got)
			}
			c.do(s)
			if n, files := len(s.asked()), s.files(); n != c.requests || files != c.files {
				t.Errorf("%d requests and files of %q, want %d and %q", n, files, c.requests, c.files)
			}
		})
	}
}

// At two thirds of its life a client's own certificate is asked for anew, with the same key, and is in use until the next has come.
func TestAClientsOwnCertificateIsRenewed(t *testing.T) {
	s := newSigner(t)
	s.ownClients(s.ca, 10*s.valid)
	s.hook("config-changed")
	s.sign()
	s.hook("certificates-relation-changed")
	bag := s.juju.Bags["db:2 etcd/0"]
	old, key := bag["client_cert"], bag["client_key"]
	s.clock = s.clock.Add(s.valid * 3 / 4)
	s.hook("update-status")
	if n := len(s.asked()); n != 8 || bag["client_cert"] != old {
		t.Errorf("%d requests stand while the next ones are not answered; the old certificate is in use: %t", n, bag["client_cert"] == old)
	}
	s.sign()
	s.hook("certificates-relation-changed")
	s.hook("update-status")
	if n := len(s.asked()); n != 4 || bag["client_cert"] == old || bag["client_key"] != key {
		t.Errorf("%d requests stand after the renewal; another certificate: %t, the same key: %t", n, bag["client_cert"] != old, bag["client_key"] == key)
	}
}

// A classic provider is asked for each client by its name, again for other names when the certificate is due, and no more when the
// client is gone; what else is asked for stays.
func TestAClassicProviderIsAskedForEachClientAsLongAsThereIsOne(t *testing.T) {
	b := newBench(t)
	ca := charmtest.NewAuthority(t, "ca")
	b.relate(ca)
	b.ownClients(ca, 100*24*time.Hour)
	asked := func() string {
		t.Helper()
		var list map[string]struct{ SANs []string }
		if text := b.classicBag()["client_cert_requests"]; text != "" {
			if err := json.Unmarshal([]byte(text), &list); err != nil {
				t.Fatal(err)
			}
		}
		delete(list, "etcd-0") // the unit's own, where the shared one is due
		var text []string
		for _, name := range slices.Sorted(maps.Keys(list)) {
			text = append(text, fmt.Sprint(name, list[name].SANs))
		}
		return strings.Join(text, " ")
	}
	answer := func(names ...string) {
		t.Helper()
		answers := map[string]any{}
		for _, name := range names {
			cert, key := ca.Issue(b.clock, 24*time.Hour, name)
			answers[name] = map[string]string{"cert": cert, "key": key}
		}
		text, err := json.Marshal(answers)
		if err != nil {
			t.Fatal(err)
		}
		b.juju.Bags["certificates:1 easyrsa/0"]["etcd_0.processed_client_requests"] = string(text)
		b.hook("certificates-relation-changed")
	}
	expect := func(when, want string) {
		t.Helper()
		for _, hook := range []string{"update-status", "config-changed"} { // a provider that takes its time is not asked again
			b.hook(hook)
			if got := asked(); got != want {
				t.Errorf("%s: asked for %s, want %s", when, got, want)
			}
		}
	}
	b.hook("config-changed")
	b.common("shared", "shared")
	const first = "calico-5[calico-5] kubernetes-2[kubernetes-2]"
	expect("at first", first)
	answer("calico-5", "kubernetes-2")
	b.common("kubernetes-2", "calico-5")
	b.clock = b.clock.Add(15 * time.Hour)
	expect("before two thirds", first)

	b.clock = b.clock.Add(2 * time.Hour)
	const second = "calico-5[calico-5 client.calico-5] kubernetes-2[client.kubernetes-2 kubernetes-2]"
	expect("when it is due", second)
	old := b.juju.Bags["db:2 etcd/0"]["client_cert"]
	answer("calico-5", "kubernetes-2")
	if b.juju.Bags["db:2 etcd/0"]["client_cert"] == old {
		t.Error("the renewed certificate is not used")
	}
	expect("after the renewal", second)

	b.classicBag()["client_cert_requests"] = strings.Replace(b.classicBag()["client_cert_requests"], "{", `{"other":{"sans":["x"]},`, 1)
	b.juju.Relations["db"] = []string{"db:2"}
	expect("when one is gone", "kubernetes-2[client.kubernetes-2 kubernetes-2] other[x]")
	b.machine.last.TLS.OwnClientCertificates = false
	expect("when the policy is", "other[x]")
	if mark, there := b.classicBag()["jujuetcd-db-requests"]; there {
		t.Errorf("what was asked is remembered: %s", mark)
	}
}

package charm_test

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"

	"jujuetcd.io/pkg/machine"
)

// commonName is that of the certificate that the databag of a relation db holds; empty where it is none.
func (b *bench) commonName(relation string) string {
	block, _ := pem.Decode([]byte(b.juju.bags[relation+" etcd/0"]["client_cert"]))
	if block == nil {
		return ""
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		b.t.Fatal(err)
	}
	return cert.Subject.CommonName
}

func TestAClientHasTheSharedCertificateUntilItsOwnArrivesAndKeepsIt(t *testing.T) {
	s := newSigner(t)
	s.juju.relations["db"] = []string{"db:2", "db:5"}
	s.juju.members["db:2"], s.juju.members["db:5"] = []string{"kubernetes/0"}, []string{"calico/0"}
	cert, key := s.ca.issue(now, s.valid, "shared")
	s.machine.keys = machine.Credentials{CA: s.ca.pem, Certificate: cert, Key: key}
	spec := served()
	spec.TLS.OwnClientCertificates = true
	s.machine.last = &spec
	common := func(want ...string) {
		t.Helper()
		if got := []string{s.commonName("db:2"), s.commonName("db:5")}; !slices.Equal(got, want) {
			t.Errorf("clients have certificates of %q, not of %q", got, want)
		}
	}
	s.hook("config-changed")
	common("x", "x")
	if n := len(s.asked()); n != 4 {
		t.Fatalf("%d requests, not one for each of two leaves and two clients", n)
	}
	s.sign()
	s.hook("certificates-relation-changed")
	common("kubernetes-2", "calico-5")
	s.hook("update-status")
	s.juju.calls = nil
	s.hook("update-status")
	if writes := s.juju.writes(); len(writes) > 0 {
		t.Errorf("a steady state writes %q", writes)
	}

	// The provider goes: what clients have is not withdrawn.
	s.juju.relations["certificates"] = nil
	s.hook("config-changed")
	common("kubernetes-2", "calico-5")

	// Members trust another authority: a certificate of the one before is none any more.
	other := newAuthority(t, "other")
	cert, key = other.issue(now, s.valid, "shared")
	s.machine.keys = machine.Credentials{CA: other.pem, Certificate: cert, Key: key}
	s.hook("config-changed")
	common("x", "x")
}

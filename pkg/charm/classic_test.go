package charm_test

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/charm/charmtest"
)

// classicBag is what the unit asks a classic provider for.
func (b *bench) classicBag() map[string]string { return b.juju.Bags["certificates:1 etcd/0"] }

func (b *bench) sans() []string {
	b.t.Helper()
	var names []string
	if err := json.Unmarshal([]byte(b.classicBag()["sans"]), &names); err != nil {
		b.t.Fatal(err)
	}
	return names
}

// issueAnew is a classic provider's answer to a changed request.
func (b *bench) issueAnew(ca *charmtest.Authority) {
	b.t.Helper()
	cert, key := ca.Issue(b.clock, 24*time.Hour, b.sans()...)
	bag := b.juju.Bags["certificates:1 easyrsa/0"]
	bag["etcd_0.server.cert"], bag["etcd_0.server.key"] = cert, key
}

// The charm before this one renewed nothing (pain F4): certificates ran out, and with them the cluster. A classic provider issues anew
// only for other names, so that a name of the unit's own comes and goes; it is asked once for each certificate.
func TestCharmPainF4AClassicCertificateIsRenewedBeforeItEnds(t *testing.T) {
	b := newBench(t)
	ca := charmtest.NewAuthority(t, "ca")
	b.relate(ca) // for 24 hours, an hour ago
	b.hook("certificates-relation-changed")
	first := b.machine.server
	if slices.Contains(b.sans(), "etcd-0") {
		t.Fatal("renewed at once")
	}
	for round, want := range []bool{true, false} {
		b.clock = b.machine.server.NotBefore.Add(15 * time.Hour)
		b.hook("update-status")
		if slices.Contains(b.sans(), "etcd-0") == want {
			t.Fatalf("round %d: asked before two thirds of the certificate's life", round)
		}
		b.clock = b.machine.server.NotBefore.Add(17 * time.Hour)
		b.hook("update-status")
		if slices.Contains(b.sans(), "etcd-0") != want {
			t.Fatalf("round %d: no other names are asked for: %v", round, b.sans())
		}
		asked := b.classicBag()["sans"]
		// After each hook: two changes would look like none.
		for _, hook := range []string{"update-status", "config-changed"} {
			if b.hook(hook); b.classicBag()["sans"] != asked {
				t.Fatalf("round %d: a provider that takes its time is asked again", round)
			}
		}
		before := b.machine.server
		b.issueAnew(ca)
		b.hook("certificates-relation-changed")
		if b.machine.server.Equal(before) {
			t.Fatalf("round %d: the renewed certificate is not used", round)
		}
		if b.classicBag()["sans"] != asked {
			t.Fatalf("round %d: asked again after the answer", round)
		}
	}
	if b.machine.server.Equal(first) {
		t.Error("the first certificate is in use again")
	}
}

func TestTheClientCertificateOfAClassicProviderIsRenewed(t *testing.T) {
	b := newBench(t)
	ca := charmtest.NewAuthority(t, "ca")
	b.relate(ca)
	b.hook("certificates-relation-changed")
	shared := b.machine.client
	b.clock = shared.NotBefore.Add(17 * time.Hour)
	b.classicBag()["client_cert_requests"] = `{"other":{"sans":["x"]}}`
	b.hook("update-status")
	var asked map[string]struct{ SANs []string }
	if err := json.Unmarshal([]byte(b.classicBag()["client_cert_requests"]), &asked); err != nil {
		t.Fatal(err)
	}
	if len(asked["etcd-0"].SANs) == 0 || asked["other"].SANs == nil {
		t.Fatalf("asked for %v", asked)
	}
	text := b.classicBag()["client_cert_requests"]
	b.hook("update-status")
	if b.classicBag()["client_cert_requests"] != text {
		t.Error("asked twice")
	}
	cert, key := ca.Issue(b.clock, 24*time.Hour, "etcd-0")
	answers, err := json.Marshal(map[string]any{"etcd-0": map[string]string{"cert": cert, "key": key}})
	if err != nil {
		t.Fatal(err)
	}
	b.juju.Bags["certificates:1 easyrsa/0"]["etcd_0.processed_client_requests"] = string(answers)
	b.hook("certificates-relation-changed")
	if b.machine.client.Equal(shared) {
		t.Error("the renewed client certificate is not used")
	}
}

// A unit's own databag may be written by hand, null among other things: what cannot be read is asked anew.
func TestNullInTheUnitsOwnDatabagIsAskedAnew(t *testing.T) {
	for _, text := range []string{"null", "[]", "7", `{"etcd-0":null}`, "{"} {
		b := newBench(t)
		ca := charmtest.NewAuthority(t, "ca")
		b.relate(ca)
		b.hook("certificates-relation-changed")
		b.clock = b.machine.client.NotBefore.Add(17 * time.Hour)
		b.classicBag()["client_cert_requests"], b.classicBag()["sans"] = text, text
		b.classicBag()["jujuetcd-db-requests"] = strings.ReplaceAll(text, "etcd-0", "gone")
		b.hook("update-status")
		var asked map[string]struct{ SANs []string }
		if err := json.Unmarshal([]byte(b.classicBag()["client_cert_requests"]), &asked); err != nil || len(asked["etcd-0"].SANs) == 0 {
			t.Errorf("%s: asked for %v, %v", text, asked, err)
		}
	}
}

// In the charm before this one a certificate for a new common name stood beside the old one in the answer and was never used.
func TestCharmDefect22ACertificateForANewCommonNameIsUsed(t *testing.T) {
	b := newBench(t)
	ca := charmtest.NewAuthority(t, "ca")
	b.relate(ca)
	b.hook("certificates-relation-changed")
	network := `{"bind-addresses":[{"addresses":[{"value":"10.0.0.9"}]}],"ingress-addresses":["10.0.0.9"]}`
	b.juju.Networks = map[string]string{"cluster": network, "db": network}
	b.juju.Public = "10.0.0.9"
	b.hook("config-changed")
	if got := b.classicBag()["common_name"]; got != "10.0.0.9" {
		t.Fatalf("asked under the name %s", got)
	}
	cert, key := ca.Issue(b.clock, 24*time.Hour, b.sans()...)
	answers, err := json.Marshal(map[string]any{"10.0.0.9": map[string]string{"cert": cert, "key": key}})
	if err != nil {
		t.Fatal(err)
	}
	// The answer to the first request stays where it is.
	b.juju.Bags["certificates:1 easyrsa/0"]["etcd_0.processed_requests"] = string(answers)
	b.hook("certificates-relation-changed")
	if b.machine.server.VerifyHostname("10.0.0.9") != nil {
		t.Errorf("the certificate in use is good for %v", b.machine.server.IPAddresses)
	}
}

// In the charm before this one each peer's arrival made every member ask for another certificate, and restart with it (pain F5).
func TestCharmPainF5APeersArrivalReIssuesNothing(t *testing.T) {
	b := newBench(t)
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.hook("certificates-relation-changed")
	before := b.classicBag()["sans"]
	b.juju.Members["cluster:0"] = []string{"etcd/1", "etcd/2"}
	b.juju.Bags["cluster:0 etcd/2"] = map[string]string{"db-ingress-address": "10.0.0.6", "facts": `{"addresses":{"peer":"10.0.0.6"}}`}
	b.hook("cluster-relation-changed")
	if writes := b.juju.Writes(); len(writes) > 0 || b.classicBag()["sans"] != before || strings.Contains(before, "10.0.0.6") {
		t.Errorf("a peer's arrival wrote %v", writes)
	}
}

// A leaf ends with the authority above it. Asking anew for one gives another that ends then, too: that is done at a few moments, and what a
// longer-lived authority has signed comes into use.
func TestALeafOfAnAuthorityThatEndsIsAskedForAFewTimes(t *testing.T) {
	b := newBench(t)
	root := charmtest.AuthorityOf(t, "root", 10*365*24*time.Hour, nil)
	mid := charmtest.AuthorityOf(t, "intermediate", 30*24*time.Hour, root)
	b.machine.bundle = root.PEM + mid.PEM
	b.relateTo("certificates:1", "vault/0", charmtest.NewAuthority(t, "overwritten"))
	bag := b.juju.Bags["certificates:1 vault/0"]
	answer := func(by *charmtest.Issuer) {
		template := charmtest.LeafOf()
		template.NotBefore, template.NotAfter = b.clock.Add(-24*time.Hour), b.clock.Add(365*24*time.Hour)
		if template.NotBefore.Before(by.Cert.NotBefore) {
			template.NotBefore = by.Cert.NotBefore
		}
		leaf := charmtest.Sign(t, template, charmtest.NewKey(t, ""), by)
		bag["ca"], bag["chain"] = root.PEM, by.PEM
		bag["etcd_0.server.cert"], bag["etcd_0.server.key"] = leaf.PEM, charmtest.PKCS8(t, leaf.Key)
		bag["client.cert"], bag["client.key"] = leaf.PEM, charmtest.PKCS8(t, leaf.Key)
	}
	answer(mid)
	b.hook("certificates-relation-changed")
	asked := 0
	for b.clock.Before(mid.Cert.NotAfter.Add(-24 * time.Hour)) {
		b.clock = b.clock.Add(12 * time.Hour)
		before := b.classicBag()["sans"]
		b.hook("update-status")
		if b.classicBag()["sans"] != before {
			asked++
			answer(mid)
			b.hook("certificates-relation-changed")
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times, want at two thirds of the authority's life, and at a sixth and a twelfth before its end", asked)
	}
	renewed := charmtest.Sign(t, &x509.Certificate{
		Subject: mid.Cert.Subject, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: b.clock.Add(-time.Minute), NotAfter: b.clock.Add(365 * 24 * time.Hour),
	}, charmtest.NewKey(t, ""), root)
	bag["chain"] = renewed.PEM
	before := b.classicBag()["sans"]
	b.hook("certificates-relation-changed")
	if b.classicBag()["sans"] == before {
		t.Fatal("nothing is asked of the authority that lasts longer")
	}
	answer(renewed)
	b.machine.bundle = root.PEM + renewed.PEM
	for range 2 {
		before = b.classicBag()["sans"]
		b.hook("certificates-relation-changed")
		if b.classicBag()["sans"] != before {
			t.Error("it is asked again after the answer")
		}
	}
	if b.machine.server.CheckSignatureFrom(renewed.Cert) != nil {
		t.Error("what it has signed is not in use")
	}
}

package charm_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
)

// relateTo adds a relation to a unit of a classic provider that has answered.
func (b *bench) relateTo(id, unit string, ca *charmtest.Authority) {
	server, serverKey := ca.Issue(now.Add(-time.Minute), 24*time.Hour, "10.0.0.4", "127.0.0.1", "node")
	client, clientKey := ca.Issue(now.Add(-time.Minute), 24*time.Hour, "client")
	if !slices.Contains(b.juju.Relations["certificates"], id) {
		b.juju.Relations["certificates"] = append(b.juju.Relations["certificates"], id)
	}
	b.juju.Members[id] = append(b.juju.Members[id], unit)
	b.juju.Bags[id+" "+unit] = map[string]string{
		"ca": charmtest.Described(ca.PEM), "client.cert": charmtest.Described(client), "client.key": clientKey,
		"etcd_0.server.cert": charmtest.Described(server), "etcd_0.server.key": serverKey,
	}
}

// publishedFacts are the facts that the unit has published.
func (b *bench) publishedFacts() v1alpha1.UnitFacts {
	b.t.Helper()
	var facts v1alpha1.UnitFacts
	if err := json.Unmarshal([]byte(b.juju.Bags["cluster:0 etcd/0"]["facts"]), &facts); err != nil {
		b.t.Fatal(err)
	}
	return facts
}

// Which of several authorities counts is decided by whom the members trust: not by the order of
// relations or units, nor by who has answered last.
func TestTheAuthorityThatMembersTrustStaysTheProvider(t *testing.T) {
	const first, second = "certificates:1", "certificates:2"
	for name, test := range map[string]struct {
		trusted, other [2]string // relation and unit
		unused         string
	}{
		"another provider beside the first":  {[2]string{first, "easyrsa/0"}, [2]string{second, "vault/0"}, "vault"},
		"another provider before the first":  {[2]string{second, "easyrsa/0"}, [2]string{first, "vault/0"}, "vault"},
		"a second unit with an authority":    {[2]string{first, "easyrsa/0"}, [2]string{first, "easyrsa/1"}, "easyrsa/1"},
		"a unit of a lower number, likewise": {[2]string{first, "easyrsa/10"}, [2]string{first, "easyrsa/9"}, "easyrsa/9"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			ours, theirs := charmtest.NewAuthority(t, "ours"), charmtest.NewAuthority(t, "theirs")
			b.machine.bundle = ours.PEM
			b.relateTo(test.trusted[0], test.trusted[1], ours)
			b.relateTo(test.other[0], test.other[1], theirs)
			b.hook("certificates-relation-changed")
			if b.machine.server == nil || b.machine.server.Issuer.CommonName != "ours" || b.machine.client.Issuer.CommonName != "ours" {
				t.Errorf("the certificates in use are not of the authority that members trust: %+v", b.machine.server)
			}
			c := b.publishedFacts().Certificates
			if c.OfferedCA != ours.PEM || c.From != "easyrsa" || !slices.Equal(c.Unused, []string{test.unused}) || c.Trouble != "" {
				t.Errorf("published: %+v", c)
			}
			if asked := b.juju.Bags[test.trusted[0]+" etcd/0"]["unit_name"]; asked != "etcd_0" {
				t.Error("the trusted one is not asked")
			}
			if test.other[0] != test.trusted[0] && len(b.juju.Bags[test.other[0]+" etcd/0"]) > 0 {
				t.Errorf("the other one is asked with %v", b.juju.Bags[test.other[0]+" etcd/0"])
			}
		})
	}
}

// A unit that is new asks everybody, because it does not know yet whom the members trust; it learns
// that with its first delivery, and then takes what the trusted one has given.
func TestANewUnitTakesTheCertificatesOfWhomItIsToldToTrust(t *testing.T) {
	b := newBench(t)
	ours, theirs := charmtest.NewAuthority(t, "ours"), charmtest.NewAuthority(t, "theirs")
	b.relateTo("certificates:1", "vault/0", theirs)
	b.relateTo("certificates:2", "easyrsa/0", ours)
	b.hook("certificates-relation-changed")
	for _, id := range []string{"certificates:1", "certificates:2"} {
		if b.juju.Bags[id+" etcd/0"]["unit_name"] == "" {
			t.Errorf("%s is not asked", id)
		}
	}
	if b.machine.server == nil || b.machine.server.Issuer.CommonName != "theirs" {
		t.Error("it does not go by the order of the relations")
	}
	s := spec()
	s.TLS.CABundle = ours.PEM
	b.reconcile(s)
	given := b.machine.applied[len(b.machine.applied)-1]
	if given.Server == nil || b.machine.server.Issuer.CommonName != "ours" || b.machine.client.Issuer.CommonName != "ours" {
		t.Error("it does not take those of whom it is told to trust")
	}
	if c := b.publishedFacts().Certificates; c.From != "easyrsa" || !slices.Equal(c.Unused, []string{"vault"}) {
		t.Errorf("published: %+v", c)
	}
}

// Where only another authority is related none of its certificates is taken, and no status but the
// application's reports it.
func TestCertificatesOfAnotherAuthorityAreNotTaken(t *testing.T) {
	b := newBench(t)
	theirs := charmtest.NewAuthority(t, "theirs")
	b.machine.bundle = charmtest.NewAuthority(t, "ours").PEM
	b.relateTo("certificates:1", "vault/0", theirs)
	b.hook("certificates-relation-changed")
	if b.machine.leaves > 0 {
		t.Error("a leaf of another authority is put in its place")
	}
	if c := b.publishedFacts().Certificates; c.OfferedCA != theirs.PEM || c.From != "vault" || c.Trouble != "" || len(c.Unused) > 0 {
		t.Errorf("published: %+v", c)
	}
}

// One that signs requests beside a classic one: each is left what it was asked, and asked for
// nothing more.
func TestAProviderThatSignsBesideTheOneInUseIsLeftAlone(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	s.sign()
	s.machine.bundle = s.ca.PEM
	s.hook("certificates-relation-changed")
	before := s.machine.server
	theirs := charmtest.NewAuthority(t, "theirs")
	s.relateTo("certificates:7", "vault/0", theirs)
	asked := s.asked()
	s.hook("certificates-relation-changed")
	c := s.publishedFacts().Certificates
	if s.machine.server != before || c.Provider != v1alpha1.ProviderCSR || !slices.Equal(c.Unused, []string{"vault"}) || !slices.Equal(asked, s.asked()) {
		t.Errorf("published: %+v", c)
	}

	classic := newSigner(t)
	classic.relateTo("certificates:7", "easyrsa/0", theirs)
	classic.machine.bundle = theirs.PEM
	classic.hook("certificates-relation-joined") // the other one has said nothing yet, and is asked
	classic.sign()
	standing := classic.asked()
	for range 2 {
		classic.hook("certificates-relation-changed")
	}
	c = classic.publishedFacts().Certificates
	if c.Provider != v1alpha1.ProviderClassic || c.From != "easyrsa" || !slices.Equal(c.Unused, []string{"self-signed-certificates"}) {
		t.Errorf("published: %+v", c)
	}
	if !slices.Equal(standing, classic.asked()) {
		t.Error("what it was asked is taken back, which would make it unknown again")
	}
	if strings.Contains(c.OfferedCA, classic.ca.PEM) {
		t.Error("its authority is offered with the one in use")
	}
}

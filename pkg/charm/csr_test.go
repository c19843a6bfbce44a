package charm_test

import (
	"crypto/ecdsa"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/charm/charmtest"
)

func TestAProviderIsAskedInBothDialectsUntilItSpeaksOne(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	bag := s.juju.Bags["certificates:1 etcd/0"]
	if bag["unit_name"] != "etcd_0" || len(s.asked()) != 2 {
		t.Fatalf("asked with %v", bag)
	}
	s.answer("capabilities", map[string]any{})
	s.hook("certificates-relation-changed")
	for _, key := range []string{"unit_name", "common_name", "sans", "certificate_name"} {
		if _, there := bag[key]; there {
			t.Errorf("a provider of the newer protocol is still asked with %s", key)
		}
	}
	if !strings.Contains(s.juju.Bags["cluster:0 etcd/0"]["facts"], `"provider":"csr"`) {
		t.Error("the dialect is not in the facts")
	}

	classic := newSigner(t)
	classic.hook("certificates-relation-joined")
	classic.relate(classic.ca)
	classic.hook("certificates-relation-changed")
	if len(classic.asked()) != 0 || classic.juju.Bags["certificates:1 etcd/0"]["unit_name"] == "" {
		t.Errorf("a classic provider is asked with %v", classic.juju.Bags["certificates:1 etcd/0"])
	}
}

func TestARequestIsMadeOnceAndItsKeyStaysOnTheMachine(t *testing.T) {
	s := newSigner(t)
	s.answer("capabilities", map[string]any{})
	s.hook("certificates-relation-joined")
	asked := s.asked()
	server := s.read(asked[0])
	if server.Subject.CommonName != "10.0.0.4" || !slices.Contains(server.DNSNames, "node") || len(server.IPAddresses) != 2 {
		t.Errorf("asked for %s, %v, %v", server.Subject, server.DNSNames, server.IPAddresses)
	}
	for range 3 { // whoever approves by hand may take his time
		s.hook("update-status")
	}
	s.sign()
	s.hook("certificates-relation-changed")
	s.machine.last = nil
	s.hook("config-changed")
	if again := s.asked(); !slices.Equal(asked, again) {
		t.Error("what was asked once is asked anew")
	}
	if s.machine.server == nil || s.machine.client == nil || s.machine.leaves == 0 {
		t.Fatal("what was signed is not taken")
	}
	if !slices.Contains(s.machine.server.DNSNames, "node") || s.machine.client.Subject.CommonName != "etcd-0" {
		t.Errorf("server %v, client %s", s.machine.server.DNSNames, s.machine.client.Subject)
	}
	for where, bag := range s.juju.Bags {
		for key, value := range bag {
			if strings.Contains(value, "PRIVATE KEY") {
				t.Errorf("a private key is in %s of %s", key, where)
			}
		}
	}
	info, err := os.Stat(s.machine.dir + "/server.json")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	if info, err := os.Stat(s.machine.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder: %v, %v", info, err)
	}
}

func TestTheRequestOutlivesAHookWhoseChangesAreLost(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	asked := s.asked()
	delete(s.juju.Bags, "certificates:1 etcd/0") // Juju commits nothing of a hook that fails
	s.hook("certificates-relation-joined")
	if !slices.Equal(asked, s.asked()) {
		t.Error("the request is another one the second time")
	}
}

// The request in use stays where the provider sees it until the next one has its answer, and a
// renewal has the same key: the new certificate takes the old one's place by one rename.
func TestACertificateIsRenewedAtTwoThirdsOfItsLife(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	s.sign()
	s.hook("certificates-relation-changed")
	first, old := s.asked(), s.machine.server

	s.clock = old.NotAfter.Add(-11 * 24 * time.Hour) // before two thirds
	s.hook("update-status")
	if !slices.Equal(first, s.asked()) {
		t.Fatal("renewed too early")
	}
	s.clock = old.NotAfter.Add(-9 * 24 * time.Hour)
	s.hook("update-status")
	both := s.asked()
	if len(both) != 4 || !slices.Contains(both, first[0]) || !slices.Contains(both, first[1]) {
		t.Fatalf("%d requests stand while the next ones are not answered", len(both))
	}
	s.hook("update-status")
	if !slices.Equal(both, s.asked()) {
		t.Error("the renewal is asked for more than once")
	}
	proofs := s.machine.proofs
	s.sign()
	s.hook("certificates-relation-changed")
	now := s.asked()
	if len(now) != 2 || slices.Contains(now, first[0]) || slices.Contains(now, first[1]) {
		t.Errorf("%d requests stand after the renewal", len(now))
	}
	if s.machine.server.Equal(old) || !s.machine.server.NotAfter.After(old.NotAfter) {
		t.Error("the old certificate is still in use")
	}
	if !old.PublicKey.(*ecdsa.PublicKey).Equal(s.machine.server.PublicKey) {
		t.Error("the renewed certificate has another key")
	}
	if s.machine.proofs == proofs {
		t.Error("nobody has looked whether etcd serves it")
	}
	s.sign()
	s.hook("certificates-relation-changed")
	if !slices.Equal(now, s.asked()) {
		t.Error("asked again after the renewal")
	}
}

func TestAnotherAddressIsAskedForAndUsed(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	s.sign()
	s.hook("certificates-relation-changed")
	network := `{"bind-addresses":[{"addresses":[{"value":"10.0.0.9"}]}],"ingress-addresses":["10.0.0.9"]}`
	s.juju.Networks = map[string]string{"cluster": network, "db": network}
	s.juju.Public = "10.0.0.9"
	s.hook("config-changed")
	if n := len(s.asked()); n != 3 {
		t.Fatalf("%d requests stand: the old server's, the new one's and the client's are expected", n)
	}
	s.sign()
	s.hook("certificates-relation-changed")
	if len(s.asked()) != 2 || s.machine.server.VerifyHostname("10.0.0.9") != nil {
		t.Errorf("the certificate in use is good for %v", s.machine.server.IPAddresses)
	}
}

func TestAPeersArrivalAsksForNothing(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	s.sign()
	s.hook("certificates-relation-changed")
	before := s.asked()
	s.juju.Members["cluster:0"] = []string{"etcd/1", "etcd/2"}
	s.hook("cluster-relation-joined")
	s.hook("cluster-relation-changed")
	if writes := s.juju.Writes(); len(writes) > 0 || !slices.Equal(before, s.asked()) {
		t.Errorf("a peer's arrival wrote %v", writes)
	}
}

func TestRefusalsRevocationsAndUselessAnswersAreReported(t *testing.T) {
	refuse := func(s *signer) {
		s.answer("request_errors", []map[string]any{{"certificate_signing_request": s.asked()[0],
			"error": map[string]any{"code": 101, "name": "ip_not_allowed", "message": "IP addresses are not allowed."}}})
	}
	tests := []struct {
		name string
		do   func(*signer)
		want string
	}{
		{"refused", refuse, "self-signed-certificates refuses to sign the server certificate: IP addresses are not allowed."},
		{"not a list", func(s *signer) { s.provider()["certificates"] = "{" }, "cannot be read"},
		{"another's key", func(s *signer) {
			cert, _ := s.ca.Issue(now, time.Hour, "10.0.0.4")
			s.answer("certificates", []map[string]any{{"certificate_signing_request": s.asked()[0], "certificate": cert, "ca": s.ca.PEM}})
		}, "The server certificate that self-signed-certificates offers is not one for the unit's key."},
		{"cannot be put in its place", func(s *signer) {
			s.sign()
			s.machine.broken = errors.New("cannot use the server certificate: it is not good for clients")
		}, "Cannot use the server certificate: it is not good for clients."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSigner(t)
			s.hook("certificates-relation-joined")
			asked := s.asked()
			test.do(s)
			s.hook("certificates-relation-changed")
			if got := s.juju.Status["unit"]; got[0] != "blocked" || !strings.Contains(got[1], test.want) {
				t.Errorf("status %q, want %q", got, test.want)
			}
			if !strings.Contains(s.juju.Bags["cluster:0 etcd/0"]["facts"], `"trouble":`) {
				t.Error("the controller does not hear of it")
			}
			if !slices.Equal(asked, s.asked()) {
				t.Error("the request is another")
			}
		})
	}

	s := newSigner(t)
	s.hook("certificates-relation-joined")
	s.sign()
	s.hook("certificates-relation-changed")
	asked := s.asked()
	s.provider()["certificates"] = strings.ReplaceAll(s.provider()["certificates"], `"revoked":false`, `"revoked":true`)
	s.hook("certificates-relation-changed")
	if n := len(s.asked()); n != 4 {
		t.Errorf("%d requests stand after all was revoked", n)
	}
	s.sign()
	s.hook("certificates-relation-changed")
	if again := s.asked(); len(again) != 2 || slices.Contains(asked, again[0]) || s.machine.server == nil {
		t.Errorf("%d requests stand after the revoked ones were replaced", len(again))
	}
}

func TestAProviderThatIsAwayTakesNothingAway(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	s.sign()
	s.hook("certificates-relation-changed")
	server := s.machine.server
	asked := s.asked()
	s.hook("certificates-relation-broken", "JUJU_RELATION_ID=certificates:1")
	delete(s.juju.Relations, "certificates")
	s.hook("update-status")
	if s.machine.server != server {
		t.Error("the certificate on disk has gone with the relation")
	}
	// The same provider, back again, is asked for the same: what it has signed by then still fits.
	s.juju.Relations["certificates"] = []string{"certificates:1"}
	delete(s.juju.Bags, "certificates:1 etcd/0")
	s.hook("certificates-relation-joined")
	if !slices.Equal(asked, s.asked()) {
		t.Error("the request is another when the relation is back")
	}
}

// The key in a file that cannot be read may still be good: it is not replaced, and what was asked
// with it stands.
func TestAKeyThatCannotBeReadIsNotReplaced(t *testing.T) {
	s := newSigner(t)
	s.answer("capabilities", map[string]any{})
	s.hook("certificates-relation-joined")
	asked := s.asked()
	path := s.machine.dir + "/server.json"
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.hook("update-status")
	if text, err := os.ReadFile(path); err != nil || string(text) != "{" {
		t.Errorf("the file has %d bytes now: %v", len(text), err)
	}
	if !slices.Equal(asked, s.asked()) {
		t.Error("the request is withdrawn, or another")
	}
	if got := s.juju.Status["unit"]; got[0] != "blocked" || !strings.Contains(got[1], "is damaged") {
		t.Errorf("status %q", got)
	}
}

// Facts hold nothing that only a moment's look has shown: each change of them runs a hook on every
// peer.
func TestWhatALookHasShownIsInTheStatusAndNotInTheFacts(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	s.sign()
	last := spec()
	last.Service.State, last.Status.Unit.State, last.Status.Unit.Message = "Running", "active", "Healthy with 1 known peer"
	s.machine.last, s.machine.view = &last, charmtest.Healthy()
	s.machine.own = s.machine.view.Health["https://10.0.0.4:2379"]
	s.machine.unserved = errors.New("cannot take the new server certificate for served: it shows serial 1")
	s.hook("update-status")
	if got := s.juju.Status["unit"]; !strings.Contains(got[1], "shows serial 1") {
		t.Errorf("status %q", got)
	}
	if facts := s.juju.Bags["cluster:0 etcd/0"]["facts"]; strings.Contains(facts, "serial 1") {
		t.Errorf("facts %s", facts)
	}
}

// Peers that are refused are looked for when there is time for it, and what was seen stays reported
// until the next look.
func TestRefusedPeersAreReportedByUpdateStatus(t *testing.T) {
	s := newSigner(t)
	s.machine.refused = []string{"10.9.0.2"}
	s.hook("certificates-relation-joined")
	if len(s.publishedFacts().Refused) > 0 {
		t.Error("every hook looks into etcd's log")
	}
	s.hook("update-status")
	s.machine.refused = nil
	s.hook("config-changed")
	if got := s.publishedFacts().Refused; !slices.Equal(got, []string{"10.9.0.2"}) {
		t.Errorf("reported: %v", got)
	}
	s.hook("update-status")
	if got := s.publishedFacts().Refused; len(got) > 0 {
		t.Errorf("still reported: %v", got)
	}
}

package charm_test

import (
	"net"
	"slices"
	"strings"
	"testing"
)

// A name beside those that are needed is not worth a certificate: where the provider refuses it,
// one is asked for without, once, and the unit says so; at the next renewal, and with other such
// names, it is asked for again.
func TestARefusedExtraNameFallsBackToTheNeededOnes(t *testing.T) {
	s := newSigner(t)
	last := spec()
	last.TLS.ExtraSANs = []string{"10.9.0.2"}
	s.machine.last = &last
	s.hook("certificates-relation-joined")
	refused := s.asked()[0]
	if names := s.read(refused).IPAddresses; !slices.ContainsFunc(names, func(ip net.IP) bool { return ip.String() == "10.9.0.2" }) {
		t.Fatalf("asked for %v", names)
	}
	s.answer("request_errors", []map[string]any{{"certificate_signing_request": refused,
		"error": map[string]any{"name": "ip_not_allowed", "message": "10.9.0.2 is not of this network."}}})
	s.hook("certificates-relation-changed")
	fallback := s.asked()[0]
	if names := s.read(fallback).IPAddresses; fallback == refused || slices.ContainsFunc(names, func(ip net.IP) bool { return ip.String() == "10.9.0.2" }) {
		t.Fatalf("after the refusal asked for %v", names)
	}
	s.answer("request_errors", []map[string]any{})
	for range 3 {
		s.hook("update-status")
		if s.asked()[0] != fallback {
			t.Fatal("it is asked for again and again")
		}
	}
	const want = "The certificate authority refuses to sign a server certificate that is good for 10.9.0.2, too " +
		"(10.9.0.2 is not of this network): it was asked for one without."
	if trouble := s.publishedFacts().Certificates.Trouble; trouble != want {
		t.Errorf("reported: %q", trouble)
	}
	s.sign()
	s.hook("certificates-relation-changed")
	if s.machine.server == nil {
		t.Fatal("the certificate with the needed names is not taken")
	}
	// Other names are another question.
	last.TLS.ExtraSANs = []string{"10.9.0.2", "10.9.0.3"}
	s.hook("config-changed")
	if n := len(s.asked()); n != 3 || strings.Contains(s.publishedFacts().Certificates.Trouble, "without") {
		t.Errorf("%d requests stand, and it says %q", n, s.publishedFacts().Certificates.Trouble)
	}
}

// A request without extra names that is refused is not asked for in other ways.
func TestARefusalOfNeededNamesIsNoMatterOfExtraOnes(t *testing.T) {
	s := newSigner(t)
	s.hook("certificates-relation-joined")
	asked := s.asked()
	s.answer("request_errors", []map[string]any{{"certificate_signing_request": asked[0], "error": map[string]any{"message": "No."}}})
	for range 2 {
		s.hook("certificates-relation-changed")
	}
	if !slices.Equal(asked, s.asked()) || !strings.Contains(s.publishedFacts().Certificates.Trouble, "refuses to sign the server certificate: No.") {
		t.Errorf("reported: %q", s.publishedFacts().Certificates.Trouble)
	}
}

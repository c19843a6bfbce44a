package charm_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/printable"
)

// What a provider answers reaches no hook tool as it stands: neither a NUL, which no argument may have, nor 200 kB, nor what moves a
// terminal's cursor keeps a delivery from being carried out.
func TestAProvidersWordsAreCleanedAndCapped(t *testing.T) {
	for name, words := range map[string]string{
		"NUL":      "no\x00 addresses",
		"200 kB":   strings.Repeat("no addresses ", 16000),
		"escapes":  "\x1b]0;owned\x07no\x1b[2J addresses\u202e",
		"lines":    "no addresses\n\nblocked: etcd/1 is down",
		"no UTF-8": "no addresses \xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSigner(t)
			s.hook("certificates-relation-joined")
			s.answer("request_errors", []map[string]any{{"certificate_signing_request": s.asked()[0],
				"error": map[string]any{"code": 101, "name": "ip_not_allowed", "message": words}}})
			s.hook("certificates-relation-changed")
			got := s.juju.Status["unit"]
			if got[0] != "blocked" || !strings.Contains(got[1], "refuses to sign the server certificate: no addresses") || !printable.Fit(got[1]) ||
				len(got[1]) > printable.Status {
				t.Errorf("status %.300q", got)
			}
			if status := s.reconcile(spec()); status.Outcome != v1alpha1.OutcomeApplied {
				t.Errorf("%s: %s", status.Outcome, status.Message)
			}
			if facts := s.juju.Bags["cluster:0 etcd/0"]["facts"]; len(facts) > 10000 {
				t.Errorf("%d bytes of facts", len(facts))
			}
		})
	}
}

// The result of a delivery may be longer than an argument of a hook tool: here a chain of many certificates is in it.
func TestAResultOfAnyLengthArrives(t *testing.T) {
	b := newBench(t)
	ca := charmtest.NewAuthority(t, "ca")
	b.relate(ca)
	var chain strings.Builder
	for chain.Len() < 200<<10 {
		cert, _ := ca.Issue(now.Add(-time.Hour), 24*time.Hour, "intermediate")
		chain.WriteString(cert)
	}
	b.juju.Bags["certificates:1 easyrsa/0"]["chain"] = chain.String()
	status := b.reconcile(spec())
	if status.Outcome != v1alpha1.OutcomeApplied || status.Facts == nil {
		t.Errorf("%+v", status)
	}
	if _, set := b.juju.Results["status"]; !set && b.out.Len() < 100<<10 {
		t.Errorf("neither set nor printed: %d bytes", b.out.Len())
	}
	long := strings.Repeat("x", 300<<10)
	b.machine.facts.Snap = &v1alpha1.SnapFacts{Version: long}
	if status := b.reconcile(spec()); status.Facts == nil || status.Facts.Snap == nil || status.Facts.Snap.Version != long {
		t.Errorf("%.300s", status.Message)
	}
	if _, set := b.juju.Results["status"]; set || b.out.Len() < 300<<10 {
		t.Errorf("set: %t, %d bytes printed", set, b.out.Len())
	}
}

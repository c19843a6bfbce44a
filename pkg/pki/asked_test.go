package pki_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/pki"
)

func ask(t *testing.T, a pki.Asked, names ...string) pki.Asked {
	t.Helper()
	a, err := a.Ask(pki.Subject{CommonName: "10.0.0.4", Names: names})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEveryRequestIsMadeWithTheOneKey(t *testing.T) {
	first := ask(t, pki.Asked{}, "10.0.0.4", "fd00::4", "node")
	if names := pki.NamesIn(first.Next); !slices.Equal(names, []string{"node", "10.0.0.4", "fd00::4"}) {
		t.Errorf("asked for %v", names)
	}
	second := ask(t, first.Answered(), "10.0.0.9")
	if second.Key != first.Key || second.Current != first.Next || len(second.Standing()) != 2 || second.Newest() != second.Next {
		t.Error("the second request is not one more with the same key")
	}
	third := ask(t, second, "10.0.0.10")
	if third.Current != first.Next || len(third.Standing()) != 2 || third.Next == second.Next {
		t.Error("a request without an answer is not replaced")
	}
	if done := third.Answered(); done.Next != "" || done.Current != third.Next || len(done.Standing()) != 1 {
		t.Error("an answered request does not take the place of the one before")
	}
}

func TestARequestAsksForBothEndsOfAConnection(t *testing.T) {
	block, _ := pem.Decode([]byte(ask(t, pki.Asked{}, "node").Next))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range csr.Extensions {
		found = found || e.Id.String() == "2.5.29.37" && len(e.Value) > 0
	}
	if !found {
		t.Error("the request has no extended key usage")
	}
}

func TestNothingThatIsPrintedHoldsTheKey(t *testing.T) {
	a := ask(t, pki.Asked{}, "node")
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%v %+v %#v %s", a, a, a, a)} {
		if strings.Contains(text, "PRIVATE") || strings.Contains(text, "BEGIN") {
			t.Errorf("printed as %s", text)
		}
	}
}

package requests_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/requests"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

func ask(t *testing.T, a requests.Asked, names ...string) requests.Asked {
	t.Helper()
	a, err := a.Ask(requests.Subject{CommonName: "10.0.0.4", Names: names})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEveryRequestIsMadeWithTheOneKey(t *testing.T) {
	first := ask(t, requests.Asked{}, "10.0.0.4", "fd00::4", "node")
	if names := requests.NamesIn(first.Next); !slices.Equal(names, []string{"node", "10.0.0.4", "fd00::4"}) {
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
	block, _ := pem.Decode([]byte(ask(t, requests.Asked{}, "node").Next))
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
	a := ask(t, requests.Asked{}, "node")
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%v %+v %#v %s", a, a, a, a)} {
		if strings.Contains(text, "PRIVATE") || strings.Contains(text, "BEGIN") {
			t.Errorf("printed as %s", text)
		}
	}
}

func TestWhatIsAskedIsKeptWholeForRootOnly(t *testing.T) {
	store := requests.Store{Dir: filepath.Join(t.TempDir(), "a", "requests"), Disk: &durable.Disk{}}
	if a, err := store.Load(tlsfiles.Server); err != nil || a != (requests.Asked{}) {
		t.Fatalf("nothing was asked, and %v, %v", a, err)
	}
	want := ask(t, requests.Asked{}, "node")
	if err := store.Save(tlsfiles.Server, want); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Load(tlsfiles.Server); err != nil || got != want {
		t.Fatalf("another one is read: %v", err)
	}
	path := filepath.Join(store.Dir, "server.json")
	for path, mode := range map[string]os.FileMode{path: 0o600, store.Dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if err := os.WriteFile(path, []byte(`{"key":"-----BEGIN PRIVATE KEY-----`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(tlsfiles.Server); err == nil || strings.Contains(err.Error(), "BEGIN") {
		t.Errorf("a damaged file is read, or told: %v", err)
	}
}

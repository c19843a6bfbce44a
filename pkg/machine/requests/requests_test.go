package requests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/requests"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/signing"
)

func TestWhatIsAskedIsKeptWholeForRootOnly(t *testing.T) {
	store := requests.Store{Dir: filepath.Join(t.TempDir(), "a", "requests"), Disk: &durable.Disk{}}
	if a, err := store.Load(tlsfiles.Server); err != nil || a != (signing.Asked{}) {
		t.Fatalf("nothing was asked, and %v, %v", a, err)
	}
	want, err := signing.Asked{}.Ask(signing.Subject{CommonName: "10.0.0.4", Names: []string{"node"}})
	if err != nil {
		t.Fatal(err)
	}
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

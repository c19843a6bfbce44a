package requests_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/requests"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

func TestWhatIsAskedIsKeptWholeForRootOnly(t *testing.T) {
	store := requests.Store{Dir: filepath.Join(t.TempDir(), "a", "requests"), Disk: &durable.Disk{}}
	if a, err := store.Load(tlsfiles.Server); err != nil || a != (pki.Asked{}) {
		t.Fatalf("nothing was asked, and %v, %v", a, err)
	}
	want, err := pki.Asked{}.Ask(pki.Subject{CommonName: "10.0.0.4", Names: []string{"node"}})
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
		t.Errorf("a damaged file is read, or reported: %v", err)
	}
}

func TestWhatIsNotAskedAnyMoreIsRemovedWithItsKey(t *testing.T) {
	store := requests.Store{Dir: filepath.Join(t.TempDir(), "requests"), Disk: &durable.Disk{}}
	if names, err := store.Names(); err != nil || len(names) != 0 {
		t.Fatalf("nothing was asked, and %v, %v", names, err)
	}
	for _, name := range []tlsfiles.Name{"db-kube-2", tlsfiles.Server} {
		asked, err := pki.Asked{}.Ask(pki.Subject{CommonName: "x"})
		if err == nil {
			err = store.Save(name, asked)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if names, err := store.Names(); err != nil || !slices.Equal(names, []tlsfiles.Name{"db-kube-2", tlsfiles.Server}) {
		t.Errorf("%v, %v", names, err)
	}
	if err := os.WriteFile(filepath.Join(store.Dir, "db-kube-2.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.Remove("db-kube-2"); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(store.Dir); err != nil || len(entries) != 1 || entries[0].Name() != "server.json" {
		t.Errorf("left: %v, %v", entries, err)
	}
}

package snapshot_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/snapshot"
)

// FuzzInspect: whatever a file holds, it is refused with a sentence or it can be extracted, and
// nothing else is written.
func FuzzInspect(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("age-encryption.org/v1\n-> X25519 "))
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "x")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := snapshot.Inspect(t.Context(), path, "")
		if all := listed(t, dir); len(all) != 1 {
			t.Fatalf("there is %q", all)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "cannot use ") {
				t.Fatalf("%v", err)
			}
			return
		}
		if a.Form == snapshot.FormV2 {
			return
		}
		if a.Encrypted { // to nobody whom we know
			_, identity := pair(t)
			if _, err := snapshot.Prove(t.Context(), path, "", dir, identity); err == nil || !strings.HasPrefix(err.Error(), "cannot use ") {
				t.Fatalf("%v", err)
			}
			return
		}
		if err := a.Extract(t.Context(), filepath.Join(dir, "y")); err != nil {
			t.Fatal(err)
		}
	})
}

// seeds are small archives of each form.
func seeds(t testing.TB) [][]byte {
	empty := emptyDatabase(t)
	return [][]byte{
		empty,
		tarGz(t, entry{name: "./db", data: empty}),
		tarGz(t, entry{name: "./origin.json", data: []byte(`{}`)}, entry{name: "./db", data: empty}),
		tarGz(t, entry{name: "./member/wal/0.wal", data: []byte("x")}),
		plainTar(t, entry{name: "./member/wal/0.wal", data: []byte("x")}, entry{name: "./member/snap/db", data: empty}),
	}
}

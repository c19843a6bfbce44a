package snapshot_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/snapshot"
)

// TestWhatIsVerifiedAndEncryptedIsOpened, where there is an identity: what that does not open, or what is damaged, is not
// verified; and where there is none, it is told that only the bytes were compared.
func TestWhatIsVerifiedAndEncryptedIsOpened(t *testing.T) {
	data := realData(t, "3.6")
	recipient, identity := pair(t)
	_, other := pair(t)
	none := snapshot.Identity{Path: filepath.Join(t.TempDir(), "none"), Name: "the identity"}
	a := sealed(t, data, recipient)
	whole, err := os.ReadFile(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := flipped(whole, len(whole)-1)
	for name, c := range map[string]struct {
		identity            snapshot.Identity
		beside              bool // whether what was written beside it is there
		verified, decrypted bool
		unopened            string
	}{
		"opened":                   {identity, true, true, true, ""},
		"opened, and nothing else": {identity, false, true, true, ""},
		"no identity":              {none, true, true, false, "it is encrypted, and the identity is not there"},
		"no identity, and nothing": {none, false, false, false, "it is encrypted, and the identity is not there"},
		"another one":              {other, true, false, false, "to none of the identities"},
	} {
		t.Run(name, func(t *testing.T) {
			if !c.beside {
				for _, suffix := range []string{snapshot.StoredSuffix, snapshot.StatedSuffix} {
					path := a.Path + suffix
					if err := os.Rename(path, path+".away"); err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = os.Rename(path+".away", path) })
				}
			}
			list, err := snapshot.List(t.Context(), filepath.Dir(a.Path), true, c.identity)
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			l := list[0]
			if l.Verified != c.verified || l.Decrypted != c.decrypted || (l.Unopened == "") != (c.unopened == "") || !strings.Contains(l.Unopened, c.unopened) ||
				l.Fault != "" || l.SHA256 != a.SHA256 || (c.beside || c.decrypted) && l.Revision != data.revision {
				t.Errorf("%s", asJSON(t, l))
			}
			opened := snapshot.Listed{Verified: c.beside}
			opened.Opened(c.identity.Opens(bytes.NewReader(whole)))
			if opened.Verified != c.verified || opened.Decrypted != c.decrypted || opened.Unopened != l.Unopened || opened.Fault != "" {
				t.Errorf("as a stream: %s", asJSON(t, opened))
			}
		})
	}
	l := snapshot.Listed{Path: "s3://x", Verified: true}
	if l.Opened(identity.Opens(bytes.NewReader(damaged))); l.Verified || l.Decrypted || !strings.Contains(l.Fault, "cannot use s3://x: it is damaged or cut short") {
		t.Errorf("%s", asJSON(t, l))
	}
	dir := filepath.Dir(file(t, "x.tar.gz.age", damaged))
	if list, err := snapshot.List(t.Context(), dir, true, identity); err != nil || list[0].Verified || !strings.Contains(list[0].Fault, "it is damaged or cut short") {
		t.Errorf("%+v, %v", list, err)
	}
}

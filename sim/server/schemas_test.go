package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Schemas are the facades of a release as the Juju repository describes them. They are not in the
// checkout but in a folder shared, beside it or a level above.
func Schemas(t *testing.T, release string) []byte {
	t.Helper()
	for _, above := range []string{"../../..", "../../../.."} {
		text, err := os.ReadFile(filepath.Join(above, "shared", "schemas", "juju-"+release+".json"))
		if err == nil {
			return text
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	t.Skipf("THE SCHEMA CHECK DID NOT RUN: there is no shared/schemas/juju-%s.json beside the checkout.", release)
	return nil
}

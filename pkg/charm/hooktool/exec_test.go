package hooktool_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/charm/hooktool"
)

// tool puts a program of that name first on PATH.
func tool(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil { // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// A databag of any size is read to its end, and left out: what somebody else writes makes no hook fail.
func TestADatabagThatIsTooLargeIsLeftOut(t *testing.T) {
	tools := hooktool.New(hooktool.Exec{})
	for name, size := range map[string]string{"2 MB": "2000000", "25 MB": "25000000"} {
		tool(t, "relation-get", `printf '{"ca":"'; head -c `+size+` /dev/zero | tr '\0' x; printf '"}'`)
		if bag, err := tools.Relation(t.Context(), "db:1", "evil/0"); err != nil || len(bag) > 0 {
			t.Errorf("%s: %v, %d keys", name, err, len(bag))
		}
		if bag, err := tools.ApplicationRelation(t.Context(), "db:1", "evil"); err != nil || len(bag) > 0 {
			t.Errorf("%s of the application: %v, %d keys", name, err, len(bag))
		}
	}
	tool(t, "relation-get", `printf '{"ca":"'; head -c 500000 /dev/zero | tr '\0' x; printf '"}'`)
	if bag, err := tools.Relation(t.Context(), "db:1", "good/0"); err != nil || len(bag["ca"]) != 500000 {
		t.Errorf("500 kB: %v, %d bytes", err, len(bag["ca"]))
	}
	tool(t, "relation-get", "head -c 20000000 /dev/zero | tr '\\0' x >&2; exit 1")
	if _, err := tools.Relation(t.Context(), "db:1", "good/0"); err == nil || len(err.Error()) > 10000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func TestAResultThatNoArgumentHoldsIsRefusedInWords(t *testing.T) {
	tool(t, "action-set", "exit 0")
	tools := hooktool.New(hooktool.Exec{})
	if err := tools.SetActionResult(t.Context(), "status", strings.Repeat("x", 90<<10)+"\x00"); err != nil {
		t.Error(err)
	}
	if err := tools.SetActionResult(t.Context(), "status", strings.Repeat("x", 200<<10)); !errors.Is(err, hooktool.ErrTooLong) {
		t.Errorf("error %v", err)
	}
}

// Package mutation takes guards out of a package's source, one at a time, and expects the package's other tests to fail: a guard that
// no test misses is either no guard or not tested.
//
// # Use
//
//	type guard mutation.Guard
//
//	func TestEveryGuardMutationIsCaught(t *testing.T) {
//		mutation.Test(t, []guard{
//			{"the quorum", "quorum.go", "left >= Quorum(voters)", "true", "TestNoGuard"},
//		})
//	}
//
// # Guarantees
//
//   - The text of a guard must be in its file exactly once: one that has moved or changed fails, and is never passed over.
//   - The source is not touched: the mutant is built through an overlay.
//   - A mutant that does not build, or whose tests do not run, is a failure, and no guard that was missed.
//
// Each guard costs a build of the package's tests (two to four seconds of one core), and the tests that it names.
package mutation

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Guard is one guard, and what stands in its place when it is taken out.
type Guard struct {
	Name string
	// File is in the folder of the package that is tested. Old stands there once, and New is put in its place.
	File, Old, New string
	// Run are the tests that miss the guard, as a pattern of go test; empty means all.
	Run string
}

// inMutant is set in the environment of a mutant's own tests, which test no mutants in turn.
const inMutant = "JUJUETCD_MUTANT"

// Running says that this process runs the tests of a mutant.
func Running() bool { return os.Getenv(inMutant) != "" }

// guard is Guard under a name of the package's own: the rows of its table then need no names of fields.
type guard interface {
	~struct{ Name, File, Old, New, Run string }
}

// Test tests one mutant for each guard; with -short none, as that is for who changes a package.
func Test[G guard](t *testing.T, guards []G) {
	t.Helper()
	if Running() || testing.Short() {
		return
	}
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, row := range guards {
		g := Guard(row)
		if names[g.Name] {
			t.Errorf("two guards are called %q", g.Name)
		}
		names[g.Name] = true
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			g.missed(t, folder)
		})
	}
}

// missed builds the package without the guard, and runs its tests.
func (g Guard) missed(t *testing.T, folder string) {
	path := filepath.Join(folder, g.File)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), g.Old); n != 1 || g.Old == g.New {
		t.Fatalf("%s holds the guard %d times, and it must be there once, and change: %s", g.File, n, g.Old)
	}
	temp := t.TempDir()
	mutant := filepath.Join(temp, filepath.Base(g.File))
	write(t, mutant, []byte(strings.Replace(string(source), g.Old, g.New, 1)))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(temp, "overlay.json"), overlay)
	// Without symbols and debugging information a mutant links in two thirds of the time.
	args := []string{"test", "-overlay", filepath.Join(temp, "overlay.json"), "-vet=off", "-ldflags=-s -w", "-count=1", "-failfast", "-timeout=90s"}
	if g.Run != "" {
		args = append(args, "-run="+g.Run)
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, ".")...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), inMutant+"=1")
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		t.Errorf("nobody misses the guard %q (%s: %s)", g.Name, g.File, g.Old)
	case !strings.Contains(string(out), "--- FAIL"):
		t.Errorf("the mutant could not be tested: %s", out)
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

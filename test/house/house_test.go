// Package house holds the source to its shape: files and functions that are read in one go, types
// that have one business, and packages that know only what is below them. It prints the largest of
// each (go test -v ./test/house).
//
// What is too large is split by concern, so that each part has a name that says what it is. A limit
// is lowered when it can be, and not raised.
package house

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines     = 350
	maxFunctionLines = 80
	// maxMethods is how many methods one type of pkg/reconcile and below it may have.
	maxMethods = 40
)

func TestFilesAreReadInOneGo(t *testing.T) {
	files := product(t)
	largest := slices.MaxFunc(files, func(a, b file) int { return cmp.Compare(a.lines, b.lines) })
	t.Logf("the largest file of %d is %s with %d lines", len(files), largest.path, largest.lines)
	report(t, largeFiles(files))
}

func TestFunctionsAreReadInOneGo(t *testing.T) {
	largest, where, n := function{}, "", 0
	files := product(t)
	for _, f := range files {
		for _, one := range f.functions {
			n++
			if one.lines > largest.lines {
				largest, where = one, f.path
			}
		}
	}
	t.Logf("the longest function of %d is %s in %s with %d lines", n, largest.name, where, largest.lines)
	report(t, longFunctions(files))
}

func TestTypesOfTheLoopsHaveOneBusiness(t *testing.T) {
	methods := methodsOf(product(t), "pkg/reconcile")
	names := slices.SortedFunc(maps.Keys(methods), func(a, b string) int {
		return cmp.Or(cmp.Compare(methods[b], methods[a]), strings.Compare(a, b))
	})
	for _, name := range names[:3] {
		t.Logf("%s has %d methods", name, methods[name])
	}
	report(t, broadTypes(methods))
}

func TestNoImportRunsUp(t *testing.T) {
	of := floorOf(floors)
	faults, arrows := upward(product(t), of)
	t.Logf("%d packages, %d arrows, %d floors", len(of), arrows, len(floors))
	report(t, faults)
	for p := range of {
		if _, err := os.Stat(root + "/" + p); err != nil {
			t.Errorf("%s has a floor and is not there", p)
		}
	}
}

// TestEveryPackageIsOnTheMap: who comes new to the house finds each room in CONTRIBUTING.md.
func TestEveryPackageIsOnTheMap(t *testing.T) {
	text, err := os.ReadFile(root + "/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## The map of the house")
	table, _, _ = strings.Cut(table, "\n## ")
	for p := range floorOf(floors) {
		if !onMap(table, p) {
			t.Errorf("CONTRIBUTING.md does not have %s in its map of the house", p)
		}
	}
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}

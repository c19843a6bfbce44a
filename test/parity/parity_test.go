// Package parity holds docs/reference/parity.md, the comparison with the etcd charm of Canonical Kubernetes, to the truth: every
// option, relation key, status text and file of that charm has a row, and every row names a test that drives it from outside,
// through Juju's verbs or through the relation. A row may say "not yet" instead, with what it waits for, or, where the old charm's
// inside is meant and not its face, "inside", with what stands in its place.
package parity

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	charmfiles "jujuetcd.io/deploy/charm"
)

const page = "../../docs/reference/parity.md"

// outside are the folders whose tests see the product as its users do.
var outside = []string{"../integration", "../e2e"}

// inProse are the sections whose rows are named by us: no test has those names in its text.
var inProse = []string{"Charm", "Behaviour"}

// row is one line of a table of the page.
type row struct {
	line    int
	section string
	// key is what the row is about: the first text in backticks of its first cell.
	key  string
	test string
}

var (
	inBackticks = regexp.MustCompile("`([^`]+)`")
	testName    = regexp.MustCompile("`(Test[A-Za-z0-9_]+)(/[^`]*)?`")
)

// rows are the rows of all tables of the page whose last column is headed "test".
func rows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	section, counted := "", false
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "## "):
			section, counted = strings.TrimPrefix(line, "## "), false
		case !strings.HasPrefix(line, "|"):
			counted = false
		case strings.HasSuffix(line, "| test |"):
			counted = true
		case counted && !strings.HasPrefix(line, "|--"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			r := row{line: i + 1, section: section, test: strings.TrimSpace(cells[len(cells)-1])}
			if m := inBackticks.FindStringSubmatch(cells[0]); m != nil {
				r.key = m[1]
			}
			all = append(all, r)
		}
	}
	return all
}

// tests are the tests in the folders outside, each with the text of the file that it is in.
func tests(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range outside {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("cannot find tests in %s: %v", dir, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range parsed.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
					found[f.Name.Name] = string(text)
				}
			}
		}
	}
	return found
}

// fault says what is wrong with a row; empty if nothing is.
func (r row) fault(tests map[string]string) string {
	if r.key == "" {
		return "its first cell names nothing in backticks"
	}
	for _, instead := range []string{"not yet: ", "inside: "} {
		if strings.HasPrefix(r.test, instead) && len(r.test) > len(instead) {
			return ""
		}
	}
	names := testName.FindAllStringSubmatch(r.test, -1)
	if len(names) == 0 {
		return "it names no test"
	}
	named := slices.Contains(inProse, r.section)
	for _, n := range names {
		source, ok := tests[n[1]]
		if !ok {
			return fmt.Sprintf("there is no test %s in %s", n[1], strings.Join(outside, " or "))
		}
		named = named || strings.Contains(source, r.literal())
	}
	if !named {
		return fmt.Sprintf("no file of its tests says %q", r.literal())
	}
	return ""
}

// literal is the part of a key that a test must have in its file: what comes before the first placeholder, if that is long enough to
// tell, or else the longest part.
func (r row) literal() string {
	parts := regexp.MustCompile(`<[^>]*>|…|\bN\b`).Split(r.key, -1)
	return strings.Trim(slices.MaxFunc(parts, func(a, b string) int { return len(a) - len(b) }), " /")
}

func TestEveryRowNamesATestThatDrivesIt(t *testing.T) {
	known := tests(t)
	all := rows(t)
	if len(all) < 100 {
		t.Fatalf("only %d rows were found: the page, or how it is read, has lost some", len(all))
	}
	seen := map[string]int{}
	for _, r := range all {
		if why := r.fault(known); why != "" {
			t.Errorf("parity.md:%d: %s: %s: %s", r.line, r.section, r.key, why)
		}
		if first, twice := seen[r.section+r.key]; twice {
			t.Errorf("parity.md:%d: %s: %s has a row already, in line %d", r.line, r.section, r.key, first)
		}
		seen[r.section+r.key] = r.line
	}
}

func TestARowWithoutATestIsFound(t *testing.T) {
	known := map[string]string{"TestPort": `w.juju("config", "etcd", "port=2381")`}
	for _, r := range []row{
		{key: "port", test: ""},
		{key: "port", test: "see the code"},
		{key: "port", test: "`TestNowhere`"},
		{key: "management_port", test: "`TestPort`"},
		{key: "port", test: "not yet: "},
		{test: "`TestPort`"},
	} {
		if r.fault(known) == "" {
			t.Errorf("row %+v passes", r)
		}
	}
	for _, r := range []row{
		{key: "port", test: "`TestPort`"},
		{key: "port", test: "`TestPort/port`, and by hand"},
		{key: "channel", test: "not yet: upgrades"},
	} {
		if why := r.fault(known); why != "" {
			t.Errorf("row %+v fails: %s", r, why)
		}
	}
}

// TestEverythingOfTheOldCharmHasARow has what that charm shows to the outside, by section of the page.
func TestEverythingOfTheOldCharmHasARow(t *testing.T) {
	have := map[string][]string{}
	for _, r := range rows(t) {
		have[r.section] = append(have[r.section], r.key)
	}
	for section, keys := range oldCharm {
		if have[section] == nil {
			t.Errorf("parity.md has no section %q with a table that ends in a column test", section)
			continue
		}
		for _, key := range keys {
			if !slices.Contains(have[section], key) {
				t.Errorf("parity.md: section %q has no row for `%s`", section, key)
			}
		}
	}
}

// TestEverythingOfOursHasARow has the options, endpoints and actions that our own charm declares.
func TestEverythingOfOursHasARow(t *testing.T) {
	have := map[string]bool{}
	for _, r := range rows(t) {
		have[r.section+" "+r.key] = true
	}
	declared := func(file, section string, at ...string) {
		text, err := charmfiles.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := yaml.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		for _, key := range at {
			all, _ = all[key].(map[string]any)
		}
		if len(all) == 0 {
			t.Errorf("%s declares nothing at %v", file, at)
		}
		for name := range all {
			if !have[section+" "+name] {
				t.Errorf("parity.md: section %q has no row for `%s` of %s", section, name, file)
			}
		}
	}
	declared("config.yaml", "Options", "options")
	declared("actions.yaml", "Actions")
	for _, role := range []string{"peers", "requires", "provides"} {
		declared("metadata.yaml", "Endpoints", role)
	}
}

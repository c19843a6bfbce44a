package house

import (
	"bytes"
	"go/ast"
	"go/doc/comment"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestExamplesInPackageDocsCompile: who copies an example from a package's doc gets what the
// package has. Names that an example takes for granted, such as ctx, may be missing in it; what
// belongs to a package, and how it is called, may not.
func TestExamplesInPackageDocsCompile(t *testing.T) {
	exports := exported(t)
	n := 0
	for dir, text := range packageDocs(t) {
		for _, code := range goExamples(text) {
			n++
			for _, fault := range compile(code, exports) {
				t.Errorf("the doc of %s: %s, in:\n%s", dir, fault, code)
			}
		}
	}
	t.Logf("%d examples", n)
	if n < 10 {
		t.Errorf("only %d examples were found", n)
	}
}

// TestAnExampleThatDoesNotCompileIsSeen holds the check itself to what it promises.
func TestAnExampleThatDoesNotCompileIsSeen(t *testing.T) {
	exports := exported(t)
	for code, bad := range map[string]bool{
		"step, ok := planner.Next(o)":                       false,
		"step := planner.Nextt(o)":                          true,
		"a, b, c := planner.Next(o)":                        true,
		"if step, ok := planner.Next(o); ok {":              true,
		"s := planner.See(o)\ns.NothingOfTheKind()":         true,
		"s := planner.See(o)\nstep, pending := s.Next()":    false,
		"var o observation.Observation\n_ = o.Applications": true,
	} {
		if faults := compile(code, exports); len(faults) > 0 != bad {
			t.Errorf("%q: %v", code, faults)
		}
	}
}

// exported is, by import path, the file with the export data of each package of ours and of what it
// needs.
func exported(t *testing.T) map[string]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}", "./pkg/...")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			files[name] = file
		}
	}
	return files
}

// packageDocs are the docs of all packages below pkg, by folder.
func packageDocs(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, f := range product(t) {
		if !strings.HasPrefix(f.path, "pkg/") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path.Join(root, f.path), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Doc != nil {
			docs[path.Dir(f.path)] += parsed.Doc.Text()
		}
	}
	return docs
}

// call is what tells Go from a shell's line, a file or a picture: something of a package is called.
var call = regexp.MustCompile(`\b[a-z0-9]+\.[A-Z]\w*\(`)

// goExamples are the code blocks of a doc that are Go.
func goExamples(text string) (all []string) {
	for _, block := range new(comment.Parser).Parse(text).Content {
		if code, ok := block.(*comment.Code); ok && call.MatchString(code.Text) {
			all = append(all, code.Text)
		}
	}
	return all
}

// compile tells what is wrong with an example.
func compile(code string, exports map[string]string) (faults []string) {
	fset := token.NewFileSet()
	head := "package example\n" + importsFor(code, exports)
	code = elision.ReplaceAllString(code, "$2")
	file, err := parser.ParseFile(fset, "example.go", head+"\nfunc _() {\n"+code+"\n}\n", parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	config := types.Config{
		Importer: importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) {
			data, err := os.ReadFile(exports[name])
			return io.NopCloser(bytes.NewReader(data)), err
		}),
		Error: func(err error) {
			if text := err.Error(); !forGranted.MatchString(text) {
				faults = append(faults, text)
			}
		},
	}
	_, _ = config.Check("example", fset, []*ast.File{file}, nil) // its error is the first of those that were told already
	return faults
}

// elision is what stands for code that an example leaves out.
var elision = regexp.MustCompile(`(?m)(,\s*|([{(])\s*|^\s*)(\.\.\.|…)`)

// forGranted is what an example may leave out: variables that it only names, or only declares, and
// the function around it.
var forGranted = regexp.MustCompile(`undefined: [a-z]\w*$|declared and not used|imported and not used|too many return values`)

// importsFor imports all packages that the code calls by their last name.
func importsFor(code string, exports map[string]string) string {
	var b strings.Builder
	for name := range exports {
		own := strings.HasPrefix(name, module) || !strings.Contains(name, ".") && !strings.Contains(name, "internal/") && !strings.HasPrefix(name, "vendor/")
		if own && regexp.MustCompile(`(^|[^.\w])`+regexp.QuoteMeta(path.Base(name))+`\.[A-Z]`).MatchString(code) && path.Base(name) != "rand" {
			b.WriteString("import \"" + name + "\"\n")
		}
	}
	return b.String()
}

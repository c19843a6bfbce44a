package statuswords

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// any stands for what is put in: a verb of a format, or an operand that is no text.
const any = "…"

// scope is a package whose sentences come into juju status.
type scope struct {
	dir string
	// but are files, functions, calls and variables whose texts do not.
	but []string
	// only, if set, are the calls and types whose texts do, and whole files of such texts; all
	// others do not.
	only []string
}

// scopes are where sentences are made. A package that is not here makes none of its own.
var scopes = []scope{
	{dir: "pkg/etcdops", but: []string{
		// Errors of calls to etcd: they are put at the end of sentences that are listed.
		"change.go", "change_addlearner.go", "change_moveleader.go", "change_peerurl.go", "change_promote.go", "change_remove.go",
		"change_touch.go", "change_disarm.go", "compact.go", "snapshot.go", "v2keys.go", "members.go", "handshake.go", "pool.go", "errors.go", "ParseMemberID", "ParseClusterID",
		"StopCost", "DefragmentCost", // what a dry run says of a step
		"Defragment", // an error of a call to etcd
		"subject", "healthPrefixes", "troublePrefixes", "authorityPrefixes",
	}},
	{dir: "pkg/reconcile/planner", but: []string{
		"status.go", "procedure_status.go", // conditions and procedures, which jujuetcd get and describe show
		"change.go",    // verbs, which sentences have in them
		"scheduled.go", // why a snapshot is taken, and a condition
		"rehearsal.go", // why a drill is done, and a condition
		"step.go",      // names of steps, which sentences have in them
		"verb", "note", "noteAside", "noteWithout", "endpointOf",
		// Why a step of a procedure is taken, and why a request leads to nothing: the plan and the
		// events say it.
		"journalStep", "raise", "rollingRestart", "defragmentation", "dismissed", "unheeded", "snapshotFirst", "beginRotation", "rotationMayGoBack",
	}},
	{dir: "pkg/reconcile/options", but: []string{"options.go"}}, // what an option must be: docs/reference/options.md
	{dir: "pkg/charm", only: []string{
		"show", "Words", "StatusText", "Notice", "status.go",
	}},
	{dir: "pkg/charm/certificates", only: []string{"trouble", "say", "unusable", "csr.go", "source.go", "reading.go"}},
	{dir: "pkg/machine", only: errorsOf, but: []string{
		// Said in answers to the daemon and in logs.
		"ops.go", "checks.go", "shell.go", "proof.go",
		"handout.go", "maintain.go", "debug.go", "snapshot.go", "snapshot_v2.go", "restore.go", "restore_v2.go", "restore_resume.go", "backup.go", "StageRestore", "DropStaged", "FetchStored", // said by actions
		"Validate", "admitWords", // the end of: cannot apply the spec
	}},
	{dir: "pkg/snapshot/store", only: []string{"fault.go", "credentials.go", "store.go", "put.go", "prune.go", "relation.go"}, but: []string{"folder"}},
	{dir: "pkg/charm/hooktool", only: []string{"secret.go"}, but: []string{"secretURI", "secretGone", "MatchString"}},
	{dir: "pkg/snapshot", only: []string{"sealed.go", "identity.go"}, but: []string{"sealedMagic", "SealedSuffix", "errSealed"}},
	{dir: "pkg/machine/datadir", only: errorsOf, but: []string{"readMetadata", "parseMetadata"}},
	{dir: "pkg/machine/durable", only: errorsOf},
	{dir: "pkg/machine/etcdconf", only: errorsOf, but: []string{"validate.go", "check.go"}}, // the end of: cannot apply the spec
	{dir: "pkg/machine/owner", only: errorsOf},
	{dir: "pkg/machine/record", only: errorsOf},
	{dir: "pkg/machine/requests", only: errorsOf},
	{dir: "pkg/machine/service", only: errorsOf},
	{dir: "pkg/machine/snapd", only: errorsOf},
	{dir: "pkg/machine/tlsfiles", only: append([]string{"chain.go"}, errorsOf...)},
}

// errorsOf make the errors of a unit's machine, which its status shows while it is prepared.
var errorsOf = []string{"Errorf", "New", "refuse", "fault", "failed", "inProgress", "trouble", "StatusText", "Words"}

// silent are calls whose texts are nobody's words: logs, comparisons, what joins texts.
var silent = []string{
	"Info", "Error", "panic", "Contains", "ContainsAny", "Cut", "HasPrefix", "HasSuffix", "TrimPrefix", "TrimRight", "ReplaceAll",
	"Format", "did", "Is",
}

// sentence is one that the code can say.
type sentence struct {
	text     string
	at       string
	function string
	pattern  *regexp.Regexp
}

func (s sentence) says(text string) bool { return s.pattern.MatchString(text) }

// weight is how much of the sentence is fixed.
func (s sentence) weight() int { return len(strings.ReplaceAll(s.text, any, "")) }

// sentences are all that the code can say, each text once.
func sentences(t *testing.T) []sentence {
	t.Helper()
	var all []sentence
	for _, s := range scopes {
		files, err := filepath.Glob(filepath.Join("../..", s.dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s: %v", s.dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || slices.Contains(s.but, filepath.Base(file)) {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range walk(t, filepath.Join(s.dir, filepath.Base(file)), string(source), s) {
				if !slices.ContainsFunc(all, func(have sentence) bool { return have.text == found.text }) {
					all = append(all, found)
				}
			}
		}
	}
	return all
}

// walker goes through one file.
type walker struct {
	scope
	name     string
	files    *token.FileSet
	function string
	found    []sentence
}

func walk(t *testing.T, name, source string, s scope) []sentence {
	t.Helper()
	w := &walker{scope: s, name: name, files: token.NewFileSet()}
	file, err := parser.ParseFile(w.files, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	whole := len(s.only) == 0 || slices.Contains(s.only, filepath.Base(name))
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			w.function = d.Name.Name
			if d.Body != nil && !slices.Contains(s.but, w.function) {
				w.visit(d.Body, whole)
			}
		case *ast.GenDecl:
			w.function = "file scope"
			w.declared(d, whole)
		}
	}
	return w.found
}

// declared visits constants and variables. A constant of the type Fault is a word of its own,
// however short.
func (w *walker) declared(d *ast.GenDecl, counts bool) {
	for _, spec := range d.Specs {
		values, ok := spec.(*ast.ValueSpec)
		if !ok || slices.Contains(w.but, values.Names[0].Name) {
			continue
		}
		named, _ := values.Type.(*ast.Ident)
		for _, v := range values.Values {
			if text, ok := textOf(v); ok && text != "" && named != nil && named.Name == "Fault" {
				w.add(v, text)
				continue
			}
			w.visit(v, counts)
		}
	}
}

// visit collects the texts below a node; counts says that they come into a status.
func (w *walker) visit(n ast.Node, counts bool) {
	ast.Inspect(n, func(m ast.Node) bool {
		switch x := m.(type) {
		case *ast.CaseClause:
			for _, s := range x.Body {
				w.visit(s, counts)
			}
			return false
		case *ast.KeyValueExpr: // {name: "…"} names a check
			if key, ok := x.Key.(*ast.Ident); ok && key.Name == "name" {
				return false
			}
			w.visit(x.Value, counts)
			return false
		case *ast.CallExpr:
			name := lastName(x.Fun)
			if slices.Contains(silent, name) || name == "Join" && isStrings(x.Fun) || slices.Contains(w.but, name) {
				return false
			}
			w.visit(x.Fun, counts)
			for _, a := range x.Args {
				w.visit(a, counts || slices.Contains(w.only, name))
			}
			return false
		case *ast.CompositeLit:
			for _, e := range x.Elts {
				w.visit(e, counts || slices.Contains(w.only, lastName(x.Type)))
			}
			return false
		case *ast.BinaryExpr:
			if x.Op != token.ADD {
				return x.Op == token.LAND || x.Op == token.LOR
			}
		}
		e, ok := m.(ast.Expr)
		if !ok {
			return true
		}
		text, ok := textOf(e)
		if !ok {
			return true
		}
		if counts && strings.Contains(strings.TrimSpace(text), " ") && len(words.FindAllString(verbs.ReplaceAllString(text, any), -1)) >= 2 {
			w.add(e, text)
		}
		w.operands(e, counts)
		return false
	})
}

// operands visits what is put together with texts: calls have texts of their own.
func (w *walker) operands(e ast.Expr, counts bool) {
	if sum, ok := e.(*ast.BinaryExpr); ok {
		for _, side := range []ast.Expr{sum.X, sum.Y} {
			if _, ok := textOf(side); !ok {
				w.visit(side, counts)
			} else {
				w.operands(side, counts)
			}
		}
	}
}

var (
	verbs = regexp.MustCompile(`%[-+# 0]*(\[\d+\])?[0-9.*]*[a-zA-Z]`)
	words = regexp.MustCompile(`\pL{2,}`)
)

func (w *walker) add(e ast.Expr, text string) {
	text = strings.TrimSpace(strings.ReplaceAll(verbs.ReplaceAllString(text, any), "%%", "%"))
	parts := strings.Split(text, any)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	w.found = append(w.found, sentence{
		text: text, at: fmt.Sprintf("%s:%d", w.name, w.files.Position(e.Pos()).Line), function: w.function,
		pattern: regexp.MustCompile("^" + strings.Join(parts, ".*") + "$"),
	})
}

// textOf is the text of a literal, or of a sum with one; what is no text in it is put in when the
// program runs.
func textOf(e ast.Expr) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			text, err := strconv.Unquote(x.Value)
			return text, err == nil
		}
	case *ast.ParenExpr:
		return textOf(x.X)
	case *ast.BinaryExpr:
		if x.Op != token.ADD {
			return "", false
		}
		left, isLeft := textOf(x.X)
		right, isRight := textOf(x.Y)
		if !isLeft {
			left = any
		}
		if !isRight {
			right = any
		}
		return left + right, isLeft || isRight
	}
	return "", false
}

// isStrings tells strings.Join from errors.Join, which has sentences.
func isStrings(e ast.Expr) bool {
	selector, ok := e.(*ast.SelectorExpr)
	return ok && lastName(selector.X) == "strings"
}

func lastName(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

package server

import (
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// requests are the types of all parameters, by method.
func requests() map[string]reflect.Type {
	all := map[string]reflect.Type{"Admin.Login": reflect.TypeFor[wire.LoginRequest]()}
	for facade, methods := range facades {
		for name, m := range methods {
			all[facade+"."+name] = m.run.params
		}
	}
	return all
}

// TestEveryFieldOfARequestIsReadOrListed: a parameter that has a field is not refused, so that some
// line has to read it, or the list has to say why none does.
func TestEveryFieldOfARequestIsReadOrListed(t *testing.T) {
	read := fieldsRead(t)
	for name, known := range requests() {
		fields := map[string]string{}
		eachField(known, "", func(path, field string) { fields[path] = field })
		for path, field := range fields {
			if _, listed := unread[name][path]; listed == read[field] {
				t.Errorf("%s: parameter %s: listed as unread: %t, read: %t", name, path, listed, read[field])
			}
		}
	}
	for name := range unread {
		if requests()[name] == nil {
			t.Errorf("%s is listed, and not served", name)
		}
	}
}

// eachField names the fields below a type, by their paths on the wire.
func eachField(known reflect.Type, path string, seen func(path, field string)) {
	switch known.Kind() {
	case reflect.Pointer, reflect.Slice:
		eachField(known.Elem(), path, seen)
	case reflect.Map:
		eachField(known.Elem(), join(path, "*"), seen)
	case reflect.Struct:
		for f := range known.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			seen(join(path, name), known.PkgPath()+"."+known.Name()+"."+f.Name)
			eachField(f.Type, join(path, name), seen)
		}
	}
}

// fieldsRead are the fields that the package reads anywhere, by package, type and name.
func fieldsRead(t *testing.T) map[string]bool {
	t.Helper()
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	exports := exportData(t)
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) { return os.Open(exports[name]) })}
	if _, err := config.Check("jujuetcd.io/sim/server", fset, files, info); err != nil {
		t.Fatal(err)
	}
	written := map[ast.Expr]bool{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if assignment, ok := n.(*ast.AssignStmt); ok {
				for _, left := range assignment.Lhs {
					written[left] = true
				}
			}
			return true
		})
	}
	read := map[string]bool{}
	for selector, selection := range info.Selections {
		if selection.Kind() == types.FieldVal && !written[selector] {
			read[ownerOf(selection.Recv())+"."+selector.Sel.Name] = true
		}
	}
	return read
}

// ownerOf is a type's package and name, as reflection has them.
func ownerOf(t types.Type) string {
	if pointer, ok := t.Underlying().(*types.Pointer); ok {
		t = pointer.Elem()
	}
	if named, ok := types.Unalias(t).(*types.Named); ok {
		return named.Obj().Pkg().Path() + "." + named.Obj().Name()
	}
	return "."
}

// exportData is the file of each package that this one needs.
func exportData(t *testing.T) map[string]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}", ".")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			exports[name] = file
		}
	}
	return exports
}

// TestWhatJujuHasIsServedOrRefused holds the lists against the schemas of the Juju repository, which
// are beside the checkout and not in it.
func TestWhatJujuHasIsServedOrRefused(t *testing.T) {
	for _, release := range []string{"3.6", "4.0"} {
		var offered []struct {
			Name   string
			Schema struct{ Properties map[string]json.RawMessage }
		}
		if err := json.Unmarshal(Schemas(t, release), &offered); err != nil {
			t.Fatal(err)
		}
		for _, f := range offered {
			for _, method := range slices.Sorted(maps.Keys(f.Schema.Properties)) {
				_, served := facades[f.Name][method]
				refused := slices.Contains(unserved[f.Name], method)
				if facades[f.Name] != nil && served == refused {
					t.Errorf("%s.%s of Juju %s: served: %t, refused: %t", f.Name, method, release, served, refused)
				}
			}
		}
	}
}

func TestAParameterThatIsNotReadIsRefusedUnlessItIsEmpty(t *testing.T) {
	for params, want := range map[string]string{
		`{"application":"etcd","num-units":1,"placement":null,"policy":"","attach-storage":[]}`: "",
		`{"Application":"etcd","NUM-UNITS":1}`:                                                  "",
		`{"application":"etcd","attach-storage":["storage-data-0"]}`:                            "jujusim does not read parameter attach-storage of Application.AddUnits",
		`{"placement":[{"scope":"#","zone":"a"}]}`:                                              "jujusim does not read parameter placement.zone of Application.AddUnits",
	} {
		err := unreadParameter(wire.Request{Type: "Application", Request: "AddUnits", Params: json.RawMessage(params)}, reflect.TypeFor[AddUnits]())
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", params, got, want)
		}
	}
}

package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// root is the repository, seen from here.
const root = "../.."

// module is how its packages begin.
const module = "jujuetcd.io/"

// file is a file of the product as it is measured.
type file struct {
	path      string // from the root
	lines     int
	functions []function
	imports   []string // ours, from the root
}

func (f file) folder() string { return path.Dir(f.path) }

// function is one that is declared, with or without a receiver.
type function struct {
	name     string // Type.Name for methods
	receiver string // the type's name, without stars and parameters
	line     int
	lines    int // from its first to its last, both counted
}

// product reads pkg, cmd, sim and deploy, without tests and without what is generated.
func product(t *testing.T) []file {
	t.Helper()
	var files []file
	for _, top := range []string{"pkg", "cmd", "sim", "deploy"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return fs.SkipDir
			case d.IsDir(), !strings.HasSuffix(name, ".go"), strings.HasSuffix(name, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			f, generated, err := measure(filepath.ToSlash(relative), text)
			if err == nil && !generated {
				files = append(files, f)
			}
			return err
		})
		if err != nil {
			t.Fatalf("cannot read %s: %v", top, err)
		}
	}
	if len(files) < 100 {
		t.Fatalf("only %d files of the product are found: the test looks in the wrong place", len(files))
	}
	return files
}

// measure reads one file.
func measure(name string, text []byte) (f file, generated bool, err error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, false, err
	}
	f = file{path: name, lines: strings.Count(string(text), "\n")}
	for _, i := range parsed.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return file{}, false, err
		}
		if ours, ok := strings.CutPrefix(imported, module); ok {
			f.imports = append(f.imports, ours)
		}
	}
	for _, d := range parsed.Decls {
		declared, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first, last := set.Position(declared.Pos()).Line, set.Position(declared.End()).Line
		one := function{name: declared.Name.Name, line: first, lines: last - first + 1}
		if declared.Recv != nil {
			one.receiver = typeName(declared.Recv.List[0].Type)
			one.name = one.receiver + "." + one.name
		}
		f.functions = append(f.functions, one)
	}
	return f, ast.IsGenerated(parsed), nil
}

// typeName is the name of a receiver's type.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr: // a type with a parameter
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

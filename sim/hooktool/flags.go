package hooktool

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tool is one hook tool: its flags, and what it does.
type tool struct {
	values []string // flags with a value
	bools  []string // flags without one
	run    func(*Context, flags) ([]byte, error)
}

// flags is a command line taken apart. Flags may stand anywhere, as in Juju.
type flags struct {
	values map[string]string
	set    map[string]bool
	words  []string
	stdin  []byte
	dir    string
}

// short names of flags.
var short = map[string]string{"r": "relation", "s": "storage", "l": "log-level", "o": "output", "a": "all"}

func (t tool) parse(req request) (flags, error) {
	f := flags{values: map[string]string{}, set: map[string]bool{}, stdin: req.Stdin, dir: req.Dir}
	values := append([]string{"format", "output"}, t.values...)
	for i := 0; i < len(req.Args); i++ {
		arg := req.Args[i]
		if arg == "--" {
			f.words = append(f.words, req.Args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			f.words = append(f.words, arg)
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if long, isShort := short[name]; isShort {
			name = long
		}
		switch {
		case slices.Contains(t.bools, name):
			f.set[name] = !given || value == "true"
		case !slices.Contains(values, name):
			return f, usage("option provided but not defined: %s", arg)
		case given:
			f.values[name] = value
		case i+1 >= len(req.Args):
			return f, usage("option needs an argument: %s", arg)
		default:
			i++
			f.values[name] = req.Args[i]
		}
	}
	return f, nil
}

// word is the i-th positional argument, empty if there is none.
func (f flags) word(i int) string {
	if i < len(f.words) {
		return f.words[i]
	}
	return ""
}

// pairs reads key=value words, and a YAML map from --file on top.
func (f flags) pairs(words []string) (map[string]string, error) {
	pairs := map[string]string{}
	if file, given := f.values["file"]; given {
		data := f.stdin
		if file != "-" {
			if !filepath.IsAbs(file) {
				file = filepath.Join(f.dir, file)
			}
			var err error
			if data, err = os.ReadFile(file); err != nil {
				return nil, err
			}
		}
		if err := yaml.Unmarshal(data, &pairs); err != nil {
			return nil, usage("cannot parse %s: it must be a map of strings", file)
		}
	}
	for _, w := range words {
		key, value, found := strings.Cut(w, "=")
		if !found || key == "" {
			return nil, usage(`expected "key=value", got %q`, w)
		}
		pairs[key] = value
	}
	return pairs, nil
}

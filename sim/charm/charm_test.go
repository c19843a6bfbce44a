package charm_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/sim/charm"
)

var files = map[string]string{
	"metadata.yaml": "name: probe\npeers: {cluster: etcd}\nrequires: {certificates: {interface: tls-certificates}}\n",
	"config.yaml":   "options: {port: {type: int, default: 2379}, note: {default: ''}, ratio: {type: float, default: 1}}\n",
	"actions.yaml": "health:\n  params: {fail: {type: boolean}, how: {type: string, enum: [fast, slow]}, at: {type: [string, integer]}}\n  required: [how]\n" +
		"open: {additionalProperties: true}\n",
	"dispatch": "#!/bin/sh\n",
}

// folder writes a charm, with changes.
func folder(t *testing.T, changes map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if change, ok := changes[name]; ok {
			text = change
		}
		if text == "-" {
			continue
		}
		mode := os.FileMode(0o644)
		if name == "dispatch" {
			mode = 0o755
		}
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), mode))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// archive writes files into a zip.
func archive(t *testing.T, names map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "probe.charm")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	z := zip.NewWriter(f)
	for name, text := range names {
		header := &zip.FileHeader{Name: name}
		header.SetMode(0o755)
		w, err := z.CreateHeader(header)
		must(t, err)
		_, err = w.Write([]byte(text))
		must(t, err)
	}
	must(t, z.Close())
	return path
}

func TestArchiveAndFolderAreTheSameCharm(t *testing.T) {
	fromFolder, err := charm.Load(folder(t, nil))
	must(t, err)
	fromArchive, err := charm.Load(archive(t, files))
	must(t, err)
	if fromArchive.SHA256 == "" {
		t.Error("the archive has no hash")
	}
	fromArchive.Path, fromArchive.SHA256, fromFolder.Path = "", "", ""
	if diff := cmp.Diff(fromFolder, fromArchive); diff != "" {
		t.Error(diff)
	}
	if got := fromFolder.Options["ratio"].Default; got != 1.0 {
		t.Errorf("a float's default is %T %v", got, got)
	}
}

func TestUnpackedDispatchCanRunAndReplacesTheOldOne(t *testing.T) {
	c, err := charm.Load(archive(t, files))
	must(t, err)
	dir := filepath.Join(t.TempDir(), "charm")
	for range 2 {
		must(t, c.Unpack(dir))
	}
	info, err := os.Stat(filepath.Join(dir, "dispatch"))
	must(t, err)
	if info.Mode().Perm() != 0o755 {
		t.Errorf("dispatch has mode %s", info.Mode())
	}
}

func TestArchiveCannotWriteOutsideItsFolder(t *testing.T) {
	evil := map[string]string{"../evil": "x"}
	for name, text := range files {
		evil[name] = text
	}
	dir := t.TempDir()
	c, err := charm.Load(archive(t, evil))
	if err == nil {
		err = c.Unpack(filepath.Join(dir, "charm"))
	}
	if _, stat := os.Stat(filepath.Join(dir, "evil")); stat == nil {
		t.Errorf("a file was written outside (%v)", err)
	}
}

func TestFaultyCharmsAreRefusedWithTheFile(t *testing.T) {
	for _, tc := range []struct{ name, file, text, want string }{
		{"no metadata", "metadata.yaml", "-", "metadata.yaml"},
		{"bad YAML", "metadata.yaml", "name: [", "metadata.yaml"},
		{"bad name", "metadata.yaml", "name: Not_A_Name", "invalid charm name"},
		{"endpoint without interface", "metadata.yaml", "name: a\nprovides: {db: {}}", `endpoint "db" has no interface`},
		{"endpoint of two roles", "metadata.yaml", "name: a\nprovides: {db: x}\nrequires: {db: x}", `"db" is both`},
		{"reserved endpoint", "metadata.yaml", "name: a\nprovides: {juju-db: x}", "reserved"},
		{"default of another type", "config.yaml", "options: {port: {type: int, default: many}}", `option "port" expected int`},
		{"unknown type", "config.yaml", "options: {port: {type: number}}", "unknown type"},
		{"reserved action", "actions.yaml", "juju-thing: {}", "reserved"},
		{"no dispatch", "dispatch", "-", "no dispatch"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := charm.Load(folder(t, map[string]string{tc.file: tc.text}))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestParametersAreCheckedInJujusWords(t *testing.T) {
	c, err := charm.Load(folder(t, nil))
	must(t, err)
	for _, tc := range []struct {
		action string
		params map[string]any
		want   string
	}{
		{"health", map[string]any{"how": "fast"}, ""},
		{"health", map[string]any{"how": "fast", "fail": true}, ""},
		{"health", nil, `validation failed: (root) : "how" property is missing and required, given {}`},
		{"health", map[string]any{"how": "fast", "x": 1}, `validation failed: (root) : additional property "x" is not allowed, given {"how":"fast","x":1}`},
		{"health", map[string]any{"how": 3.0}, `validation failed: (root).how : must be of type string, given 3`},
		{"health", map[string]any{"how": "fast", "at": "3"}, ""},
		{"health", map[string]any{"how": "fast", "at": 3.0}, ""},
		{"health", map[string]any{"how": "fast", "at": true}, `validation failed: (root).at : must be of type string,integer, given true`},
		{"health", map[string]any{"how": "never"}, `validation failed: (root).how : must match one of the enum values [fast slow], given "never"`},
		{"open", map[string]any{"anything": []any{1}}, ""},
	} {
		got := ""
		if err := c.Actions[tc.action].Check(tc.params); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s %v: got %q, want %q", tc.action, tc.params, got, tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(files["metadata.yaml"], files["config.yaml"], files["actions.yaml"], "bases: [{name: ubuntu}]")
	f.Fuzz(func(_ *testing.T, metadata, config, actions, manifest string) {
		if c, err := charm.Parse(metadata, config, actions, manifest); err == nil {
			c.Endpoints()
		}
	})
}

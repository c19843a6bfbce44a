package scp_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/sim/scp"
)

// world is a machine below a folder of this host that has things which are not the machine's.
type world struct {
	t       *testing.T
	dir     string
	machine *scp.Tree
}

// newWorld makes files of a table: "NAME -> TARGET" is a link, a name that ends in a slash a folder, and a file holds its own name. ROOT
// is the host's path of the machine's root, HOST that of the folder outside.
func newWorld(t *testing.T, files ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	files = append([]string{"machine/home/ubuntu/", "machine/tmp/", "host/", "host/secret"}, files...)
	for _, f := range files {
		name, target, link := strings.Cut(f, " -> ")
		at := filepath.Join(w.dir, name)
		must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		switch {
		case link:
			must(t, os.Symlink(w.path(target), at))
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(at, 0o755))
		default:
			must(t, os.WriteFile(at, []byte(name), 0o640))
		}
	}
	machine, err := scp.Machine(filepath.Join(w.dir, "machine"))
	must(t, err)
	t.Cleanup(func() { must(t, machine.Close()) })
	w.machine = machine
	return w
}

func (w *world) path(text string) string {
	return strings.NewReplacer("ROOT", filepath.Join(w.dir, "machine"), "HOST", filepath.Join(w.dir, "host")).Replace(text)
}

// file reads what the command line would: 0:PATH is on the machine.
func (w *world) file(arg string) scp.File {
	if name, ok := strings.CutPrefix(arg, "0:"); ok {
		return scp.File{Tree: w.machine, Name: name, Shown: arg}
	}
	return scp.File{Tree: scp.Host(), Name: w.path(arg), Shown: arg}
}

func (w *world) copy(recursive bool, args ...string) error {
	var files []scp.File
	for _, arg := range args {
		files = append(files, w.file(arg))
	}
	return scp.Copy(files[:len(files)-1], files[len(files)-1], recursive)
}

// state is all files with what they hold, without links.
func (w *world) state() map[string]string {
	w.t.Helper()
	state := map[string]string{}
	must(w.t, filepath.WalkDir(w.dir, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(at)
		name, _ := filepath.Rel(w.dir, at)
		state[name] = string(text)
		return err
	}))
	return state
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreCopiedAsScpDoes(t *testing.T) {
	for _, tc := range []struct {
		name      string
		files     []string
		recursive bool
		args      []string
		// made are the files that there are more or other than before, and what they hold.
		made  map[string]string
		error string
	}{
		{"to a folder, by its own name", []string{"host/f"}, false, []string{"HOST/f", "0:/tmp/"}, map[string]string{"machine/tmp/f": "host/f"}, ""},
		{"to another name", []string{"host/f"}, false, []string{"HOST/f", "0:/tmp/g"}, map[string]string{"machine/tmp/g": "host/f"}, ""},
		{"over what is there", []string{"host/f", "machine/tmp/g"}, false, []string{"HOST/f", "0:/tmp/g"}, map[string]string{"machine/tmp/g": "host/f"}, ""},
		{"to the home", []string{"host/f"}, false, []string{"HOST/f", "0:"}, map[string]string{"machine/home/ubuntu/f": "host/f"}, ""},
		{"to the home, by its short name", []string{"host/f"}, false, []string{"HOST/f", "0:~/g"}, map[string]string{"machine/home/ubuntu/g": "host/f"}, ""},
		{"from below the home", []string{"machine/home/ubuntu/x/f"}, false, []string{"0:x/f", "HOST/"}, map[string]string{"host/f": "machine/home/ubuntu/x/f"}, ""},
		{"several", []string{"host/f", "machine/tmp/g"}, false, []string{"HOST/f", "0:/tmp/g", "0:"},
			map[string]string{"machine/home/ubuntu/f": "host/f", "machine/home/ubuntu/g": "machine/tmp/g"}, ""},
		{"several to one file", []string{"host/f", "host/g"}, false, []string{"HOST/f", "HOST/g", "0:h"}, nil, "cannot copy to 0:h: no such file or directory"},
		{"nothing", nil, false, []string{"0:nothing", "HOST/"}, nil, "cannot copy 0:nothing: no such file or directory"},
		{"one of two", []string{"host/f"}, false, []string{"HOST/nothing", "HOST/f", "0:"}, map[string]string{"machine/home/ubuntu/f": "host/f"},
			"cannot copy HOST/nothing: no such file or directory"},
		{"to a folder that is not there", []string{"host/f"}, false, []string{"HOST/f", "0:/nowhere/"}, nil, "cannot copy to 0:/nowhere/: no such file or directory"},
		{"below a folder that is not there", []string{"host/f"}, false, []string{"HOST/f", "0:/nowhere/f"}, nil, "cannot copy to 0:/nowhere/f: no such file or directory"},
		{"to a folder that is a file", []string{"host/f", "machine/tmp/g"}, false, []string{"HOST/f", "0:/tmp/g/"}, nil, "cannot copy to 0:/tmp/g/: not a directory"},
		{"onto itself", []string{"machine/tmp/g", "machine/tmp/l -> g"}, false, []string{"0:/tmp/l", "0:/tmp/g"}, nil, "they are the same file"},
		{"onto itself, from the host", []string{"machine/tmp/g"}, false, []string{"ROOT/tmp/g", "0:/tmp"}, nil, "they are the same file"},
		{"a folder, unasked", []string{"machine/tmp/d/f"}, false, []string{"0:/tmp/d", "HOST/"}, nil, "cannot copy 0:/tmp/d: not a regular file"},
		{"a folder into another", []string{"machine/tmp/d/f", "machine/tmp/d/e/g"}, true, []string{"0:/tmp/d", "HOST/"},
			map[string]string{"host/d/f": "machine/tmp/d/f", "host/d/e/g": "machine/tmp/d/e/g"}, ""},
		{"a folder to a new name", []string{"host/d/f"}, true, []string{"HOST/d", "0:e"}, map[string]string{"machine/home/ubuntu/e/f": "host/d/f"}, ""},
		{"what is in a folder", []string{"machine/home/ubuntu/f"}, true, []string{"0:.", "HOST"}, map[string]string{"host/f": "machine/home/ubuntu/f"}, ""},
		{"a folder into itself", []string{"machine/tmp/d/f"}, true, []string{"0:/tmp/d", "0:/tmp/d/e"},
			map[string]string{"machine/tmp/d/e/f": "machine/tmp/d/f"}, ""},
		{"a folder that leads back", []string{"machine/tmp/d/f", "machine/tmp/d/l -> ."}, true, []string{"0:/tmp/d", "HOST/"},
			map[string]string{"host/d/f": "machine/tmp/d/f"}, "cannot copy 0:/tmp/d/l: it is in itself, or where it is copied to"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.files...)
			want := w.state()
			maps.Copy(want, tc.made)
			err := w.copy(tc.recursive, tc.args...)
			if (err != nil) != (tc.error != "") || err != nil && !strings.Contains(err.Error(), tc.error) {
				t.Errorf("got %v, want %s", err, tc.error)
			}
			if diff := cmp.Diff(want, w.state()); diff != "" {
				t.Errorf("there are other files: %s", diff)
			}
		})
	}
}

// Whatever the paths and links of a machine say, what is outside of its root is neither read nor written.
func TestNoPathLeadsOutOfAMachine(t *testing.T) {
	outside := "machine/tmp/out -> HOST/secret"
	for _, tc := range []struct {
		name  string
		files []string
		path  string
		reads string // what is found instead, if anything
		error string
	}{
		{"points to above", nil, "../../../host/secret", "", "no such file"},
		{"points to above the root", []string{"machine/host/secret"}, "/../../host/secret", "machine/host/secret", ""},
		{"a link to the host", []string{outside}, "/tmp/out", "", "no such file"},
		{"a link that means a path of the machine", []string{"machine/tmp/l -> /etc/x", "machine/etc/x"}, "/tmp/l", "machine/etc/x", ""},
		{"a link with the host's path of the machine", []string{"machine/tmp/l -> ROOT/etc/x", "machine/etc/x"}, "/tmp/l", "machine/etc/x", ""},
		{"a link that climbs", []string{"machine/tmp/l -> ../../host/secret"}, "/tmp/l", "", "no such file"},
		{"a link with the host's path that climbs", []string{"machine/tmp/l -> ROOT/../host/secret"}, "/tmp/l", "", "no such file"},
		{"a folder that is a link to the host", []string{"machine/tmp/d -> HOST"}, "/tmp/d/secret", "", "no such file"},
		{"above a folder that is a link", []string{"machine/a/b/", "machine/a/f", "machine/tmp/d -> ../a/b"}, "/tmp/d/../f", "machine/a/f", ""},
		{"a link to a link to the host", []string{outside, "machine/tmp/l -> out"}, "/tmp/l", "", "no such file"},
		{"a link to itself", []string{"machine/tmp/l -> l"}, "/tmp/l", "", "too many levels of symbolic links"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.files...)
			err := w.copy(false, "0:"+tc.path, "HOST/got")
			if (err != nil) != (tc.error != "") || err != nil && !strings.Contains(err.Error(), tc.error) {
				t.Errorf("got %v, want %s", err, tc.error)
			}
			if got := w.state()["host/got"]; got != tc.reads {
				t.Errorf("it reads %q, want %q", got, tc.reads)
			}
			must(t, os.WriteFile(w.path("HOST/new"), []byte("new"), 0o600))
			err = w.copy(false, "HOST/new", "0:"+tc.path)
			state := w.state()
			if state["host/secret"] != "host/secret" {
				t.Error("a file of the host was written")
			}
			if tc.reads != "" && (err != nil || state[tc.reads] != "new") {
				t.Errorf("%s is %q, %v", tc.reads, state[tc.reads], err)
			}
			for name := range state {
				if !strings.HasPrefix(name, "machine/") && !slices.Contains([]string{"host/secret", "host/new", "host/got"}, name) {
					t.Errorf("%s was made", name)
				}
			}
		})
	}
}

// What a path was found to be may be something else when it is opened.
func TestAFolderThatBecomesALinkMeanwhileLeadsNowhere(t *testing.T) {
	w := newWorld(t, "machine/tmp/folder/secret", "machine/tmp/link -> HOST")
	ended, swapped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-ended:
				swapped <- nil
				return
			default:
			}
			for _, name := range []string{"folder", "link"} {
				d, other := w.path("ROOT/tmp/d"), w.path("ROOT/tmp/"+name)
				if err := errors.Join(os.Rename(other, d), os.Rename(d, other)); err != nil {
					swapped <- err
					return
				}
			}
		}
	}()
	got, seen := w.path("HOST/got"), map[string]int{}
	for range 5000 {
		if w.copy(false, "0:/tmp/d/secret", "HOST/got") != nil {
			continue
		}
		text, err := os.ReadFile(got)
		must(t, err)
		seen[string(text)]++
	}
	close(ended)
	must(t, <-swapped)
	if seen["host/secret"] > 0 || seen["machine/tmp/folder/secret"] == 0 {
		t.Errorf("it has read %v", seen)
	}
}

func TestAFolderWithLinksToTheHostIsCopiedWithoutThem(t *testing.T) {
	w := newWorld(t, "machine/tmp/d/f", "machine/tmp/d/l -> HOST", "machine/tmp/d/m -> HOST/secret")
	must(t, syscall.Mkfifo(filepath.Join(w.dir, "machine/tmp/d/pipe"), 0o600))
	err := w.copy(true, "0:/tmp/d", "HOST/d")
	for _, want := range []string{"0:/tmp/d/l: no such file", "0:/tmp/d/m: no such file", "0:/tmp/d/pipe: not a regular file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if state := w.state(); state["host/d/f"] != "machine/tmp/d/f" || len(state) != 3 {
		t.Errorf("there is %v", state)
	}
}

func TestPermissionsAreThoseOfTheSource(t *testing.T) {
	w := newWorld(t, "host/f", "host/g", "machine/tmp/g")
	must(t, os.Chmod(w.path("HOST/f"), 0o500))
	must(t, os.Chmod(w.path("HOST/g"), 0o500))
	must(t, w.copy(false, "HOST/f", "HOST/g", "0:/tmp"))
	for name, want := range map[string]fs.FileMode{"f": 0o500, "g": 0o640} { // what was there keeps its own
		if info, err := os.Stat(w.path("ROOT/tmp/" + name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has %v, %v", name, info.Mode(), err)
		}
	}
}

func TestABigFileComesWhole(t *testing.T) {
	w := newWorld(t)
	big := strings.Repeat("0123456789abcdef", 1<<18)
	must(t, os.WriteFile(w.path("HOST/big"), []byte(big), 0o600))
	must(t, w.copy(false, "HOST/big", "0:"))
	must(t, w.copy(false, "0:big", "HOST/back"))
	if w.state()["host/back"] != big {
		t.Error("it came back as something else")
	}
}

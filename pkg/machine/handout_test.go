package machine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// TestWhatIsHandedOutIsTheLoginUsersAlone: juju scp logs in as ubuntu; where there is no such user
// the file is for whoever runs the agent. A link that lies in its place leads nobody anywhere.
func TestWhatIsHandedOutIsTheLoginUsersAlone(t *testing.T) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 1000, 1001
	}
	for name, c := range map[string]struct {
		passwd   string
		uid, gid int
		fails    string
	}{
		"ubuntu":      {fmt.Sprintf("root:x:0:0:root:/root:/bin/bash\nubuntu2:x:7:7::/:/bin/sh\nubuntu:x:%d:%d:Ubuntu:/home/ubuntu:/bin/bash\n", uid, gid), uid, gid, ""},
		"nobody":      {"root:x:0:0:root:/root:/bin/bash\n", os.Getuid(), os.Getgid(), ""},
		"no users":    {"", os.Getuid(), os.Getgid(), ""},
		"odd numbers": {"ubuntu:x:one:1000::/home/ubuntu:/bin/bash\n", 0, 0, "user number of ubuntu"},
		"odd groups":  {"ubuntu:x:1000:many::/home/ubuntu:/bin/bash\n", 0, 0, "group number of ubuntu"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			victim := w.path("victim")
			for path, text := range map[string]string{victim: "theirs", w.path("etc/passwd"): c.passwd} {
				if text == "" {
					continue
				}
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			home := w.path(v1alpha1.LoginHome)
			if err := os.MkdirAll(home, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, link := range []string{"x.tar.gz", ".x.tar.gz.jujuetcd-new"} {
				if err := os.Symlink(victim, filepath.Join(home, link)); err != nil {
					t.Fatal(err)
				}
			}
			if name == "ubuntu" { // one that is right but for its owner, in the place of the link
				place := filepath.Join(home, "x.tar.gz")
				if err := errors.Join(os.Remove(place), os.WriteFile(place, []byte("secret"), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			path, err := w.machine().HandOut("x.tar.gz", []byte("secret"))
			if c.fails != "" {
				if err == nil || !strings.HasPrefix(err.Error(), "cannot hand x.tar.gz out: ") || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || path != "/home/ubuntu/x.tar.gz" || w.read(path) != "secret" || w.read("victim") != "theirs" {
				t.Fatalf("%q, %v", path, err)
			}
			info, err := os.Lstat(w.path(path))
			if err != nil {
				t.Fatal(err)
			}
			stat := info.Sys().(*syscall.Stat_t)
			if info.Mode() != 0o600 || int(stat.Uid) != c.uid || int(stat.Gid) != c.gid {
				t.Errorf("mode %v, owner %d:%d, want %d:%d", info.Mode(), stat.Uid, stat.Gid, c.uid, c.gid)
			}
			if left, err := os.ReadDir(home); err != nil || len(left) != 1 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
	if _, err := newWorld(t).machine().HandOut("x.tar.gz", nil); err != nil {
		t.Errorf("where nobody has a home yet: %v", err)
	}
}

package etcdbin_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/test/etcd/etcdbin"
)

func TestDirHoldsTheProgramsOfTheMinor(t *testing.T) {
	dir, err := etcdbin.Dir(t.Context(), etcdbin.Default)
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"etcd": {"--version"}, "etcdctl": {"version"}, "etcdutl": {"version"}} {
		out, err := exec.Command(filepath.Join(dir, name), args...).Output()
		if err != nil || !strings.Contains(string(out), " "+etcdbin.Default+".") && !strings.Contains(string(out), ": "+etcdbin.Default+".") {
			t.Errorf("%s says %q, %v", name, out, err)
		}
	}
}

func TestEveryMinorIsPinned(t *testing.T) {
	for _, minor := range []string{"3.4", "3.5", "3.6", "3.7"} {
		dir, err := etcdbin.Dir(t.Context(), minor)
		if err != nil || !strings.HasPrefix(filepath.Base(dir), minor+".") {
			t.Errorf("%s is in %q, %v", minor, dir, err)
		}
	}
}

func TestDirRefusesWhatItCannotBuild(t *testing.T) {
	for _, minor := range []string{"", "3", "3.6.16", "../3.6", "3.99"} {
		if dir, err := etcdbin.Dir(t.Context(), minor); err == nil || !strings.HasPrefix(err.Error(), "cannot provide etcd") {
			t.Errorf("Dir(%q) = %q, %v", minor, dir, err)
		}
	}
}

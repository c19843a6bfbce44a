package machine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// TestCharmDefect25AliasesOfTheUserStay: the former charm replaced root's .bash_aliases by its own lines.
func TestCharmDefect25AliasesOfTheUserStay(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.root, "root/.bash_aliases")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("alias ll='ls -l'"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := w.prepare()
	w.apply(spec, 1, v1alpha1.OutcomeApplied, "")
	first := read(t, path)
	if !strings.HasPrefix(first, "alias ll='ls -l'\n# >>> etcdctl") {
		t.Fatalf("the file is\n%s", first)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// What a shell makes of it, with the user's own lines around. An earlier version of this charm named the endpoints, too.
	earlier := strings.Replace(first, "export ETCDCTL_CACERT", "export ETCDCTL_ENDPOINTS=https://10.0.0.1:4001\nexport ETCDCTL_CACERT", 1)
	if err := os.WriteFile(path, []byte(earlier+"export EDITOR=vi\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.apply(w.prepare(), 2, v1alpha1.OutcomeApplied, "")
	out, err := exec.Command("bash", "-c", `. "$0" && echo "${ETCDCTL_ENDPOINTS-unset} $ETCDCTL_CACERT $ETCDCTL_CERT $ETCDCTL_KEY $EDITOR"`, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	common := "/var/snap/etcd/common/"
	if diff := cmp.Diff("unset "+common+"ca.crt "+common+"client.crt "+common+"client.key vi\n", string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	last := read(t, path)
	if !strings.HasPrefix(last, "alias ll='ls -l'\n") || !strings.HasSuffix(last, "export EDITOR=vi\n") {
		t.Errorf("the user's lines are not where they were:\n%s", last)
	}
}

// A file that root keeps elsewhere stays a link to there.
func TestALinkToTheAliasesStaysALink(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.root, "root/.bash_aliases")
	kept := filepath.Join(w.root, "dotfiles")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, []byte("alias x=y\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(kept, path); err != nil {
		t.Fatal(err)
	}
	w.apply(w.prepare(), 1, v1alpha1.OutcomeApplied, "")
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link has become %v, %v", info.Mode(), err)
	}
	if text := read(t, kept); !strings.HasPrefix(text, "alias x=y\n# >>> etcdctl") {
		t.Errorf("the file is\n%s", text)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package durable_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/test/etcdtest"
)

// swap is a pair that is on its way into its place, and the one that it replaces.
type swap struct {
	t *testing.T
	// old is nil where no pair is there that fits.
	old, next *etcdtest.Leaf
	points    int
}

func write(dir string, leaf etcdtest.Leaf, step func(what, name string)) ([]string, error) {
	disk := &durable.Disk{}
	disk.OnStep(step)
	given := tlsfiles.Leaf{Certificate: string(leaf.CertPEM), Key: string(leaf.KeyPEM)}
	return tlsfiles.In(dir, disk).WriteLeaf(tlsfiles.Server, given, tlsfiles.Check{Now: time.Now()})
}

// run puts the pair in its place. After each step it looks as etcd does, and has a copy go on from there as the next hook does, which
// is killed after each of its steps, too: so deep.
func (s *swap) run(dir, point string, deep int) {
	s.t.Helper()
	seen := false // the new pair, after which the old one must not come again
	_, err := write(dir, *s.next, func(what, name string) {
		at := fmt.Sprintf("%s, %s %s", point, what, filepath.Base(name))
		s.points++
		seen = s.look(dir, at, seen)
		if deep > 0 {
			left := filepath.Join(memory(s.t), "left")
			copyTree(s.t, dir, left)
			s.run(left, at, deep-1)
		}
	})
	if err != nil {
		s.t.Fatalf("%s: %v", point, err)
	}
	if s.look(dir, point+", at the end", true); s.t.Failed() {
		s.t.FailNow()
	}
	s.isClean(dir, point)
	wrote, err := write(dir, *s.next, func(what, name string) { s.t.Errorf("%s: once more: %s %s", point, what, name) })
	if err != nil || len(wrote) != 0 {
		s.t.Errorf("%s: once more: wrote %v, %v", point, wrote, err)
	}
}

// look loads the pair as etcd does at a handshake, and says whether it is the new one.
func (s *swap) look(dir, at string, seen bool) bool {
	s.t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		if s.old != nil || seen {
			s.t.Errorf("%s: etcd finds no pair: %v", at, err)
		}
		return seen
	}
	isNext := bytes.Equal(pair.Certificate[0], s.next.TLS.Certificate[0])
	if !isNext && (seen || s.old == nil || !bytes.Equal(pair.Certificate[0], s.old.TLS.Certificate[0])) {
		s.t.Errorf("%s: etcd finds a pair that should not be there", at)
	}
	own, err := tlsfiles.In(dir, nil).Leaf(tlsfiles.Server)
	if err != nil || own == nil || isNext != (own.Certificate == string(s.next.CertPEM)) {
		s.t.Errorf("%s: the agent finds another pair than etcd: %v", at, err)
	}
	s.keysAreSecret(dir, at)
	return isNext
}

func (s *swap) keysAreSecret(dir, at string) {
	s.t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if info, ierr := d.Info(); ierr != nil || bytes.Contains(text, []byte("PRIVATE")) && info.Mode().Perm() != 0o600 {
			s.t.Errorf("%s: %s holds a key: %v, %v", at, path, info.Mode(), ierr)
		}
		return err
	})
	if err != nil {
		s.t.Errorf("%s: %v", at, err)
	}
}

// isClean: two links, the one that they lead through, and one directory; nothing of an old pair.
func (s *swap) isClean(dir, at string) {
	s.t.Helper()
	slot, err := os.Readlink(filepath.Join(dir, ".server"))
	if err != nil {
		s.t.Fatalf("%s: %v", at, err)
	}
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if err != nil || !slices.Equal(names, []string{".server", slot, "server.crt", "server.key"}) {
		s.t.Errorf("%s: left %v, %v", at, names, err)
	}
	for name, mode := range map[string]fs.FileMode{"server.crt": 0o644, "server.key": 0o600} {
		if to, err := os.Readlink(filepath.Join(dir, name)); err != nil || to != ".server/"+name {
			s.t.Errorf("%s: %s leads to %q, %v", at, name, to, err)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			s.t.Errorf("%s: %s: %v, %v", at, name, info, err)
		}
	}
}

// memory is a directory in memory, if there is one to be had: a thousand swaps there take no time, and meet readers.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "durable")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// plain is how agents before wrote a pair.
func plain(t *testing.T, dir string, leaf etcdtest.Leaf) {
	t.Helper()
	var disk durable.Disk
	if _, err := disk.Write(durable.File{Path: filepath.Join(dir, "server.key"), Data: leaf.KeyPEM, Mode: 0o600},
		durable.File{Path: filepath.Join(dir, "server.crt"), Data: leaf.CertPEM, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
}

func TestAPairFitsWhereverItsSwapIsKilled(t *testing.T) {
	ca := etcdtest.NewCA(t)
	older, old, next := ca.Issue(t, "older", "10.0.0.1"), ca.Issue(t, "old", "10.0.0.1"), ca.Issue(t, "next", "10.0.0.1")
	set := func(t *testing.T, dir string, leaf etcdtest.Leaf) {
		if _, err := write(dir, leaf, nil); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, to, path string) {
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		old  *etcdtest.Leaf
		have func(t *testing.T, dir string)
	}{
		{"nothing", nil, func(*testing.T, string) {}},
		{"files of an agent before", &old, func(t *testing.T, dir string) { plain(t, dir, old) }},
		{"files that an agent before has half replaced", nil, func(t *testing.T, dir string) {
			plain(t, dir, etcdtest.Leaf{CertPEM: old.CertPEM, KeyPEM: next.KeyPEM})
			temp := durable.File{Path: filepath.Join(dir, ".server.crt.jujuetcd-new"), Data: next.KeyPEM, Mode: 0o600}
			if _, err := (&durable.Disk{}).Write(temp); err != nil {
				t.Fatal(err)
			}
		}},
		{"a key alone", nil, func(t *testing.T, dir string) {
			plain(t, dir, old)
			if err := os.Remove(filepath.Join(dir, "server.crt")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a set", &old, func(t *testing.T, dir string) { set(t, dir, old) }},
		{"a set in the other directory", &old, func(t *testing.T, dir string) { set(t, dir, older); set(t, dir, old) }},
		{"files of an agent before, over a set", &old, func(t *testing.T, dir string) { set(t, dir, older); plain(t, dir, old) }},
		{"a set in a directory that others cannot enter", &old, func(t *testing.T, dir string) {
			set(t, dir, old)
			if err := os.Chmod(filepath.Join(dir, ".server-a"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"a set, and half of a directory", &old, func(t *testing.T, dir string) {
			set(t, dir, old)
			copyTree(t, filepath.Join(dir, ".server-a"), filepath.Join(dir, ".server-b"))
			if err := os.Remove(filepath.Join(dir, ".server-b/server.key")); err != nil {
				t.Fatal(err)
			}
		}},
		{"files, and a link to nowhere", &old, func(t *testing.T, dir string) {
			plain(t, dir, old)
			link(t, ".server-b", filepath.Join(dir, ".server"))
		}},
	} {
		for _, leaf := range []etcdtest.Leaf{next, old} {
			s := &swap{t: t, old: tt.old, next: &leaf}
			dir := filepath.Join(memory(t), "common")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			tt.have(t, dir)
			s.run(dir, tt.name, 1)
			t.Logf("%s: %d points", tt.name, s.points)
		}
	}
}

// A reader of this program that runs beside a hook, such as cron's, never meets halves of two pairs.
func TestAReaderFindsAPairThatFitsWhileItIsSwapped(t *testing.T) {
	ca, dir := etcdtest.NewCA(t), memory(t)
	pairs := []etcdtest.Leaf{ca.Issue(t, "a", "10.0.0.1"), ca.Issue(t, "b", "10.0.0.1")}
	if _, err := write(dir, pairs[0], nil); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { done <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			leaf, err := tlsfiles.In(dir, nil).Leaf(tlsfiles.Server)
			if err != nil || leaf == nil {
				t.Errorf("look %d: %v, %v", n, leaf, err)
				return
			}
			if _, err := tls.X509KeyPair([]byte(leaf.Certificate), []byte(leaf.Key)); err != nil {
				t.Errorf("look %d: %v", n, err)
				return
			}
		}
	}()
	for i := range 200 {
		if _, err := write(dir, pairs[(i+1)%2], nil); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	t.Logf("%d looks during 200 swaps", <-done)
}

// etcd may write into its own directory: links that it leaves there neither have this program write elsewhere, nor copy what only
// this program may read.
func TestASetStaysInItsDirectory(t *testing.T) {
	ca := etcdtest.NewCA(t)
	leaf := ca.Issue(t, "next", "10.0.0.1")
	secret := ca.Issue(t, "secret", "10.0.0.1")
	for _, links := range []map[string]string{
		{".server": "OUT"},
		{".server": "../out"},
		{".server": ".server-a", ".server-a": "OUT"},
		{".server-a": "OUT", ".server-b": "../out"},
		{"server.key": "OUT/server.key", "server.crt": "OUT/server.crt"},
		{"server.key": "../out/server.key", "server.crt": "../out/server.crt"},
		{".server": "OUT", "server.key": ".server/server.key", "server.crt": ".server/server.crt"},
		{".server.jujuetcd-new": "OUT", "..server.jujuetcd-new": "OUT", ".server.key.jujuetcd-new": "OUT/server.key"},
	} {
		root := t.TempDir()
		out, dir := filepath.Join(root, "out"), filepath.Join(root, "common")
		for _, d := range []string{out, dir} {
			if err := os.Mkdir(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		plain(t, out, secret)
		for name, to := range links {
			if err := os.Symlink(strings.Replace(to, "OUT", out, 1), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := write(dir, leaf, func(what, name string) {
			if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				text, err := os.ReadFile(path)
				if bytes.Contains(text, secret.KeyPEM) {
					t.Errorf("%v: %s %s: the secret is in %s", links, what, name, path)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Errorf("%v: %v", links, err)
		}
		s := &swap{t: t, next: &leaf}
		s.look(dir, fmt.Sprint(links), true)
		if entries, err := os.ReadDir(out); err != nil || len(entries) != 2 {
			t.Errorf("%v: outside there is %v, %v", links, entries, err)
		}
		if text, err := os.ReadFile(filepath.Join(out, "server.key")); err != nil || !bytes.Equal(text, secret.KeyPEM) {
			t.Errorf("%v: the file outside was written: %v", links, err)
		}
	}
}

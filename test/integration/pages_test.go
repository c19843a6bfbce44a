//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/test/etcd/etcdbin"
)

// page is a page of the documentation, of which a test runs each command as it is written.
type page struct {
	w      *world
	dir    string   // where the reader's shell is
	lines  []string // of commands, in their order
	differ []string // pairs of what the page says, and what it is here
}

// page reads a how-to page.
func (w *world) page(t *testing.T, name string, differ ...string) *page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.Root, "docs/how-to", name))
	must(t, err)
	p := &page{w: w, dir: t.TempDir(), differ: differ}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "    ") {
			p.lines = append(p.lines, strings.TrimSpace(line))
		}
	}
	must(t, os.Symlink(filepath.Join(w.Root, "dist/etcd.charm"), filepath.Join(p.dir, "etcd.charm")))
	return p
}

// next runs the next lines of the page in one shell, and is what they print.
func (p *page) next(t *testing.T, lines int) string {
	t.Helper()
	script := strings.NewReplacer(p.differ...).Replace(strings.Join(p.lines[:lines], "\n"))
	p.lines = p.lines[lines:]
	programs, err := etcdbin.Dir(p.w.ctx, etcdbin.Default)
	must(t, err)
	out, err := p.w.Shell(p.w.ctx, p.dir, script, programs)
	must(t, err)
	t.Logf("$ %s\n%s", script, out)
	return out
}

// done is whether all of the page was tried.
func (p *page) done(t *testing.T) {
	t.Helper()
	if len(p.lines) != 0 {
		t.Errorf("not tried: %q", p.lines)
	}
}

// healthAsThePageSays, by the words of Juju 3 and of Juju 2.
func healthAsThePageSays(t *testing.T, w *world, _ *clientv3.Client) {
	p := w.page(t, "check-health.md")
	p.next(t, 1)
	for range 2 {
		if out := p.next(t, 1); !strings.Contains(out, "cluster is healthy") {
			t.Errorf("it says %s", out)
		}
	}
	id := regexp.MustCompile(`Action queued with id: "([0-9]+)"`).FindStringSubmatch(p.next(t, 1))
	if id == nil {
		t.Fatal("no number is printed")
	}
	w.juju("show-task", "--wait", "1m", id[1])
	p.differ = []string{"show-action-output 12", "show-action-output " + id[1]}
	nested := regexp.MustCompile(`(?m)^results:\n(  .*\n)*  result-map:\n    message: \|-\n(      .*\n)*      cluster is healthy\nstatus: completed\n`)
	if out := p.next(t, 1); !nested.MatchString(out) {
		t.Errorf("the output is %s", out)
	}
	p.done(t)
}

// credentialsAsThePageSays are used in the reader's own shell.
func credentialsAsThePageSays(t *testing.T, w *world, _ *clientv3.Client) {
	s, err := w.Status(w.ctx)
	must(t, err)
	p := w.page(t, "client-credentials.md", "https://10.0.0.4:2379,https://10.0.0.5:2379,https://10.0.0.6:2379", strings.Join(s.Endpoints("etcd"), ","))
	if out := p.next(t, 10); strings.Count(out, "started") != 3 || strings.Contains(out, "in the future") {
		t.Errorf("etcdctl says %s", out)
	}
	// The last line would reach a file of this host: a machine here is a folder, and shells know nothing of that.
	if len(p.lines) != 1 || !strings.HasPrefix(p.lines[0], "juju exec") {
		t.Errorf("not tried: %q", p.lines)
	}
}

// backsUpAsThePageSays: back-up.md, with the archive that its first command makes.
func (w *world) backsUpAsThePageSays(t *testing.T) {
	p := w.page(t, "back-up.md")
	taken := p.next(t, 1)
	first := takenStamp.FindStringSubmatch(taken)[1]
	stamp := first
	p.differ = []string{"2026-03-01-02.03.04", first}
	p.next(t, 1)
	for range 2 { // by jujuetcd, for people and for programs
		// Names have whole seconds, and none is overwritten.
		eventually(w.ctx, t, "another second has begun", func() bool { return time.Now().UTC().Format("2006-01-02-15.04.05") != stamp })
		out := p.next(t, 1)
		if !takenStamp.MatchString(out) {
			t.Fatalf("it says %s", out)
		}
		stamp = takenStamp.FindStringSubmatch(out)[1]
	}
	for _, listed := range []string{first, stamp} { // of the unit, and of all
		if out := p.next(t, 1); !strings.Contains(out, listed) {
			t.Errorf("it lists %s", out)
		}
	}
	for !strings.HasPrefix(p.lines[0], "tar ") { // a policy, which is tried where schedules are
		p.lines = p.lines[1:]
	}
	p.next(t, 1)
	if out := p.next(t, 1); !strings.Contains(out, "TOTAL SIZE") && !strings.Contains(out, "REVISION") {
		t.Errorf("etcdutl says %s", out)
	}
	if out := p.next(t, 1); !strings.Contains(out, `"application": "etcd"`) {
		t.Errorf("it is from %s", out)
	}
	p.done(t)
}

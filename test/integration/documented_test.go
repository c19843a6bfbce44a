//go:build integration

package integration

import (
	"context"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/rig"
)

// documented are the scripts of testdata/documented: the command blocks of the former charm's
// documentation, a script each, in the order in which a reader comes to them. Where an order of its
// own is needed, Restore before more capacity, the documentation says why: with one unit alone.
var documented = []string{
	"usage", "health", "snapshot", "restore", "capacity", "tls", "migrating", "backups", "limitations",
}

// TestTheDocumentedCommandsRunAsTheyStand: who has the former charm's documentation at hand types its
// commands, and each does here what the text says, or is refused with a sentence. Files called
// NAME.sh hold a block letter for letter; what the text itself leaves to the reader is filled in.
func TestTheDocumentedCommandsRunAsTheyStand(t *testing.T) {
	w := beginEmpty(t, "--update-status", "5s")
	w.daemon()
	programs, err := etcdbin.Dir(w.ctx, etcdbin.Default)
	must(t, err)
	environ, err := w.Environ(programs)
	must(t, err)
	d := &reader{w: w}
	var files []string
	for _, name := range documented {
		files = append(files, filepath.Join("testdata/documented", name+".txtar"))
	}
	all, err := filepath.Glob("testdata/documented/*.txtar")
	must(t, err)
	if len(all) != len(files) {
		t.Errorf("there are %d scripts, and %d in order", len(all), len(files))
	}
	testscript.RunT(inOrder{t}, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			for _, variable := range environ {
				name, value, _ := strings.Cut(variable, "=")
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"block": block, "take": take, "healthy": d.healthy, "gone": d.gone, "put": d.put, "holds": d.holds,
		},
	})
}

// inOrder runs scripts one after the other: each goes on with the cluster of those before it.
type inOrder struct{ *testing.T }

func (o inOrder) Parallel()     {}
func (o inOrder) Verbose() bool { return testing.Verbose() }

func (o inOrder) Run(name string, f func(testscript.T)) {
	if !o.Failed() { // the next ones would wait in vain
		o.T.Run(name, func(t *testing.T) {
			began := time.Now()
			f(inOrder{t})
			t.Logf("%.1f s", time.Since(began).Seconds())
		})
	}
}

// block FILE [TEXT VALUE] … runs a file's commands in one shell, which ends with the first that
// fails; each TEXT is what the documentation leaves to its reader.
func block(ts *testscript.TestScript, neg bool, args []string) {
	script := ts.ReadFile(args[0])
	for i := 1; i+1 < len(args); i += 2 {
		if !strings.Contains(script, args[i]) {
			ts.Fatalf("%s does not say %s", args[0], args[i])
		}
		script = strings.ReplaceAll(script, args[i], args[i+1])
	}
	if err := ts.Exec("sh", "-ec", script); (err != nil) != neg {
		ts.Fatalf("%s ended with %v", args[0], err)
	}
}

// take NAME REGEXP makes a variable of what the expression's group has found in the last output.
func take(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("the output has no %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// reader is who types the commands, and what is looked at in between.
type reader struct{ w *world }

func (d *reader) await(ts *testscript.TestScript, c rig.Condition) {
	ctx, cancel := context.WithTimeout(d.w.ctx, 2*time.Minute)
	defer cancel()
	took, err := d.w.Await(ctx, c)
	ts.Check(err)
	ts.Logf("after %.1f s", took.Seconds())
}

// healthy APPLICATION N waits for N units that say so.
func (d *reader) healthy(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	d.await(ts, rig.Healthy(args[0], n))
}

// gone APPLICATION waits until it is.
func (d *reader) gone(ts *testscript.TestScript, _ bool, args []string) {
	d.await(ts, func(s rig.Status) (bool, string) {
		_, there := s.Applications[args[0]]
		return !there, args[0] + " is there"
	})
}

// connect opens a client on all units of an application, as jujuetcd env has it.
func (d *reader) connect(ts *testscript.TestScript, application string) *clientv3.Client {
	credentials, err := d.w.Credentials(d.w.ctx, application)
	ts.Check(err)
	config, err := credentials.TLS()
	ts.Check(err)
	s, err := d.w.Status(d.w.ctx)
	ts.Check(err)
	client, err := rig.Connect(config, s.Endpoints(application)...)
	ts.Check(err)
	ts.Defer(func() { _ = client.Close() })
	return client
}

// put APPLICATION KEY VALUE writes to a cluster.
func (d *reader) put(ts *testscript.TestScript, _ bool, args []string) {
	_, err := d.connect(ts, args[0]).Put(d.w.ctx, args[1], args[2])
	ts.Check(err)
}

// holds APPLICATION KEY VALUE reads from it.
func (d *reader) holds(ts *testscript.TestScript, _ bool, args []string) {
	got, err := d.connect(ts, args[0]).Get(d.w.ctx, args[1])
	ts.Check(err)
	if len(got.Kvs) != 1 || string(got.Kvs[0].Value) != args[2] {
		ts.Fatalf("%s is %v, not %q", args[1], got.Kvs, args[2])
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/policy"
	"jujuetcd.io/sim/cli"
	"jujuetcd.io/sim/machine"
)

func TestMain(m *testing.M) {
	// Its hook tools call jujusim by their names.
	if code, handled := machine.MultiCall(os.Args); handled {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){
		"jujuetcd": main,
		"jujusim":  func() { os.Exit(cli.Main(context.Background(), os.Args[1:], "v0-test", machine.NewFleet)) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// A home of one's own, and a socket that nobody listens on.
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("JUJUETCD_SOCKET", filepath.Join(env.WorkDir, "d.sock"))
			for _, name := range []string{"JUJU_DATA", "JUJU_MODEL", "JUJU_CONTROLLER", "XDG_DATA_HOME", "STATE_DIRECTORY", "NOTIFY_SOCKET"} {
				env.Setenv(name, "")
			}
			// Short, because unix sockets lie below it.
			dir, err := os.MkdirTemp("", "js")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(dir) })
			env.Setenv("JUJUSIM_DIR", filepath.Join(dir, "s"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitCodeIs, "await": awaitFile},
	})
}

// awaitFile waits until a file is there.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.After(3 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%s is not there after three minutes", args[0])
		case <-tick.C:
		}
	}
}

// exitCodeIs runs a command and compares its exit code: exitcode CODE PROGRAM ARGS...
func exitCodeIs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		got = fmt.Sprint(exit.ExitCode())
	} else if err != nil {
		ts.Fatalf("cannot run %s: %v", args[1], err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func TestExitCodeShowsWhatRetryingCannotFix(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want int
	}{
		{"all well", nil, 0},
		{"lost connection", fmt.Errorf("cannot read: %w", jujuapi.ErrConnectionLost), 1},
		{"wrong usage", usageError{errors.New("no model")}, 2},
		{"unknown model", fmt.Errorf("cannot look: %w", jujuapi.ErrModelNotFound), 3},
		{"no grant", fmt.Errorf("cannot look: %w", personError{errors.New("no grant")}), 3},
		{"invalid policy", &policy.InvalidError{}, 3},
		{"bad configuration", &jujuapi.ConfigError{}, 3},
		{"doctor's finding", errors.Join(errReported, personError{errors.New("facades")}), 3},
	} {
		if got := exitCode(test.err); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.name, got, test.want)
		}
	}
}

func TestIdentityIsStableAndOfOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	id, release, err := claimIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := claimIdentity(dir); err == nil {
		t.Error("two processes have one identity")
	}
	release()
	again, release, err := claimIdentity(dir)
	if err != nil || again != id {
		t.Errorf("identity %q became %q, %v", id, again, err)
	}
	release()
	for name, want := range map[string]fs.FileMode{"": 0o700, "identity": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %q is %v, %v", name, info.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "identity"), []byte("\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := claimIdentity(dir); exitCode(err) != exitPerson {
		t.Errorf("a damaged identity: %v", err)
	}
}

func TestDefaultsFollowSystemdThenTheUser(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, test := range []struct{ got, want string }{
		{defaultStateDir(env("STATE_DIRECTORY", "/var/lib/x:/var/lib/y"), 0), "/var/lib/x"},
		{defaultStateDir(env(), 0), "/var/lib/jujuetcd-controller"},
		{defaultStateDir(env("HOME", "/home/a"), 1000), "/home/a/.local/state/jujuetcd"},
		{defaultSocket(env("JUJUETCD_SOCKET", "/a/s", "RUNTIME_DIRECTORY", "/run/x"), 0), "/a/s"},
		{defaultSocket(env("RUNTIME_DIRECTORY", "/run/x"), 0), "/run/x/jujuetcd.sock"},
		{defaultSocket(env(), 0), "/run/jujuetcd/jujuetcd.sock"},
		{defaultSocket(env("XDG_RUNTIME_DIR", "/run/user/7"), 7), "/run/user/7/jujuetcd.sock"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

func TestTablesFitATerminal(t *testing.T) {
	tab := &table{head: []string{"MODEL", "A", "B"}, dull: true}
	tab.add("m", "x", strings.Repeat("word ", 40))
	tab.add("m", "", "ü")
	var b strings.Builder
	if err := tab.print(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > tableWidth {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if !strings.HasPrefix(b.String(), "A  B\nx  word") || !strings.Contains(b.String(), "\n-  ü\n") {
		t.Errorf("table:\n%s", b.String())
	}
}

func TestRowsOfATableThatGoesOnStayBelowEachOther(t *testing.T) {
	var b strings.Builder
	var widths []int
	for i, member := range []string{"ec913148abccc6c3", ""} {
		tab := &table{head: []string{"UNIT", "MEMBER", "STATUS"}, bare: i > 0, widths: widths}
		tab.add("etcd/2", member, "active")
		if err := tab.print(&b); err != nil {
			t.Fatal(err)
		}
		widths = tab.widths
	}
	for line := range strings.Lines(b.String()) {
		if at := max(strings.Index(line, "STATUS"), strings.Index(line, "active")); at != 26 {
			t.Errorf("the last column is at %d: %q", at, line)
		}
	}
}

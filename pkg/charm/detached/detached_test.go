package detached_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jujuetcd.io/pkg/charm/detached"
	"jujuetcd.io/sim/service"
)

// order is what the test's program is asked to do.
type order struct{ Do, Path string }

const (
	unitName = "etcd/0"
	program  = "work"
)

// TestMain makes the test's program systemd-run, and the program of the work.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == "systemd-run":
		os.Exit(service.SystemdRun(os.Args[1:]))
	case len(os.Args) == 2 && os.Args[1] == program:
		if err := detached.Serve(context.Background(), os.Stdin, os.Stdout, perform); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func perform(_ context.Context, o order, tell detached.Tell) string {
	tell.Log("a line for the log")
	tell.Progress("begun")
	switch o.Do {
	case "die":
		os.Exit(3)
	case "wait": // for the file, and tells of its end by another, since nobody may listen
		for _, err := os.Stat(o.Path); err != nil; _, err = os.Stat(o.Path) {
			time.Sleep(5 * time.Millisecond)
		}
		tell.Progress("goes on")
		if err := os.WriteFile(o.Path+".done", nil, 0o600); err != nil {
			os.Exit(1)
		}
	}
	return "done: " + o.Path
}

// host is a machine with a systemd.
type host struct {
	t    *testing.T
	root string
	mu   sync.Mutex
	told []string
}

func newHost(t *testing.T) *host {
	h := &host{t: t, root: t.TempDir()}
	tools := t.TempDir()
	exe, err := os.Executable()
	if err == nil {
		err = os.Symlink(exe, filepath.Join(tools, "systemd-run"))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
	t.Setenv(service.RootVariable, h.root)
	systemd, err := service.New(service.Options{Root: h.root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(systemd.Close)
	if err := systemd.Serve(); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) run(ctx context.Context, name string, o order) (result string, err error) {
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	say := func(text string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.told = append(h.told, text)
	}
	work := detached.Work{Root: h.root, Unit: unitName, Name: name, Command: []string{exe, program}}
	err = detached.Run(ctx, work, o, &result, detached.Tell{Progress: say, Log: say})
	return result, err
}

func TestWorkIsDoneAndTellsWhatItDoes(t *testing.T) {
	h := newHost(t)
	result, err := h.run(t.Context(), "once", order{Path: "a"})
	if err != nil || result != "done: a" || strings.Join(h.told, "; ") != "a line for the log; begun" {
		t.Errorf("%q, %v; it told %q", result, err, h.told)
	}
	// The next finds nothing of it.
	if result, err = h.run(t.Context(), "again", order{}); err != nil || result != "done: " {
		t.Errorf("again: %q, %v", result, err)
	}
	info, err := os.Stat(filepath.Join(detached.Folder(h.root, unitName), "work"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the order's file: %v, %v", info, err)
	}
}

// TestWorkOutlivesWhoBeganIt, and nothing else of the unit runs beside it, from its first moment to
// its last.
func TestWorkOutlivesWhoBeganIt(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	path := filepath.Join(t.TempDir(), "go")
	ended := make(chan error, 1)
	go func() {
		_, err := h.run(ctx, "long", order{Do: "wait", Path: path})
		ended <- err
	}()
	for begun := false; !begun; time.Sleep(time.Millisecond) {
		h.mu.Lock()
		begun = len(h.told) == 2
		h.mu.Unlock()
	}
	cancel(errors.New("the agent is restarted"))
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "the agent is restarted; it goes on by itself") {
			t.Errorf("who began it: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("who began it waits on")
	}
	soon, cancelSoon := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancelSoon()
	if _, err := h.run(soon, "other", order{}); !errors.Is(err, detached.ErrRuns) {
		t.Errorf("another was begun: %v", err)
	}
	short, cancelShort := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancelShort()
	if err := detached.Wait(short, h.root, unitName); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the wait beside it: %v", err)
	}
	if err := detached.Wait(t.Context(), h.root, "etcd/1"); err != nil {
		t.Errorf("another unit waits: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := detached.Wait(t.Context(), h.root, unitName); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".done"); err != nil {
		t.Errorf("the wait ended before the work: %v", err)
	}
}

// TestWorkThatDiesIsToldFromOneThatWasNotBegun: somebody has to look after the first.
func TestWorkThatDiesIsToldFromOneThatWasNotBegun(t *testing.T) {
	h := newHost(t)
	if _, err := h.run(t.Context(), "dies", order{Do: "die"}); !errors.Is(err, detached.ErrDied) {
		t.Errorf("it died: %v", err)
	}
	if err := detached.Wait(t.Context(), h.root, unitName); err != nil {
		t.Errorf("it holds others up: %v", err)
	}
	t.Setenv("PATH", "/nowhere")
	if _, err := h.run(t.Context(), "not begun", order{}); err == nil || errors.Is(err, detached.ErrDied) || errors.Is(err, detached.ErrRuns) {
		t.Errorf("without systemd-run: %v", err)
	}
}

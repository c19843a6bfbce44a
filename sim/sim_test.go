package sim_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/sim"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs an instance without machines until the test ends, and returns what it reports of
// itself.
func start(t *testing.T, dir string) (control.Info, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan control.Info, 1), make(chan error, 1)
	go func() {
		done <- sim.Run(ctx, sim.Options{Dir: dir, Fleet: fleet.None, Ready: func(i control.Info) { ready <- i }})
	}()
	var err error
	ended := false
	stop := func() error {
		cancel()
		if !ended {
			err, ended = <-done, true
		}
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	select {
	case info := <-ready:
		return info, stop
	case err, ended = <-done:
		t.Fatalf("it ended with %v", err)
	case <-time.After(time.Minute):
		t.Fatal("it was not ready within a minute")
	}
	return control.Info{}, nil
}

// short is a folder with a short path, as unix sockets need it.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ji")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestClientFindsItsWayByTheJujuClientsFiles(t *testing.T) {
	info, _ := start(t, short(t))
	getenv := func(name string) string { return map[string]string{"JUJU_DATA": info.JujuData}[name] }
	target, err := jujuapi.Find(jujuapi.Explicit{}, getenv)
	if err != nil {
		t.Fatal(err)
	}
	session := jujuapi.OpenController(t.Context(), target.Controller, jujuapi.Options{})
	defer func() { _ = session.Close() }()
	ref, err := session.Resolve(t.Context(), target.Model)
	if err != nil || ref.UUID != info.Models[0].UUID || ref.Owner != sim.Admin {
		t.Errorf("got %+v, %v", ref, err)
	}
}

func TestNothingSecretIsReadableByOthers(t *testing.T) {
	dir := short(t)
	start(t, dir)
	public := map[string]bool{"ca.crt": true}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 && !public[entry.Name()] {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoInstancesRunBesideEachOtherButNotInOneFolder(t *testing.T) {
	dir := short(t)
	one, _ := start(t, dir)
	two, _ := start(t, short(t))
	if one.Address == two.Address {
		t.Errorf("both have %s", one.Address)
	}
	err := sim.Run(t.Context(), sim.Options{Dir: dir, Fleet: fleet.None})
	if err == nil || !strings.Contains(err.Error(), "another jujusim runs there") {
		t.Errorf("got %v", err)
	}
}

func TestStopEndsItAndTheSocketGoes(t *testing.T) {
	dir := short(t)
	_, stop := start(t, dir)
	if err := control.NewClient(dir).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := control.NewClient(dir).Info(t.Context()); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
	start(t, dir) // And it can begin again.
}

func TestAMachineIsNamedByItsNumberOrAUnitAndIsThereOnlyWhenItIsUp(t *testing.T) {
	dir := short(t)
	start(t, dir)
	c := control.NewClient(dir)
	if err := c.Call(t.Context(), control.Call{Facade: "MachineManager", Method: "AddMachines"}, server.AddMachines{Params: make([]server.AddMachine, 1)}, nil); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"a/0": "unit a/0 not found", "a/leader": `application "a" not found`, "9": "machine 9 not found", "": "machine  not found",
		"0": "no available address(es)",
	} {
		if root, err := c.Root(t.Context(), control.Target{Name: target}); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v", target, root, err)
		}
	}
}

func TestModelsAreLimitedAndNamed(t *testing.T) {
	dir := short(t)
	start(t, dir)
	c := control.NewClient(dir)
	for _, name := range []string{"two", "three", "four"} {
		if _, err := c.AddModel(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"five": "has at most 4"} {
		if _, err := c.AddModel(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := c.Fault(t.Context(), control.Fault{Kind: "nonsense"}); err == nil || !strings.Contains(err.Error(), "no such kind") {
		t.Errorf("got %v", err)
	}
}

package machine_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jujuetcd.io/sim/charm"
	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/machine"
	"jujuetcd.io/sim/model"
)

func TestMain(m *testing.M) {
	if code, handled := machine.MultiCall(os.Args); handled {
		syscall.Exit(code) // os.Exit waits a second under the race detector
	}
	goleak.VerifyTestMain(m)
}

// dispatch writes down what it is called for, and then runs the script that a test has put into the
// machine, if any.
const dispatch = `#!/bin/bash
name=${JUJU_DISPATCH_PATH#hooks/}
echo "$name${JUJU_REMOTE_UNIT:+ $JUJU_REMOTE_UNIT}" >> "$JUJUETCD_ROOT/ran-${JUJU_UNIT_NAME/\//-}"
if [ -e "$JUJUETCD_ROOT/script" ]; then . "$JUJUETCD_ROOT/script"; fi
`

const peerMetadata = `name: probe
summary: a test charm
description: a test charm
peers:
  ring: {interface: probe-ring}
provides:
  out: {interface: probe}
requires:
  in: {interface: probe}
`

const probeActions = `echo:
  params: {text: {type: string}}
  additionalProperties: false
spell:
  params: {}
`

const probeConfig = `options:
  port: {type: int, default: 2379}
  name: {type: string, default: ""}
  fast: {type: boolean, default: false}
`

func probe(t *testing.T) *charm.Charm {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"metadata.yaml": peerMetadata, "actions.yaml": probeActions, "config.yaml": probeConfig, "dispatch": dispatch} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return load(t, dir)
}

func load(t *testing.T, path string) *charm.Charm {
	t.Helper()
	c, err := charm.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// world is a model with its machines, as jujusim would run them.
type world struct {
	*model.Model
	t     *testing.T
	dir   string
	fleet *machine.Fleet
}

func newWorld(t *testing.T, edit ...func(*fleet.Options)) *world {
	t.Helper()
	return newWorldAt(t, model.PaceInstant, edit...)
}

func newWorldAt(t *testing.T, pace model.Pace, edit ...func(*fleet.Options)) *world {
	t.Helper()
	return newWorldOf(t, model.Options{Pace: pace}, edit...)
}

func newWorldOf(t *testing.T, of model.Options, edit ...func(*fleet.Options)) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "w") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	of.Lease = 100 * time.Millisecond
	c := model.NewController(of)
	if _, err := c.AddUser("admin", "", ""); err != nil {
		t.Fatal(err)
	}
	m, err := c.AddModel("admin", "demo", "")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := fleet.Options{Model: m, Dir: dir, Network: netip.MustParsePrefix("127.77.3.0/24"), APIAddress: "127.77.3.1:17070", Program: program}
	for _, e := range edit {
		e(&o)
	}
	f, err := machine.NewFleet(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Model: m, t: t, dir: dir, fleet: f.(*machine.Fleet)} // as documented
	ctx, cancel := context.WithCancel(context.Background())
	done, streamed := make(chan error, 1), make(chan struct{})
	go func() { done <- f.Run(ctx) }()
	go func() { defer close(streamed); m.Stream(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-streamed
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Close()
		if t.Failed() {
			for _, l := range m.Logs(0) {
				t.Log(l.Entity, l.Level, l.Module, l.Message)
			}
		}
		_ = os.RemoveAll(dir)
	})
	return w
}

func (w *world) deploy(c *charm.Charm, name string, units int) {
	w.t.Helper()
	if _, err := w.Deploy(model.DeployArgs{Charm: c, Name: name, NumUnits: units}); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for a condition of the model to hold.
func (w *world) until(what string, check func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-deadline.C:
			w.t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// settled waits until units are idle and have run their start hook.
func (w *world) settled(units ...string) {
	w.t.Helper()
	for _, unit := range units {
		w.until(unit+" is idle", func() bool {
			u, err := w.Unit(unit)
			return err == nil && u.Agent.Current == "idle" && strings.Contains(strings.Join(w.ran(unit), " "), "start")
		})
	}
}

func (w *world) root(unit string) string {
	w.t.Helper()
	u, err := w.Unit(unit)
	if err != nil {
		w.t.Fatal(err)
	}
	return filepath.Join(w.dir, u.Machine)
}

// ran lists what a unit's charm was called for.
func (w *world) ran(unit string) []string {
	return w.ranAt(w.root(unit), unit)
}

func (w *world) ranAt(root, unit string) []string {
	text, err := os.ReadFile(filepath.Join(root, "ran-"+strings.ReplaceAll(unit, "/", "-")))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// script is what a unit's charm does from now on.
func (w *world) script(unit, text string) {
	w.t.Helper()
	path := filepath.Join(w.root(unit), "script")
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		w.t.Fatal(err)
	}
}

// exec runs a command with the hook tools, and returns its task.
func (w *world) exec(unit, command string) model.Task {
	w.t.Helper()
	return w.task(model.TaskRequest{Receiver: unit, Name: model.Exec, Parallel: true, Params: map[string]any{"command": command, "timeout": int64(time.Minute)}})
}

func (w *world) task(r model.TaskRequest) model.Task {
	w.t.Helper()
	_, results, err := w.Enqueue([]model.TaskRequest{r})
	if err != nil || results[0].Err != nil {
		w.t.Fatal(err, results)
	}
	return w.final(results[0].Task.ID)
}

func (w *world) final(id int) model.Task {
	w.t.Helper()
	var task model.Task
	w.until(fmt.Sprintf("task %d is final", id), func() bool {
		var err error
		if task, err = w.Task(id); err != nil {
			w.t.Fatal(err)
		}
		return task.Status.Final()
	})
	return task
}

func TestHooksRunInJujusOrderAtBirthAndDeath(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 2)
	w.settled("a/0", "a/1")
	w.until("both have met", func() bool {
		return strings.Contains(strings.Join(w.ran("a/0"), ","), "ring-relation-changed a/1") && strings.Contains(strings.Join(w.ran("a/1"), ","), "ring-relation-changed a/0")
	})
	want := "install,ring-relation-created,leader-elected,config-changed,start,ring-relation-joined a/1,ring-relation-changed a/1"
	leader, err := w.Leader("a")
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"a/0": "a/1", "a/1": "a/0"}[leader]
	if got := strings.ReplaceAll(strings.Join(w.ran(leader), ","), other, "a/1"); got != want {
		t.Errorf("the leader ran %s, want %s", got, want)
	}
	root := w.root("a/1")
	w.ReportDepartures(true)
	if err := w.DestroyUnit("a/1"); err != nil {
		t.Fatal(err)
	}
	w.until("a/1 is gone", func() bool { _, err := w.Unit("a/1"); return model.IsNotFound(err) })
	ran := strings.Join(w.ranAt(root, "a/1"), ",")
	if !strings.HasSuffix(ran, "ring-relation-departed a/0,stop,remove") {
		t.Errorf("the dying unit ran %s", ran)
	}
	w.until("a/0 knows", func() bool { return strings.Contains(strings.Join(w.ran("a/0"), ","), "ring-relation-departed a/1") })
	w.until("its machine is gone", func() bool { return len(w.MachineIDs()) == 1 })
}

func TestAtJujusPaceTheSameHooksRun(t *testing.T) {
	w := newWorldAt(t, model.PaceJuju)
	w.deploy(probe(t), "a", 2)
	for unit, other := range map[string]string{"a/0": "a/1", "a/1": "a/0"} {
		w.until(unit+" has met the other", func() bool {
			_, err := w.Unit(unit)
			return err == nil && strings.Contains(strings.Join(w.ran(unit), ","), "ring-relation-changed "+other)
		})
		ran := strings.ReplaceAll(strings.Join(w.ran(unit), ","), "leader-elected,", "")
		if want := "install,ring-relation-created,config-changed,start,ring-relation-joined " + other + ",ring-relation-changed " + other; ran != want {
			t.Errorf("%s ran %s, want %s", unit, ran, want)
		}
	}
	if task := w.exec("a/0", "echo here"); task.Output["stdout"] != "here\n" {
		t.Errorf("%+v", task)
	}
}

func TestRelationListShowsThoseWhoseJoinedHookHasRun(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	w.script("a/0", `echo "$JUJU_HOOK_NAME $JUJU_REMOTE_UNIT: $(relation-list -r ring:0 | xargs)" >> "$JUJUETCD_ROOT/lists"; case $JUJU_HOOK_NAME in *departed) relation-get -r ring:0 mark "$JUJU_REMOTE_UNIT" >> "$JUJUETCD_ROOT/lists";; esac`)
	if _, err := w.AddUnits("a", 2, nil); err != nil {
		t.Fatal(err)
	}
	lists := func() string { text, _ := os.ReadFile(filepath.Join(w.root("a/0"), "lists")); return string(text) }
	w.until("both have joined", func() bool {
		return strings.Contains(lists(), "changed a/2:") && strings.Contains(lists(), "changed a/1:")
	})
	w.settled("a/1", "a/2")
	w.exec("a/2", "relation-set -r ring:0 mark=left")
	w.until("a/0 knows the mark", func() bool {
		bag, err := w.View("a/0").RelationSettings(0, "a/2")
		return err == nil && bag["mark"] == "left" && strings.Count(lists(), "changed a/2:") > 1
	})
	w.ReportDepartures(true)
	if err := w.DestroyUnit("a/2"); err != nil {
		t.Fatal(err)
	}
	w.until("a/2 has departed", func() bool { return strings.Contains(lists(), "departed a/2:") })
	w.until("its databag was read", func() bool { return strings.HasSuffix(lists(), "left\n") })
	first := strings.SplitN(lists(), "\n", 2)[0]
	if first != "ring-relation-joined a/1: a/1" && first != "ring-relation-joined a/2: a/2" {
		t.Errorf("the first list is %q", first)
	}
	if !strings.Contains(lists(), "ring-relation-departed a/2: a/1\n") {
		t.Errorf("the lists:\n%s", lists())
	}
}

// What a real 4.0 mostly does when a unit goes: its peers hear nothing, and for them it is there
// with all that it has written, until their charm is upgraded or their agent starts anew. Others
// see it gone.
func TestPeersMayHearNothingOfTheEndOfAUnit(t *testing.T) {
	w := newWorld(t)
	c := probe(t)
	w.deploy(c, "a", 3)
	w.settled("a/0", "a/1", "a/2")
	for _, unit := range []string{"a/0", "a/1"} {
		w.until(unit+" has met a/2", func() bool { return strings.Contains(strings.Join(w.ran(unit), ","), "ring-relation-changed a/2") })
	}
	w.exec("a/2", "relation-set -r ring:0 mark=left")
	if err := w.DestroyUnit("a/2"); err != nil {
		t.Fatal(err)
	}
	w.until("a/2 is gone", func() bool { _, err := w.Unit("a/2"); return model.IsNotFound(err) })
	const look = `echo $(relation-list -r ring:0 | xargs) $(relation-get -r ring:0 mark a/2)`
	for _, unit := range []string{"a/0", "a/1"} {
		if out := w.exec(unit, look).Output["stdout"]; !strings.Contains(fmt.Sprint(out), "a/2 left") {
			t.Errorf("%s sees %q", unit, out)
		}
	}
	relations, err := w.RelationData("a/0")
	if err != nil || len(relations) == 0 || relations[0].Units["a/2"] != nil {
		t.Errorf("an administrator sees %+v, %v", relations, err)
	}
	if _, err := w.Refresh("a", c); err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"a/0", "a/1"} {
		w.until(unit+" has heard of it", func() bool {
			ran := strings.Join(w.ran(unit), ",")
			return strings.HasSuffix(ran, "upgrade-charm,config-changed,ring-relation-departed a/2")
		})
	}
}

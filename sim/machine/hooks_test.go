package machine_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
)

// setConfig changes an option, so that config-changed runs.
func (w *world) setConfig(app, key, value string) {
	w.t.Helper()
	if err := w.SetConfig(app, map[string]string{key: value}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ring(unit string) map[string]string {
	w.t.Helper()
	view := w.View(unit)
	bag, err := view.RelationSettings(w.ringID(unit), unit)
	if err != nil {
		w.t.Fatal(err)
	}
	return bag
}

func (w *world) ringID(unit string) int {
	w.t.Helper()
	ids, err := w.View(unit).RelationIDs("ring")
	if err != nil || len(ids) != 1 {
		w.t.Fatal(ids, err)
	}
	id, err := strconv.Atoi(strings.TrimPrefix(ids[0], "ring:"))
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestAFailedHookCommitsNothingAndIsRetriedWhenResolved(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	w.script("a/0", `relation-set -r $(relation-ids ring) secret=1; status-set active "said before the end"; exit 3`)
	w.setConfig("a", "port", "1")
	w.until("the unit is in error", func() bool { u, _ := w.Unit("a/0"); return u.Workload.Current == "error" })
	u, err := w.Unit("a/0")
	if err != nil {
		t.Fatal(err)
	}
	if u.Workload.Message != `hook failed: "config-changed"` {
		t.Errorf("the error reads %q", u.Workload.Message)
	}
	if s, _ := w.View("a/0").Status(); s.Message != "said before the end" {
		t.Errorf("status-set takes effect at once; it is %q", s.Message)
	}
	if bag := w.ring("a/0"); bag["secret"] != "" {
		t.Error("the databag was committed")
	}
	w.script("a/0", `relation-set -r $(relation-ids ring) secret=2`)
	if err := w.Resolve("a/0", model.ResolveRetry); err != nil {
		t.Fatal(err)
	}
	w.until("the databag is committed", func() bool { return w.ring("a/0")["secret"] == "2" })
	w.until("the error is gone", func() bool { u, _ := w.Unit("a/0"); return u.Workload.Current == "active" && u.Agent.Current == "idle" })
}

func TestAHookThatIsLeftOutDoesNotRunAgain(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	w.script("a/0", "exit 1")
	w.setConfig("a", "port", "1")
	w.until("the unit is in error", func() bool { u, _ := w.Unit("a/0"); return u.Workload.Current == "error" })
	before := len(w.ran("a/0"))
	if err := w.Resolve("a/0", model.ResolveSkip); err != nil {
		t.Fatal(err)
	}
	w.until("the unit is idle", func() bool { u, _ := w.Unit("a/0"); return u.Workload.Current != "error" && u.Agent.Current == "idle" })
	if ran := w.ran("a/0"); len(ran) != before {
		t.Errorf("it ran %v", ran[before:])
	}
}

func TestADatabagWrittenByOneUnitRunsRelationChangedOnTheOthers(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 3)
	w.settled("a/0", "a/1", "a/2")
	met := func(unit string, others ...string) bool {
		ran := strings.Join(w.ran(unit), ",")
		for _, o := range others {
			if !strings.Contains(ran, "ring-relation-changed "+o) {
				return false
			}
		}
		return true
	}
	w.until("all have met", func() bool { return met("a/0", "a/1", "a/2") && met("a/1", "a/0", "a/2") && met("a/2", "a/0", "a/1") })
	count := func(unit string) int {
		return strings.Count(strings.Join(w.ran(unit), ","), "ring-relation-changed a/0")
	}
	one, two := count("a/1"), count("a/2")
	if task := w.exec("a/0", "relation-set -r $(relation-ids ring) fact=x"); task.Status != model.TaskCompleted {
		t.Fatal(task)
	}
	w.until("the others have heard", func() bool { return count("a/1") == one+1 && count("a/2") == two+1 })
	if task := w.exec("a/1", "relation-get -r $(relation-ids ring) fact a/0"); task.Output["stdout"] != "x\n" {
		t.Errorf("a/1 reads %v", task.Output)
	}
	if bag := w.ring("a/0"); bag["ingress-address"] == "" || bag["egress-subnets"] == "" {
		t.Errorf("Juju's own keys are missing: %v", bag)
	}
	// What has the same value wakes nobody.
	w.exec("a/0", "relation-set -r $(relation-ids ring) fact=x")
	w.exec("a/1", "true")
	if count("a/1") != one+1 {
		t.Error("an equal value ran a hook")
	}
}

func TestOnlyTheLeaderWritesTheApplicationDatabag(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 2)
	w.settled("a/0", "a/1")
	leader, err := w.Leader("a")
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"a/0": "a/1", "a/1": "a/0"}[leader]
	task := w.exec(other, "relation-set -r $(relation-ids ring) --app epoch=1")
	if task.Output["stderr"] != "ERROR cannot write relation settings\n" || task.Output["return-code"] != 1 {
		t.Errorf("the other unit: %v", task.Output)
	}
	if task := w.exec(leader, "relation-set -r $(relation-ids ring) --app epoch=1 && relation-get -r $(relation-ids ring) --app epoch a"); task.Output["stdout"] != "1\n" {
		t.Errorf("the leader: %v", task.Output)
	}
	for _, unit := range []string{other, leader} { // the leader, too, is told of what it wrote, on 4.0
		w.until(unit+" is told", func() bool { r := w.ran(unit); return r[len(r)-1] == "ring-relation-changed" })
	}
	if task := w.exec(other, "relation-get -r $(relation-ids ring) --format=json --app - a"); task.Output["stdout"] != "{\"epoch\":\"1\"}\n" {
		t.Errorf("the other reads %v", task.Output)
	}
}

func TestOtherOptionsRunConfigChangedTwice(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	count := func() int { return strings.Count(strings.Join(w.ran("a/0"), ","), "config-changed") }
	before := count()
	for changes := range 2 {
		w.setConfig("a", "port", strconv.Itoa(2400+changes))
		w.until("config-changed has run twice", func() bool { return count() == before+2*(changes+1) })
		w.exec("a/0", "true")
		w.until("the unit is idle", func() bool { u, _ := w.Unit("a/0"); return u.Agent.Current == "idle" })
		if n := count(); n != before+2*(changes+1) {
			t.Errorf("after %d changes it has run %d times, %d before", changes+1, n, before)
		}
	}
}

func TestActionsReportAsJujuDoes(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	act := func(script, name string, params map[string]any) model.Task {
		t.Helper()
		w.script("a/0", script)
		return w.task(model.TaskRequest{Receiver: "a/0", Name: name, Params: params})
	}
	task := act(`[ "$JUJU_ACTION_NAME" = echo ] || exit 0
action-set said="$(action-get text)" a.b=c; action-log "one line"; echo out; echo err >&2`, "echo", map[string]any{"text": "héllo = {x}"})
	nested, _ := task.Output["a"].(map[string]any)
	if task.Status != model.TaskCompleted || task.Output["said"] != "héllo = {x}" || nested["b"] != "c" ||
		task.Output["stdout"] != "out\n" || task.Output["stderr"] != "err\n" || task.Output["return-code"] != 0 || len(task.Log) != 1 {
		t.Errorf("a good action: %+v", task)
	}
	if task := act("exit 4", "echo", nil); task.Status != model.TaskFailed || task.Message != "exit status 4" || task.Output["return-code"] != 4 {
		t.Errorf("an action that exits 4: %+v", task)
	}
	if task := act(`relation-set -r $(relation-ids ring) kept=1; action-fail "no way"`, "echo", nil); task.Status != model.TaskFailed || task.Message != "no way" {
		t.Errorf("action-fail: %+v", task)
	}
	if w.ring("a/0")["kept"] != "1" {
		t.Error("action-fail commits all the same")
	}
	if task := act(`relation-set -r $(relation-ids ring) lost=1; exit 1`, "echo", nil); task.Status != model.TaskFailed || w.ring("a/0")["lost"] != "" {
		t.Errorf("an action that exits 1 commits nothing: %+v", task)
	}
	if task := act("", "echo", map[string]any{"txet": "x"}); task.Status != model.TaskError {
		t.Errorf("an unknown parameter: %+v", task)
	}
}

func TestAnActionRunsWhileAHookIsInError(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	w.script("a/0", `case $JUJU_DISPATCH_PATH in hooks/*) exit 1;; esac; action-set fine=yes`)
	w.setConfig("a", "port", "1")
	w.until("the unit is in error", func() bool { u, _ := w.Unit("a/0"); return u.Workload.Current == "error" })
	if task := w.task(model.TaskRequest{Receiver: "a/0", Name: "spell"}); task.Output["fine"] != "yes" {
		t.Errorf("the action: %+v", task)
	}
	if u, _ := w.Unit("a/0"); u.Workload.Current != "error" {
		t.Errorf("the error was hidden: %+v", u.Workload)
	}
}

func TestExecIsCompletedWhateverTheExitCode(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	task := w.exec("a/0", "echo -n hi; relation-set -r $(relation-ids ring) by=exec; [ -z \"$JUJU_DISPATCH_PATH\" ] && exit 7")
	if task.Status != model.TaskCompleted || task.Output["return-code"] != 7 || task.Output["stdout"] != "hi" || w.ring("a/0")["by"] != "exec" {
		t.Errorf("exit 7: %+v", task)
	}
	task = w.task(model.TaskRequest{Receiver: "a/0", Name: model.Exec, Params: map[string]any{"command": "sleep 100", "timeout": int64(50 * time.Millisecond)}})
	if task.Status != model.TaskFailed || task.Message != "command cancelled" {
		t.Errorf("a timeout: %+v", task)
	}
}

func TestHooksSeeJujusEnvironmentAndNothingElse(t *testing.T) {
	t.Setenv("OF_THE_SIMULATOR", "1")
	w := newWorld(t)
	w.deploy(probe(t), "a", 2)
	w.settled("a/0", "a/1")
	w.script("a/0", `env > "$JUJUETCD_ROOT/env-${JUJU_HOOK_NAME:-action}"`)
	w.exec("a/1", "relation-set -r $(relation-ids ring) x=1")
	file := filepath.Join(w.root("a/0"), "env-ring-relation-changed")
	w.until("the hook ran", func() bool { info, err := os.Stat(file); return err == nil && info.Size() > 0 })
	w.until("the unit is idle", func() bool { u, _ := w.Unit("a/0"); return u.Agent.Current == "idle" })
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := "\n" + string(text)
	for _, want := range []string{"JUJU_UNIT_NAME=a/0", "JUJU_DISPATCH_PATH=hooks/ring-relation-changed", "JUJU_HOOK_NAME=ring-relation-changed",
		"JUJU_RELATION=ring", "JUJU_RELATION_ID=ring:0", "JUJU_REMOTE_UNIT=a/1", "JUJU_REMOTE_APP=a", "JUJU_MODEL_NAME=demo", "JUJU_MODEL_UUID=" + w.UUID,
		"JUJU_VERSION=" + w.Profile().Version, "JUJU_API_ADDRESSES=127.77.3.1:17070", "JUJUETCD_ROOT=" + w.root("a/0"), "JUJU_CHARM_HTTP_PROXY="} {
		if !strings.Contains(env, "\n"+want+"\n") {
			t.Errorf("%s is not in the environment", want)
		}
	}
	if strings.Contains(env, "OF_THE_SIMULATOR") || strings.Contains(env, "\nHOME=") {
		t.Error("the simulator's own environment shows")
	}
	if !strings.Contains(env, "\nPATH="+w.root("a/0")+"/var/lib/juju/tools/unit-a-0:") {
		t.Error("the tools are not first in PATH")
	}
}

func TestUpdateStatusRunsByItsIntervalAndDoesNotShow(t *testing.T) {
	w := newWorld(t, func(o *fleet.Options) { o.UpdateStatus = 50 * time.Millisecond })
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	before, err := w.Unit("a/0")
	if err != nil {
		t.Fatal(err)
	}
	w.until("update-status ran three times", func() bool { return strings.Count(strings.Join(w.ran("a/0"), ","), "update-status") >= 3 })
	if after, _ := w.Unit("a/0"); after.Agent.Since != before.Agent.Since {
		t.Errorf("the agent's status changed: %v, %v", before.Agent, after.Agent)
	}
}

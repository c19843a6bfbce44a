package machine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/sim/model"
)

func TestAStoppedAgentIsLostAndItsTaskFailsWhenItIsBack(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 2)
	w.settled("a/0", "a/1")
	leader, err := w.Leader("a")
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"a/0": "a/1", "a/1": "a/0"}[leader]
	mark := filepath.Join(w.root(leader), "running")
	w.script(leader, `[ "$JUJU_ACTION_NAME" = spell ] && echo $$ > "$JUJUETCD_ROOT/running" && exec sleep 1000`)
	_, results, err := w.Enqueue([]model.TaskRequest{{Receiver: leader, Name: "spell"}})
	if err != nil {
		t.Fatal(err)
	}
	id := results[0].Task.ID
	w.until("the action runs", func() bool { info, err := os.Stat(mark); return err == nil && info.Size() > 0 })
	if err := w.fleet.StopAgent(leader); err != nil {
		t.Fatal(err)
	}
	if pid, err := os.ReadFile(mark); err != nil || alive(strings.TrimSpace(string(pid))) {
		t.Errorf("the action's process %s is still there: %v", pid, err)
	}
	if task, _ := w.Task(id); task.Status != model.TaskRunning {
		t.Errorf("the task is %s while nobody knows", task.Status)
	}
	w.until("the unit is lost", func() bool { u, _ := w.Unit(leader); return u.Agent.Current == "lost" })
	w.until("another unit leads", func() bool { l, _ := w.Leader("a"); return l == other })
	w.until("it is told", func() bool { return strings.Contains(strings.Join(w.ran(other), ","), "leader-elected") })
	if err := w.fleet.StartAgent(leader); err != nil {
		t.Fatal(err)
	}
	if task := w.final(id); task.Status != model.TaskFailed {
		t.Errorf("the task: %+v", task)
	}
	w.until("the unit is idle", func() bool { u, _ := w.Unit(leader); return u.Agent.Current == "idle" })
	if n := strings.Count(strings.Join(w.ran(leader), ","), "install"); n != 1 {
		t.Errorf("install ran %d times", n)
	}
}

func alive(pid string) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestAMachineThatWasStoppedRunsItsStartHooksAgain(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	u, err := w.Unit("a/0")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.fleet.StopMachine(u.Machine); err != nil {
		t.Fatal(err)
	}
	w.until("the machine is down", func() bool { m, _ := w.Machine(u.Machine); return m.Agent.Current == "down" })
	if err := w.fleet.StartMachine(u.Machine); err != nil {
		t.Fatal(err)
	}
	w.until("start ran again", func() bool { r := w.ran("a/0"); return r[len(r)-1] == "start" })
	w.until("the unit is idle", func() bool { u, _ := w.Unit("a/0"); return u.Agent.Current == "idle" })
}

func TestAMachineWithoutUnitsIsMadeTakesAUnitAndGoes(t *testing.T) {
	w := newWorld(t)
	c := probe(t)
	empty, placed := w.AddMachine(""), w.AddMachine("")
	for _, id := range []string{empty, placed} {
		w.until("machine "+id+" is up", func() bool {
			m, err := w.Machine(id)
			return err == nil && m.Started && m.Agent.Current == "started" && len(m.Addresses) == 1
		})
	}
	if _, err := w.Deploy(model.DeployArgs{Charm: c, Name: "a", NumUnits: 1, To: []model.Placement{model.Placement(placed)}}); err != nil {
		t.Fatal(err)
	}
	w.settled("a/0")
	if u, err := w.Unit("a/0"); err != nil || u.Machine != placed {
		t.Errorf("the unit is on %+v, %v", u, err)
	}
	if err := w.DestroyMachine(empty, false); err != nil {
		t.Fatal(err)
	}
	w.until("the empty one is gone", func() bool { _, err := w.Machine(empty); return model.IsNotFound(err) })
	if err := w.DestroyMachine(placed, true); err != nil {
		t.Fatal(err)
	}
	w.until("the other one is gone", func() bool { return len(w.MachineIDs()) == 0 })
}

func TestAMachineWhoseAddressChangesRunsAHookOfItsUnits(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 2)
	w.settled("a/0", "a/1")
	seen := map[string]bool{}
	for range 2 {
		u, err := w.Unit("a/0")
		if err != nil {
			t.Fatal(err)
		}
		before, _ := w.Machine(u.Machine)
		seen[before.Addresses[0]] = true
		if err := w.fleet.ChangeAddress(u.Machine); err != nil {
			t.Fatal(err)
		}
		after, _ := w.Machine(u.Machine)
		if now := after.Addresses[0]; seen[now] {
			t.Errorf("the machine has address %s again", now)
		}
		w.until("config-changed ran again", func() bool {
			return strings.Count(strings.Join(w.ran("a/0"), ","), "config-changed") > len(seen)
		})
		if task := w.exec("a/0", "network-get ring --ingress-address"); !strings.Contains(fmt.Sprint(task.Output["stdout"]), after.Addresses[0]) {
			t.Errorf("network-get says %v, the machine has %v", task.Output, after.Addresses)
		}
	}
	if err := w.fleet.ChangeAddress("99"); err == nil {
		t.Error("a machine that is not there has changed its address")
	}
}

func TestALostDiskTakesWhatIsBelowItsFolderAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	disk, beside := filepath.Join(w.root("a/0"), "srv/disk/deep"), filepath.Join(w.root("a/0"), "srv/beside")
	for _, dir := range []string{disk, beside} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.fleet.LoseDisk("a/0", "/srv/disk"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(disk); err == nil {
		t.Error("the disk's content is still there")
	}
	for _, dir := range []string{filepath.Dir(disk), beside} {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("more was lost than the disk: %v", err)
		}
	}
}

func TestAConflictingPortFailsTheWholeCommitOfATaskThatReadsAsCompleted(t *testing.T) {
	w := newWorld(t)
	c := probe(t)
	w.deploy(c, "a", 1)
	w.settled("a/0")
	u, err := w.Unit("a/0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Deploy(model.DeployArgs{Charm: c, Name: "b", NumUnits: 1, To: []model.Placement{model.Placement(u.Machine)}}); err != nil {
		t.Fatal(err)
	}
	w.settled("b/0")
	if task := w.exec("a/0", "open-port 2379/tcp"); task.Status != model.TaskCompleted {
		t.Fatal(task)
	}
	if task := w.exec("a/0", "opened-ports --format=json"); task.Output["stdout"] != "[\"2379/tcp\"]\n" {
		t.Errorf("opened: %v", task.Output)
	}
	task := w.exec("b/0", "open-port 2379/tcp; relation-set -r $(relation-ids ring) with=port")
	if task.Status != model.TaskCompleted {
		t.Errorf("the task: %+v", task)
	}
	if w.ring("b/0")["with"] != "" {
		t.Error("a part was committed")
	}
	found := false
	for _, l := range w.Logs(0) {
		found = found || strings.Contains(l.Message, "port range conflicts")
	}
	if !found {
		t.Error("the log does not say why")
	}
}

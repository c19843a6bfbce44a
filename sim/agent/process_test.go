package agent

import (
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What runs on an entered machine is told the machine's own paths, and nothing of the folder that the host sees it in.
func TestAnEnteredMachineSeesItsOwnPaths(t *testing.T) {
	entered := 0
	a, err := New(Options{Unit: "etcd/0", Root: t.TempDir(), Enter: func(*exec.Cmd) { entered++ }})
	if err != nil {
		t.Fatal(err)
	}
	cmd := a.command(process{
		path: a.charmDir() + "/dispatch", args: []string{a.dir + "/exec-1.sh"},
		env: []string{"PATH=" + a.toolsDir() + ":/usr/bin", "CHARM_DIR=" + a.charmDir(), "JUJUETCD_ROOT=" + a.Root, "JUJU_UNIT_NAME=etcd/0"},
	})
	const dir = "/var/lib/juju/agents/unit-etcd-0"
	if entered != 1 || cmd.Path != dir+"/charm/dispatch" || cmd.Dir != dir+"/charm" {
		t.Errorf("entered %d times: %s in %s", entered, cmd.Path, cmd.Dir)
	}
	if diff := cmp.Diff([]string{dir + "/charm/dispatch", dir + "/exec-1.sh"}, cmd.Args); diff != "" {
		t.Error(diff)
	}
	want := []string{"PATH=/var/lib/juju/tools/unit-etcd-0:/usr/bin", "CHARM_DIR=" + dir + "/charm", "JUJU_UNIT_NAME=etcd/0"}
	if diff := cmp.Diff(want, cmd.Env); diff != "" {
		t.Error(diff)
	}
}

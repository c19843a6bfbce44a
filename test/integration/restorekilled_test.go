//go:build integration

package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// killedRestore is one in which somebody dies at a moment.
type killedRestore struct {
	moment        string
	agent, worker bool // who dies, in this order
}

// TestARestoreEndsWhoeverIsKilled: on real etcd a sample of what the package's own test does after each
// side effect. Without Juju's agent the restore comes to its end all the same. Where its own program
// is killed, the unit serves what was restored or what it had before, whole, and the latch agrees.
func TestARestoreEndsWhoeverIsKilled(t *testing.T) {
	runBeside(t)
	w := begin(t, "--update-status", "5s")
	w.daemon()
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.serving()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	_, err = client.Put(w.ctx, "kept", "old")
	must(t, err)
	w.saveSnapshot(t, client, "/home/ubuntu/saved.db")
	for _, c := range []killedRestore{
		{moment: "restored beside the data", agent: true},
		{moment: "restored beside the data", worker: true},
		{moment: "the data is set aside", worker: true},
		{moment: "the data is set aside", agent: true, worker: true},
		{moment: "in its place", worker: true},
	} {
		w.killIn(t, client, c)
	}
}

// killIn runs a restore, kills who is to die at the moment, and waits for the end.
func (w *world) killIn(t *testing.T, client *clientv3.Client, c killedRestore) {
	t.Helper()
	name := fmt.Sprintf("%s: agent %v, worker %v", c.moment, c.agent, c.worker)
	_, err := client.Put(w.ctx, "kept", "new")
	must(t, err)
	before := identity(w.ctx, t, client)
	status, err := w.Status(w.ctx)
	must(t, err)
	root := w.MachineRoot(status.Unit("etcd/0").Machine)
	has := restoreMoment(root, c.moment)
	type end struct {
		out string
		err error
	}
	ended := make(chan end, 1)
	go func() {
		out, err := w.Juju(w.ctx, "run", "etcd/0", "restore", "snapshot=/home/ubuntu/saved.db")
		ended <- end{out, err}
	}()
	pid := 0
	for deadline := time.Now().Add(time.Minute); !has(); time.Sleep(time.Millisecond) {
		if pid == 0 {
			pid = restoreProgram(root)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: that moment has not come", name)
		}
	}
	if c.worker && pid == 0 {
		t.Fatalf("%s: the program of the restore was not seen", name)
	}
	if c.agent {
		w.juju("fault", "stop-agent", "etcd/0")
	}
	if c.worker {
		// It may have ended in this moment, which is another end that must be good.
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
	if c.agent && !c.worker {
		etcdtest.Eventually(t, time.Minute, name+": it ends without the agent", func(ctx context.Context) bool {
			got, err := client.Get(ctx, "kept")
			return err == nil && len(got.Kvs) == 1 && string(got.Kvs[0].Value) == "old"
		})
	}
	if c.agent {
		w.juju("fault", "start-agent", "etcd/0")
	}
	e := <-ended
	var value string
	etcdtest.Eventually(t, 2*time.Minute, name+": the unit serves, and the latch agrees", func(ctx context.Context) bool {
		got, err := client.Get(ctx, "kept")
		if err != nil || len(got.Kvs) != 1 {
			return false
		}
		value = string(got.Kvs[0].Value)
		seen := w.cluster(w.Socket()).Status
		return seen.ClusterID == fmt.Sprintf("%016x", got.Header.ClusterId) && seen.Phase == v1alpha1.PhaseSteady &&
			value == map[bool]string{true: "new", false: "old"}[got.Header.ClusterId == before]
	})
	w.await(rig.Healthy("etcd", 1))
	left, err := filepath.Glob(filepath.Join(root, "var/snap/etcd/common/data.restore-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%s: %q is left, %v", name, left, err)
	}
	t.Logf("%s: it serves what is %s; the action: %v %s", name, value, e.err, e.out)
}

// restoreMoment says when a restore that begins now has come so far.
func restoreMoment(root, moment string) func() bool {
	asides := filepath.Join(root, "var/snap/etcd/common/data.aside-*")
	were, _ := filepath.Glob(asides)
	aside := func() bool {
		now, _ := filepath.Glob(asides)
		return len(now) > len(were)
	}
	exists := func(name string) bool {
		found, _ := filepath.Glob(filepath.Join(root, "var/snap/etcd/common", name))
		return len(found) > 0
	}
	return map[string]func() bool{
		"restored beside the data": func() bool { return exists("data.restore-*/member/snap/db") },
		"the data is set aside":    aside,
		"in its place":             func() bool { return aside() && exists("data/member/snap/db") },
	}[moment]
}

// restoreProgram is the process that restores on the machine; zero for none.
func restoreProgram(root string) int {
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range processes {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		args := bytes.Split(bytes.TrimSuffix(text, []byte{0}), []byte{0})
		if len(args) == 2 && bytes.HasPrefix(args[0], []byte(root+"/")) && string(args[1]) == "restore" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

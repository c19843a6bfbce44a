//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/test/rig"
)

// A controller gains a machine and loses the one that the daemon was given: it is found at the
// address that its logins told, by the same daemon and after a restart, and that is reported. What
// the daemon was given when it was installed never changes here.
func TestADaemonOutlivesTheOnlyControllerMachineThatItWasGiven(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionTrue, "AsWanted")
	first := w.controllers(t)[0].Address
	var second string
	book := filepath.Join(w.Dir, "state", "controllers.json")
	const other, configured = `"Juju answers at no configured address, but at one that it told of"`, `"Juju answers at a configured address again"`

	t.Run("a machine is added", func(t *testing.T) {
		w.juju("fault", "add-controller")
		second = w.controllers(t)[1].Address
		began := time.Now()
		w.juju("fault", "cut") // a connection does not tell; the daemon asks by itself every ten minutes
		w.eventually(t, "the daemon remembers "+second, func() bool {
			text, err := os.ReadFile(book)
			return err == nil && strings.Contains(string(text), `"`+second+`"`)
		})
		t.Logf("remembered %.1f s after the connections were cut", time.Since(began).Seconds())
		if info, err := os.Stat(book); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", book, info.Mode(), err)
		}
	})

	t.Run("the first machine is lost", func(t *testing.T) {
		before := w.Log("jujuetcd")
		began := time.Now()
		w.juju("fault", "stop-controller", "0")
		condition := w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionTrue, "OtherAddress")
		t.Logf("shown after %.1f s: %s", time.Since(began).Seconds(), condition)
		for _, want := range []string{second, first + " (connection refused)"} {
			if !strings.Contains(condition, want) {
				t.Errorf("the condition does not name %s", want)
			}
		}
		began = time.Now()
		w.juju("add-unit", "etcd")
		w.await(rig.Healthy("etcd", 4))
		t.Logf("four members %.1f s after the unit was added", time.Since(began).Seconds())
		log := strings.TrimPrefix(w.Log("jujuetcd"), before)
		if n := strings.Count(log, other); n != 1 {
			t.Errorf("reported %d times:\n%s", n, log)
		}
		w.neverEnded(t, 1)
	})

	t.Run("a daemon that remembers nothing waits", func(t *testing.T) {
		must(t, w.StartOther("new", "jujuetcd", w.password, "admin/demo"))
		w.eventually(t, "it says that Juju is away", func() bool { return strings.Contains(w.Log("jujuetcd-new"), `"Juju is away, trying again"`) })
		began := time.Now()
		w.juju("fault", "start-controller", "0")
		w.eventually(t, "it logs in", func() bool { return strings.Contains(w.Log("jujuetcd-new"), `"Logged in"`) })
		t.Logf("logged in %.1f s after the machine was back", time.Since(began).Seconds())
		must(t, w.StopOther("new"))
	})

	t.Run("the first machine is back", func(t *testing.T) {
		w.juju("fault", "cut")
		w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionTrue, "AsWanted")
		if n := strings.Count(w.Log("jujuetcd"), configured); n != 1 {
			t.Errorf("reported %d times", n)
		}
	})

	t.Run("the first machine is removed, and the daemon restarted", func(t *testing.T) {
		w.juju("fault", "remove-controller", "0")
		w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionTrue, "OtherAddress")
		text, err := os.ReadFile(book)
		must(t, err)
		if addresses := string(text[strings.Index(string(text), `"addresses"`):]); strings.Contains(addresses, `"`+first+`"`) {
			t.Errorf("the removed machine is still remembered: %s", addresses)
		}
		must(t, w.StopDaemon())
		began := time.Now()
		w.daemon()
		w.eventually(t, "the daemon has logged in", func() bool { return strings.Count(w.Log("jujuetcd"), `"Logged in"`) == 2 })
		t.Logf("logged in %.1f s after the start", time.Since(began).Seconds())
		w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionTrue, "OtherAddress")
		began = time.Now()
		w.juju("add-unit", "etcd")
		w.await(rig.Healthy("etcd", 5))
		t.Logf("five members %.1f s after the unit was added", time.Since(began).Seconds())
		w.oneMemberEach(t, "etcd0", "etcd1", "etcd2", "etcd3", "etcd4")
		w.neverEnded(t, 2)
	})

	t.Run("who only looks finds the controller by what the daemon remembers", func(t *testing.T) {
		state := filepath.Join(w.Dir, "state")
		out, err := w.Jujuetcd(w.ctx, "doctor", "--model", "admin/demo", "--state-dir", state)
		must(t, err)
		if !strings.Contains(out, "told of that address itself") || !strings.Contains(out, second) {
			t.Errorf("doctor says nothing of it:\n%s", out)
		}
		if _, err := w.Jujuetcd(w.ctx, "plan", "--standalone", "--model", "admin/demo", "--state-dir", state); err != nil {
			t.Error(err)
		}
		if _, err := w.Jujuetcd(w.ctx, "doctor", "--model", "admin/demo", "--state-dir", t.TempDir()); err == nil || !strings.Contains(err.Error(), "exit status 1") {
			t.Errorf("without it doctor says %v", err)
		}
	})
}

// controllers are the controller's machines.
func (w *world) controllers(t *testing.T) []control.Machine {
	t.Helper()
	var info control.Info
	must(t, json.Unmarshal([]byte(w.juju("info", "--format", "json")), &info))
	return info.Machines
}

// neverEnded fails the test unless the daemon runs, and has been started no more often than that.
func (w *world) neverEnded(t *testing.T, starts int) {
	t.Helper()
	if n := strings.Count(w.Log("jujuetcd"), `"msg":"Started"`); n != starts || !w.DaemonRunning() {
		t.Errorf("started %d times, and running: %t; its log:\n%s", n, w.DaemonRunning(), end(w.Log("jujuetcd"), 10))
	}
}

//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/rig"
)

// What a controller goes through by itself, and what persons do to it meanwhile, is survived and
// reported: on the cluster, in /healthz, and in one log line when it begins and one when it is
// over. Etcd serves all the time.
func TestTroubleWithJujuIsSurvivedAndReported(t *testing.T) {
	w := begin(t)
	dir := t.TempDir()
	password, policies := filepath.Join(dir, "password"), filepath.Join(dir, "policy")
	must(t, os.WriteFile(password, []byte(w.password+"\n"), 0o600))
	must(t, os.Mkdir(policies, 0o700))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	metrics := listener.Addr().String()
	must(t, listener.Close())
	w.daemon("--password-file", password, "--metrics-address", metrics, "--config-dir", policies)
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	// A unit that does not come keeps the daemon looking every second: trouble is met at once, not
	// at the next resync.
	w.juju("add-unit", "etcd")
	w.juju("fault", "stop-agent", "etcd/1")

	const begun, over = `"Juju cannot be worked with"`, `"Juju can be worked with again"`
	for _, test := range []struct {
		name, trouble string
		begin, end    func()
	}{
		{"the controller is being upgraded", "Upgrade", func() { w.juju("fault", "upgrade") }, func() { w.juju("fault", "heal") }},
		{"the model is about to move", "Migration", func() { w.juju("fault", "migrate") }, func() { w.juju("fault", "heal") }},
		{"the grant is revoked", "Grant", func() { w.juju("revoke", "jujuetcd", "read", "demo") }, func() { w.juju("grant", "jujuetcd", "write", "demo") }},
		{"the API is cut off", "Cut", func() { w.juju("fault", "cut", "--refuse") }, func() { w.juju("fault", "heal") }},
		{"nobody may log in", "Maintenance", func() { w.juju("fault", "maintenance") }, func() { w.juju("fault", "heal") }},
		{"the password is changed", "Credentials", func() {
			w.password = strings.TrimSpace(w.juju("change-password", "jujuetcd"))
			w.juju("fault", "cut")
		}, func() { must(t, os.WriteFile(password, []byte(w.password+"\n"), 0o600)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			began, before := time.Now(), w.Log("jujuetcd")
			test.begin()
			condition := w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionFalse, test.trouble)
			after := time.Since(began)
			if health := get(t, "http://"+metrics+"/healthz"); !strings.HasPrefix(health, "ok\n") || !strings.Contains(health, "model admin/demo: ") {
				t.Errorf("/healthz says %q", health)
			}
			if _, err := client.Put(w.ctx, "trouble", test.name); err != nil {
				t.Errorf("etcd does not serve meanwhile: %v", err)
			}
			healed := time.Now()
			test.end()
			w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionTrue, "")
			log := strings.TrimPrefix(w.Log("jujuetcd"), before)
			// Where connections are cut, too, a call that was under way has met that first: it is
			// reported as what it is.
			kind := func(k string) int { return strings.Count(log, begun+`,"model":"admin/demo","trouble":"`+k+`"`) }
			first := 0
			if test.trouble == "Maintenance" || test.trouble == "Credentials" {
				first = kind("Cut")
			}
			if b, o := strings.Count(log, begun), strings.Count(log, over); kind(test.trouble) != 1 || first > 1 || b != 1+first || o != 1 {
				t.Errorf("reported %d times that it begins and %d times that it is over:\n%s", b, o, log)
			}
			if lines := strings.Count(log, "\n"); lines > 12 {
				t.Errorf("%d log lines:\n%s", lines, log)
			}
			if !w.DaemonRunning() {
				t.Fatal("the daemon has ended")
			}
			t.Logf("reported after %.1f s: %s Over after %.1f s; %d log lines", after.Seconds(), condition, time.Since(healed).Seconds(), strings.Count(log, "\n"))
		})
	}

	if t.Failed() {
		return // the trouble that was not met as expected may last
	}
	t.Run("commands are disabled, and replies are slow", func(t *testing.T) {
		again, err := w.API(w.ctx, "admin/demo") // the one before was cut off
		must(t, err)
		w.api = again
		must(t, w.api.Call(w.ctx, "Block", 2, "SwitchBlockOn", map[string]any{"type": "BlockChange", "message": "no changes"}, nil))
		w.juju("fault", "delay", "500ms")
		before := w.tasks()
		policy := "apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: etcd\nspec:\n  certificates:\n    extraSANs: [trouble.example]\n"
		must(t, os.WriteFile(filepath.Join(policies, "etcd.yaml"), []byte(policy), 0o600))
		began := time.Now()
		w.eventually(t, "a delivery is made all the same", func() bool { return w.tasks() > before })
		t.Logf("delivered after %.1f s", time.Since(began).Seconds())
		w.juju("fault", "heal")
		must(t, w.api.Call(w.ctx, "Block", 2, "SwitchBlockOff", map[string]any{"type": "BlockChange"}, nil))
	})

	t.Run("the model has moved", func(t *testing.T) {
		must(t, w.StopDaemon()) // the next one's delays begin anew
		w.daemon()
		w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionTrue, "")
		w.juju("fault", "redirect")
		condition := w.showsCondition(t, v1alpha1.ConditionJuju, metav1.ConditionFalse, "Moved")
		if !w.DaemonRunning() || strings.Count(w.Log("jujuetcd"), `"trouble":"Moved"`) != 1 {
			t.Errorf("the daemon runs: %t; its log:\n%s", w.DaemonRunning(), end(w.Log("jujuetcd"), 10))
		}
		t.Log(condition)
	})
}

// showsCondition waits until the cluster's condition is as wanted, and returns what it says.
func (w *world) showsCondition(t *testing.T, kind string, status metav1.ConditionStatus, reason string) string {
	t.Helper()
	message := ""
	w.eventually(t, fmt.Sprintf("condition %s is %s %s", kind, status, reason), func() bool {
		for _, c := range w.cluster(w.Socket()).Status.Conditions {
			if c.Type == kind && c.Status == status && (reason == "" || c.Reason == reason) {
				message = c.Message
				return true
			}
		}
		return false
	})
	return message
}

// cluster is what the daemon at the socket shows of it; empty if it shows none.
func (w *world) cluster(socket string) v1alpha1.EtcdCluster {
	var c v1alpha1.EtcdCluster
	if text, err := w.Jujuetcd(w.ctx, "get", "cluster", "etcd", "-o", "json", "--socket", socket); err == nil {
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			w.t.Fatalf("cannot read what get says: %v", err)
		}
	}
	return c
}

// eventually waits for a condition, for a minute at most.
func (w *world) eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		case <-w.ctx.Done():
			t.Fatalf("not in time: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return string(text)
}

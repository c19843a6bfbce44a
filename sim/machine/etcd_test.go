package machine_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"jujuetcd.io/sim/machine"
	"jujuetcd.io/sim/snapd"
	"jujuetcd.io/test/etcd/etcdbin"
)

const unit = "snap.etcd.etcd"

// store is a snap store with the etcd that is built already; the newest 3.6 of the cache.
func store(t *testing.T) string {
	t.Helper()
	from, err := etcdbin.Dir(t.Context(), "3.6")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "etcd/3.6/stable")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"etcd", "etcdctl", "etcdutl"} {
		if err := os.Symlink(filepath.Join(from, p), filepath.Join(dir, p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte(filepath.Base(from)), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(dir)))
}

// socket speaks to a machine's snapd.
type socket struct {
	t      *testing.T
	client *http.Client
}

func (s socket) do(method, path, body string) map[string]any {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// change makes a request and waits for its change to be done.
func (s socket) change(method, path, body string) {
	s.t.Helper()
	id, accepted := s.do(method, path, body)["change"].(string)
	if !accepted {
		s.t.Fatalf("%s %s was not accepted", method, path)
	}
	eventually(s.t, path+" is done", func() bool {
		change, _ := s.do(http.MethodGet, "/v2/changes/"+id, "")["result"].(map[string]any)
		if change["ready"] == true && change["status"] != "Done" {
			s.t.Fatalf("%s: %v", path, change)
		}
		return change["ready"] == true
	})
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-deadline.C:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

const etcdConfig = `name: etcd0
data-dir: /var/snap/etcd/common/data
listen-client-urls: http://0.0.0.0:2379
listen-peer-urls: http://0.0.0.0:2380
advertise-client-urls: http://127.77.4.10:2379
initial-advertise-peer-urls: http://127.77.4.10:2380
initial-cluster: etcd0=http://127.77.4.10:2380
initial-cluster-state: new
`

func TestARealEtcdLivesAndDiesBySystemdsRules(t *testing.T) {
	root, err := os.MkdirTemp("", "m")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	m, err := machine.New(machine.Options{Root: root, Address: "127.77.4.10", Store: store(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(root, snapd.SocketPath))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	s := socket{t: t, client: &http.Client{Transport: transport}}
	plain := &http.Transport{}
	t.Cleanup(plain.CloseIdleConnections)
	healthy := func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.77.4.10:2379/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := plain.RoundTrip(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dropIns := "etc/systemd/system/" + unit + ".service.d/"
	write(dropIns+"always-restart.conf", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=1\n")
	write("var/snap/etcd/common/etcd.conf.yml", etcdConfig)
	s.change(http.MethodPost, "/v2/snaps/etcd", `{"action":"install","channel":"3.6/stable"}`)
	eventually(t, "etcd is healthy", healthy)

	killed, pid := time.Now(), m.Service(unit, "MainPID")
	if err := m.Kill(unit, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "systemd has noticed", func() bool {
		// The state lasts a second, which a busy machine can pass over.
		return m.Service(unit, "SubState") == "auto-restart" || m.Service(unit, "NRestarts") != "0"
	})
	eventually(t, "etcd is healthy again", healthy)
	if d := time.Since(killed); d < time.Second || m.Service(unit, "MainPID") == pid {
		t.Errorf("back after %v as process %s (was %s)", d, m.Service(unit, "MainPID"), pid)
	}
	if n := m.Service(unit, "NRestarts"); n != "1" {
		t.Errorf("NRestarts is %s", n)
	}

	// A machine that was cut off comes back with its data.
	m.Stop()
	if alive(pid) || healthy() {
		t.Error("etcd outlived its machine")
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "etcd is healthy after the boot", healthy)

	// A wiped voter does not come back by itself.
	write(dropIns+"require-data.conf", "[Unit]\nConditionPathExists=/var/snap/etcd/common/data/member/wal\n")
	m.Stop()
	if err := m.Wipe("/var/snap/etcd/common/data"); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	s.change(http.MethodPost, "/v2/apps", `{"action":"start","names":["etcd"],"enable":true}`)
	if got := m.Service(unit, "ActiveState") + " " + m.Service(unit, "ConditionResult"); got != "inactive no" {
		t.Errorf("the wiped member is %s", got)
	}
	// Give its data back, and it runs.
	write("var/snap/etcd/common/data/member/wal/.keep", "")
	if err := m.Wipe("/var/snap/etcd/common/data/member/wal"); err != nil {
		t.Fatal(err)
	}
	s.change(http.MethodPost, "/v2/apps", `{"action":"start","names":["etcd"],"enable":true}`)
	eventually(t, "the process was started", func() bool { return m.Service(unit, "ConditionResult") == "yes" })
}

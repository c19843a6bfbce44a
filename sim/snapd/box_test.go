package snapd_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jujuetcd.io/sim/service"
	"jujuetcd.io/sim/snapd"
)

// box is a machine's snapd with its services; the snap's programs are scripts.
type box struct {
	root, store string
	version     string
	files       map[string]string
	daemon      *snapd.Daemon
	services    *gated
	client      *http.Client
	lastChange  string
}

// gated lets a test hold the stop of a service, and with it a change.
type gated struct {
	*service.Supervisor
	mu sync.Mutex
}

func (g *gated) Stop(ctx context.Context, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Supervisor.Stop(ctx, name)
}

func (m *box) hold(t *testing.T) func() {
	t.Helper()
	m.services.mu.Lock()
	return m.services.mu.Unlock
}

const program = "#!/bin/sh\necho \"$@\" > \"$SNAP_DATA/args\"\nexec sleep 1000\n"

// addToStore puts a version into a channel's folder.
func addToStore(t *testing.T, store, channel, version string) {
	t.Helper()
	dir := filepath.Join(store, "etcd", channel)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etcd", "etcdctl", "etcdutl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte(version+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// localFile packs a version as a gzipped tar.
func localFile(t *testing.T, dir, version string) string {
	t.Helper()
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	files := tar.NewWriter(zip)
	add := func(name, text string, mode int64) {
		if err := files.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bin/etcd", "bin/etcdctl", "bin/etcdutl"} {
		add(name, program, 0o755)
	}
	add("version", version, 0o644)
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "etcd_"+version+"_core22.snap")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func newBox(t *testing.T, version, store string) *box {
	t.Helper()
	dir, err := os.MkdirTemp("", "snapd") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &box{root: filepath.Join(dir, "root"), store: store, version: version, files: map[string]string{}}
	for _, v := range []string{"3.5.35", "3.6.16"} {
		m.files["snap=@etcd_"+v+"_core22.snap"] = localFile(t, dir, v)
		m.files["etcd_"+v+"_core22.snap"] = m.files["snap=@etcd_"+v+"_core22.snap"]
	}
	common := filepath.Join(m.root, "var/snap/etcd/common")
	if err := os.MkdirAll(common, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(common, "etcd.conf.yml"), []byte("data-dir: /data\nlisten-client-urls: https://0.0.0.0:2379\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start(t)
	return m
}

func (m *box) start(t *testing.T) {
	t.Helper()
	d, err := snapd.New(snapd.Options{Root: m.root, Address: "127.1.2.3", Store: m.store, Version: m.version})
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.New(service.Options{Root: m.root, Command: d.Command})
	if err != nil {
		t.Fatal(err)
	}
	m.daemon, m.services = d, &gated{Supervisor: s}
	d.Attach(m.services)
	if err := d.Serve(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(m.root, snapd.SocketPath))
	}}
	m.client = &http.Client{Transport: transport}
	t.Cleanup(m.stop)
}

func (m *box) stop() {
	m.client.CloseIdleConnections()
	m.daemon.Close()
	m.services.Close()
}

func (m *box) send(t *testing.T, req *http.Request) (int, map[string]any) {
	t.Helper()
	resp, err := m.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if id, isText := body["change"].(string); isText {
		m.lastChange = id
	}
	return resp.StatusCode, body
}

func (m *box) do(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return m.send(t, req)
}

// post sends a JSON body; configuration goes by PUT.
func (m *box) post(t *testing.T, path, body string) (int, map[string]any) {
	t.Helper()
	method := http.MethodPost
	if strings.HasSuffix(path, "/conf") {
		method = http.MethodPut
	}
	return m.do(t, method, path, body)
}

func (m *box) get(t *testing.T, path string) (int, map[string]any) {
	t.Helper()
	return m.do(t, http.MethodGet, path, "")
}

func (m *box) sideload(t *testing.T, file string) {
	t.Helper()
	body, kind := multipartBody(t, m.files[file])
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v2/snaps", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if code, got := m.send(t, req); code != http.StatusAccepted {
		t.Fatalf("install of a local file: %d %v", code, got)
	}
	m.wait(t)
}

// wait waits until the last change is ready, and returns it.
func (m *box) wait(t *testing.T) map[string]any {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, body := m.get(t, "/v2/changes/"+m.lastChange)
		change, _ := body["result"].(map[string]any)
		if change["ready"] == true {
			return change
		}
		select {
		case <-deadline.C:
			t.Fatalf("the change is not ready: %v", body)
		case <-tick.C:
		}
	}
}

func result(t *testing.T, body map[string]any) map[string]any {
	t.Helper()
	r, isMap := body["result"].(map[string]any)
	if !isMap {
		t.Fatalf("no object as result: %v", body)
	}
	return r
}

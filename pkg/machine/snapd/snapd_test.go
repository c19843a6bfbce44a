package snapd_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"jujuetcd.io/pkg/machine/snapd"
	"jujuetcd.io/test/recordings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorded answers each request with the bodies of recordings, in order; the last one is repeated.
type recorded struct {
	mu      sync.Mutex
	answers map[string][]answer
	seen    []string
}

type answer struct {
	status int
	body   []byte
}

func (r *recorded) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	key := req.Method + " " + req.URL.Path
	r.seen = append(r.seen, key+" "+string(body))
	queue := r.answers[key]
	if len(queue) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if len(queue) > 1 {
		r.answers[key] = queue[1:]
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(queue[0].status)
	_, _ = w.Write(queue[0].body)
}

// load reads one recording: the request that it answers, and the answer.
func load(t *testing.T, name string) (key string, a answer) {
	t.Helper()
	text, err := recordings.FS.ReadFile("snapd/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".txt") {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		return "", answer{status: http.StatusConflict, body: []byte(lines[1])}
	}
	var file struct {
		Request struct{ Method, Path string }
		Body    json.RawMessage
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var code struct {
		StatusCode int `json:"status-code"`
	}
	if err := json.Unmarshal(file.Body, &code); err != nil {
		t.Fatal(err)
	}
	path, _, _ := strings.Cut(file.Request.Path, "?")
	return file.Request.Method + " " + path, answer{status: code.StatusCode, body: file.Body}
}

// serve starts a server of the recordings and returns a client of it.
func serve(t *testing.T, names ...string) (*snapd.Client, *recorded) {
	t.Helper()
	r := &recorded{answers: map[string][]answer{}}
	for _, name := range names {
		key, a := load(t, name)
		r.answers[key] = append(r.answers[key], a)
	}
	return listen(t, r), r
}

func listen(t *testing.T, handler http.Handler) *snapd.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "snapd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return snapd.New(socket)
}

func TestRecordedSnapsAreRead(t *testing.T) {
	for _, tt := range []struct {
		recording string
		want      *snapd.Snap
	}{
		{"deb12-snap-etcd.json", &snapd.Snap{Name: "etcd", Version: "3.5.35", Revision: "x1", Status: "active", Apps: []snapd.App{
			{Snap: "etcd", Name: "etcd", Daemon: "simple", Enabled: true, Active: true},
			{Snap: "etcd", Name: "etcdctl"}, {Snap: "etcd", Name: "etcdutl"}}}},
		{"deb14-snap-held.json", &snapd.Snap{Name: "etcd", Version: "3.5.35", Revision: "x1", Status: "active",
			Hold: "2319-03-04T08:03:08.608879484Z", Apps: []snapd.App{
				{Snap: "etcd", Name: "etcd", Daemon: "simple", Enabled: true},
				{Snap: "etcd", Name: "etcdctl"}, {Snap: "etcd", Name: "etcdutl"}}}},
	} {
		client, _ := serve(t, tt.recording)
		got, err := client.Snap(t.Context(), "etcd")
		if err != nil {
			t.Fatalf("%s: %v", tt.recording, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.recording, diff)
		}
		if !got.Local() {
			t.Errorf("%s: revision %s does not count as local", tt.recording, got.Revision)
		}
	}
	client, _ := serve(t, "deb12-snap-missing.json")
	if got, err := client.Snap(t.Context(), "nosuch"); got != nil || err != nil {
		t.Errorf("a snap that is not installed: %v, %v", got, err)
	}
}

func TestRecordedRefusalsHaveTheirKind(t *testing.T) {
	client, _ := serve(t, "deb12-install-installed.json")
	if _, err := client.Install(t.Context(), "etcd", "3.6/stable"); !snapd.Is(err, snapd.KindAlreadyInstalled) {
		t.Errorf("install of an installed snap: %v", err)
	}
	client, _ = serve(t, "deb12-refresh-store.json")
	if _, err := client.Refresh(t.Context(), "etcd", "3.6/stable"); !snapd.Is(err, snapd.KindLocal) {
		t.Errorf("refresh of a local snap: %v", err)
	}
	client, _ = serve(t, "deb12-conf-get-timer.json")
	if value, err := client.Option(t.Context(), "refresh.timer"); value != nil || err != nil {
		t.Errorf("an option that is not set: %v, %v", value, err)
	}
	client, _ = serve(t, "deb12-install-store.json")
	_, err := client.Install(t.Context(), "hello", "stable")
	if err == nil || !strings.Contains(err.Error(), "no such host") || !snapd.StoreUnreachable(err) {
		t.Errorf("install without a network: %v", err)
	}
}

// As snapd answers where the store has other channels, written after its documentation of error kinds: no recording has a store.
func TestARefusedChannelNamesThoseThatTheStoreHas(t *testing.T) {
	const refusal = `{"type":"error","status-code":404,"status":"Not Found","result":{"message":"no snap revision on specified channel",
		"kind":"snap-channel-not-available","value":{"snap-name":"etcd","action":"install","channel":"3.6/stable","architecture":"amd64",
		"releases":[{"architecture":"amd64","channel":"stable"},{"architecture":"amd64","channel":"3.4/stable"},{"architecture":"s390x","channel":"3.3/stable"}]}}}`
	client := listen(t, &recorded{answers: map[string][]answer{"POST /v2/snaps/etcd": {{http.StatusNotFound, []byte(refusal)}}}})
	_, err := client.Install(t.Context(), "etcd", "3.6/stable")
	const want = "cannot install snap etcd from channel 3.6/stable: no snap revision on specified channel, but in 3.4/stable, stable"
	if !snapd.Is(err, snapd.KindNoChannel) || err.Error() != want || snapd.StoreUnreachable(err) || snapd.StoreUnreachable(nil) {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestRecordedChangesAreRead(t *testing.T) {
	for recording, want := range map[string]struct{ status, failure string }{
		"deb12-change-refresh-local.json":  {"Done", ""},
		"deb12-change-restart.json":        {"Done", ""},
		"deb12-change-conf-timer-bad.json": {"Error", `"friday99" is not a valid weekday`},
		"deb14-change-revert.json":         {"Done", ""},
	} {
		client, r := serve(t, recording)
		var id string
		for key := range r.answers {
			id = key[strings.LastIndex(key, "/")+1:]
		}
		change, err := client.Wait(t.Context(), id, time.Minute)
		if err != nil || !change.Ready || change.ID != id || change.Status != want.status {
			t.Errorf("%s: %+v, %v", recording, change, err)
		}
		failure := change.Failed()
		if (failure == nil) != (want.failure == "") || failure != nil && !strings.Contains(failure.Error(), want.failure) {
			t.Errorf("%s: failed: %v", recording, failure)
		}
	}
	client, _ := serve(t, "deb12-changes-doing.json")
	doing, err := client.InProgress(t.Context(), "etcd")
	if err != nil || len(doing) != 1 || doing[0].Ready || doing[0].Failed() != nil {
		t.Fatalf("%+v, %v", doing, err)
	}
	const progress = `Install "etcd" snap from file "etcd_3.6.16_core22.snap", step 8 of 18: Copy snap "etcd" data`
	if got := doing[0].Progress(); got != progress {
		t.Errorf("progress: %s", got)
	}
}

func TestWaitGivesUpAtItsLimit(t *testing.T) {
	doing := `{"type":"sync","status-code":200,"result":{"id":"7","status":"Doing","summary":"Work"}}`
	r := &recorded{answers: map[string][]answer{"GET /v2/changes/7": {{200, []byte(doing)}}}}
	change, err := listen(t, r).Wait(t.Context(), "7", 30*time.Millisecond)
	if err != nil || change.Ready || change.Failed() != nil {
		t.Errorf("%+v, %v", change, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := listen(t, r).Wait(ctx, "7", time.Minute); err == nil {
		t.Error("Wait went on after its context")
	}
}

func TestConflictsAreTriedAgainForAWhile(t *testing.T) {
	_, conflict := load(t, "deb12-conflict-real.txt")
	key, accepted := load(t, "deb12-apps-start-enable.json")
	r := &recorded{answers: map[string][]answer{key: {conflict, conflict, accepted}}}
	client := listen(t, r)
	id, err := client.Start(t.Context(), "etcd")
	if err != nil || id != "15" {
		t.Fatalf("change %q, %v", id, err)
	}
	const request = `POST /v2/apps {"action":"start","enable":true,"names":["etcd"]}`
	if diff := cmp.Diff([]string{request, request, request}, r.seen); diff != "" {
		t.Error(diff)
	}
	r.answers[key] = []answer{conflict}
	client.Patience = 300 * time.Millisecond
	if _, err = client.Stop(t.Context(), "etcd"); !snapd.Is(err, snapd.KindConflict) {
		t.Errorf("after its patience: %v", err)
	}
}

func TestInstallFileSendsWhatSnapdWants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etcd_3.6.16.snap")
	if err := os.WriteFile(path, []byte("squashfs"), 0o600); err != nil {
		t.Fatal(err)
	}
	form := map[string]string{}
	client := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseMultipartForm(1 << 20)
		for key, values := range r.MultipartForm.Value {
			form[key] = values[0]
		}
		file, header, err := r.FormFile("snap")
		if err == nil {
			text, _ := io.ReadAll(file)
			form[header.Filename] = string(text)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"type":"async","status-code":202,"change":"16"}`)
	}))
	if id, err := client.InstallFile(t.Context(), "etcd", path); err != nil || id != "16" {
		t.Fatalf("change %q, %v", id, err)
	}
	want := map[string]string{"dangerous": "true", "action": "install", "name": "etcd", "etcd_3.6.16.snap": "squashfs"}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.InstallFile(t.Context(), "etcd", path); err == nil {
		t.Error("an empty file, which means that no resource was attached, was sent")
	}
}

// A snap is sent as it is read, also when snapd is busy at first.
func TestInstallFileDoesNotKeepTheFileInMemory(t *testing.T) {
	const size = 64 << 20
	path := filepath.Join(t.TempDir(), "etcd.snap")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	tries, received := 0, int64(0)
	client := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tries++
		n, err := io.Copy(io.Discard, r.Body)
		if received = n; err != nil || n != r.ContentLength {
			t.Errorf("%d bytes of %d: %v", n, r.ContentLength, err)
		}
		if tries == 1 {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"type":"error","status-code":409,"result":{"message":"busy","kind":"snap-change-conflict"}}`)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"type":"async","status-code":202,"change":"16"}`)
	}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := client.InstallFile(t.Context(), "etcd", path); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if tries != 2 || received < size {
		t.Errorf("%d tries, %d bytes", tries, received)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size/8 {
		t.Errorf("%d bytes allocated for a file of %d", allocated, size)
	}
}

func TestLogsAreReadFromASequence(t *testing.T) {
	client := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "\x1e{\"timestamp\":\"t\",\"message\":\"one\",\"sid\":\"etcd.etcd\",\"pid\":\"7\"}\n\x1e{\"message\":\"two\"}\n")
	}))
	got, err := client.Logs(t.Context(), "etcd", 20)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]snapd.LogLine{{Timestamp: "t", Message: "one", PID: "7"}, {Message: "two"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersThatAreNotSnapdsAreErrors(t *testing.T) {
	for _, text := range []string{"", "<html>", `{"type":"sync","status-code":200,"result":7}`, `{"type":"error"}`} {
		client := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		if _, err := client.Snap(t.Context(), "etcd"); err == nil {
			t.Errorf("%q was taken for an answer", text)
		}
	}
	if _, err := snapd.New("/nonexistent/socket").Snap(t.Context(), "etcd"); err == nil {
		t.Error("a snapd that is not there answered")
	}
}

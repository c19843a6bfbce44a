package snapd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// recording is one request to a real snapd, and its answer.
type recording struct {
	Request struct {
		Method string   `json:"method"`
		Path   string   `json:"path"`
		Args   []string `json:"curl_args"`
	} `json:"request"`
	StatusLine string         `json:"status_line"`
	Body       map[string]any `json:"body"`
}

func record(t *testing.T, name string) recording {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../test/recordings/snapd", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// request makes the recorded request anew; a file is the one given.
func (r recording) request(t *testing.T, file string) *http.Request {
	t.Helper()
	var body io.Reader
	kind := "application/json"
	if i := slices.Index(r.Request.Args, "-d"); i >= 0 {
		body = strings.NewReader(r.Request.Args[i+1])
	}
	if slices.Contains(r.Request.Args, "-F") {
		body, kind = multipartBody(t, file)
	}
	path := r.Request.Path
	req, err := http.NewRequestWithContext(t.Context(), r.Request.Method, "http://localhost"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	return req
}

func multipartBody(t *testing.T, file string, more ...[2]string) (io.Reader, string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, f := range append([][2]string{{"dangerous", "true"}, {"action", "install"}}, more...) {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("snap", filepath.Base(file))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf, w.FormDataContentType()
}

// free are the places whose values may differ: times, numbers given by the machine, and what a host
// reports of itself. The keys and types must be the same there, too, but for the lists of kernel
// features below "open".
var (
	free = regexp.MustCompile(`\.(change|id|spawn-time|ready-time|install-date|installed-size|hold|build-id|kernel-version|os-release|version-id|virtualization|log|architecture|hostname|confinement-options|version)(\[.*)?$|^\.result\.(summary|description)$|^\.result\[0\]\.(summary|description)$`)
	open = regexp.MustCompile(`^\.result\.(features|sandbox-features|os-release)$`)
)

var localInstall = regexp.MustCompile(`local-install-\d+`)

// differ lists how got differs from want.
func differ(path string, want, got any) []string {
	if open.MatchString(path) {
		return nil
	}
	switch w := want.(type) {
	case map[string]any:
		g, isMap := got.(map[string]any)
		if !isMap {
			return []string{fmt.Sprintf("%s is %T, want an object", path, got)}
		}
		var list []string
		for k := range w {
			if _, there := g[k]; !there {
				list = append(list, fmt.Sprintf("%s.%s is missing", path, k))
				continue
			}
			list = append(list, differ(path+"."+k, w[k], g[k])...)
		}
		for k := range g {
			if _, there := w[k]; !there {
				list = append(list, fmt.Sprintf("%s.%s is too much (%v)", path, k, g[k]))
			}
		}
		return list
	case []any:
		g, isList := got.([]any)
		if !isList || len(g) != len(w) {
			return []string{fmt.Sprintf("%s is %v, want %v", path, got, want)}
		}
		var list []string
		for i := range w {
			list = append(list, differ(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])...)
		}
		return list
	}
	if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
		return []string{fmt.Sprintf("%s is %T, want %T", path, got, want)}
	}
	if !free.MatchString(path) && clean(want) != clean(got) {
		return []string{fmt.Sprintf("%s is %q, want %q", path, clean(got), clean(want))}
	}
	return nil
}

var logTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:]+Z `)

func clean(v any) string {
	return logTime.ReplaceAllString(localInstall.ReplaceAllString(fmt.Sprint(v), "local-install"), "")
}

// replay sends the recorded request and holds the answer against the recorded one.
func (m *box) replay(t *testing.T, name string, ignore ...string) map[string]any {
	t.Helper()
	r := record(t, name)
	file := ""
	if i := slices.IndexFunc(r.Request.Args, func(a string) bool { return strings.HasPrefix(a, "snap=@") }); i >= 0 {
		file = m.files[filepath.Base(r.Request.Args[i])]
	}
	req := r.request(t, file)
	if strings.Contains(name, "-change-") || strings.HasPrefix(r.Request.Path, "/v2/changes/") {
		req.URL.Path = "/v2/changes/" + m.lastChange // the numbers of the recording are another machine's
	}
	code, got := m.send(t, req)
	if want := strings.Fields(r.StatusLine)[1]; want != fmt.Sprint(code) {
		t.Errorf("%s: HTTP status is %d, want %s: %v", name, code, want, got)
	}
	for _, d := range differ("", r.Body, got) {
		if !slices.ContainsFunc(ignore, func(prefix string) bool { return strings.HasPrefix(d, prefix) }) {
			t.Errorf("%s: %s", name, d)
		}
	}
	return got
}

// act replays a request that begins a change, waits for its end, and holds the change against its
// recording.
func (m *box) act(t *testing.T, name, change string, ignore ...string) {
	t.Helper()
	m.replay(t, name)
	m.wait(t)
	if change != "" {
		m.replay(t, change, ignore...)
	}
}

func TestAnswersAreThoseOfSnapd257(t *testing.T) {
	m := newBox(t, "2.57.6-1+deb12u1+b2", "")
	m.replay(t, "deb12-snap-missing")
	m.replay(t, "deb12-install-store")
	m.replay(t, "deb12-find", ".result.message is")
	m.sideload(t, "snap=@etcd_3.5.35_core22.snap")
	m.replay(t, "deb12-snap-etcd")
	m.replay(t, "deb12-snaps")
	m.replay(t, "deb12-apps")
	m.replay(t, "deb12-system-info")

	m.act(t, "deb12-apps-restart", "deb12-change-restart")
	m.act(t, "deb12-apps-stop-disable", "deb12-change-stop")
	m.replay(t, "deb12-apps-get-stopped")
	m.act(t, "deb12-apps-start-enable", "deb12-change-start")

	m.replay(t, "deb12-install-installed")
	m.replay(t, "deb12-refresh-store")
	m.act(t, "deb12-refresh-local-3.6", "deb12-change-refresh-local")
	m.replay(t, "deb12-snap-etcd-after-refresh")

	m.replay(t, "deb12-conf-get")
	m.replay(t, "deb12-conf-get-refresh")
	m.replay(t, "deb12-conf-get-timer")
	m.act(t, "deb12-conf-put-timer", "deb12-change-conf-timer")
	m.act(t, "deb12-conf-put-timer-bad", "deb12-change-conf-timer-bad")
	m.act(t, "deb12-conf-put-hold", "deb12-change-conf-hold")
	m.replay(t, "deb12-conf-get-timer2")

	m.replay(t, "deb12-hold-2.57")
	m.act(t, "deb12-switch", "deb12-change-switch")
	m.post(t, "/v2/snaps/etcd", `{"action":"disable"}`)
	m.wait(t)
	m.act(t, "deb12-enable", "deb12-change-enable", ".result.tasks[2].log is missing")
	if err := m.services.ResetFailed("snap.etcd.etcd"); err != nil { // this is quicker than the recorded one: beyond the start limit
		t.Fatal(err)
	}
	m.act(t, "deb12-revert", "deb12-change-revert")
	if err := m.services.Stop(t.Context(), "snap.etcd.etcd"); err != nil { // the recorded one had crashed
		t.Fatal(err)
	}
	m.replay(t, "deb12-apps-after-revert")
	m.replay(t, "deb12-snap-after-revert")
}

func TestAnswersAreThoseOfSnapd268(t *testing.T) {
	m := newBox(t, "2.68.3-3+deb13u1+b7", "")
	m.sideload(t, "snap=@etcd_3.5.35_core22.snap")
	if err := m.services.Stop(t.Context(), "snap.etcd.etcd"); err != nil {
		t.Fatal(err)
	}
	m.replay(t, "deb13-system-info")
	m.act(t, "deb13-hold", "deb13-change-hold")
	m.replay(t, "deb13-snap-held")
	m.act(t, "deb13-hold-all", "deb13-change-hold-all")
	m.replay(t, "deb13-conf-get")
	m.act(t, "deb13-unhold", "deb13-change-unhold")
	m.replay(t, "deb13-snap-unheld")
}

func TestAnswersAreThoseOfSnapd277(t *testing.T) {
	m := newBox(t, "2.77.1-2", "")
	m.sideload(t, "snap=@etcd_3.5.35_core22.snap")
	if err := m.services.Stop(t.Context(), "snap.etcd.etcd"); err != nil {
		t.Fatal(err)
	}
	m.replay(t, "deb14-system-info")
	m.replay(t, "deb14-install-store")
	m.act(t, "deb14-hold", "deb14-change-hold")
	m.replay(t, "deb14-snap-held")
	m.post(t, "/v2/snaps/system/conf", `{"refresh.timer":"fri5"}`)
	m.wait(t)
	m.replay(t, "deb14-conf-timer-fri5")
	m.post(t, "/v2/snaps/system/conf", `{"refresh.timer":"managed"}`)
	m.wait(t)
	m.replay(t, "deb14-conf-timer-managed")
	m.act(t, "deb14-refresh-local", "deb14-change-refresh-local")
	m.act(t, "deb14-revert", "deb14-change-revert")
}

func TestAChangeUnderWayIsAConflict(t *testing.T) {
	m := newBox(t, "2.57.6", "")
	m.sideload(t, "snap=@etcd_3.5.35_core22.snap")
	release := m.hold(t)
	m.post(t, "/v2/snaps/etcd", `{"action":"disable"}`)
	lines, err := os.ReadFile("../../test/recordings/snapd/deb12-conflict-real.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(strings.Split(strings.TrimSpace(string(lines)), "\n")[1]), &want); err != nil {
		t.Fatal(err)
	}
	code, got := m.post(t, "/v2/snaps/etcd", `{"action":"enable"}`)
	if code != http.StatusConflict {
		t.Errorf("HTTP status is %d", code)
	}
	for _, d := range differ("", want, got) {
		t.Error(d)
	}
	doing := record(t, "deb12-changes-doing")
	_, list := m.send(t, doing.request(t, ""))
	first := func(body map[string]any) map[string]any {
		return body["result"].([]any)[0].(map[string]any) // a test: the type is part of the claim
	}
	wantChange, gotChange := first(doing.Body), first(list)
	delete(wantChange, "data")
	if gotChange["status"] != wantChange["status"] || len(gotChange) != len(wantChange) {
		t.Errorf("a change under way reads %v, want the keys of %v", gotChange, wantChange)
	}
	release()
	m.wait(t)
}

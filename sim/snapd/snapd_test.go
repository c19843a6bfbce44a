package snapd_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"jujuetcd.io/sim/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheStoreGivesTheSafestRevisionThatTheChannelAllows(t *testing.T) {
	store := t.TempDir()
	addToStore(t, store, "3.5/stable", "3.5.35")
	addToStore(t, store, "3.6/stable", "3.6.16")
	m := newBox(t, "2.68.3", store)
	for _, c := range []struct {
		name, body, kind string
		code             int
	}{
		{"no such snap", `{"action":"install"}`, "snap-not-found", 404},
		{"no such channel", `{"action":"install","channel":"9.9/stable"}`, "snap-channel-not-available", 404},
	} {
		path := "/v2/snaps/etcd"
		if c.kind == "snap-not-found" {
			path = "/v2/snaps/nosuch"
		}
		if code, body := m.post(t, path, c.body); code != c.code || result(t, body)["kind"] != c.kind {
			t.Errorf("%s: %d %v", c.name, code, body)
		}
	}
	_, refusal := m.post(t, "/v2/snaps/etcd", `{"action":"install","channel":"9.9/stable"}`)
	if text := fmt.Sprint(result(t, refusal)["value"]); !strings.Contains(text, "3.5/stable") || !strings.Contains(text, "3.6/stable") {
		t.Errorf("the refusal of a channel does not name those that there are: %s", text)
	}
	m.post(t, "/v2/snaps/etcd", `{"action":"install","channel":"3.5/edge"}`)
	m.wait(t)
	_, body := m.get(t, "/v2/snaps/etcd")
	snap := result(t, body)
	if snap["version"] != "3.5.35" || snap["revision"] != "30535" || snap["tracking-channel"] != "3.5/edge" {
		t.Errorf("installed %v", snap)
	}
	m.post(t, "/v2/snaps/etcd", `{"action":"refresh","channel":"3.6/stable"}`)
	if change := m.wait(t); change["kind"] != "refresh-snap" || change["status"] != "Done" {
		t.Errorf("refresh: %v", change)
	}
	_, body = m.get(t, "/v2/snaps/etcd")
	if snap := result(t, body); snap["version"] != "3.6.16" || snap["revision"] != "30616" {
		t.Errorf("refreshed to %v", snap)
	}
	if code, body := m.post(t, "/v2/snaps/etcd", `{"action":"refresh"}`); code != 400 || result(t, body)["kind"] != "snap-no-update-available" {
		t.Errorf("refresh of what is current: %d %v", code, body)
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	store := t.TempDir()
	addToStore(t, store, "3.6/stable", "3.6.16")
	m := newBox(t, "2.68.3", store)
	m.post(t, "/v2/snaps/etcd", `{"action":"install","channel":"3.6/stable"}`)
	m.wait(t)
	release := m.hold(t)
	m.post(t, "/v2/apps", `{"action":"stop","names":["etcd"],"disable":true}`)
	half := m.lastChange
	release()
	m.wait(t)
	m.stop()
	m.start(t)
	_, body := m.get(t, "/v2/snaps/etcd")
	if snap := result(t, body); snap["revision"] != "30616" {
		t.Errorf("after the restart: %v", snap)
	}
	if _, body := m.get(t, "/v2/changes/"+half); result(t, body)["status"] != "Done" {
		t.Errorf("the change of before: %v", body)
	}
	m.post(t, "/v2/apps", `{"action":"start","names":["etcd"]}`)
	if m.lastChange == half {
		t.Error("a change number was given twice")
	}
	m.wait(t)
}

func TestAnInterruptedChangeGoesOnAfterARestart(t *testing.T) {
	store := t.TempDir()
	addToStore(t, store, "3.6/stable", "3.6.16")
	m := newBox(t, "2.68.3", store)
	state := filepath.Join(m.root, "var/lib/snapd/state.json")
	m.post(t, "/v2/snaps/etcd", `{"action":"install","channel":"3.6/stable"}`)
	m.wait(t)
	m.stop()
	// As if the machine had been cut off before the service was started.
	data, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	change := s["changes"].([]any)[0].(map[string]any) // as in the state that was just written
	delete(change, "ready")
	for _, task := range change["tasks"].([]any) { // the same
		if task := task.(map[string]any); task["kind"] == "start-snap-services" { // the same
			task["status"] = "Do"
		}
	}
	if data, err = json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m.start(t)
	if change := m.wait(t); change["status"] != "Done" {
		t.Errorf("the change of before: %v", change)
	}
	if got := m.services.Get("snap.etcd.etcd", "ActiveState"); got != "active" {
		t.Errorf("the service is %s", got)
	}
}

func TestTheConfigurationIsTranslatedAndNothingElse(t *testing.T) {
	m := newBox(t, "2.68.3", "")
	m.sideload(t, "snap=@etcd_3.6.16_core22.snap")
	config := filepath.Join(m.root, "var/snap/etcd/common/etcd.conf.yml")
	text := `name: etcd0
data-dir: /var/snap/etcd/common/data
listen-client-urls: https://0.0.0.0:2379,https://[::]:4001
listen-peer-urls: https://10.0.0.7:2380
advertise-client-urls: https://0.0.0.0:2379
snapshot-count: 10000
client-transport-security:
    cert-file: /var/snap/etcd/common/server.crt
    client-cert-auth: true
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, err := m.daemon.Command("snap.etcd.etcd", []string{"/usr/bin/snap", "run", "etcd"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(cmd.Args[2])
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("/var/", m.root+"/var/", "listen-client-urls: https://0.0.0.0:2379,https://[::]:4001",
		"listen-client-urls: https://127.1.2.3:2379,https://127.1.2.3:4001").Replace(text)
	if string(got) != want {
		t.Errorf("translated:\n%s\nwant:\n%s", got, want)
	}
	if left, err := os.ReadFile(config); err != nil || string(left) != text {
		t.Errorf("the charm's file was changed: %s %v", left, err)
	}
}

func TestAServiceWithoutConfigurationFailsAndTheInstallIsDone(t *testing.T) {
	store := t.TempDir()
	addToStore(t, store, "3.6/stable", "3.6.16")
	m := newBox(t, "2.68.3", store)
	if err := os.Remove(filepath.Join(m.root, "var/snap/etcd/common/etcd.conf.yml")); err != nil {
		t.Fatal(err)
	}
	m.post(t, "/v2/snaps/etcd", `{"action":"install","channel":"3.6/stable"}`)
	if change := m.wait(t); change["status"] != "Done" {
		t.Errorf("the install: %v", change)
	}
	log := service.LogPath(m.root, "snap.etcd.etcd")
	if text, _ := exec.Command("cat", log).Output(); !strings.Contains(string(text), "no configuration") && m.services.Get("snap.etcd.etcd", "ActiveState") == "active" {
		t.Errorf("the service runs: %s", text)
	}
}

func TestABrokenFileLeavesNothingInstalled(t *testing.T) {
	m := newBox(t, "2.68.3", "")
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "text": "this is no snap at all", "stub": "jujusim-snap: etcd\nversion: 1.0.0\nprograms: /nonexistent\n"} {
		file := filepath.Join(dir, "etcd_"+name+".snap")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		body, kind := multipartBody(t, file)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v2/snaps", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		code, got := m.send(t, req)
		if code == http.StatusAccepted {
			if change := m.wait(t); change["status"] != "Error" {
				t.Errorf("%s: %v", name, change)
			}
		} else if code != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, code, got)
		}
		if code, body := m.get(t, "/v2/snaps/etcd"); code != http.StatusNotFound {
			t.Errorf("%s: installed: %v", name, body)
		}
	}
}

// Who names the snap that he means gets no other: as snapd's own answer has it.
func TestAFileOfAnotherSnapIsRefused(t *testing.T) {
	m := newBox(t, "2.68.3", "")
	file := filepath.Join(t.TempDir(), "etcd.snap")
	if err := os.WriteFile(file, []byte("jujusim-snap: evil\nversion: 1.0.0\nprograms: /nonexistent\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	body, kind := multipartBody(t, file, [2]string{"name", "etcd"})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v2/snaps", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if code, got := m.send(t, req); code != http.StatusBadRequest || !strings.Contains(fmt.Sprint(got), `instance name \"etcd\" does not match snap name \"evil\"`) && !strings.Contains(fmt.Sprint(got), `instance name "etcd" does not match snap name "evil"`) {
		t.Errorf("%d %v", code, got)
	}
}

func TestARestartBySnapNameLeavesAStoppedServiceAlone(t *testing.T) {
	m := newBox(t, "2.68.3", "")
	m.sideload(t, "snap=@etcd_3.6.16_core22.snap")
	m.post(t, "/v2/apps", `{"action":"stop","names":["etcd"]}`)
	m.wait(t)
	for _, c := range []struct{ name, want string }{{"etcd", "inactive"}, {"etcd.etcd", "active"}} {
		m.post(t, "/v2/apps", fmt.Sprintf(`{"action":"restart","names":[%q]}`, c.name))
		m.wait(t)
		if got := m.services.Get("snap.etcd.etcd", "ActiveState"); got != c.want {
			t.Errorf("after restart of %s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestARefreshThatFailsGoesBackToTheOldRevision(t *testing.T) {
	m := newBox(t, "2.68.3", "")
	m.sideload(t, "snap=@etcd_3.5.35_core22.snap")
	for range 5 { // now one start is too many
		if err := m.services.Restart(t.Context(), "snap.etcd.etcd"); err != nil {
			break
		}
	}
	m.sideload(t, "snap=@etcd_3.6.16_core22.snap")
	if change := m.wait(t); change["status"] != "Error" || !strings.Contains(fmt.Sprint(change["err"]), "repeated too quickly") {
		t.Errorf("the change: %v", change)
	}
	_, body := m.get(t, "/v2/snaps/etcd")
	if snap := result(t, body); snap["revision"] != "x1" || snap["version"] != "3.5.35" {
		t.Errorf("current: %v", snap)
	}
	if link, err := os.Readlink(filepath.Join(m.root, "snap/etcd/current")); err != nil || link != "x1" {
		t.Errorf("current points to %s: %v", link, err)
	}
}

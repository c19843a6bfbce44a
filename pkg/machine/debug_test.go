package machine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestDiagnosticsAreThereWhateverIsBroken: each says what there is, or why there is nothing, and none
// has a key in it.
func TestDiagnosticsAreThereWhateverIsBroken(t *testing.T) {
	w, _ := running(t)
	w.lastWords = "database is locked"
	texts := func() map[string]string {
		all := map[string]string{}
		var names []string
		for _, d := range w.machine().Diagnostics(t.Context()) {
			all[d.Name] = d.Text
			names = append(names, d.Name)
		}
		if want := []string{"etcd-systemctl-status", "etcd-journal", "etcd.conf.yml", "agent-owner.json", "agent-record.json", "agent-facts.json",
			"disk-use", "versions"}; !slices.Equal(names, want) {
			t.Errorf("they are %v", names)
		}
		return all
	}
	have := texts()
	for name, words := range map[string]string{
		"etcd-journal": "database is locked", "etcd.conf.yml": "data-dir: /var/snap/etcd/common/data", "agent-owner.json": `"etcd/0"`,
		"agent-record.json": `"dataDir": "/var/snap/etcd/common/data"`, "agent-facts.json": `"present": true`,
		"disk-use": "/var/snap/etcd/common/data/member/wal/", "versions": "snap etcd 3.",
	} {
		if !strings.Contains(have[name], words) {
			t.Errorf("%s lacks %q:\n%s", name, words, have[name])
		}
	}
	for _, name := range []string{"agent-record.json", "agent-facts.json"} {
		if !json.Valid([]byte(have[name])) {
			t.Errorf("%s is no JSON", name)
		}
	}
	key := strings.Split(w.read("/var/snap/etcd/common/server.key"), "\n")[1]
	for name, text := range have {
		if strings.Contains(text, key) || strings.Contains(text, "PRIVATE") {
			t.Errorf("%s has a key in it", name)
		}
	}
	w = newWorld(t)
	for name, text := range texts() {
		if text == "" && name != "etcd-systemctl-status" && name != "etcd-journal" {
			t.Errorf("%s is empty where nothing is", name)
		}
	}
}

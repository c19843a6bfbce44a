package machine_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"jujuetcd.io/sim/model"
	"jujuetcd.io/test/charms"
)

const tellMetadata = `name: teller
summary: a charm that tells clients
description: a charm that tells clients
provides:
  db: {interface: etcd}
`

// clientFile is what etcdclient has written of an endpoint; nil before it has.
func (w *world) clientFile(unit, endpoint string) map[string]string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root(unit), "var/lib/etcdclient", endpoint+".json"))
	if err != nil {
		return nil
	}
	var said map[string]string
	if err := json.Unmarshal(text, &said); err != nil {
		w.t.Fatal(err)
	}
	return said
}

func TestEtcdclientWritesTheFirstValueOfEachKey(t *testing.T) {
	path, err := charms.Pack(t.Context(), "etcdclient", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"metadata.yaml": tellMetadata, "dispatch": dispatch} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t)
	w.deploy(load(t, path), "etcdclient", 1)
	w.deploy(load(t, dir), "teller", 2)
	w.settled("teller/0", "teller/1")
	id, err := w.AddRelation("teller:db", "etcdclient:db")
	if err != nil {
		t.Fatal(err)
	}
	publish := func(unit, pairs string) {
		t.Helper()
		task := w.exec(unit, "relation-set -r db:"+strconv.Itoa(id)+" "+pairs)
		if task.Status != model.TaskCompleted || task.Output["return-code"] != 0 {
			t.Fatal(task)
		}
	}
	says := func(what string, want map[string]string) {
		t.Helper()
		w.until(what, func() bool { return maps.Equal(w.clientFile("etcdclient/0", "db"), want) })
	}
	publish("teller/1", "connection_string=https://127.0.0.2:2379 client_ca=CA1 other=no")
	says("the second unit's values", map[string]string{"connection_string": "https://127.0.0.2:2379", "client_ca": "CA1"})
	publish("teller/0", "connection_string=https://127.0.0.1:2379,https://127.0.0.2:2379")
	says("the first unit's string, the second's CA", map[string]string{
		"connection_string": "https://127.0.0.1:2379,https://127.0.0.2:2379", "client_ca": "CA1"})
	w.until("the status shows it", func() bool {
		u, err := w.Unit("etcdclient/0")
		return err == nil && u.Workload.Message == "2 endpoints of etcd"
	})
	if err := w.DestroyUnit("teller/0"); err != nil {
		t.Fatal(err)
	}
	says("what the departed unit said is gone", map[string]string{"connection_string": "https://127.0.0.2:2379", "client_ca": "CA1"})
	if err := w.DestroyRelation("teller", "etcdclient", false); err != nil {
		t.Fatal(err)
	}
	says("nothing without a relation", map[string]string{})
	if info, err := os.Stat(filepath.Join(w.root("etcdclient/0"), "var/lib/etcdclient/db.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode: %v %v", info, err)
	}
}

//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/rig"
)

// TestASnapshotIsTakenFetchedAndProved: by Juju's verbs alone, read by plain tar and etcd's own
// tools, listed, and refused when it is damaged.
func TestASnapshotIsTakenFetchedAndProved(t *testing.T) {
	onProfiles(t, "3.6", func(t *testing.T, profile string) {
		w := begin(t, "--profile", profile)
		w.daemon()
		w.deploy("3")
		w.await(rig.Healthy("etcd", 3))
		config, endpoints := w.client()
		must(t, rig.ThroughEach(w.ctx, config, endpoints))
		taken := w.nested(t, "etcd/1", "snapshot")
		path := w.proved(t, taken)
		w.refusedDamaged(t, path)
		w.listedSnapshots(t, taken)
		for keys, words := range map[string]string{"v1": "keys-version must be either v2 or v3", "v2": "the v2 API ended with 3.5"} {
			if said := w.failure(t, "etcd/1", "snapshot", "keys-version="+keys); !strings.Contains(said, words) {
				t.Errorf("keys-version=%s fails with %q", keys, said)
			}
		}
		w.snapshotsByCommand(t)
		w.backsUpAsThePageSays(t) // back-up.md
	})
}

// nested are an action's results as Juju nests them, with the dots put back.
func (w *world) nested(t *testing.T, unit, action string, parameters ...string) map[string]string {
	t.Helper()
	out, err := w.Juju(w.ctx, append([]string{"run", "--format", "json", unit, action}, parameters...)...)
	must(t, err)
	var units map[string]struct {
		Results map[string]any `json:"results"`
	}
	must(t, json.Unmarshal([]byte(out), &units))
	flat := map[string]string{}
	var put func(prefix string, results map[string]any)
	put = func(prefix string, results map[string]any) {
		for key, value := range results {
			switch value := value.(type) {
			case string:
				flat[prefix+key] = value
			case map[string]any:
				put(prefix+key+".", value)
			}
		}
	}
	put("", units[unit].Results)
	return flat
}

// taskNumber is in what juju run says of a task that has failed.
var taskNumber = regexp.MustCompile(`id "([0-9]+)"`)

// failure is why an action has failed, in the words of juju show-task.
func (w *world) failure(t *testing.T, unit, action string, parameters ...string) string {
	t.Helper()
	out, err := w.Juju(w.ctx, append([]string{"run", unit, action}, parameters...)...)
	if err == nil {
		t.Fatalf("%s %v has not failed: %s", action, parameters, out)
	}
	number := taskNumber.FindStringSubmatch(err.Error())
	if number == nil {
		t.Fatal(err)
	}
	return w.juju("show-task", number[1])
}

// proved fetches a snapshot as its result says, and has plain tar and etcd's tools read it.
func (w *world) proved(t *testing.T, taken map[string]string) (path string) {
	t.Helper()
	if ok, err := filepath.Match("/home/ubuntu/etcd-snapshots/etcd-snapshot-????-??-??-??.??.??.tar.gz", taken["snapshot.path"]); err != nil || !ok {
		t.Fatalf("the results are %q", taken)
	}
	programs, err := etcdbin.Dir(w.ctx, etcdbin.Default)
	must(t, err)
	version := filepath.Base(programs)
	if taken["snapshot.version"] != "etcdctl version: "+version+"\nAPI version: "+etcdbin.Default || taken["copy.cmd"] != "juju scp etcd/1:"+taken["snapshot.path"]+" ." {
		t.Errorf("the results are %q", taken)
	}
	info, err := os.Stat(filepath.Join(w.MachineRoot(machineOf(t, w, "etcd/1")), taken["snapshot.path"]))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	dir := t.TempDir()
	w.juju("scp", strings.Fields(taken["copy.cmd"])[2], dir)
	path = filepath.Join(dir, filepath.Base(taken["snapshot.path"]))
	a, err := snapshot.Inspect(w.ctx, path, taken["snapshot.sha256"])
	must(t, err)
	if a.Origin == nil || a.Origin.Application != "etcd" || a.Origin.Member != "etcd1" || a.Origin.ClusterID != taken["snapshot.cluster-id"] || a.Origin.EtcdVersion != version {
		t.Errorf("its origin is %+v", a.Origin)
	}
	out, err := exec.CommandContext(w.ctx, "tar", "-C", dir, "-xzvf", path).CombinedOutput()
	must(t, err)
	if names := strings.Fields(string(out)); !slices.Contains(names, "./") || !slices.Contains(names, "./db") {
		t.Errorf("it holds %q", names)
	}
	etcdutl := func(args ...string) []byte {
		out, err := exec.CommandContext(w.ctx, filepath.Join(programs, "etcdutl"), args...).Output()
		must(t, err)
		return out
	}
	var status struct{ Revision, TotalKey int64 }
	must(t, json.Unmarshal(etcdutl("snapshot", "status", filepath.Join(dir, "db"), "-w", "json"), &status))
	if strconv.FormatInt(status.Revision, 10) != taken["snapshot.revision"] || strconv.FormatInt(status.TotalKey, 10) != taken["snapshot.keys"] || status.TotalKey < 3 {
		t.Errorf("etcdutl says %+v, and the results are %q", status, taken)
	}
	etcdutl("snapshot", "restore", filepath.Join(dir, "db"), "--data-dir", filepath.Join(dir, "restored"))
	return path
}

func (w *world) refusedDamaged(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	for name, change := range map[string]func([]byte) []byte{
		"cut by 1 KiB":   func(b []byte) []byte { return b[:len(b)-1024] },
		"a byte flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
	} {
		bad := filepath.Join(t.TempDir(), "bad.tar.gz")
		must(t, os.WriteFile(bad, change(bytes.Clone(data)), 0o600))
		if _, err := snapshot.Inspect(w.ctx, bad, ""); err == nil {
			t.Errorf("%s: it is not refused", name)
		}
	}
}

// listedSnapshots is what list-snapshots says of one that is right, and when it is damaged.
func (w *world) listedSnapshots(t *testing.T, taken map[string]string) {
	t.Helper()
	list := func(parameters ...string) snapshot.Listed {
		t.Helper()
		results := w.nested(t, "etcd/1", "list-snapshots", parameters...)
		var all []snapshot.Listed
		must(t, json.Unmarshal([]byte(results["snapshots"]), &all))
		if len(all) != 1 || all[0].Path != taken["snapshot.path"] || !strings.Contains(results["output"], all[0].ID) {
			t.Fatalf("it lists %q", results)
		}
		return all[0]
	}
	for _, l := range []snapshot.Listed{list(), list("verify=true")} {
		if !l.Verified || l.SHA256 != taken["snapshot.sha256"] || strconv.FormatInt(l.Revision, 10) != taken["snapshot.revision"] || l.Origin == nil {
			t.Errorf("it lists %+v", l)
		}
	}
	file := filepath.Join(w.MachineRoot(machineOf(t, w, "etcd/1")), taken["snapshot.path"])
	data, err := os.ReadFile(file)
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(file, data, 0o600))
	for _, l := range []snapshot.Listed{list(), list("verify=true")} {
		if l.Verified || l.Fault == "" {
			t.Errorf("of a damaged one it lists %+v", l)
		}
	}
}

// snapshotsByCommand takes one by jujuetcd, with its progress, and lists it.
func (w *world) snapshotsByCommand(t *testing.T) {
	t.Helper()
	login := []string{"--model", "admin/demo", "-o", "json", "--target", "/srv/snapshots"}
	out, err := w.Jujuetcd(w.ctx, append([]string{"snapshot", "etcd/2"}, login...)...)
	must(t, err)
	var taken struct {
		Unit     string
		Snapshot struct{ Path, SHA256 string }
	}
	must(t, json.Unmarshal([]byte(out), &taken))
	if taken.Unit != "etcd/2" || !strings.HasPrefix(taken.Snapshot.Path, "/srv/snapshots/etcd-snapshot-") {
		t.Errorf("it prints %s", out)
	}
	out, err = w.Jujuetcd(w.ctx, append([]string{"snapshots", "etcd"}, login...)...)
	must(t, err)
	var lists map[string][]snapshot.Listed
	must(t, json.Unmarshal([]byte(out), &lists))
	if len(lists) != 3 || len(lists["etcd/0"]) != 0 || len(lists["etcd/2"]) != 1 || lists["etcd/2"][0].SHA256 != taken.Snapshot.SHA256 {
		t.Errorf("it prints %s", out)
	}
}

//go:build integration

package integration

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/sim/netns"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// TestWhatAPersonRunsOnAUnit drives the actions that a unit carries out by itself, on one cluster,
// while no controller is there: none of them needs one. Where that can be, each machine has a network
// of its own, and who runs etcdctl is in another one.
func TestWhatAPersonRunsOnAUnit(t *testing.T) {
	var args []string
	switch err := netns.Available(); {
	case err == nil:
		args = []string{"--own-networks"}
	case !errors.Is(err, netns.ErrNotRoot):
		t.Fatalf("%v; make tools installs it", err)
	}
	w := begin(t, args...)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	w.settledOptions(t)
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	must(t, w.StopDaemon())
	for name, part := range map[string]func(*testing.T, *world, *clientv3.Client){
		v1alpha1.ActionHealth:            healthIsToldTwice,
		v1alpha1.ActionClientCredentials: clientCredentials,
		v1alpha1.ActionAlarmDisarm:       alarmsAreDisarmed,
		v1alpha1.ActionCompact:           historyIsForgotten,
		v1alpha1.ActionDebug:             debugHasNoSecret,
		"check-health.md":                healthAsThePageSays,
		"client-credentials.md":          credentialsAsThePageSays,
	} {
		t.Run(name, func(t *testing.T) { part(t, w, client) })
	}
	w.await(rig.Healthy("etcd", 3))
}

// results are those of an action that must succeed.
func (w *world) results(t *testing.T, unit, action string, parameters ...string) map[string]string {
	t.Helper()
	out, err := w.Juju(w.ctx, append([]string{"run", "--format", "json", unit, action}, parameters...)...)
	var units map[string]struct {
		Results map[string]any `json:"results"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &units)
	}
	if err != nil {
		t.Fatalf("%s %v: %v: %s", action, parameters, err, out)
	}
	texts := map[string]string{}
	for key, value := range units[unit].Results {
		switch v := value.(type) {
		case string:
			texts[key] = v
		case map[string]any:
			for inner, value := range v {
				texts[key+"."+inner], _ = value.(string)
			}
		}
	}
	return texts
}

// fetched runs an action that hands out a file, and unpacks what juju scp brings of it, by the
// command that the action names.
func (w *world) fetched(t *testing.T, unit, action, path string) (dir string) {
	t.Helper()
	results := w.results(t, unit, action)
	if matches, err := filepath.Match(path, results["path"]); err != nil || !matches {
		t.Errorf("the path is %q, not %s", results["path"], path)
	}
	info, err := os.Stat(filepath.Join(w.MachineRoot(machineOf(t, w, unit)), results["path"]))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%s: %v, %v", results["path"], info, err)
	}
	words := strings.Fields(results["command"])
	dir = t.TempDir()
	if len(words) != 4 || words[0] != "juju" || words[1] != "scp" || words[3] != "." {
		t.Fatalf("the command is %q", results["command"])
	}
	w.juju("scp", words[2], dir)
	archive := filepath.Base(results["path"])
	if out, err := exec.CommandContext(w.ctx, "tar", "-C", dir, "-xzf", filepath.Join(dir, archive)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, strings.TrimSuffix(archive, ".tar.gz"))
}

func machineOf(t *testing.T, w *world, unit string) string {
	t.Helper()
	s, err := w.Status(w.ctx)
	must(t, err)
	return s.Unit(unit).Machine
}

// healthIsToldTwice: under the key that the former charm had last, and under the one before, which its
// documentation shows.
func healthIsToldTwice(t *testing.T, w *world, _ *clientv3.Client) {
	results := w.results(t, "etcd/0", "health")
	if !strings.HasSuffix(results["output"], "\ncluster is healthy") || results["result-map.message"] != results["output"] {
		t.Errorf("health says %q", results)
	}
}

// clientCredentials are used as their README says, with etcdctl of each version, wherever they are
// unpacked.
func clientCredentials(t *testing.T, w *world, _ *clientv3.Client) {
	dir := w.fetched(t, "etcd/1", "package-client-credentials", "/home/ubuntu/etcd_credentials.tar.gz")
	var names []string
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		names = append(names, e.Name())
		if info.Mode() != 0o600 {
			t.Errorf("%s is unpacked with mode %v", e.Name(), info.Mode())
		}
	}
	if want := []string{"README.txt", "ca.crt", "client.crt", "client.key"}; !slices.Equal(names, want) {
		t.Errorf("it holds %v", names)
	}
	text, err := os.ReadFile(filepath.Join(dir, "README.txt"))
	must(t, err)
	newer := settings(string(text), "etcdctl 3.3 and newer:")
	older := settings(string(text), "etcdctl 3.2 and older,")
	if len(newer) != 5 || len(older) != 5 {
		t.Fatalf("settings of the newer %q, of the older %q", newer, older)
	}
	run := func(version, script string) (string, error) {
		programs, err := etcdbin.Dir(w.ctx, version)
		must(t, err)
		cmd := exec.CommandContext(w.ctx, "sh", "-c", "cd "+dir+" && "+script)
		cmd.Env = []string{"PATH=" + programs + ":" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, version := range []string{"3.4", "3.5", "3.6", "3.7"} {
		with := strings.Join(newer, " && ") + " && "
		for name, script := range map[string]string{
			"the newer settings": with + "etcdctl member list",
			"both":               strings.Join(older, " && ") + " && " + with + "etcdctl member list",
			"endpoints once":     with + "unset ETCDCTL_ENDPOINTS && etcdctl --endpoints=" + strings.Split(newer[4], "=")[1] + " member list",
		} {
			out, err := run(version, script)
			if err != nil || strings.Count(out, "started") != 3 {
				t.Errorf("etcdctl %s with %s: %v: %s", version, name, err, out)
			}
		}
		if out, err := run(version, with+"etcdctl --endpoints="+strings.Split(newer[4], "=")[1]+" member list"); err == nil ||
			!strings.Contains(out, "conflicting environment variable") {
			t.Errorf("etcdctl %s with endpoints twice: %v: %s", version, err, out)
		}
	}
	// etcd answers, once the handshake was good, and has no v2 API.
	if out, err := run("3.5", strings.Join(older, " && ")+" && etcdctl ls /"); err == nil || !strings.Contains(out, "invalid json") {
		t.Errorf("the older settings: %v: %s", err, out)
	}

	// The same variables, with another server's files, where there is one.
	v2 := etcdtest.Start(t, etcdtest.Options{Minor: "3.4", Args: []string{"--enable-v2"}}).Members[0]
	for from, to := range map[string]string{"server.crt": "client.crt", "server.key": "client.key", "ca.crt": "ca.crt"} {
		data, err := os.ReadFile(filepath.Join(v2.Dir, from))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, to), data, 0o600))
	}
	older[4] = "export ETCDCTL_ENDPOINT=" + v2.ClientURL
	newer[4] = "export ETCDCTL_ENDPOINTS=" + v2.ClientURL
	for _, version := range []string{"3.4", "3.5"} {
		for name, script := range map[string]string{
			"the older settings": strings.Join(older, " && "),
			"both":               strings.Join(newer, " && ") + " && " + strings.Join(older, " && "),
		} {
			out, err := run(version, script+" && etcdctl set /of-v2 "+version+" >/dev/null && etcdctl get /of-v2")
			if err != nil || !strings.HasSuffix(strings.TrimSpace(out), version) {
				t.Errorf("etcdctl %s with %s and the v2 API: %v: %s", version, name, err, out)
			}
		}
	}
}

// settings are the lines of the README that set variables, below a heading.
func settings(readme, heading string) []string {
	_, text, _ := strings.Cut(readme, heading)
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "export ") {
			lines = append(lines, line)
		} else if len(lines) > 0 {
			break
		}
	}
	return lines
}

// refused runs an action that must fail with these words.
func (w *world) refused(t *testing.T, words, unit, action string, parameters ...string) {
	t.Helper()
	out, err := w.Juju(w.ctx, append([]string{"run", unit, action}, parameters...)...)
	if err == nil || !strings.Contains(out+err.Error(), words) {
		t.Errorf("%s %v: %v: %s", action, parameters, err, out)
	}
}

// alarmsAreDisarmed: alarm-list shows an alarm as etcdctl does, and alarm-disarm ends it; the one
// that says that data differ stays.
func alarmsAreDisarmed(t *testing.T, w *world, client *clientv3.Client) {
	list, err := client.MemberList(w.ctx)
	must(t, err)
	id := list.Members[0].ID
	alarm := func(action etcdserverpb.AlarmRequest_AlarmAction, member uint64, kind etcdserverpb.AlarmType) {
		t.Helper()
		_, err := etcdserverpb.NewMaintenanceClient(client.ActiveConnection()).Alarm(w.ctx,
			&etcdserverpb.AlarmRequest{Action: action, MemberID: member, Alarm: kind})
		must(t, err)
	}
	listed := func(want string) {
		t.Helper()
		if got := w.results(t, "etcd/0", "alarm-list")["output"]; got != want {
			t.Errorf("alarm-list shows %q, not %q", got, want)
		}
	}
	listed("")
	alarm(etcdserverpb.AlarmRequest_ACTIVATE, id, etcdserverpb.AlarmType_NOSPACE)
	alarm(etcdserverpb.AlarmRequest_ACTIVATE, 4711, etcdserverpb.AlarmType_CORRUPT)
	space := fmt.Sprintf("memberID:%d alarm:NOSPACE", id)
	listed(space + "\nmemberID:4711 alarm:CORRUPT")
	w.refused(t, "alarm CORRUPT of member 0000000000001267 is active", "etcd/0", "alarm-disarm")
	if _, err := client.Put(w.ctx, "key", "value"); err == nil {
		t.Error("etcd takes a write in spite of the alarm")
	}
	alarm(etcdserverpb.AlarmRequest_DEACTIVATE, 4711, etcdserverpb.AlarmType_CORRUPT)
	alarm(etcdserverpb.AlarmRequest_ACTIVATE, 4711, etcdserverpb.AlarmType_NOSPACE) // of a member that is gone
	results := w.results(t, "etcd/0", "alarm-disarm")
	if want := space + "\nmemberID:4711 alarm:NOSPACE"; results["output"] != want || results["message"] != "2 disarmed" {
		t.Errorf("alarm-disarm says %q", results)
	}
	listed("")
	_, err = client.Put(w.ctx, "key", "value")
	must(t, err)
}

// historyIsForgotten: compact, with what people give it.
func historyIsForgotten(t *testing.T, w *world, client *clientv3.Client) {
	var present int64
	for range 10 {
		put, err := client.Put(w.ctx, "key", "value")
		must(t, err)
		present = put.Header.Revision
	}
	oldest := func(revision int64) {
		t.Helper()
		if _, err := client.Get(w.ctx, "key", clientv3.WithRev(revision-1)); !errors.Is(err, rpctypes.ErrCompacted) {
			t.Errorf("revision %d is still there: %v", revision-1, err)
		}
		if _, err := client.Get(w.ctx, "key", clientv3.WithRev(revision)); err != nil {
			t.Errorf("revision %d: %v", revision, err)
		}
	}
	w.refused(t, "must be a whole number above 0", "etcd/0", "compact", "revision=newest")
	w.refused(t, fmt.Sprintf("cannot compact revision %d: it is in the future", present+1), "etcd/0", "compact", fmt.Sprint("revision=", present+1))
	for _, step := range []struct {
		revision   int64
		parameters []string
	}{
		{present - 5, []string{fmt.Sprint("revision=", present-5)}},
		{present - 3, []string{"--string-args", fmt.Sprint("revision=", present-3)}},
		{present, []string{"physical=true"}},
		{present, nil}, // nothing has been written since
	} {
		if got := w.results(t, "etcd/1", "compact", step.parameters...)["output"]; got != fmt.Sprint("compacted revision ", step.revision) {
			t.Errorf("compact %v: %s", step.parameters, got)
		}
		oldest(step.revision)
	}
	w.refused(t, "it is compacted already", "etcd/0", "compact", fmt.Sprint("revision=", present-5))
}

// debugHasNoSecret: what debug packs is there, and no line of any private key that is on the machine,
// nor one that somebody has left where it does not belong.
func debugHasNoSecret(t *testing.T, w *world, _ *clientv3.Client) {
	const unit = "etcd/2"
	root := w.MachineRoot(machineOf(t, w, unit))
	conf := filepath.Join(root, v1alpha1.ConfigFile)
	config, err := os.ReadFile(conf)
	must(t, err)
	key, err := os.ReadFile(filepath.Join(root, v1alpha1.CommonDir, "server.key"))
	must(t, err)
	must(t, os.WriteFile(conf, slices.Concat(config, key, []byte("# https://admin:s3cr3t@10.0.0.1/?token=s3cr3t\n")), 0o600))
	dir := w.fetched(t, unit, "debug", "/home/ubuntu/debug-[0-9]*.tar.gz")
	must(t, os.WriteFile(conf, config, 0o644)) // as it was
	texts := map[string]string{}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		texts[e.Name()] = string(text)
	}
	for name, words := range map[string]string{
		"etcd-systemctl-status": "Active: active (running)", "etcd-journal": "ready to serve client requests", "etcd.conf.yml": "[private key left out]",
		"agent-owner.json": unit, "agent-record.json": "\"hash\": ", "agent-facts.json": "\"protocol\": ", "disk-use": ".wal", "versions": "snap etcd 3.6",
		"etcdctl-cluster-health": "cluster is healthy", "etcdctl-member-list": "etcd2", "etcdctl-endpoint-status": "database ", "etcdctl-alarm-list": "",
	} {
		if text, there := texts[name]; !there || !strings.Contains(text, words) {
			t.Errorf("%s lacks %q:\n%s", name, words, text)
		}
	}
	keys := 0
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
				continue
			}
			keys++
			for line := range strings.Lines(string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))) {
				for name, text := range texts {
					if strings.Contains(text, strings.TrimSpace(line)) {
						t.Errorf("%s holds a line of the key in %s", name, path)
					}
				}
			}
		}
		return err
	}))
	for name, text := range texts {
		if strings.Contains(text, "s3cr3t") {
			t.Errorf("%s holds a password", name)
		}
	}
	if keys < 2 {
		t.Errorf("%d keys were looked for: this test has looked in the wrong place", keys)
	}
	t.Logf("%d files, no line of %d keys", len(texts), keys)
}

package nagios_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/nagios"
)

func checks() nagios.Checks {
	return nagios.Checks{Unit: "etcd/0", Host: "juju-etcd-0", Groups: "juju", Agent: "/charm/dispatch", OfUnit: "etcd/0"}
}

// installed is a machine's root where Debian's package of nrpe was installed.
func installed(t *testing.T) (string, nagios.Files) {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"/etc/nagios/nrpe.d", "/var/lib/nagios/export", "/etc/cron.d", "/usr/lib/nagios/plugins"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root, nagios.Files{Root: root, Disk: &durable.Disk{}}
}

// tree is every file below the root with its content.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFilesAreThoseOfCharmhelpers(t *testing.T) {
	root, files := installed(t)
	if _, err := files.Write(checks()); err != nil {
		t.Fatal(err)
	}
	got := tree(t, root)
	want := map[string]string{
		"/etc/nagios/nrpe.d/check_etcd-alarms.cfg": "# check etcd-alarms\n" +
			"# The following header was added automatically by juju\n# Modifying it will affect nagios monitoring and alerting\n" +
			"# servicegroups: juju\n" +
			"command[check_etcd-alarms]=/usr/lib/nagios/plugins/check_etcd-alarms.py /var/lib/nagios/etcd-alarm-list.txt\n",
		"/etc/nagios/nrpe.d/check_snap.etcd.etcd.cfg": "# check snap.etcd.etcd\n" +
			"# The following header was added automatically by juju\n# Modifying it will affect nagios monitoring and alerting\n" +
			"# servicegroups: juju\n" +
			"command[check_snap.etcd.etcd]=/usr/lib/nagios/plugins/check_etcd-service.py snap.etcd.etcd\n",
		"/var/lib/nagios/export/service__juju-etcd-0_check_snap.etcd.etcd.cfg": `#---------------------------------------------------
# This file is Juju managed
#---------------------------------------------------
define service {
    use                             active-service
    host_name                       juju-etcd-0
    service_description             juju-etcd-0[snap.etcd.etcd] process check {etcd/0}
    check_command                   check_nrpe!check_snap.etcd.etcd
    servicegroups                   juju
}
`,
		"/etc/cron.d/check_etcd-alarms": "# Written by the etcd charm: the list of alarms that the Nagios check check_etcd-alarms reads.\n" +
			"MAILTO=\"\"\n* * * * * root [ -x /charm/dispatch ] && /charm/dispatch alarms etcd/0 >/dev/null 2>&1\n",
	}
	for path, text := range want {
		if diff := cmp.Diff(text, got[path]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	// cron leaves out files whose names have a dot, and those that others may write.
	info, err := os.Stat(filepath.Join(root, "/etc/cron.d/check_etcd-alarms"))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode of cron's file: %v, %v", info.Mode(), err)
	}
	if again, err := files.Write(checks()); err != nil || len(again) > 0 {
		t.Errorf("written again: %q, %v", again, err)
	}
}

func TestNothingIsWrittenBeforeNRPEIsThere(t *testing.T) {
	root := t.TempDir()
	files := nagios.Files{Root: root, Disk: &durable.Disk{}}
	if wrote, err := files.Write(checks()); !errors.Is(err, nagios.ErrNotInstalled) || len(wrote) > 0 {
		t.Errorf("wrote %q, %v", wrote, err)
	}
	if err := files.WriteAlarms(nagios.Alarms{At: time.Now()}); err != nil {
		t.Error(err)
	}
	if got := tree(t, root); len(got) > 0 {
		t.Errorf("files: %v", got)
	}
}

func TestRemoveLeavesWhatWasThereBefore(t *testing.T) {
	root, files := installed(t)
	others := map[string]string{
		"/etc/nagios/nrpe.d/check_load.cfg":                                "load",
		"/var/lib/nagios/export/service__juju-etcd-0_check_load.cfg":       "load",
		"/var/lib/nagios/export/service__juju-easyrsa-0_check_easyrsa.cfg": "easyrsa",
		"/usr/lib/nagios/plugins/check_load":                               "load",
		"/etc/cron.d/e2scrub_all":                                          "cron",
	}
	for path, text := range others {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := files.Write(checks()); err != nil {
		t.Fatal(err)
	}
	renamed := checks()
	renamed.Host = "../../../prod etcd/0\nx"
	if _, err := files.Write(renamed); err != nil {
		t.Fatal(err)
	}
	exported, err := filepath.Glob(filepath.Join(root, "/var/lib/nagios/export/*_check_*etcd*"))
	if err != nil || len(exported) != 2 {
		t.Errorf("a host that was renamed has service files %q", exported)
	}
	for _, path := range exported {
		if name := filepath.Base(path); !strings.HasPrefix(name, "service__..-..-..-prod-etcd-0-x_check_") {
			t.Errorf("service file %q", name)
		}
	}
	if err := files.WriteAlarms(nagios.Alarms{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Remove(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(others, tree(t, root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// cron may have started the agent just before.
	if err := files.WriteAlarms(nagios.Alarms{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(others, tree(t, root)); diff != "" {
		t.Errorf("the list came back (-want +got):\n%s", diff)
	}
}

// A hook may take the checks away while cron's agent asks etcd: what that writes then must not
// stay.
func TestAListThatComesTooLateDoesNotStay(t *testing.T) {
	root, files := installed(t)
	if _, err := files.Write(checks()); err != nil {
		t.Fatal(err)
	}
	files.Disk.Did = func(path string) {
		if strings.HasSuffix(path, "etcd-alarm-list.txt") {
			_ = os.Remove(filepath.Join(root, "/etc/cron.d/check_etcd-alarms"))
		}
	}
	if err := files.WriteAlarms(nagios.Alarms{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "/var/lib/nagios/etcd-alarm-list.txt")); err == nil {
		t.Error("the list stayed")
	}
}

// run runs a check as nrpe does: the command of its file, which prints one line and says the state
// by its exit code.
func run(t *testing.T, root, name string) (state int, line string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "/etc/nagios/nrpe.d/check_"+name+".cfg"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^command\[check_` + regexp.QuoteMeta(name) + `\]=(.*)$`).FindStringSubmatch(string(text))
	if command == nil {
		t.Fatalf("no command in %s", text)
	}
	words := strings.Fields(command[1])
	for i, word := range words {
		if strings.HasPrefix(word, "/") {
			words[i] = filepath.Join(root, word)
		}
	}
	out, err := exec.Command(words[0], words[1:]...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if len(exit.Stderr) > 0 {
			t.Errorf("%s wrote to standard error: %s", name, exit.Stderr)
		}
		state = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(out), "\n") != 1 {
		t.Errorf("%s printed %q, not one line", name, out)
	}
	return state, strings.TrimSpace(string(out))
}

func TestAlarmCheckSeesAlarmsFaultsAndAStaleList(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name  string
		list  nagios.Alarms
		raw   string
		state int
		text  string
	}{
		{name: "none", list: nagios.Alarms{At: now}, state: 0, text: "OK: no active alarms"},
		{name: "nearly stale", list: nagios.Alarms{At: now.Add(-4 * time.Minute)}, state: 0, text: "OK: no active alarms"},
		{name: "one", list: nagios.Alarms{At: now, Active: []string{"etcd1 NOSPACE"}}, state: 2, text: "CRITICAL: active alarms: etcd1 NOSPACE"},
		{name: "two", list: nagios.Alarms{At: now, Active: []string{"etcd0 CORRUPT", "etcd1 NOSPACE"}}, state: 2,
			text: "CRITICAL: active alarms: etcd0 CORRUPT, etcd1 NOSPACE"},
		{name: "etcd cannot be asked", list: nagios.Alarms{At: now, Fault: "etcd0 is\ndown (connection refused)"}, state: 3,
			text: "UNKNOWN: cannot ask etcd for alarms: etcd0 is down (connection refused)"},
		{name: "stale", list: nagios.Alarms{At: now.Add(-6 * time.Minute)}, state: 3, text: "UNKNOWN: the list of alarms is from 36"},
		{name: "stale alarms", list: nagios.Alarms{At: now.Add(-time.Hour), Active: []string{"etcd1 NOSPACE"}}, state: 3, text: "UNKNOWN: the list of alarms is from 36"},
		{name: "from the future", list: nagios.Alarms{At: now.Add(time.Hour)}, state: 3, text: "ahead"},
		{name: "the former charm's, empty", raw: "\n", state: 3, text: "UNKNOWN: cannot read the list of alarms"},
		{name: "the former charm's", raw: "memberID:8630161756594109333 alarm:NOSPACE\n", state: 3, text: "UNKNOWN: cannot read the list of alarms"},
		{name: "a line from elsewhere", raw: fmt.Sprintf("checked %d x\nmemberID:1 alarm:NOSPACE\n", now.Unix()), state: 3, text: "UNKNOWN"},
	}
	root, files := installed(t)
	if _, err := files.Write(checks()); err != nil {
		t.Fatal(err)
	}
	if state, line := run(t, root, "etcd-alarms"); state != 3 || !strings.HasPrefix(line, "UNKNOWN: cannot read the list of alarms") {
		t.Errorf("without a list: %d %q", state, line)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(root, "/var/lib/nagios/etcd-alarm-list.txt")
			if test.raw != "" {
				if err := os.WriteFile(path, []byte(test.raw), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if err := files.WriteAlarms(test.list); err != nil {
				t.Fatal(err)
			}
			state, line := run(t, root, "etcd-alarms")
			if state != test.state || !strings.Contains(line, test.text) {
				t.Errorf("state %d, %q; want %d, %q", state, line, test.state, test.text)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm()&0o044 != 0o044 {
				t.Errorf("the list is not readable by Nagios: %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestServiceCheckShowsSystemdsWord(t *testing.T) {
	root, files := installed(t)
	if _, err := files.Write(checks()); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, test := range []struct {
		name, says string
		state      int
		text       string
	}{
		{"running", "echo LoadState=loaded; echo ActiveState=active; echo SubState=running", 0, "OK: snap.etcd.etcd is running"},
		{"crashed", "echo LoadState=loaded; echo ActiveState=activating; echo SubState=auto-restart", 2,
			"CRITICAL: snap.etcd.etcd is activating (auto-restart)"},
		{"stopped", "echo LoadState=loaded; echo ActiveState=inactive; echo SubState=dead", 2, "CRITICAL: snap.etcd.etcd is inactive (dead)"},
		{"not installed", "echo LoadState=not-found; echo ActiveState=inactive; echo SubState=dead", 2, "CRITICAL: there is no service snap.etcd.etcd"},
		{"no systemd", "echo no bus >&2; exit 1", 3, "UNKNOWN: cannot ask systemd for snap.etcd.etcd: no bus"},
	} {
		t.Run(test.name, func(t *testing.T) {
			script := "#!/bin/sh\n[ \"$*\" = \"show --property=LoadState,ActiveState,SubState snap.etcd.etcd\" ] || exit 9\n" + test.says + "\n"
			if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			state, line := run(t, root, "snap.etcd.etcd")
			if state != test.state || line != test.text {
				t.Errorf("state %d, %q; want %d, %q", state, line, test.state, test.text)
			}
		})
	}
}

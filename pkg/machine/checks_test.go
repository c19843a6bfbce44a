package machine_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/nagios"
)

// nrpe makes the folders of nrpe's package, and returns the checks of the unit.
func (w *world) nrpe() nagios.Checks {
	w.t.Helper()
	for _, dir := range []string{"/etc/nagios/nrpe.d", "/var/lib/nagios/export"} {
		if err := os.MkdirAll(w.path(dir), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	return nagios.Checks{Unit: "etcd/0", Host: "juju-etcd-0", Groups: "juju", Agent: w.path("/charm/dispatch"), OfUnit: "etcd/0"}
}

// asked is what systemctl was told since the last time.
func (w *world) asked() string {
	text, _ := os.ReadFile(w.path("run/systemctl")) // not there if nothing was said
	_ = os.Remove(w.path("run/systemctl"))
	return string(text)
}

// list is the list of alarms without its time.
func (w *world) list() string {
	w.t.Helper()
	return regexp.MustCompile(`^checked .*\n`).ReplaceAllString(w.read("/var/lib/nagios/etcd-alarm-list.txt"), "")
}

// nrpe reads its checks when it starts, and a restart of it looks like a fault to Nagios: there is
// one for each change.
func TestNRPEIsRestartedWhenItsChecksChange(t *testing.T) {
	w, _ := running(t)
	checks, m := w.nrpe(), w.machine()
	w.asked()
	for _, step := range []struct {
		name string
		do   func() ([]string, error)
		want string
	}{
		{"the first time", func() ([]string, error) { return m.WriteChecks(t.Context(), checks) }, "try-restart nagios-nrpe-server\n"},
		{"the same again", func() ([]string, error) { return m.WriteChecks(t.Context(), checks) }, ""},
		{"other groups", func() ([]string, error) {
			checks.Groups = "databases"
			return m.WriteChecks(t.Context(), checks)
		}, "try-restart nagios-nrpe-server\n"},
		{"no checks", func() ([]string, error) { return m.RemoveChecks(t.Context()) }, "try-restart nagios-nrpe-server\n"},
		{"none again", func() ([]string, error) { return m.RemoveChecks(t.Context()) }, ""},
	} {
		changed, err := step.do()
		if err != nil || len(changed) > 0 != (step.want != "") {
			t.Errorf("%s: changed %q, %v", step.name, changed, err)
		}
		if diff := cmp.Diff(step.want, w.asked()); diff != "" {
			t.Errorf("%s: systemctl (-want +got):\n%s", step.name, diff)
		}
	}
}

// The list reports an alarm from an etcd that cannot be asked; and the job of cron runs the agent
// by the machine's own path.
func TestListOfAlarmsShowsWhatEtcdSays(t *testing.T) {
	w, _ := running(t)
	checks, m := w.nrpe(), w.machine()
	if _, err := m.WriteChecks(t.Context(), checks); err != nil {
		t.Fatal(err)
	}
	if cron := w.read("/etc/cron.d/check_etcd-alarms"); !strings.Contains(cron, " /charm/dispatch alarms etcd/0 ") {
		t.Errorf("cron runs %s", cron)
	}
	if got := w.list(); got != "" {
		t.Errorf("without an alarm the list is %q", got)
	}
	for _, step := range []struct {
		name string
		edit func(*etcdops.View)
		want string
	}{
		{"two alarms", func(v *etcdops.View) {
			v.Alarms = []etcdops.Alarm{{Member: 0x12, Kind: "NOSPACE"}, {Member: 0x11, Kind: "CORRUPT"}}
		}, "alarm etcd1 CORRUPT\nalarm etcd2 NOSPACE\n"},
		{"an alarm that cannot be listed", func(v *etcdops.View) { v.Alarms, v.AlarmsErr = nil, "cannot list alarms: no\nanswer" },
			"error cannot list alarms: no answer\n"},
		{"no quorum", func(v *etcdops.View) { v.AlarmsErr, v.Listed, v.Err = "", false, "no leader" }, "error "},
	} {
		w.mu.Lock()
		step.edit(&w.view)
		w.mu.Unlock()
		if err := m.CacheAlarms(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := w.list(); !strings.HasPrefix(got, step.want) || step.want != "error " && got != step.want {
			t.Errorf("%s: the list is %q, want %q", step.name, got, step.want)
		}
	}
	if _, err := m.RemoveChecks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.CacheAlarms(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.path("/var/lib/nagios/etcd-alarm-list.txt")); err == nil {
		t.Error("the list came back without checks")
	}
}

package machine_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// apply applies as a new process would, and wants an outcome.
func (w *world) apply(spec *v1alpha1.EtcdUnitSpec, action int64, want v1alpha1.Outcome, reason string) v1alpha1.EtcdUnitStatus {
	w.t.Helper()
	status := w.machine().Apply(w.t.Context(), spec, w.situation(action))
	if status.Outcome != want || status.Reason != reason {
		w.t.Fatalf("outcome %s %s, want %s %s: %s", status.Outcome, status.Reason, want, reason, status.Message)
	}
	return status
}

// files are all files of the machine with what a write would change. The stand-ins' own are left
// out.
func (w *world) files() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(w.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, w.path("run")) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		all[strings.TrimPrefix(path, w.root)] = strings.Join([]string{info.ModTime().String(), info.Mode().String(),
			string(rune(stat.Ino))}, " ")
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func TestUnitIsMadeReadyThenBornThenSettled(t *testing.T) {
	w := newWorld(t)
	status := w.apply(w.prepare(), 1, v1alpha1.OutcomeApplied, "")
	if diff := cmp.Diff([]string{"install 3.6/stable", "stop"}, w.calls); diff != "" {
		t.Errorf("to prepare: %s", diff)
	}
	for path, mode := range map[string]fs.FileMode{
		"var/snap/etcd/common/ca.crt": 0o644, "var/snap/etcd/common/server.crt": 0o644, "var/snap/etcd/common/server.key": 0o600,
		"var/snap/etcd/common/client.crt": 0o644, "var/snap/etcd/common/client.key": 0o600,
		"var/snap/etcd/common/etcd.conf.yml": 0o644, "var/lib/jujuetcd/etcd-0/applied.json": 0o600,
		"etc/systemd/system/snap.etcd.etcd.service.d/always-restart.conf": 0o644,
	} {
		if info, err := os.Stat(w.path(path)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if w.exists("etc/systemd/system/snap.etcd.etcd.service.d/require-data.conf") {
		t.Error("data is required before the first start")
	}
	if ca := w.read("var/snap/etcd/common/ca.crt"); ca != string(w.ca.PEM) {
		t.Errorf("the bundle holds more than certificates: %q", ca)
	}
	if conf := w.read("var/snap/etcd/common/etcd.conf.yml"); !strings.Contains(conf, "initial-cluster: etcd0=https://10.0.0.1:2380\n") ||
		!strings.Contains(conf, "initial-cluster-state: existing\n") {
		t.Errorf("a unit that is only prepared could begin a cluster:\n%s", conf)
	}
	want := &v1alpha1.AppliedFacts{Hash: w.prepare().Hash(), Epoch: 1, Action: 1}
	if f := status.Facts; f == nil || f.Snap == nil || f.Snap.Version != "3.6.16" || f.Certificates.Server == nil || f.Member.Started ||
		!cmp.Equal(f.Applied, want) {
		t.Errorf("facts: %+v", status.Facts)
	}

	w.calls = nil
	status = w.apply(w.start(v1alpha1.InitialNew), 2, v1alpha1.OutcomeApplied, "")
	if diff := cmp.Diff([]string{"start", "born new"}, w.calls); diff != "" {
		t.Errorf("to start: %s", diff)
	}
	member := v1alpha1.MemberFacts{Present: true, ClusterID: ownCluster.String(), MemberID: ownMember.String(), StartedNew: true, Started: true}
	if diff := cmp.Diff(member, status.Facts.Member); diff != "" {
		t.Error(diff)
	}
	const require = "[Unit]\nConditionPathExists=/var/snap/etcd/common/data/member/wal\n"
	if strings.Contains(w.read("var/snap/etcd/common/etcd.conf.yml"), "state: new") {
		t.Error("the configuration still says new, though there is data")
	}
	if got := w.read("etc/systemd/system/snap.etcd.etcd.service.d/require-data.conf"); got != require {
		t.Errorf("require-data.conf: %q", got)
	}

	w.calls = nil
	w.mute = true // one that has answered is not waited for again: its health is no matter of its machine
	status = w.apply(w.member(), 3, v1alpha1.OutcomeApplied, "")
	if len(w.calls) != 0 || status.RestartPending || status.Facts.RestartPending {
		t.Errorf("a member that runs as it should: %v, %+v", w.calls, status)
	}
}

func TestSecondApplyWritesAndDoesNothing(t *testing.T) {
	w := newWorld(t)
	deliveries := []*v1alpha1.EtcdUnitSpec{w.prepare(), w.start(v1alpha1.InitialNew), w.member()}
	for i, spec := range deliveries {
		w.apply(spec, int64(i+1), v1alpha1.OutcomeApplied, "")
		before := w.files()
		w.calls = nil
		reloads := w.systemctl()
		m := w.machine()
		var effects []string
		m.OnEffect(func(what string) { effects = append(effects, what) })
		status := m.Apply(t.Context(), spec, w.situation(int64(i+1)))
		if status.Outcome != v1alpha1.OutcomeApplied || len(status.Changed) != 0 {
			t.Errorf("delivery %d again: %+v", i+1, status)
		}
		if diff := cmp.Diff(before, w.files()); diff != "" || len(effects) != 0 {
			t.Errorf("delivery %d again wrote %v: %s", i+1, effects, diff)
		}
		if len(w.calls) != 0 || w.systemctl() != reloads {
			t.Errorf("delivery %d again did %v", i+1, w.calls)
		}
	}
}

func (w *world) systemctl() string {
	text, _ := os.ReadFile(w.path("run/systemctl"))
	return string(text)
}

func TestRefreshTimerIsSetOnlyWhenItDiffers(t *testing.T) {
	w := newWorld(t)
	w.apply(w.prepare(), 1, v1alpha1.OutcomeApplied, "")
	w.calls = nil
	spec := w.prepare()
	action := int64(2)
	for _, step := range []struct {
		timer *string
		calls []string
	}{
		{nil, nil},
		{new("fri5"), []string{`set {"refresh.timer":"fri5"}`}},
		{new("fri5"), nil},
		{nil, nil},
		{new(""), []string{`set {"refresh.timer":null}`}},
		{new(""), nil},
	} {
		w.calls = nil
		spec.Snap.RefreshTimer = step.timer
		w.apply(spec, action, v1alpha1.OutcomeApplied, "")
		action++
		if diff := cmp.Diff(step.calls, w.calls); diff != "" {
			t.Errorf("step %d: %s", action, diff)
		}
	}
}

func TestOtherChannelIsNotActedOn(t *testing.T) {
	w := newWorld(t)
	w.apply(w.prepare(), 1, v1alpha1.OutcomeApplied, "")
	for i, channel := range []string{"3.7/stable", ""} {
		w.calls = nil
		spec := w.prepare()
		spec.Snap.Channel = channel
		status := w.apply(spec, int64(i+2), v1alpha1.OutcomeApplied, "")
		if len(w.calls) != 0 || status.Facts.Snap.Channel != "3.6/stable" {
			t.Errorf("channel %q: did %v, %+v", channel, w.calls, status.Facts.Snap)
		}
	}
	empty := newWorld(t)
	spec := empty.prepare()
	spec.Snap.Channel = ""
	empty.apply(spec, 1, v1alpha1.OutcomeFailed, v1alpha1.ReasonBadSpec)
}

func TestServiceStoppedNeverStopsAMember(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	w.calls = nil
	w.apply(w.prepare(), 2, v1alpha1.OutcomeApplied, "")
	if len(w.calls) != 0 || !w.running {
		t.Errorf("did %v", w.calls)
	}
	w.running = false
	w.apply(w.prepare(), 3, v1alpha1.OutcomeApplied, "")
	if len(w.calls) != 0 || w.running {
		t.Errorf("one that is not wanted to run was started: did %v", w.calls)
	}
}

// A change of snapd's that has ended in an error is no change: what would follow it is not done.
func TestAChangeOfSnapdsThatFailsIsReported(t *testing.T) {
	w := newWorld(t)
	w.broken = true
	status := w.apply(w.prepare(), 1, v1alpha1.OutcomeFailed, v1alpha1.ReasonDiskFull)
	if !strings.Contains(status.Message, "no space left on device") {
		t.Errorf("message: %s", status.Message)
	}
}

// crash ends an Apply where a kill would.
type crash struct{}

func TestLostDataIsNeverStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	w.running = false
	if err := os.RemoveAll(w.path("var/snap/etcd/common/data")); err != nil {
		t.Fatal(err)
	}
	w.show()
	w.calls = nil
	for i, spec := range []*v1alpha1.EtcdUnitSpec{w.start(v1alpha1.InitialNew), w.start(v1alpha1.InitialExisting)} {
		status := w.apply(spec, int64(i+2), v1alpha1.OutcomeRefused, v1alpha1.ReasonDataLost)
		if !status.Facts.Member.DataLost() {
			t.Errorf("facts: %+v", status.Facts.Member)
		}
	}
	// What needs no start goes on: the status must report it.
	w.apply(w.member(), 5, v1alpha1.OutcomeApplied, "")
	if w.running || slices.Contains(w.calls, "start") {
		t.Errorf("did %v", w.calls)
	}
	// A reboot does not start it either.
	w.startEtcd()
	if w.running {
		t.Error("systemd may start a wiped member")
	}
}

func TestRemovedMemberIsSetAsideAndTheUnitJoinsAnew(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	reset := w.prepare()
	reset.Delivery.AllowReset, reset.Delivery.Members = true, []string{otherMember, ownMember.String()}
	w.apply(reset, 2, v1alpha1.OutcomeApplied, "")
	if !w.running || !w.exists("var/snap/etcd/common/data/member/wal") {
		t.Fatal("a member that is still in the list was reset")
	}
	reset.Delivery.Members = []string{otherMember}
	// Whoever may run actions may say so: the cluster itself is asked. See
	// TestNobodyIsResetOnHearsay.
	w.view = listing(otherMember)
	status := w.apply(reset, 3, v1alpha1.OutcomeApplied, "")
	if w.running || status.Facts.Member != (v1alpha1.MemberFacts{}) {
		t.Errorf("running %v, facts %+v", w.running, status.Facts.Member)
	}
	aside, err := filepath.Glob(w.path("var/snap/etcd/common/data.aside-*/wal/*.wal"))
	if err != nil || len(aside) != 1 {
		t.Errorf("set aside: %v, %v", aside, err)
	}
	if w.exists("etc/systemd/system/snap.etcd.etcd.service.d/require-data.conf") {
		t.Error("the next member could not be started")
	}
	w.calls = nil
	status = w.apply(w.start(v1alpha1.InitialExisting), 4, v1alpha1.OutcomeApplied, "")
	if diff := cmp.Diff([]string{"start", "born existing"}, w.calls); diff != "" || !status.Facts.Member.Started {
		t.Errorf("%s, facts %+v", diff, status.Facts.Member)
	}
}

func TestLongWorkIsAnsweredAsInProgress(t *testing.T) {
	w := newWorld(t)
	w.doing = true
	for action := int64(1); action < 3; action++ {
		w.apply(w.prepare(), action, v1alpha1.OutcomeInProgress, v1alpha1.ReasonSnapInProgress)
	}
	if diff := cmp.Diff([]string(nil), w.calls); diff != "" {
		t.Errorf("a second installation was started: %s", diff)
	}
	w.doing, w.mute = false, true
	w.apply(w.prepare(), 3, v1alpha1.OutcomeApplied, "")
	status := w.apply(w.start(v1alpha1.InitialNew), 4, v1alpha1.OutcomeInProgress, v1alpha1.ReasonStartFailed)
	if !status.Facts.Member.Present {
		t.Errorf("facts: %+v", status.Facts.Member)
	}
	w.mute = false
	w.apply(w.start(v1alpha1.InitialNew), 5, v1alpha1.OutcomeApplied, "")
}

func TestFailedStartReportsTheLogAndIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.crashes = true
	status := w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeFailed, v1alpha1.ReasonStartFailed)
	if !strings.Contains(status.Message, "discovery failed: listen tcp: in use") {
		t.Errorf("message: %s", status.Message)
	}
	if status.Facts.Member.StartedNew || status.Facts.Member.DataLost() {
		t.Errorf("a start that came to nothing counts as lost data: %+v", status.Facts.Member)
	}
	w.crashes = false
	w.apply(w.start(v1alpha1.InitialNew), 2, v1alpha1.OutcomeApplied, "")
	if !strings.Contains(w.systemctl(), "reset-failed snap.etcd.etcd") {
		t.Errorf("systemctl: %q", w.systemctl())
	}
}

func TestStartWaitsForCertificates(t *testing.T) {
	w := newWorld(t)
	s := w.situation(1)
	s.Server = nil
	status := w.machine().Apply(t.Context(), w.start(v1alpha1.InitialNew), s)
	if status.Outcome != v1alpha1.OutcomeFailed || status.Reason != v1alpha1.ReasonNoCertificate || w.running {
		t.Errorf("%+v", status)
	}
	s = w.situation(2)
	s.Addresses.Peer = "10.9.9.9"
	status = w.machine().Apply(t.Context(), w.start(v1alpha1.InitialNew), s)
	if status.Reason != v1alpha1.ReasonNoCertificate || !strings.Contains(status.Message, "10.9.9.9") {
		t.Errorf("a certificate that is not good for an own address: %+v", status)
	}
}

func TestFactsHoldNothingThatChangesByItself(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	first, err := w.machine().Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.startEtcd()
	w.show()
	w.mu.Unlock()
	second, err := w.machine().Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func TestAdoptedDataIsReported(t *testing.T) {
	w := newWorld(t)
	dir := w.path("var/snap/etcd/current/member/wal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0000000000000000-0000000000000000.wal"), segment(7, 9), 0o600); err != nil {
		t.Fatal(err)
	}
	before := w.files()
	facts, err := w.machine().Facts(t.Context())
	want := v1alpha1.MemberFacts{Present: true, MemberID: "0000000000000007", ClusterID: "0000000000000009", Started: true}
	if err != nil || facts.Member != want {
		t.Errorf("%+v, %v", facts.Member, err)
	}
	status := w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeRefused, v1alpha1.ReasonBadSpec)
	if !strings.Contains(status.Message, "/var/snap/etcd/current") {
		t.Errorf("message: %s", status.Message)
	}
	if diff := cmp.Diff(before, w.files()); diff != "" {
		t.Error(diff)
	}
}

package machine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/datadir"
)

// Journals of the restore of task 7 in its phases.
const (
	restoreStops   = `[{"procedure":"restore","phase":"stop","id":"7","seq":1,"since":null}]`
	restorePuts    = `[{"procedure":"restore","phase":"restore","id":"7","seq":2,"since":null}]`
	restoreReturns = `[{"procedure":"restore","phase":"restore","back":true,"id":"7","seq":3,"since":null}]`
)

// amongOthers is a member of several, which is stopped for the restore of task 7.
func amongOthers(t *testing.T) *world {
	t.Helper()
	w := soleMember(t)
	w.view = healthy(ownMember, 0xb2, 0xb3)
	facts, err := w.machine().StageRestore(t.Context(), restore(""))
	if err != nil {
		t.Fatal(err)
	}
	if want := (v1alpha1.RestoreFacts{ID: "7", ClusterID: restoredCluster.String(), Token: "token-restored-7", Name: "etcd0", PeerURL: "https://10.0.0.1:2380"}); facts != want {
		t.Fatalf("it tells %+v", facts)
	}
	if !w.running {
		t.Fatal("what was made ready has stopped etcd")
	}
	halt := w.halts()
	halt.Delivery.Under = under("7", "stop", false)
	w.inPhase(halt, 8, restoreStops, v1alpha1.OutcomeApplied, "")
	return w
}

// puts is the delivery that has the unit put in its place what is ready.
func (w *world) puts() *v1alpha1.EtcdUnitSpec {
	spec := w.member()
	spec.Etcd.Restore = &v1alpha1.RestoreSpec{ID: "7"}
	spec.Delivery.Under, spec.Delivery.ExpectMemberID = under("7", "restore", false), ""
	spec.Delivery.ExpectClusterID = ownCluster.String() // which is latched until the unit has reported
	return spec
}

// returns is the one that has it take it back.
func (w *world) returns() *v1alpha1.EtcdUnitSpec {
	spec := w.puts()
	spec.Service.State, spec.Etcd.Restore.Back, spec.Delivery.Under = v1alpha1.ServiceHalted, true, under("7", "restore", true)
	return spec
}

// has fails the test unless the data directory holds the cluster's.
func (w *world) has(what string, cluster etcdops.ClusterID, running bool) {
	w.t.Helper()
	state, err := datadir.Inspect(w.path(machine.DataDir))
	if err != nil || state.Cluster != cluster || w.running != running || w.enabled != running {
		w.t.Errorf("%s: data of cluster %s (%v), running %t, enabled %t; want %s, %t", what, state.Cluster, err, w.running, w.enabled, cluster, running)
	}
}

// TestWhatIsReadyIsPutInItsPlaceUnderItsPhase, wherever the agent dies, and is taken back under the
// way back's; the data of before is in its place or aside, never gone.
func TestWhatIsReadyIsPutInItsPlaceUnderItsPhase(t *testing.T) {
	deliver := func(w *world, spec *v1alpha1.EtcdUnitSpec, action int64, journal string) func(*machine.Machine) {
		return func(m *machine.Machine) {
			s := w.situation(action)
			s.Latch.Journal = journal
			if status := m.Apply(t.Context(), spec, s); status.Outcome != v1alpha1.OutcomeApplied {
				t.Errorf("%s %s: %s", status.Outcome, status.Reason, status.Message)
			}
		}
	}
	for n := 1; !t.Failed(); n++ {
		w := amongOthers(t)
		ended := w.until(n, deliver(w, w.puts(), 9, restorePuts))
		status := w.inPhase(w.puts(), 10, restorePuts, v1alpha1.OutcomeApplied, "")
		w.has("restored", restoredCluster, true)
		if r := status.Facts.Restore; r == nil || !r.Done || status.Facts.Member.ClusterID != restoredCluster.String() {
			t.Errorf("killed after %d it tells %+v", n, status.Facts.Restore)
		}
		back := 1
		for ; ; back++ {
			if w.until(back, deliver(w, w.returns(), 11, restoreReturns)) {
				break
			}
		}
		w.inPhase(w.returns(), 12, restoreReturns, v1alpha1.OutcomeApplied, "")
		w.has("taken back", ownCluster, false)
		if facts, err := w.machine().Facts(t.Context()); err != nil || facts.Restore != nil || facts.Member.ClusterID != ownCluster.String() {
			t.Errorf("it tells %+v, %+v, %v", facts.Restore, facts.Member, err)
		}
		w.inPhase(w.member(), 13, "[]", v1alpha1.OutcomeApplied, "")
		w.has("started again", ownCluster, true)
		if ended {
			if n < 5 || back < 3 {
				t.Errorf("effects go unnoticed: %d, %d", n, back)
			}
			break
		}
	}
}

// TestARestoreIsPutInItsPlaceOnlyAsAsked: not by another task's word, nor under another phase, nor by
// a hook.
func TestARestoreIsPutInItsPlaceOnlyAsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*v1alpha1.EtcdUnitSpec)
		journal string
		reason  string
	}{
		"another task's":        {func(s *v1alpha1.EtcdUnitSpec) { s.Etcd.Restore.ID, s.Delivery.Under.ID = "6", "6" }, strings.ReplaceAll(restorePuts, `"7"`, `"6"`), v1alpha1.ReasonOtherPhase},
		"in another phase":      {func(*v1alpha1.EtcdUnitSpec) {}, restoreStops, v1alpha1.ReasonOtherPhase},
		"on the way back":       {func(*v1alpha1.EtcdUnitSpec) {}, restoreReturns, v1alpha1.ReasonOtherPhase},
		"under nothing":         {func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.Under = nil }, restorePuts, v1alpha1.ReasonOtherPhase},
		"after it has ended":    {func(*v1alpha1.EtcdUnitSpec) {}, "[]", v1alpha1.ReasonOtherPhase},
		"without an ID":         {func(s *v1alpha1.EtcdUnitSpec) { s.Etcd.Restore.ID = "" }, restorePuts, v1alpha1.ReasonBadSpec},
		"to be stopped":         {func(s *v1alpha1.EtcdUnitSpec) { s.Service.State = v1alpha1.ServiceStopped }, restorePuts, v1alpha1.ReasonBadSpec},
		"to be halted":          {func(s *v1alpha1.EtcdUnitSpec) { s.Service.State = v1alpha1.ServiceHalted }, restorePuts, v1alpha1.ReasonBadSpec},
		"back, and to run":      {func(s *v1alpha1.EtcdUnitSpec) { s.Etcd.Restore.Back = true }, restorePuts, v1alpha1.ReasonBadSpec},
		"for the cluster to be": {func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.ExpectClusterID = restoredCluster.String() }, restorePuts, v1alpha1.ReasonOtherCluster},
	} {
		t.Run(name, func(t *testing.T) {
			w := amongOthers(t)
			spec := w.puts()
			c.change(spec)
			w.inPhase(spec, 9, c.journal, v1alpha1.OutcomeRefused, c.reason)
			w.has(name, ownCluster, false)
		})
	}
	w := amongOthers(t)
	if err := w.machine().DropStaged(); err != nil {
		t.Fatal(err)
	}
	w.inPhase(w.puts(), 9, restorePuts, v1alpha1.OutcomeRefused, v1alpha1.ReasonOtherPhase)
	w.has("dropped", ownCluster, false)
	if left, _ := filepath.Glob(w.path(machine.DataDir) + ".restore-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestARestoreNeedsNoRestartWhenItIsOver: what is no part of etcd's configuration is none of what it
// reads when it starts.
func TestARestoreNeedsNoRestartWhenItIsOver(t *testing.T) {
	w := amongOthers(t)
	w.inPhase(w.puts(), 9, restorePuts, v1alpha1.OutcomeApplied, "")
	pid := w.pid
	spec := w.member()
	spec.Delivery.ExpectClusterID, spec.Delivery.ExpectMemberID = restoredCluster.String(), restoredMember.String()
	status := w.inPhase(spec, 10, "[]", v1alpha1.OutcomeApplied, "")
	if status.RestartPending || w.pid != pid {
		t.Errorf("restart pending %t, pid %d and %d", status.RestartPending, pid, w.pid)
	}
}

package machine_test

import (
	"os"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/durable"
)

const member = "var/snap/etcd/common/data/member"

// begun is a unit whose etcd was started with state new and has ended before anybody has seen its data: the agent died in between.
func begun(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.crashes = true
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeFailed, v1alpha1.ReasonStartFailed)
	w.crashes = false
	return w
}

// A start that etcd never wrote anything in is repeated, and the controller takes the unit for one that has not begun.
func TestAStartThatNeverWroteDataIsRepeated(t *testing.T) {
	w := begun(t)
	facts, err := w.machine().Facts(t.Context())
	if err != nil || facts.Member.StartedNew || facts.Member.DataLost() {
		t.Errorf("before the second start: %+v, %v", facts.Member, err)
	}
	w.apply(w.start(v1alpha1.InitialNew), 2, v1alpha1.OutcomeApplied, "")
	if !w.running {
		t.Error("etcd does not run")
	}
}

// A disk that is lost between the first start with state new and the first look takes the mark with it: nobody knows then what the member
// has promised to the others. The agent refuses to begin again, systemd does not start it, and the controller is told.
func TestADiskThatIsLostBeforeTheFirstLookIsNoBeginning(t *testing.T) {
	for name, lose := range map[string]func(w *world) error{
		"what etcd has written": func(w *world) error { return os.RemoveAll(w.path(member)) },
		"the whole disk":        func(w *world) error { return os.RemoveAll(w.path("var/snap/etcd/common/data")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			w.bear(ownMember, ownCluster) // etcd has run after all, and nobody looked
			if err := lose(w); err != nil {
				t.Fatal(err)
			}
			status := w.apply(w.start(v1alpha1.InitialNew), 2, v1alpha1.OutcomeRefused, v1alpha1.ReasonDataLost)
			m := status.Facts.Member
			if !m.StartedNew || !m.DataLost() || m.Token != "token" || m.MemberID != etcdops.SeedID("token", "https://10.0.0.1:2380").String() {
				t.Errorf("the controller is told %+v", m)
			}
			w.mu.Lock()
			w.startEtcd() // as systemd does when the machine boots
			w.mu.Unlock()
			if w.running || strings.Contains(strings.Join(w.calls, ","), "born") {
				t.Errorf("it has begun again: %v", w.calls)
			}
			// The others have a quorum, and have removed it: it joins.
			joins := w.start(v1alpha1.InitialExisting)
			joins.Delivery.AllowReset, joins.Delivery.Members = true, []string{otherMember}
			w.view = listing(otherMember)
			s := w.situation(3)
			s.Latch.ClusterID = ownCluster.String()
			if status := w.machine().Apply(t.Context(), joins, s); status.Outcome != v1alpha1.OutcomeApplied {
				t.Errorf("%+v", status)
			}
			if !w.running {
				t.Error("it does not join")
			}
		})
	}
}

// Where all seeds have lost their data the cluster is born anew under another token, and its units begin.
func TestAUnitBeginsInTheClusterThatFollowsTheOneWhoseDataIsLost(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	if err := os.RemoveAll(w.path(member)); err != nil {
		t.Fatal(err)
	}
	w.running = false
	w.apply(w.start(v1alpha1.InitialNew), 2, v1alpha1.OutcomeRefused, v1alpha1.ReasonDataLost)
	again, s := w.start(v1alpha1.InitialNew), w.situation(3)
	again.Etcd.Initial.Token, s.Latch.Seeds.Token = "token-2", "token-2"
	if status := w.machine().Apply(t.Context(), again, s); status.Outcome != v1alpha1.OutcomeApplied || !w.running {
		t.Errorf("%+v, running %v", status, w.running)
	}
	if mark, err := datadir.Marked(w.path("var/snap/etcd/common/data")); mark != "token-2" || err != nil {
		t.Errorf("marked %q, %v", mark, err)
	}
}

// The mark lies with what etcd writes, and etcd's own beginning is not disturbed by it.
func TestTheMarkIsLostWithTheData(t *testing.T) {
	dir := t.TempDir()
	if mark, err := datadir.Marked(dir); mark != "" || err != nil {
		t.Errorf("nothing there: %q, %v", mark, err)
	}
	if err := datadir.Begin(&durable.Disk{}, dir, "token"); err != nil {
		t.Fatal(err)
	}
	state, err := datadir.Inspect(dir)
	if mark, merr := datadir.Marked(dir); mark != "token" || merr != nil || state.Present || err != nil {
		t.Errorf("marked %q, %v; %+v, %v", mark, merr, state, err)
	}
}

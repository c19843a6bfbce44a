package machine_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
)

// owing is a machine whose member owes a defragmentation of stamp 41, and what it is handed.
func owing(t *testing.T) (*world, *v1alpha1.EtcdUnitSpec) {
	t.Helper()
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	db := w.path(datadir.Database("var/snap/etcd/common/data"))
	if err := os.MkdirAll(strings.TrimSuffix(db, "/db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(db, []byte("a large one"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.view = healthy(ownMember, 0xb2, 0xb3)
	w.calls = nil
	spec := w.member()
	spec.Service.DefragStamp = 41
	return w, spec
}

func defragmented(w *world) (times int) {
	for _, call := range w.calls {
		if strings.HasPrefix(call, "defragment ") {
			times++
		}
	}
	return times
}

func TestADefragmentationIsAllowedGuardedLockedAndDoneOnce(t *testing.T) {
	w, spec := owing(t)
	w.apply(spec, 2, v1alpha1.OutcomeApplied, "")
	if len(w.calls) != 0 {
		t.Fatalf("before its turn: %v", w.calls)
	}
	spec.Delivery.AllowDefrag = true
	w.view = healthy(ownMember, 0xb2)
	w.apply(spec, 3, v1alpha1.OutcomeFailed, v1alpha1.ReasonQuorumGuard)
	w.view = etcdops.View{}
	w.apply(spec, 4, v1alpha1.OutcomeFailed, v1alpha1.ReasonQuorumGuard)
	w.view = healthy(ownMember, 0xb2, 0xb3)
	w.locked = true
	if status := w.apply(spec, 5, v1alpha1.OutcomeFailed, v1alpha1.ReasonQuorumGuard); !strings.Contains(status.Message, "etcd/9 holds the lock") {
		t.Errorf("message: %s", status.Message)
	}
	w.locked = false
	if defragmented(w) != 0 {
		t.Fatalf("against the guard: %v", w.calls)
	}
	w.calls = nil
	status := w.apply(spec, 6, v1alpha1.OutcomeApplied, "")
	if diff := cmp.Diff([]string{"look locked=false", "look locked=true", "defragment https://10.0.0.1:2379 locked=true"}, w.calls); diff != "" || w.locked {
		t.Errorf("%s, locked %v", diff, w.locked)
	}
	if diff := cmp.Diff(&v1alpha1.DefragFacts{Stamp: 41, Before: 11, After: 5}, status.Facts.Defragmented); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(status.Changed, "defragmented the database: 11 before, 5 after") {
		t.Errorf("changed %v", status.Changed)
	}
	w.calls = nil
	w.apply(spec, 7, v1alpha1.OutcomeApplied, "")
	if len(w.calls) != 0 {
		t.Errorf("twice: %v", w.calls)
	}
	spec.Service.DefragStamp = 50
	w.apply(spec, 8, v1alpha1.OutcomeApplied, "")
	if defragmented(w) != 1 {
		t.Errorf("a later stamp: %v", w.calls)
	}
}

// TestADefragmentationHelpsAgainstNoSpaceWithoutTheLock: nobody can take it then.
func TestADefragmentationHelpsAgainstNoSpaceWithoutTheLock(t *testing.T) {
	w, spec := owing(t)
	spec.Delivery.AllowDefrag = true
	w.keyless = true
	roomy(w, 900, etcdops.Alarm{Member: ownMember, Kind: "NOSPACE"})
	w.apply(spec, 2, v1alpha1.OutcomeApplied, "")
	if !slices.Contains(w.calls, "defragment https://10.0.0.1:2379 locked=false") {
		t.Errorf("%v", w.calls)
	}
}

// TestADefragmentationNeedsRoomForWhatIsInUse beside the file: where there is none etcd is not asked.
func TestADefragmentationNeedsRoomForWhatIsInUse(t *testing.T) {
	w, spec := owing(t)
	spec.Delivery.AllowDefrag = true
	for url, h := range w.view.Health {
		h.DBSizeInUse = 1 << 60
		w.view.Health[url] = h
	}
	status := w.apply(spec, 2, v1alpha1.OutcomeFailed, v1alpha1.ReasonDiskFull)
	if !strings.Contains(status.Message, "of which etcd writes a new file beside the old one: the disk of ") || defragmented(w) != 0 {
		t.Errorf("%s, did %v", status.Message, w.calls)
	}
}

// TestADefragmentationThatOutlivesItsDeliveryIsNotBegunAgain: the file tells when it is over, to
// whichever hook comes then; until then the unit is busy with it.
func TestADefragmentationThatOutlivesItsDeliveryIsNotBegunAgain(t *testing.T) {
	w, spec := owing(t)
	spec.Delivery.AllowDefrag = true
	w.slow = true
	status := w.apply(spec, 2, v1alpha1.OutcomeInProgress, v1alpha1.ReasonEtcd)
	if diff := cmp.Diff(&v1alpha1.BusyFacts{ID: "41", Kind: "defrag"}, status.Facts.Busy); diff != "" {
		t.Error(diff)
	}
	w.apply(spec, 3, v1alpha1.OutcomeInProgress, v1alpha1.ReasonEtcd)
	if defragmented(w) != 1 {
		t.Fatalf("begun again: %v", w.calls)
	}
	db := w.path(datadir.Database("var/snap/etcd/common/data"))
	if err := os.Rename(db+".tmp.1", db); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and it is remembered
		facts, err := w.machine().Facts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&v1alpha1.DefragFacts{Stamp: 41, Before: 11, After: 5}, facts.Defragmented); diff != "" || facts.Busy != nil {
			t.Errorf("%s, busy %v", diff, facts.Busy)
		}
	}
	w.apply(spec, 4, v1alpha1.OutcomeApplied, "")
	if defragmented(w) != 1 {
		t.Errorf("after it was over: %v", w.calls)
	}
}

// TestADefragmentationThatFailsIsTriedAgain, also one in which etcd was killed.
func TestADefragmentationThatFailsIsTriedAgain(t *testing.T) {
	w, spec := owing(t)
	spec.Delivery.AllowDefrag = true
	for action, why := range []error{errors.New("input/output error"), etcdops.ErrUnknownOutcome} {
		w.undefragmented = why
		outcome := v1alpha1.OutcomeFailed
		if errors.Is(why, etcdops.ErrUnknownOutcome) {
			outcome = v1alpha1.OutcomeInProgress
		}
		if status := w.apply(spec, int64(2+action), outcome, v1alpha1.ReasonEtcd); status.Facts.Busy != nil || status.Facts.Defragmented != nil {
			t.Errorf("%v: %+v", why, status.Facts)
		}
	}
	w.undefragmented = nil
	status := w.apply(spec, 4, v1alpha1.OutcomeApplied, "")
	if status.Facts.Defragmented == nil || defragmented(w) != 3 {
		t.Errorf("%+v, %v", status.Facts.Defragmented, w.calls)
	}
}

// TestAMemberThatIsBegunUnderAStampOwesNothing: its database is new.
func TestAMemberThatIsBegunUnderAStampOwesNothing(t *testing.T) {
	w := newWorld(t)
	spec := w.start(v1alpha1.InitialNew)
	spec.Service.DefragStamp = 41
	status := w.apply(spec, 1, v1alpha1.OutcomeApplied, "")
	if diff := cmp.Diff(&v1alpha1.DefragFacts{Stamp: 41}, status.Facts.Defragmented); diff != "" {
		t.Error(diff)
	}
}

// TestADefragmentationHappensOnceWhereverItIsKilled: etcd goes on when its agent is gone.
func TestADefragmentationHappensOnceWhereverItIsKilled(t *testing.T) {
	for effect := 1; ; effect++ {
		w, spec := owing(t)
		spec.Delivery.AllowDefrag = true
		ended := w.applyUntil(spec, 2, effect)
		w.locked = false // its lease ends
		w.apply(spec, 3, v1alpha1.OutcomeApplied, "")
		if got := defragmented(w); got != 1 {
			t.Errorf("killed at effect %d: %d times", effect, got)
		}
		if ended {
			return
		}
	}
}

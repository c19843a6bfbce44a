package machine_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

func (w *world) applyUntil(spec *v1alpha1.EtcdUnitSpec, action int64, effect int) (ended bool) {
	w.t.Helper()
	return w.applyUntilIn(spec, action, effect, "")
}

// applyUntilIn does so while the latch has the journal.
func (w *world) applyUntilIn(spec *v1alpha1.EtcdUnitSpec, action int64, effect int, journal string) (ended bool) {
	w.t.Helper()
	m := w.machine()
	n := 0
	m.OnEffect(func(string) {
		if n++; n == effect {
			panic(crash{})
		}
	})
	defer func() {
		if e := recover(); e != nil {
			if _, ok := e.(crash); !ok {
				panic(e)
			}
		}
	}()
	s := w.situation(action)
	s.Latch.Journal = journal
	status := m.Apply(w.t.Context(), spec, s)
	if status.Outcome != v1alpha1.OutcomeApplied {
		w.t.Fatalf("%+v", status)
	}
	return true
}

// end is what a machine has come to, without what differs between two runs by nature.
func (w *world) end() map[string]string {
	w.t.Helper()
	all := map[string]string{"calls": strings.Join(slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool {
		return !strings.HasPrefix(c, "born")
	}), ", ")}
	for _, p := range []string{"var/snap/etcd/common/etcd.conf.yml", "etc/systemd/system/snap.etcd.etcd.service.d/always-restart.conf",
		"etc/systemd/system/snap.etcd.etcd.service.d/require-data.conf"} {
		all[p] = w.read(p)
	}
	return all
}

func TestApplyEndsAlikeWhereverItIsKilled(t *testing.T) {
	undisturbed := newWorld(t)
	script := func(w *world) []*v1alpha1.EtcdUnitSpec {
		return []*v1alpha1.EtcdUnitSpec{w.prepare(), w.start(v1alpha1.InitialNew), w.member()}
	}
	for i, spec := range script(undisturbed) {
		undisturbed.apply(spec, int64(i+1), v1alpha1.OutcomeApplied, "")
	}
	want := undisturbed.end()
	points := 0
	for victim := range script(undisturbed) {
		for effect := 1; ; effect++ {
			w := newWorld(t)
			ended := false
			for i, spec := range script(w) {
				if i == victim {
					ended = w.applyUntil(spec, int64(i+1), effect)
				}
				// The task is run again, or the daemon sends another one.
				status := w.apply(spec, int64(i+1+effect%2), v1alpha1.OutcomeApplied, "")
				if w.running && (status.RestartPending || status.Facts.RestartPending) {
					t.Errorf("killed in delivery %d after effect %d: a restart is pending", victim+1, effect)
				}
			}
			if diff := cmp.Diff(want, w.end()); diff != "" {
				t.Errorf("killed in delivery %d after effect %d: %s", victim+1, effect, diff)
			}
			before := w.files()
			w.apply(script(w)[2], 4, v1alpha1.OutcomeApplied, "")
			after := w.files()
			delete(before, "/var/lib/jujuetcd/etcd-0/applied.json")
			delete(after, "/var/lib/jujuetcd/etcd-0/applied.json")
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("killed in delivery %d after effect %d: not settled: %s", victim+1, effect, diff)
			}
			if ended {
				break
			}
			points++
		}
	}
	if points < 15 {
		t.Errorf("only %d kill points: effects go unnoticed", points)
	}
	t.Logf("%d kill points", points)
}

func TestResetEndsAlikeWhereverItIsKilled(t *testing.T) {
	for effect := 1; ; effect++ {
		w := newWorld(t)
		w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
		w.view = listing(otherMember)
		spec := w.start(v1alpha1.InitialExisting)
		spec.Delivery.AllowReset, spec.Delivery.Members = true, []string{otherMember}
		ended := w.applyUntil(spec, 2, effect)
		if !ended {
			// etcd has added this unit anew, and the sender has seen it: the new member is in its list.
			again := w.start(v1alpha1.InitialExisting)
			again.Delivery = spec.Delivery
			w.apply(again, 2, v1alpha1.OutcomeApplied, "")
		}
		if aside, _ := filepath.Glob(w.path("var/snap/etcd/common/data.aside-*")); len(aside) == 0 || !w.running {
			t.Errorf("killed after effect %d: %v, running %v", effect, aside, w.running)
		}
		if ended {
			return
		}
	}
}

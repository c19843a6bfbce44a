package machine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/snapshot"
)

const tick1, tick2, tick3 = "20260301T000000Z", "20260302T000000Z", "20260303T000000Z"

// onSchedule is a unit whose member sends a database.
func onSchedule(t *testing.T) *world {
	w, _ := running(t)
	w.database = sent(t)
	return w
}

// ordered is a delivery that asks for a snapshot.
func (w *world) ordered(tick string, attempt int32) *v1alpha1.EtcdUnitSpec {
	spec := w.member()
	spec.Delivery.Snapshot = &v1alpha1.SnapshotOrder{ID: tick, Attempt: attempt, Keep: 2}
	spec.Encryption = w.encryption
	return spec
}

// archives are the names of those in the folder.
func (w *world) archives() []string {
	w.t.Helper()
	all, err := os.ReadDir(w.path(machine.DefaultSnapshots))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		if !strings.HasSuffix(e.Name(), snapshot.StoredSuffix) && !strings.HasSuffix(e.Name(), snapshot.StatedSuffix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// good says that what the facts call the last one is there, verified.
func (w *world) good(last *v1alpha1.TakenSnapshot) bool {
	w.t.Helper()
	if last == nil || last.Missing {
		return false
	}
	a, err := snapshot.Inspect(w.t.Context(), w.path(last.Path), last.SHA256)
	return err == nil && a.Size == last.Size && a.Origin.Tick == last.ID && a.Origin.ClusterID == ownCluster.String()
}

// TestASnapshotOfTheScheduleIsTakenOnce, and published with what it is; older ones go, and nothing else.
func TestASnapshotOfTheScheduleIsTakenOnce(t *testing.T) {
	w := onSchedule(t)
	person, _, err := w.machine().TakeSnapshot(t.Context(), snapshots(machine.DefaultSnapshots))
	if err != nil {
		t.Fatal(err)
	}
	before := w.read("var/lib/jujuetcd/etcd-0/applied.json")
	for i, tick := range []string{tick1, tick1, tick2, tick2, tick3, tick3} {
		w.calls = nil
		status := w.apply(w.ordered(tick, int32(i%2)), int64(3+i), v1alpha1.OutcomeApplied, "")
		facts := status.Facts.Snapshots
		if facts == nil || facts.Tried.Fault != "" || !w.good(facts.Last) || facts.Last.ID != tick || facts.Last.Unit != "etcd/0" {
			t.Fatalf("%d: %+v", i, facts)
		}
		if took := strings.Contains(strings.Join(w.calls, ";"), "snapshot of"); took != (i%2 == 0) || took != (len(status.Changed) > 0) {
			t.Errorf("%d: taken %t, changed %q", i, took, status.Changed)
		}
	}
	got := strings.Join(w.archives(), " ")
	want := strings.Join([]string{snapshot.ScheduledName(ownCluster.String(), tick2, 0), snapshot.ScheduledName(ownCluster.String(), tick3, 0), filepath.Base(person.Path)}, " ")
	if got != want || before == w.read("var/lib/jujuetcd/etcd-0/applied.json") {
		t.Errorf("there are %s, want %s", got, want)
	}
	// A delivery that asks for none changes nothing of it, and the facts see what is gone.
	if err := os.Remove(w.path(machine.DefaultSnapshots + "/" + snapshot.ScheduledName(ownCluster.String(), tick3, 0))); err != nil {
		t.Fatal(err)
	}
	if facts := w.apply(w.member(), 20, v1alpha1.OutcomeApplied, "").Facts.Snapshots; facts.Last.ID != tick3 || !facts.Last.Missing {
		t.Errorf("%+v", facts)
	}
	if facts := w.apply(w.ordered(tick3, 0), 21, v1alpha1.OutcomeApplied, "").Facts.Snapshots; !facts.Last.Missing {
		t.Errorf("one that somebody has taken away is taken again: %+v", facts)
	}
}

// TestAScheduleIsKeptOrItIsSaidWhyNot: no fault fails the delivery, none loses the last good one, and
// the next attempt does it when the fault is over.
func TestAScheduleIsKeptOrItIsSaidWhyNot(t *testing.T) {
	folder := func(w *world) string { return w.path(machine.DefaultSnapshots) }
	for words, c := range map[string]struct{ breaks, mends func(w *world) }{
		"no member serves": {
			func(w *world) {
				w.looks = func() etcdops.View { return etcdops.View{Err: "no leader"} }
			}, func(w *world) { w.looks = nil },
		},
		"no member serves (": {
			func(w *world) {
				v := threeVoters()
				for url, h := range v.Health {
					h.Serves, h.Fault = false, etcdops.FaultNoLeader
					v.Health[url] = h
				}
				w.looks = func() etcdops.View { return v }
			}, func(w *world) { w.looks = nil },
		},
		"cluster 00000000000000aa answers": {
			func(w *world) {
				v := threeVoters()
				v.ClusterID = 0xaa
				w.looks = func() etcdops.View { return v }
			}, func(w *world) { w.looks = nil },
		},
		"the SHA-256 at its end": {
			func(w *world) { w.database[5000] ^= 1 }, func(w *world) { w.database[5000] ^= 1 },
		},
		"the SHA-256 of its database": {
			func(w *world) { w.database = w.database[:len(w.database)-32] }, func(w *world) { w.database = sent(w.t) },
		},
		" free, and it needs ": {
			func(w *world) {
				v := threeVoters()
				for url, h := range v.Health {
					h.DBSize = 1 << 50
					v.Health[url] = h
				}
				w.looks = func() etcdops.View { return v }
			}, func(w *world) { w.looks = nil },
		},
		"it is no folder": {
			func(w *world) {
				if err := errors.Join(os.Rename(folder(w), folder(w)+".kept"), os.WriteFile(folder(w), nil, 0o600)); err != nil {
					w.t.Fatal(err)
				}
			},
			func(w *world) {
				if err := errors.Join(os.Remove(folder(w)), os.Rename(folder(w)+".kept", folder(w))); err != nil {
					w.t.Fatal(err)
				}
			},
		},
		"etcd-snapshots: cannot write ": {
			func(w *world) {
				if err := os.Mkdir(filepath.Join(folder(w), snapshot.ScheduledName(ownCluster.String(), tick2, 0)), 0o700); err != nil {
					w.t.Fatal(err)
				}
			},
			func(w *world) {
				if err := os.Remove(filepath.Join(folder(w), snapshot.ScheduledName(ownCluster.String(), tick2, 0))); err != nil {
					w.t.Fatal(err)
				}
			},
		},
		"the disk of this machine is full": {
			func(w *world) { w.sendFault = errors.New("write: no space left on device") }, func(w *world) { w.sendFault = nil },
		},
		"it takes longer than 300ms, take it with the action snapshot": {
			func(w *world) { w.hangs, w.patience = true, 300*time.Millisecond }, func(w *world) { w.hangs, w.patience = false, 0 },
		},
	} {
		t.Run(words, func(t *testing.T) {
			w := onSchedule(t)
			if w.apply(w.ordered(tick1, 0), 3, v1alpha1.OutcomeApplied, "").Facts.Snapshots.Tried.Fault != "" {
				t.Fatal("the first one failed")
			}
			c.breaks(w)
			began := time.Now()
			broken := w.apply(w.ordered(tick2, 0), 4, v1alpha1.OutcomeApplied, "").Facts.Snapshots
			if took := time.Since(began); w.hangs && took > 15*time.Second {
				t.Errorf("it takes %s", took)
			}
			if !strings.Contains(broken.Tried.Fault, words) || broken.Tried.ID != tick2 || broken.Last.ID != tick1 || len(broken.Tried.Fault) > 300 {
				t.Errorf("%+v, last %+v", broken.Tried, broken.Last)
			}
			w.calls = nil
			again := w.apply(w.ordered(tick2, 0), 5, v1alpha1.OutcomeApplied, "").Facts.Snapshots
			if again.Tried != broken.Tried || strings.Contains(strings.Join(w.calls, ";"), "snapshot of") {
				t.Errorf("the same attempt is made again: %+v, %q", again.Tried, w.calls)
			}
			c.mends(w)
			mended := w.apply(w.ordered(tick2, 1), 6, v1alpha1.OutcomeApplied, "").Facts.Snapshots
			if mended.Tried.Fault != "" || mended.Last.ID != tick2 || !w.good(mended.Last) || len(w.archives()) != 2 {
				t.Errorf("%+v, last %+v, there are %q", mended.Tried, mended.Last, w.archives())
			}
		})
	}
}

// TestAScheduleDoesNotAskTheUnitsClock: it may be off, and back, and names and order are right.
func TestAScheduleDoesNotAskTheUnitsClock(t *testing.T) {
	w := onSchedule(t)
	for i, off := range []time.Duration{10 * time.Hour, -20 * time.Minute, 0} {
		w.slept, w.stopped = off, off
		spec := w.ordered([]string{tick1, tick2, tick3}[i], 0)
		spec.Delivery.NotAfter.Time = w.now().Add(time.Minute)
		facts := w.apply(spec, int64(3+i), v1alpha1.OutcomeApplied, "").Facts.Snapshots
		if facts.Tried.Fault != "" || !w.good(facts.Last) {
			t.Errorf("%s off: %+v", off, facts)
		}
	}
	if got := w.archives(); len(got) != 2 || !strings.Contains(got[0], tick2) || !strings.Contains(got[1], tick3) {
		t.Errorf("there are %q", got)
	}
}

// TestAScheduledSnapshotEndsAlikeWhereverItIsKilled: what is called good is, nothing older goes before,
// and one that is there whole is not taken twice.
func TestAScheduledSnapshotEndsAlikeWhereverItIsKilled(t *testing.T) {
	points := 0
	for effect := 1; ; effect++ {
		w := onSchedule(t)
		w.apply(w.ordered(tick1, 0), 3, v1alpha1.OutcomeApplied, "")
		w.apply(w.ordered(tick2, 0), 4, v1alpha1.OutcomeApplied, "")
		w.calls = nil
		ended := w.applyUntil(w.ordered(tick3, 0), 5, effect)
		facts, err := w.machine().Facts(t.Context())
		if err != nil || !w.good(facts.Snapshots.Last) {
			t.Errorf("killed after effect %d: %+v, %v", effect, facts.Snapshots, err)
		}
		left := strings.Join(w.archives(), " ")
		if strings.Contains(left, tick3) && facts.Snapshots.Tried.ID != tick3 {
			t.Errorf("killed after effect %d: what was begun is not known: %+v", effect, facts.Snapshots)
		}
		if !strings.Contains(left, tick1) && facts.Snapshots.Last.ID != tick3 {
			t.Errorf("killed after effect %d: one has gone before it is known what takes its place: %+v", effect, facts.Snapshots)
		}
		if len(w.archives()) < 2 {
			t.Errorf("killed after effect %d: only %q is left", effect, w.archives())
		}
		again := w.apply(w.ordered(tick3, 0), 6, v1alpha1.OutcomeApplied, "").Facts.Snapshots
		if again.Last.ID != tick3 || !w.good(again.Last) || again.Tried.Fault != "" {
			t.Errorf("killed after effect %d: %+v", effect, again)
		}
		if n := strings.Count(strings.Join(w.calls, ";"), "snapshot of"); n != 1 {
			t.Errorf("killed after effect %d: it was sent %d times", effect, n)
		}
		// One that was to be removed goes with the next.
		w.apply(w.ordered("20260304T000000Z", 0), 7, v1alpha1.OutcomeApplied, "")
		if got := w.archives(); len(got) != 2 || !strings.Contains(got[0], tick3) {
			t.Errorf("killed after effect %d: there are %q", effect, got)
		}
		if ended {
			break
		}
		points++
	}
	if points < 4 {
		t.Errorf("only %d kill points: effects go unnoticed", points)
	}
}

// TestASnapshotThatWasNotEndedIsPublishedAsSuch.
func TestASnapshotThatWasNotEndedIsPublishedAsSuch(t *testing.T) {
	w := onSchedule(t)
	w.machine().Record(func(r *record.Record) {
		r.Snapshots = &v1alpha1.SnapshotFacts{Tried: v1alpha1.TriedSnapshot{ID: tick1}}
	})
	facts, err := w.machine().Facts(t.Context())
	if err != nil || facts.Snapshots.Last != nil || facts.Snapshots.Tried.ID != tick1 || facts.Snapshots.Tried.Fault != "" {
		t.Errorf("%+v, %v", facts.Snapshots, err)
	}
}

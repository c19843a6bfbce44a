package machine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// roomy makes every database of the world's cluster fill so many bytes of a quota of 1000.
func roomy(w *world, size int64, alarms ...etcdops.Alarm) {
	w.view.Alarms = alarms
	for url, h := range w.view.Health {
		h.DBSize, h.Quota, h.Alarmed = size, 1000, len(alarms) > 0
		w.view.Health[url] = h
	}
}

func changes(w *world) []string {
	return slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return strings.HasPrefix(c, "look") })
}

// TestAPersonDisarmsWhatDoesNotHoldAnyMore: each alarm by itself, without the lock, which nobody can
// take then; and none where the next write would raise it again, or where data differ.
func TestAPersonDisarmsWhatDoesNotHoldAnyMore(t *testing.T) {
	space := etcdops.Alarm{Member: 0x11, Kind: "NOSPACE"}
	gone := etcdops.Alarm{Member: 0x99, Kind: "NOSPACE"}
	corrupt := etcdops.Alarm{Member: 0x12, Kind: "CORRUPT"}
	for _, test := range []struct {
		name   string
		change func(w *world)
		done   []string
		kind   error
		text   string
	}{
		{"no alarm", func(w *world) { roomy(w, 100) }, nil, nil, ""},
		{"room again", func(w *world) { roomy(w, 800, space) }, []string{"Disarm 0000000000000011 locked=false"}, nil, ""},
		{"a member that is gone", func(w *world) { roomy(w, 800, space); w.view.Stray = []etcdops.Alarm{gone} },
			[]string{"Disarm 0000000000000011 locked=false", "Disarm 0000000000000099 locked=false"}, nil, ""},
		{"full", func(w *world) { roomy(w, 801, space) }, nil, etcdops.ErrNoRoom, "has 801 bytes, and its quota is 1000"},
		{"CORRUPT alone", func(w *world) { roomy(w, 1, corrupt) }, nil, nil, "alarm CORRUPT of member 0000000000000012 is active"},
		{"CORRUPT beside it", func(w *world) { roomy(w, 1, space, corrupt) }, nil, nil, "alarm CORRUPT of member 0000000000000012 is active"},
		{"CORRUPT of one that is gone", func(w *world) {
			roomy(w, 1, space)
			w.view.Stray = []etcdops.Alarm{{Member: 0x99, Kind: "CORRUPT"}}
		}, nil, nil, "alarm CORRUPT of member 0000000000000099"},
		{"nobody knows", func(w *world) { roomy(w, 1); w.view.AlarmsErr = "no answer" }, nil, nil, "cannot disarm: no answer"},
		{"nobody serves", func(w *world) { w.view.Listed, w.view.Err = false, "no leader" }, nil, nil, "cannot disarm: no member serves (no leader)"},
		{"another cluster", func(w *world) { roomy(w, 1, space); w.view.ClusterID = 0xff }, nil, nil, "cluster 00000000000000ff answers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, _ := running(t)
			test.change(w)
			alarms, err := w.machine().Disarm(t.Context())
			if got := changes(w); !slices.Equal(got, test.done) || len(alarms) != len(test.done) {
				t.Errorf("changed %v, and says %v", got, alarms)
			}
			if (err == nil) != (test.text == "") || err != nil && !strings.Contains(err.Error(), test.text) || test.kind != nil && !errors.Is(err, test.kind) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestADisarmReckonsWithTheOptionsQuotaWhereEtcdReportsNone: etcd before 3.6 does not.
func TestADisarmReckonsWithTheOptionsQuotaWhereEtcdReportsNone(t *testing.T) {
	for quota, want := range map[int64]error{0: nil, 1000: etcdops.ErrNoRoom, 2000: nil} {
		w := newWorld(t)
		w.apply(w.prepare(), 1, v1alpha1.OutcomeApplied, "")
		spec := w.start(v1alpha1.InitialNew)
		spec.Etcd.QuotaBackendBytes = quota
		w.apply(spec, 2, v1alpha1.OutcomeApplied, "")
		w.view = threeVoters()
		roomy(w, 801, etcdops.Alarm{Member: 0x11, Kind: "NOSPACE"})
		for url, h := range w.view.Health {
			h.Quota = 0
			w.view.Health[url] = h
		}
		if _, err := w.machine().Disarm(t.Context()); !errors.Is(err, want) {
			t.Errorf("a quota of %d: %v", quota, err)
		}
	}
}

// TestAPersonCompactsTheUnitsOwnCluster and no other one that may answer in its place.
func TestAPersonCompactsTheUnitsOwnCluster(t *testing.T) {
	w, _ := running(t)
	at, err := w.machine().Compact(t.Context(), 9, true)
	if got := changes(w); at != 9 || err != nil || !slices.Equal(got, []string{"compact 9 true locked=false"}) {
		t.Errorf("%d, %v, %v", at, err, got)
	}
	w.calls, w.view.ClusterID = nil, 0xff
	if _, err := w.machine().Compact(t.Context(), 9, true); err == nil || len(changes(w)) > 0 {
		t.Errorf("another cluster: %v, %v", err, changes(w))
	}
	fresh := newWorld(t)
	if _, err := fresh.machine().Compact(t.Context(), 0, false); err == nil || !strings.Contains(err.Error(), "nothing has been applied") {
		t.Errorf("before anything was applied: %v", err)
	}
}

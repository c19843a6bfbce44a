package machine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
	"jujuetcd.io/test/s3test"
)

// stored is a unit on a schedule with a store, and what the provider says.
func stored(t *testing.T) (*world, *s3test.Server, map[string]string) {
	t.Helper()
	w := onSchedule(t)
	server := w.withStore()
	return w, server, w.bag
}

// withStore lets the provider give what a store of its own takes.
func (w *world) withStore() *s3test.Server {
	server := s3test.New(w.t, "backups")
	w.bag = map[string]string{
		"bucket": "backups", "endpoint": server.URL, "path": "fleet", "region": "us-east-1", "s3-uri-style": "path",
		"access-key": s3test.AccessKey, "secret-key": s3test.SecretKey, "tls-ca-chain": server.CA,
	}
	return server
}

// storing is a delivery that asks for a snapshot which is to be stored.
func (w *world) storing(tick string, attempt int32) *v1alpha1.EtcdUnitSpec {
	spec := w.ordered(tick, attempt)
	spec.Store = &v1alpha1.SnapshotStore{Credentials: v1alpha1.StoreRelation, Keep: 2}
	return spec
}

func key(tick string) string { return "fleet/" + snapshot.ScheduledName(ownCluster.String(), tick, 0) }

// TestASnapshotOfTheScheduleIsStored, once, and as many as should be kept; it can be fetched from there.
func TestASnapshotOfTheScheduleIsStored(t *testing.T) {
	w, server, bag := stored(t)
	for i, tick := range []string{tick1, tick1, tick2, tick3} {
		status := w.apply(w.storing(tick, 0), int64(3+i), v1alpha1.OutcomeApplied, "")
		facts := status.Facts.Snapshots
		if facts.Tried.Fault != "" || !w.good(facts.Last) || facts.Last.Stored != "s3://backups/"+key(tick) {
			t.Fatalf("%d: %+v, last %+v", i, facts.Tried, facts.Last)
		}
		if asked := server.Requests(); (len(asked) > 0) != (i != 1) {
			t.Errorf("%d: the store is asked %q", i, asked)
		}
	}
	if got, want := server.Objects("backups"), []string{key(tick2), key(tick3)}; !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
	for _, file := range []string{"applied.json", "words.json"} {
		if text, err := os.ReadFile(w.path("var/lib/jujuetcd/etcd-0/" + file)); err == nil && strings.Contains(string(text), s3test.SecretKey) {
			t.Errorf("a secret is in %s", file)
		}
	}
	m := w.machine()
	s, err := m.OpenStore(store.Provider{Bag: bag})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		path, done, err := m.FetchStored(t.Context(), s, filepath.Base(key(tick3)), "")
		if err != nil {
			t.Fatal(err)
		}
		folder, err := os.Stat(filepath.Dir(path))
		if err != nil || folder.Mode().Perm() != 0o700 {
			t.Errorf("its folder is %v, %v", folder, err)
		}
		if a, err := snapshot.Inspect(t.Context(), path, ""); err != nil || a.Origin.Tick != tick3 {
			t.Errorf("%+v, %v", a, err)
		}
		t.Cleanup(done) // the first one's is left, as by an agent that has died
	}
}

// TestAFaultOfTheStoreLosesNothing: the snapshot is on the unit's disk, the delivery is applied, the reason is published
// and has no secret, the same attempt is not made twice, and the next one asks etcd for nothing.
func TestAFaultOfTheStoreLosesNothing(t *testing.T) {
	for words, c := range map[string]struct {
		breaks, mends func(w *world, s *s3test.Server)
	}{
		"is busy or down": {func(_ *world, s *s3test.Server) { s.Break(s3test.Down) }, nil},
		"no room for it":  {func(_ *world, s *s3test.Server) { s.Break(s3test.Full) }, nil},
		"it takes longer than the 2s that taking and storing have together": {
			func(w *world, s *s3test.Server) { w.patience = 2 * time.Second; s.Break(s3test.Slow) }, func(w *world, _ *s3test.Server) { w.patience = 0 },
		},
		"the store gives other bytes": {func(_ *world, s *s3test.Server) { s.Break(s.Lying) }, nil},
		"clock of this machine":       {func(_ *world, s *s3test.Server) { s.Break(s3test.Skewed) }, nil},
		"refuses the credentials":     {func(_ *world, s *s3test.Server) { s.Revoke("x") }, func(_ *world, s *s3test.Server) { s.Revoke(s3test.AccessKey) }},
		"has given no credentials yet": {
			func(w *world, _ *s3test.Server) { w.bag["access-key"] = "" }, func(w *world, _ *s3test.Server) { w.bag["access-key"] = s3test.AccessKey },
		},
		"cannot read the secret of the relation s3-credentials: not granted": {
			func(w *world, _ *s3test.Server) {
				w.bag["secret-extra"] = "secret:u3015jcggta3d6k72ljg"
				w.secret = func(string) (map[string]string, error) { return nil, errors.New("not granted") }
			},
			func(w *world, _ *s3test.Server) {
				w.secret = func(string) (map[string]string, error) {
					return map[string]string{"access-key": s3test.AccessKey, "secret-key": s3test.SecretKey}, nil
				}
			},
		},
		"Juju does not answer": {
			func(w *world, _ *s3test.Server) { w.bagFault = errors.New("Juju does not answer") }, func(w *world, _ *s3test.Server) { w.bagFault = nil },
		},
	} {
		t.Run(words, func(t *testing.T) {
			w, server, _ := stored(t)
			w.apply(w.storing(tick1, 0), 3, v1alpha1.OutcomeApplied, "")
			c.breaks(w, server)
			began := time.Now()
			broken := w.apply(w.storing(tick2, 0), 4, v1alpha1.OutcomeApplied, "").Facts.Snapshots
			if time.Since(began) > 10*time.Second {
				t.Errorf("it takes %s", time.Since(began))
			}
			if !strings.Contains(broken.Tried.Fault, words) || broken.Last.ID != tick2 || broken.Last.Stored != "" || !w.good(broken.Last) ||
				strings.Contains(broken.Tried.Fault, s3test.SecretKey) || strings.Contains(broken.Tried.Fault, s3test.AccessKey) {
				t.Errorf("%+v, last %+v", broken.Tried, broken.Last)
			}
			server.Requests()
			if again := w.apply(w.storing(tick2, 0), 5, v1alpha1.OutcomeApplied, "").Facts.Snapshots; again.Tried != broken.Tried || len(server.Requests()) > 0 {
				t.Errorf("the same attempt is made again: %+v", again.Tried)
			}
			if !slices.Contains(server.Objects("backups"), key(tick1)) {
				t.Error("the last good one has gone from the store")
			}
			server.Break(nil)
			if c.mends != nil {
				c.mends(w, server)
			}
			w.calls = nil
			mended := w.apply(w.storing(tick2, 1), 6, v1alpha1.OutcomeApplied, "").Facts.Snapshots
			if mended.Tried.Fault != "" || mended.Last.Stored != "s3://backups/"+key(tick2) || strings.Contains(strings.Join(w.calls, ";"), "snapshot of") {
				t.Errorf("%+v, last %+v, %q", mended.Tried, mended.Last, w.calls)
			}
		})
	}
}

// TestAStoredSnapshotEndsAlikeWhereverItIsKilled.
func TestAStoredSnapshotEndsAlikeWhereverItIsKilled(t *testing.T) {
	for effect := 1; ; effect++ {
		w, server, _ := stored(t)
		w.apply(w.storing(tick1, 0), 3, v1alpha1.OutcomeApplied, "")
		w.apply(w.storing(tick2, 0), 4, v1alpha1.OutcomeApplied, "")
		ended := w.applyUntil(w.storing(tick3, 0), 5, effect)
		facts, err := w.machine().Facts(t.Context())
		if err != nil || !w.good(facts.Snapshots.Last) {
			t.Errorf("killed after effect %d: %+v, %v", effect, facts.Snapshots, err)
		}
		if there := server.Objects("backups"); !slices.Contains(there, key(tick2)) || !slices.Contains(there, key(tick1)) && !slices.Contains(there, key(tick3)) {
			t.Errorf("killed after effect %d: there are %q", effect, there)
		}
		again := w.apply(w.storing(tick3, 0), 6, v1alpha1.OutcomeApplied, "").Facts.Snapshots
		if again.Last.Stored != "s3://backups/"+key(tick3) || again.Tried.Fault != "" {
			t.Errorf("killed after effect %d: %+v, last %+v", effect, again.Tried, again.Last)
		}
		if ended {
			return
		}
	}
}

// TestWithoutAStoreNobodyReadsItsSecrets, and with a relation alone there is one for a person.
func TestWithoutAStoreNobodyReadsItsSecrets(t *testing.T) {
	w, _, bag := stored(t)
	w.bagFault = errors.New("read")
	if facts := w.apply(w.ordered(tick1, 0), 3, v1alpha1.OutcomeApplied, "").Facts.Snapshots; facts.Tried.Fault != "" || facts.Last.Stored != "" {
		t.Errorf("%+v", facts)
	}
	if s, err := w.machine().OpenStore(store.Provider{}); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := w.machine().OpenStore(store.Provider{Bag: bag}); err != nil || s.Where() != "s3://backups/fleet" {
		t.Errorf("%v", err)
	}
}

// provider is what the charm would read.
func (w *world) provider(context.Context) (store.Provider, error) {
	return store.Provider{Bag: w.bag, Secret: w.secret}, w.bagFault
}

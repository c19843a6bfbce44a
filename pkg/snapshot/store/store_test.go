package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
	"jujuetcd.io/test/s3test"
)

// TestWhatIsStoredIsReadBackListedAndFetched, with where it is from; what is there is not sent twice.
func TestWhatIsStoredIsReadBackListedAndFetched(t *testing.T) {
	server := s3test.New(t, bucket)
	s := openAt(t, server, "")
	a := archiveOf(t, thisCluster, tick1, 100_000)
	want := "s3://" + bucket + "/etcd-snapshots/" + filepath.Base(a.Path)
	for _, sends := range []bool{true, false} {
		server.Requests()
		if url := put(t, s, a); url != want {
			t.Errorf("it is in %s, want %s", url, want)
		}
		asked := server.Requests()
		sent := slices.ContainsFunc(asked, func(r string) bool { return strings.HasPrefix(r, "PUT ") })
		read := slices.ContainsFunc(asked, func(r string) bool { return strings.HasPrefix(r, "GET ") && strings.HasSuffix(r, ".gz") })
		if sent != sends || !read {
			t.Errorf("it was asked %q", asked)
		}
	}
	server.Write(bucket, "etcd-snapshots/by-hand.db", []byte("x"), nil)
	server.Write(bucket, "etcd-snapshots/deeper/"+snapshot.ScheduledName(thisCluster, tick2, 0), []byte("x"), nil)
	for _, verify := range []bool{false, true} {
		list, err := s.List(t.Context(), "", verify, snapshot.Identity{})
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		i := slices.IndexFunc(list, func(l snapshot.Listed) bool { return l.Path == want })
		l := list[i]
		if l.SHA256 != a.SHA256 || l.Size != a.Size || l.Revision != 7 || l.EtcdVersion != "3.6.7" || l.Verified != verify || !l.Time.Equal(a.Origin.Time) ||
			l.Origin.Application != "etcd" || l.Origin.ModelUUID != "uuid" || l.Origin.ClusterID != thisCluster || l.Origin.Tick != tick1 || l.Origin.Unit != "etcd/0" {
			t.Errorf("%+v, from %+v", l, l.Origin)
		}
		if other := list[1-i]; other.ID != "by-hand.db" || other.Origin != nil || other.Verified {
			t.Errorf("%+v", other)
		}
	}
	to := filepath.Join(t.TempDir(), "fetched")
	if err := s.Fetch(t.Context(), filepath.Base(a.Path), "", to); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(to)
	info, serr := os.Stat(to)
	sent, rerr := os.ReadFile(a.Path)
	if errors.Join(err, serr, rerr) != nil || !bytes.Equal(got, sent) || info.Mode().Perm() != 0o600 {
		t.Errorf("%d bytes, %v, %v", len(got), info, errors.Join(err, serr, rerr))
	}
	if err := s.Fetch(t.Context(), filepath.Base(a.Path), "", to); err == nil {
		t.Error("a file is overwritten")
	}
	for _, id := range []string{"", "../" + filepath.Base(a.Path), "none.tar.gz"} {
		path := filepath.Join(t.TempDir(), "x")
		if err := s.Fetch(t.Context(), id, "", path); err == nil {
			t.Errorf("%q is fetched", id)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%q leaves a file", id)
		}
	}
}

// TestALargeOneGoesInParts, and memory does not grow with it.
func TestALargeOneGoesInParts(t *testing.T) {
	server := s3test.New(t, bucket)
	s := openAt(t, server, "")
	a := archiveOf(t, thisCluster, tick1, 40<<20)
	runtime.GC()
	put(t, s, a)
	if asked := strings.Join(server.Requests(), "\n"); strings.Count(asked, "PUT ") != 3 || !strings.Contains(asked, "POST ") {
		t.Errorf("it was asked %s", asked)
	}
	if !bytes.Equal(server.Read(bucket, "etcd-snapshots/"+filepath.Base(a.Path)), must(os.ReadFile(a.Path))) {
		t.Error("other bytes are there")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestOnlyOlderOnesOfTheSameScheduleGo: nothing of another prefix, cluster, model or application, nothing of a
// person's, nothing later, and not the last one.
func TestOnlyOlderOnesOfTheSameScheduleGo(t *testing.T) {
	server := s3test.New(t, bucket, "other")
	s, beside := openAt(t, server, "a"), openAt(t, server, "ab")
	name := func(cluster, tick string) string { return snapshot.ScheduledName(cluster, tick, 0) }
	meta := func(change ...string) map[string]string {
		m := map[string]string{"Etcd-Application": "etcd", "Etcd-Model-Uuid": "uuid", "Etcd-Cluster-Id": thisCluster}
		for i := 0; i < len(change); i += 2 {
			m[change[i]] = change[i+1]
		}
		return m
	}
	for _, tick := range []string{tick1, tick2, tick3} {
		put(t, s, archiveOf(t, thisCluster, tick, 1000))
		put(t, s, archiveOf(t, otherCluster, tick, 1000))
		put(t, beside, archiveOf(t, thisCluster, tick, 1000))
	}
	for key, m := range map[string]map[string]string{
		"a/" + name(thisCluster, "20250101T000000Z"):       nil, // a stranger's
		"a/" + name(thisCluster, "20250102T000000Z"):       meta("Etcd-Tick", "20250102T000000Z", "Etcd-Model-Uuid", "another"),
		"a/" + name(thisCluster, "20250103T000000Z"):       meta("Etcd-Tick", "20250103T000000Z", "Etcd-Application", "etcd2"),
		"a/" + name(thisCluster, "20250104T000000Z"):       meta("Etcd-Tick", "20250104T000000Z", "Etcd-Cluster-Id", otherCluster),
		"a/" + name(thisCluster, "20250105T000000Z"):       meta("Etcd-Tick", tick1),              // a copy under another name
		"a/" + name(thisCluster, "20990101T000000Z"):       meta("Etcd-Tick", "20990101T000000Z"), // of a clock that was ahead
		"a/b/" + name(thisCluster, "20250106T000000Z"):     meta("Etcd-Tick", "20250106T000000Z"), // of a prefix below
		"a/" + name(thisCluster, "20250107T000000Z") + "~": meta("Etcd-Tick", "20250107T000000Z"), // of another form
		name(thisCluster, "20250108T000000Z"):              meta("Etcd-Tick", "20250108T000000Z"), // above
		"a/etcd-snapshot-2026-03-01-02.03.04.tar.gz":       meta("Etcd-Tick", ""),                 // a person's
	} {
		server.Write(bucket, key, []byte("x"), m)
	}
	before := server.Objects(bucket)
	last := archiveOf(t, thisCluster, tick3, 1000)
	removed, err := s.Prune(t.Context(), last, 2)
	if want := []string{name(thisCluster, tick1)}; err != nil || !slices.Equal(removed, want) {
		t.Errorf("it removes %q, %v, want %q", removed, err, want)
	}
	gone := slices.DeleteFunc(slices.Clone(before), func(key string) bool { return slices.Contains(server.Objects(bucket), key) })
	if want := []string{"a/" + name(thisCluster, tick1)}; !slices.Equal(gone, want) {
		t.Errorf("%q are gone, want %q", gone, want)
	}
	for _, keep := range []int{1, 0, -1} {
		if _, err := s.Prune(t.Context(), last, keep); err != nil {
			t.Fatal(err)
		}
		left := server.Objects(bucket)
		if !slices.Contains(left, "a/"+name(thisCluster, tick3)) || slices.Contains(left, "a/"+name(thisCluster, tick2)) || len(left) != len(before)-2 {
			t.Errorf("with keep %d there are %q", keep, left)
		}
	}
}

// TestWhatAStrangerHasIsNotOverwritten.
func TestWhatAStrangerHasIsNotOverwritten(t *testing.T) {
	server := s3test.New(t, bucket)
	s := openAt(t, server, "a")
	a := archiveOf(t, thisCluster, tick1, 1000)
	key := "a/" + filepath.Base(a.Path)
	server.Write(bucket, key, []byte("theirs"), nil)
	if _, err := s.Put(t.Context(), a); err == nil || !strings.Contains(err.Error(), "another object has the name") || string(server.Read(bucket, key)) != "theirs" {
		t.Errorf("%v", err)
	}
	person := a
	person.Path = filepath.Join(filepath.Dir(a.Path), "etcd-snapshot-2026-03-01-02.03.04.tar.gz")
	if _, err := s.Put(t.Context(), person); err == nil {
		t.Error("what is none of the schedule is stored")
	}
}

// TestAFaultOfTheStoreIsSaid, in bounded time, without a secret; nothing that was there goes, and when it is
// over the next try goes well.
func TestAFaultOfTheStoreIsSaid(t *testing.T) {
	for want, fault := range map[string]func(s *s3test.Server) s3test.Fault{
		"is busy or down":       func(*s3test.Server) s3test.Fault { return s3test.Down },
		"no room for it":        func(*s3test.Server) s3test.Fault { return s3test.Full },
		"it takes too long":     func(*s3test.Server) s3test.Fault { return s3test.Slow },
		"clock of this machine": func(*s3test.Server) s3test.Fault { return s3test.Skewed },
		"gives other bytes":     func(s *s3test.Server) s3test.Fault { return s.Lying },
		"cannot store":          func(*s3test.Server) s3test.Fault { return s3test.Cut },
		"there is no bucket":    func(*s3test.Server) s3test.Fault { return answers(http.StatusNotFound, "NoSuchBucket", "none") },
		"the store answers 500 ": func(*s3test.Server) s3test.Fault {
			return answers(http.StatusInternalServerError, "Odd", s3test.SecretKey+" "+s3test.AccessKey)
		},
		"refuses the credentials": func(s *s3test.Server) s3test.Fault {
			s.Revoke("another")
			return nil
		},
	} {
		t.Run(want, func(t *testing.T) {
			server := s3test.New(t, bucket)
			s := openAt(t, server, "a")
			put(t, s, archiveOf(t, thisCluster, tick1, 1000))
			before := server.Objects(bucket)
			server.Break(fault(server))
			a := archiveOf(t, thisCluster, tick2, 1000)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Second, errors.New("it takes too long"))
			defer cancel()
			began := time.Now()
			_, err := s.Put(ctx, a)
			if err == nil || !strings.Contains(err.Error(), want) || time.Since(began) > 6*time.Second {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
			if _, lerr := s.List(ctx, "", true, snapshot.Identity{}); lerr == nil && strings.Contains(want, "credentials") {
				t.Error("it lists what it may not")
			}
			for _, secret := range []string{s3test.SecretKey, s3test.AccessKey} {
				if strings.Contains(fmt.Sprint(err), secret) {
					t.Errorf("a secret is in %v", err)
				}
			}
			t.Log(err)
			server.Break(nil)
			server.Revoke(s3test.AccessKey)
			for _, key := range before {
				if !slices.Contains(server.Objects(bucket), key) {
					t.Errorf("%s has gone", key)
				}
			}
			put(t, s, a)
			if got := server.Read(bucket, "a/"+filepath.Base(a.Path)); !bytes.Equal(got, must(os.ReadFile(a.Path))) {
				t.Error("it is not what was sent")
			}
		})
	}
}

func answers(status int, code, message string) s3test.Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		s3test.Refuse(w, status, code, message)
		return true
	}
}

// TestWhatIsFetchedIsWhatWasStored: of a store that lies or ends early nothing stays.
func TestWhatIsFetchedIsWhatWasStored(t *testing.T) {
	server := s3test.New(t, bucket)
	s := openAt(t, server, "a")
	a := archiveOf(t, thisCluster, tick1, 1000)
	put(t, s, a)
	server.Write(bucket, "a/empty", nil, nil)
	for id, fault := range map[string]s3test.Fault{filepath.Base(a.Path): server.Lying, "empty": nil} {
		server.Break(fault)
		dir := t.TempDir()
		err := s.Fetch(t.Context(), id, "", filepath.Join(dir, "x"))
		if left := must(os.ReadDir(dir)); err == nil || len(left) > 0 {
			t.Errorf("%s: %v, left %v", id, err, left)
		}
	}
	if list, err := s.List(t.Context(), "", true, snapshot.Identity{}); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	server.Break(server.Lying)
	list, err := s.List(t.Context(), "", true, snapshot.Identity{})
	if i := slices.IndexFunc(list, func(l snapshot.Listed) bool { return l.Origin != nil }); err != nil || list[i].Verified || list[i].Fault == "" {
		t.Errorf("%+v, %v", list, err)
	}
	server.Break(nil)
	// Another folder, as after a model was lost.
	other := openAt(t, server, "new")
	if list, err := other.List(t.Context(), "/a/", false, snapshot.Identity{}); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := other.Fetch(t.Context(), filepath.Base(a.Path), "a", filepath.Join(t.TempDir(), "x")); err != nil {
		t.Error(err)
	}
	for _, prefix := range []string{"../a", "a//b", "/"} {
		if _, err := other.List(t.Context(), prefix, false, snapshot.Identity{}); err == nil {
			t.Errorf("%q is a prefix", prefix)
		}
	}
}

// TestAStoreThatCannotBeUsed: each fault is a sentence.
func TestAStoreThatCannotBeUsed(t *testing.T) {
	server := s3test.New(t, bucket)
	good := related(t, server, "p")
	without := func(change func(*store.Related)) store.Related {
		r := good
		change(&r)
		return r
	}
	for want, c := range map[string]struct {
		policy  v1alpha1.SnapshotStore
		related store.Related
	}{
		"has given no credentials yet": {},
		"its bucket must be":           {related: without(func(r *store.Related) { r.Bucket = "" })},
		"its prefix must":              {related: without(func(r *store.Related) { r.Path = "a/../b" })},
		"its endpoint must be":         {related: without(func(r *store.Related) { r.Endpoint = "nowhere" })},
		"s3-credentials is not there":  {policy: v1alpha1.SnapshotStore{Bucket: bucket, Credentials: v1alpha1.StoreFile}},
		"which this charm":             {policy: v1alpha1.SnapshotStore{Bucket: bucket, Credentials: "vault"}},
	} {
		if _, err := store.Open(c.policy, c.related, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if s, err := store.Open(v1alpha1.SnapshotStore{}, good, "/"); err != nil || s.Where() != "s3://backups/p" {
		t.Errorf("%v", err)
	}
	if s, err := store.Open(v1alpha1.SnapshotStore{Prefix: "q", Bucket: "other"}, good, "/"); err != nil || s.Where() != "s3://other/q" {
		t.Errorf("%v", err)
	}
}

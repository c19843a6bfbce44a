package snapshot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/snapshot"
)

var taken = time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)

// taking is one that goes well, into a new folder.
func taking(t *testing.T, data sample) snapshot.Taking {
	return snapshot.Taking{
		Dir: t.TempDir(), Size: int64(len(data.saved)), Revision: data.revision, Progress: func(string) {},
		Send: func(_ context.Context, to io.Writer) error {
			_, err := io.Copy(to, bytes.NewReader(data.saved))
			return err
		},
		Origin: snapshot.Origin{Application: "etcd", ClusterID: "ff", Member: "etcd0", Time: taken, EtcdVersion: "3.6.1"},
	}
}

// TestASnapshotIsTakenWholeOrNotAtAll: under the name that it has always had, for whom it is for.
func TestASnapshotIsTakenWholeOrNotAtAll(t *testing.T) {
	data := realData(t, "3.6")
	const name = "etcd-snapshot-2026-03-01-02.03.04.tar.gz"
	good := taking(t, data)
	var owned, said []string
	good.Own = func(f *os.File) error { owned = append(owned, f.Name()); return nil }
	good.Progress = func(text string) { said = append(said, text) }
	if err := os.WriteFile(filepath.Join(good.Dir, ".jujuetcd-left"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := snapshot.Take(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	if all := listed(t, good.Dir); !slices.Equal(all, []string{name, name + ".sha256"}) || len(owned) != 2 || len(said) != 3 {
		t.Errorf("there are %q, of which %q were given away, and it said %q", all, owned, said)
	}
	if got, want := asJSON(t, inspect(t, a.Path)), asJSON(t, a); got != want {
		t.Errorf("it is\n%s\nand should be\n%s", got, want)
	}
	run(t, t.Context(), "sh", "-c", "cd "+good.Dir+" && sha256sum -c *.sha256")
	// Others of the same second have names of their own, also where only the archive, or the SHA-256, is left of one.
	if err := os.Remove(filepath.Join(good.Dir, name+".sha256")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(good.Dir, "etcd-snapshot-2026-03-01-02.03.04-3.tar.gz.sha256"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"2", "4"} {
		b, err := snapshot.Take(t.Context(), good)
		if err != nil || filepath.Base(b.Path) != "etcd-snapshot-2026-03-01-02.03.04-"+n+".tar.gz" || b.SHA256 != inspect(t, b.Path).SHA256 {
			t.Errorf("another one of that second is %s, %v", b.Path, err)
		}
	}
	named := good
	named.Name = name
	if _, err := snapshot.Take(t.Context(), named); err == nil || !strings.Contains(err.Error(), "file exists") {
		t.Errorf("one of that name is overwritten: %v", err)
	}
	for words, change := range map[string]func(*snapshot.Taking){
		"its connection broke": func(x *snapshot.Taking) {
			x.Send = func(_ context.Context, to io.Writer) error {
				_, err := to.Write(data.saved[:1000])
				return errors.Join(err, errors.New("its connection broke"))
			}
		},
		"the SHA-256 at its end": func(x *snapshot.Taking) { x.Send = sends(flipped(data.saved, 5000)) },
		"has not sent the SHA-256": func(x *snapshot.Taking) {
			x.Send = sends(cut(data.saved, 32))
		},
		"it is empty":            func(x *snapshot.Taking) { x.Send = sends(nil) },
		"had 9999999 already":    func(x *snapshot.Taking) { x.Revision = 9999999 },
		" free, and it needs ":   func(x *snapshot.Taking) { x.Size = 1 << 50 },
		"whom it is for is gone": func(x *snapshot.Taking) { x.Own = func(*os.File) error { return errors.New("whom it is for is gone") } },
	} {
		bad := taking(t, data)
		change(&bad)
		_, err := snapshot.Take(t.Context(), bad)
		if err == nil || !strings.HasPrefix(err.Error(), "cannot take a snapshot into ") || !strings.Contains(err.Error(), words) {
			t.Errorf("it should fail with %q: %v", words, err)
		}
		if all := listed(t, bad.Dir); len(all) > 0 {
			t.Errorf("%s: there are %q", words, all)
		}
	}
}

func sends(data []byte) func(context.Context, io.Writer) error {
	return func(_ context.Context, to io.Writer) error { _, err := to.Write(data); return err }
}

// TestWhatIsInAFolderIsListed: the newest first, with what is known of each, and what is wrong.
func TestWhatIsInAFolderIsListed(t *testing.T) {
	data := realData(t, "3.6")
	x := taking(t, data)
	first, err := snapshot.Take(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	x.Origin.Time = taken.Add(time.Hour)
	second, err := snapshot.Take(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) string {
		path := filepath.Join(x.Dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, taken, taken.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("saved.db", data.saved)
	put("notes.txt", []byte("a text that is no archive"))
	put("empty", nil)
	put(".hidden.tar.gz", data.saved)
	if err := os.Symlink("saved.db", filepath.Join(x.Dir, "link.db")); err != nil {
		t.Fatal(err)
	}
	list := func(verify bool) []snapshot.Listed {
		t.Helper()
		all, err := snapshot.List(t.Context(), x.Dir, verify, snapshot.Identity{})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 3 || all[0].Path != second.Path || all[1].Path != first.Path || all[2].ID != "saved.db" {
			t.Fatalf("it lists %s", asJSON(t, all))
		}
		return all
	}
	all := list(false)
	if l := all[0]; !l.Verified || l.SHA256 != second.SHA256 || l.Revision != data.revision || l.EtcdVersion != "3.6.1" || l.Origin.ClusterID != "ff" || l.Fault != "" {
		t.Errorf("ours is %+v", l)
	}
	if l := all[2]; l.Verified || l.Fault != "" || l.SHA256 == "" || l.Revision != 0 {
		t.Errorf("another one is %+v", l)
	}
	if l := list(true)[2]; !l.Verified || l.Revision != data.revision || !strings.HasPrefix(l.EtcdVersion, "3.6") {
		t.Errorf("another one that was looked at is %+v", l)
	}
	packed, err := os.ReadFile(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first.Path, flipped(packed, len(packed)/2), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verify := range []bool{false, true} {
		if l := list(verify)[1]; l.Verified || !strings.HasPrefix(l.Fault, "cannot use ") {
			t.Errorf("a damaged one is %+v", l)
		}
	}
	if all, err := snapshot.List(t.Context(), filepath.Join(x.Dir, "none"), false, snapshot.Identity{}); err != nil || len(all) > 0 {
		t.Errorf("where there is no folder: %v, %v", all, err)
	}
}

// TestAClusterInWhichNothingWasEverWrittenHasASnapshot: it is at revision 1, and its database has none.
func TestAClusterInWhichNothingWasEverWrittenHasASnapshot(t *testing.T) {
	data := emptyDatabase(t)
	sum := sha256.Sum256(data)
	x := taking(t, sample{saved: append(data, sum[:]...)})
	x.Revision = 1
	if a, err := snapshot.Take(t.Context(), x); err != nil || a.Revision != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	x.Dir, x.Revision = t.TempDir(), 2
	if _, err := snapshot.Take(t.Context(), x); err == nil || !strings.Contains(err.Error(), "had 2 already") {
		t.Errorf("what was written is not missed: %v", err)
	}
}

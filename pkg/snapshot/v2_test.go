package snapshot_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
)

// TestAV2ArchiveIsKnownByItsLogs, as the charm before made it: by etcdctl backup of 3.5, which adds
// member/snap/db. It has no snapshot of the v3 keys, and its files come out as they were.
func TestAV2ArchiveIsKnownByItsLogs(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{Minor: "3.5", Args: []string{"--enable-v2"}})
	bin, err := etcdbin.Dir(t.Context(), "3.5")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Client().Put(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	backup, dir := filepath.Join(t.TempDir(), "backup"), t.TempDir()
	run(t, t.Context(), filepath.Join(bin, "etcdctl"), "backup", "--data-dir", cluster.Members[0].DataDir, "--backup-dir", backup)
	path := filepath.Join(dir, "v2.tar.gz")
	run(t, t.Context(), "tar", "czf", path, "-C", backup, ".")
	a := inspect(t, path)
	if a.Form != snapshot.FormV2 || a.Digest != snapshot.DigestGzip || a.DatabaseSize == 0 || a.Revision != 0 {
		t.Errorf("it is %+v", a)
	}
	// Where the v3 keys were copied, too, it is one all the same.
	cluster.Members[0].Stop() // it holds its database
	both := filepath.Join(dir, "both.tar")
	run(t, t.Context(), filepath.Join(bin, "etcdctl"), "backup", "--with-v3", "--data-dir", cluster.Members[0].DataDir, "--backup-dir", backup+"-both")
	run(t, t.Context(), "tar", "cf", both, "-C", backup+"-both", ".")
	if b := inspect(t, both); b.Form != snapshot.FormV2 || b.Digest != snapshot.DigestNone || b.Revision != 0 {
		t.Errorf("it is %+v", b)
	}
	if err := a.Extract(t.Context(), filepath.Join(dir, "db")); err == nil || !strings.Contains(err.Error(), "it is a v2 archive") {
		t.Errorf("it is extracted: %v", err)
	}
	if err := a.Unpack(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(backup, "member/*/*"))
	if err != nil || len(names) < 2 {
		t.Fatalf("the backup has %q, %v", names, err)
	}
	for _, name := range names {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(backup, name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, rel)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is another, %v", rel, err)
		}
	}
	takesV2(t, backup)
	// Once more there is something in the way.
	if err := a.Unpack(t.Context(), dir); err == nil {
		t.Error("what was there is overwritten")
	}
	v3 := inspect(t, file(t, "x", tarGz(t, entry{name: "./db", data: realData(t, "3.6").bare})))
	if err := v3.Unpack(t.Context(), t.TempDir()); err == nil {
		t.Error("what is no v2 archive is unpacked")
	}
}

// takesV2: what etcdctl backup has written is packed as the charm before did, says where it is from, and is listed as what it is.
func takesV2(t *testing.T, backup string) {
	t.Helper()
	dir := t.TempDir()
	taking := snapshot.Taking{Dir: dir, Progress: func(string) {}, Origin: snapshot.Origin{Application: "etcd", EtcdVersion: "3.5.35",
		Time: time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)}}
	a, err := snapshot.TakeV2(t.Context(), taking, backup)
	if err != nil || a.Form != snapshot.FormV2 || a.Origin.KeysVersion != snapshot.KeysV2 || filepath.Base(a.Path) != "etcd-snapshot-2026-03-01-02.03.04.tar.gz" {
		t.Fatalf("it is %+v, %v", a, err)
	}
	if info, err := os.Stat(a.Path); err != nil || info.Mode() != 0o600 || info.Size() != a.Size {
		t.Errorf("the file is %v, %v", info, err)
	}
	names := run(t, t.Context(), "tar", "tzf", a.Path)
	for _, name := range []string{"./\n", "./member/\n", "./member/snap/", "./member/wal/", ".wal\n"} {
		if !strings.Contains(names, name) {
			t.Errorf("it lacks %q:\n%s", name, names)
		}
	}
	run(t, t.Context(), "sh", "-c", "cd "+dir+" && sha256sum -c *.sha256")
	if again := inspect(t, a.Path); again.SHA256 != a.SHA256 || again.Origin.Application != "etcd" || again.Digest != snapshot.DigestStored {
		t.Errorf("looked at it is %+v", again)
	}
	for _, verify := range []bool{false, true} {
		list, err := snapshot.List(t.Context(), dir, verify, snapshot.Identity{})
		if err != nil || len(list) != 1 || list[0].KeysVersion != snapshot.KeysV2 || !list[0].Verified {
			t.Errorf("the list is %+v, %v", list, err)
		}
	}
	to := t.TempDir()
	if err := a.Unpack(t.Context(), to); err != nil {
		t.Error(err)
	}
	if again, err := snapshot.TakeV2(t.Context(), taking, backup); err != nil || again.Path == a.Path {
		t.Errorf("one of the same second is %s, %v", again.Path, err)
	}
	taking.Dir = t.TempDir()
	if _, err := snapshot.TakeV2(t.Context(), taking, t.TempDir()); err == nil {
		t.Error("nothing is taken for a backup")
	}
	if left, err := os.ReadDir(taking.Dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

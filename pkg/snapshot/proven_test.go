package snapshot_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jujuetcd.io/pkg/snapshot"
)

var someMember = snapshot.NewCluster{Name: "etcd0", PeerURL: "https://127.0.0.1:2380", Token: "t"}

// TestWhatIsRestoredIsWhatWasLookedAt, whatever has become of the archive since, in each form.
func TestWhatIsRestoredIsWhatWasLookedAt(t *testing.T) {
	data := realData(t, "3.6")
	for name, archive := range map[string][]byte{
		"saved": data.saved, "bare": data.bare,
		"tar.gz": tarGz(t, entry{name: "./db", data: data.saved}), "tar.gz of a bare one": tarGz(t, entry{name: "./db", data: data.bare}),
		"a whole directory": plainTar(t, entry{name: "./member/snap/db", data: data.bare}, entry{name: "./member/wal/0.wal", data: []byte("x")}),
	} {
		t.Run(name, func(t *testing.T) {
			path, near := file(t, "x", archive), t.TempDir()
			p, err := snapshot.Prove(t.Context(), path, "", near, snapshot.Identity{})
			must(t, err)
			must(t, os.WriteFile(path, flipped(archive, len(archive)/2), 0o600))
			if left := append(listed(t, near), listed(t, filepath.Dir(path))...); len(left) != 1 {
				t.Errorf("beside the archive there are %q", left)
			}
			dir := filepath.Join(near, "data")
			again := someMember
			again.After = data.revision + 2_000_000_000 // it was restored before
			must(t, p.Restore(t.Context(), dir, again))
			if left := listed(t, near); len(left) != 1 {
				t.Errorf("left behind: %q", left)
			}
			must(t, p.Close())
			restored := inspect(t, filepath.Join(dir, "member", "snap", "db"))
			if restored.Keys != data.keys || p.Keys != data.keys || p.Revision != data.revision || restored.Revision != again.After+1_000_000_000 {
				t.Errorf("%d keys at revision %d came of %d at %d", restored.Keys, restored.Revision, p.Keys, p.Revision)
			}
			if want, err := snapshot.Inspect(t.Context(), file(t, "y", archive), ""); err != nil || p.SHA256 != want.SHA256 || p.Digest != want.Digest || p.Form != want.Form {
				t.Errorf("it is %+v; inspected it is %+v, %v", p.Archive, want, err)
			}
		})
	}
}

// TestADatabaseInUseIsNotRestored: what etcd writes to meanwhile is no copy of anything.
func TestADatabaseInUseIsNotRestored(t *testing.T) {
	path := file(t, "db", realData(t, "3.6").bare)
	etcd, err := os.Open(path)
	must(t, err)
	defer etcd.Close()
	must(t, unix.Flock(int(etcd.Fd()), unix.LOCK_EX))
	refusedWith(t, path, "", "it is in use")
}

func TestWhatWasProvenNeedsItsDiskAndItsForm(t *testing.T) {
	data := realData(t, "3.6")
	prove := func(archive []byte) *snapshot.Proven {
		p, err := snapshot.Prove(t.Context(), file(t, "x", archive), "", "/proc", snapshot.Identity{}) // takes no files: it falls back
		must(t, err)
		t.Cleanup(func() { must(t, p.Close()) })
		return p
	}
	var fs unix.Statfs_t
	must(t, unix.Statfs(t.TempDir(), &fs))
	big := prove(data.saved)
	big.DatabaseSize = 2 * int64(fs.Bavail) * fs.Bsize
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		want string
		ctx  context.Context
		p    *snapshot.Proven
	}{
		{" free, and it needs ", t.Context(), big},
		{"this version does not restore", t.Context(), prove(tarGz(t, entry{name: "./member/wal/0.wal", data: bytes.Repeat([]byte("x"), 99)}))},
		{"context canceled", ended, prove(data.saved)},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := tt.p.Restore(tt.ctx, dir, someMember); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("it should fail with %q: %v", tt.want, err)
		}
		if left := listed(t, filepath.Dir(dir)); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

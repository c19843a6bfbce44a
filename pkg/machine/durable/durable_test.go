package durable_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/machine/durable"
)

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestWriteTouchesOnlyWhatDiffers(t *testing.T) {
	dir := t.TempDir()
	var did []string
	disk := durable.Disk{Did: func(path string) { did = append(did, filepath.Base(path)) }}
	same := durable.File{Path: filepath.Join(dir, "same"), Data: []byte("a"), Mode: 0o600}
	if _, err := disk.Write(same); err != nil {
		t.Fatal(err)
	}
	before := inode(t, same.Path)
	other := durable.File{Path: filepath.Join(dir, "other"), Data: []byte("b"), Mode: 0o644}
	wrote, err := disk.Write(same, other)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{other.Path}, wrote); diff != "" {
		t.Error(diff)
	}
	if inode(t, same.Path) != before {
		t.Error("a file that was as it should be has been written")
	}
	if diff := cmp.Diff([]string{"same", "other"}, did); diff != "" {
		t.Error(diff)
	}
	same.Mode = 0o640
	if wrote, err = disk.Write(same); err != nil || len(wrote) != 1 {
		t.Errorf("another mode: wrote %v, %v", wrote, err)
	}
	info, err := os.Stat(same.Path)
	if err != nil || info.Mode() != fs.FileMode(0o640) {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWriteReplacesSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "file")
	for _, link := range []string{path, filepath.Join(dir, ".file.jujuetcd-new")} {
		if err := os.Symlink(victim, link); err != nil {
			t.Fatal(err)
		}
	}
	var disk durable.Disk
	// The link's target has this very content and mode: it must not count as the file.
	if _, err := disk.Write(durable.File{Path: path, Data: []byte("secret"), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Write(durable.File{Path: path, Data: []byte("public"), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "secret" {
		t.Errorf("the link's target now holds %q", text)
	}
	if info, _ := os.Lstat(path); !info.Mode().IsRegular() {
		t.Errorf("the path is a %v", info.Mode())
	}
}

func TestWriteReplacesNothingUnlessAllAreReady(t *testing.T) {
	dir := t.TempDir()
	first := durable.File{Path: filepath.Join(dir, "first"), Data: []byte("1"), Mode: 0o600}
	second := durable.File{Path: filepath.Join(dir, "missing", "second"), Data: []byte("2"), Mode: 0o600}
	var disk durable.Disk
	if wrote, err := disk.Write(first, second); err == nil || len(wrote) != 0 {
		t.Fatalf("wrote %v, %v", wrote, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRemoveRenameAndMkdirReportWhatTheyDid(t *testing.T) {
	dir := t.TempDir()
	var did []string
	disk := durable.Disk{Did: func(path string) { did = append(did, filepath.Base(path)) }}
	made := filepath.Join(dir, "a", "b")
	for range 2 {
		if err := disk.MkdirAll(made, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.Rename(made, filepath.Join(dir, "a", "c")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if removed, err := disk.Remove(filepath.Join(dir, "a", "c")); err != nil || removed != want {
			t.Errorf("removed %v, %v", removed, err)
		}
	}
	if diff := cmp.Diff([]string{"b", "c", "c"}, did); diff != "" {
		t.Error(diff)
	}
}

// Files that belong together are in their places before the first directory is synced, which may
// take long: a fault of the second leaves the first one written, and reported.
func TestFilesThatBelongTogetherAreRenamedTogether(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "second", "full"), 0o755); err != nil { // a folder that is not empty takes no file's place
		t.Fatal(err)
	}
	var did []string
	disk := durable.Disk{Did: func(path string) { did = append(did, filepath.Base(path)) }}
	wrote, err := disk.Write(durable.File{Path: filepath.Join(dir, "first"), Data: []byte("1"), Mode: 0o600},
		durable.File{Path: filepath.Join(dir, "second"), Data: []byte("2"), Mode: 0o600})
	if err == nil || len(wrote) != 1 || len(did) != 1 || did[0] != "first" {
		t.Errorf("wrote %v, reported %v: %v", wrote, did, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

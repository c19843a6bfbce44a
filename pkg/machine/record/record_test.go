package record_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/record"
)

func TestRecordIsKeptAndWrittenOnlyWhenItChanged(t *testing.T) {
	writes := 0
	disk := &durable.Disk{Did: func(string) { writes++ }}
	store := record.Store{Path: filepath.Join(t.TempDir(), "lib", "etcd-0", "applied.json"), Disk: disk}
	empty, err := store.Load()
	if err != nil || empty.Spec != nil || empty.Member.Started {
		t.Fatalf("before the first: %+v, %v", empty, err)
	}
	want := record.Record{Epoch: v1alpha1.Epoch{Number: 3, Holder: "a"}, Action: 7, Spec: &v1alpha1.EtcdUnitSpec{Unit: "etcd/0"},
		Member: record.Member{StartedNew: true}}
	for i, wantWrites := range []int{2, 2} { // the folder and the file, then nothing
		if _, err := store.Save(want); err != nil || writes != wantWrites {
			t.Fatalf("save %d: %d writes, %v", i, writes, err)
		}
	}
	got, err := store.Load()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for path, mode := range map[string]os.FileMode{filepath.Dir(store.Path): 0o700 | os.ModeDir, store.Path: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestDamagedRecordIsNeverTakenForNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "applied.json")
	for _, text := range []string{"", "{", `{"action":"x"}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := (record.Store{Path: path}).Load(); err == nil {
			t.Errorf("%q was read as %+v", text, r)
		}
	}
}

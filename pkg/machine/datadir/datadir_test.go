package datadir_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/durable"
)

// record frames a record as etcd does; kind 4 is a checksum, 1 the metadata.
func record(kind uint64, data []byte) []byte {
	r := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), kind)
	r = protowire.AppendVarint(protowire.AppendTag(r, 2, protowire.VarintType), 12345)
	if data != nil {
		r = protowire.AppendBytes(protowire.AppendTag(r, 3, protowire.BytesType), data)
	}
	length, padding := uint64(len(r)), (8-uint64(len(r))%8)%8
	if padding != 0 {
		length |= (0x80 | padding) << 56
	}
	return append(binary.LittleEndian.AppendUint64(nil, length), append(r, make([]byte, padding)...)...)
}

func metadata(member, cluster uint64) []byte {
	m := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), member)
	return protowire.AppendVarint(protowire.AppendTag(m, 2, protowire.VarintType), cluster)
}

func write(t *testing.T, dir, name string, parts ...[]byte) {
	t.Helper()
	wal := datadir.WAL(dir)
	if err := os.MkdirAll(wal, 0o700); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	// Segments are allocated ahead.
	all = append(all, make([]byte, 4096)...)
	if err := os.WriteFile(filepath.Join(wal, name), all, 0o600); err != nil {
		t.Fatal(err)
	}
}

const first, second = "0000000000000000-0000000000000000.wal", "0000000000000001-0000000000001000.wal"

func TestInspect(t *testing.T) {
	good := [][]byte{record(4, nil), record(1, metadata(0xcafe, 0xbeef))}
	for _, tt := range []struct {
		name    string
		fill    func(dir string)
		present bool
		member  uint64
		fault   string
	}{
		{"nothing", func(string) {}, false, 0, ""},
		{"a backend without a log", func(dir string) { _ = os.MkdirAll(filepath.Join(dir, "member/snap"), 0o700) }, false, 0, ""},
		{"a log that is only being made", func(dir string) { write(t, dir, "0.tmp") }, false, 0, ""},
		{"a member", func(dir string) { write(t, dir, first, good...) }, true, 0xcafe, ""},
		{"a member with a purged log", func(dir string) { write(t, dir, second, good...) }, true, 0xcafe, ""},
		{"a damaged first segment", func(dir string) { write(t, dir, first, []byte("garbage ")); write(t, dir, second, good...) }, true, 0xcafe, ""},
		{"an empty segment", func(dir string) { write(t, dir, first) }, true, 0, "claims 0 bytes"},
		{"garbage", func(dir string) { write(t, dir, first, []byte("\xff\xff\xff\xff\xff\xff\xff\xff")) }, true, 0, "bytes"},
		{"an entry first", func(dir string) { write(t, dir, first, record(2, []byte("x"))) }, true, 0, "type 2"},
		{"metadata of nobody", func(dir string) { write(t, dir, first, record(1, metadata(0, 0))) }, true, 0, "no member"},
		{"only checksums", func(dir string) {
			var all [][]byte
			for range 20 {
				all = append(all, record(4, nil))
			}
			write(t, dir, first, all...)
		}, true, 0, "no metadata"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		tt.fill(dir)
		got, err := datadir.Inspect(dir)
		if got.Present != tt.present || uint64(got.Member) != tt.member || (err == nil) != (tt.fault == "") {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
		if tt.member != 0 && got.Cluster != 0xbeef {
			t.Errorf("%s: cluster %s", tt.name, got.Cluster)
		}
		if err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func FuzzInspectNeverFailsHard(f *testing.F) {
	f.Add(append(record(4, nil), record(1, metadata(1, 2))...))
	f.Add([]byte("\x08\x00\x00\x00\x00\x00\x00\x87garbage garbage"))
	f.Fuzz(func(t *testing.T, segment []byte) {
		dir := t.TempDir()
		if err := os.MkdirAll(datadir.WAL(dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(datadir.WAL(dir), first), segment, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := datadir.Inspect(dir)
		if !got.Present || err == nil && (got.Member == 0 || got.Cluster == 0) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestSetAsideKeepsEverything(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "data")
	var disk durable.Disk
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if to, err := datadir.SetAside(&disk, dir, at); to != "" || err != nil {
		t.Errorf("nothing there: %q, %v", to, err)
	}
	for _, want := range []string{"data.aside-20261122T120000Z", "data.aside-20261122T120000Z-2"} {
		write(t, dir, first, record(1, metadata(1, 2)))
		to, err := datadir.SetAside(&disk, dir, at)
		if err != nil || to != filepath.Join(root, want) {
			t.Fatalf("%q, %v", to, err)
		}
		if _, err := os.Stat(filepath.Join(to, "wal", first)); err != nil {
			t.Error(err)
		}
		if state, err := datadir.Inspect(dir); err != nil || state.Present {
			t.Errorf("still there: %+v, %v", state, err)
		}
	}
}

package snapshot_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jujuetcd.io/pkg/snapshot"
)

// flipped is the data with one bit changed.
func flipped(data []byte, at int) []byte {
	changed := slices.Clone(data)
	changed[at] ^= 0x10
	return changed
}

func cut(data []byte, n int) []byte { return data[:len(data)-n] }

// refusedWith fails the test unless an archive is refused with these words, and nothing stays beside
// it.
func refusedWith(t *testing.T, path, sum, words string) {
	t.Helper()
	before := listed(t, filepath.Dir(path))
	a, err := snapshot.Inspect(t.Context(), path, sum)
	if err == nil || !strings.HasPrefix(err.Error(), "cannot use "+path+": ") || !strings.Contains(err.Error(), words) {
		t.Errorf("it should be refused with %q: %v, %+v", words, err, a)
	}
	again := err
	if !strings.Contains(words, "times its size") { // which takes long, and is unpacked alike
		_, again = snapshot.Prove(t.Context(), path, sum, filepath.Dir(path), snapshot.Identity{})
	}
	if again == nil || err != nil && again.Error() != err.Error() {
		t.Errorf("who would restore it is told %v, and who looks at it %v", again, err)
	}
	if a.SHA256 != "" || a.Revision != 0 {
		t.Errorf("what is refused tells %+v", a)
	}
	if after := listed(t, filepath.Dir(path)); !slices.Equal(before, after) {
		t.Errorf("beside it there are %q now, not %q", after, before)
	}
}

func listed(t *testing.T, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func TestDamagedArchivesAreRefused(t *testing.T) {
	data := realData(t, "3.6")
	packed := tarGz(t, entry{name: "./db", data: data.bare})
	both := tarGz(t, entry{name: "./db", data: data.saved})
	v2 := tarGz(t, entry{name: "./member/snap/db", data: data.bare}, entry{name: "./member/wal/0.wal", data: data.bare})
	database := cut(data.saved, 32)
	page := 4096
	for _, c := range []struct {
		name  string
		data  []byte
		words string
	}{
		{"nothing", nil, "it is empty"},
		{"text", []byte("PK\x03\x04, or whatever it may be that is longer than a head"), "it is no snapshot"},
		{"one byte", []byte{0x1f}, "it is no snapshot"},
		{"saved, cut by 1 KiB", cut(data.saved, 1024), "cut short or damaged: the SHA-256 at its end"},
		{"saved, cut by a byte", cut(data.saved, 1), "it is cut short"},
		{"saved, cut by a page and its trailer", cut(data.saved, 32+page), "it is cut short"},
		{"saved, a byte flipped", flipped(data.saved, len(data.saved)/2), "the SHA-256 at its end"},
		{"saved, a byte of the trailer flipped", flipped(data.saved, len(data.saved)-1), "the SHA-256 at its end"},
		{"bare, cut by 1 KiB", cut(database, 1024), "it is cut short"},
		{"bare, cut by half its pages", database[:len(database)/2/page*page], "it is cut short"},
		{"bare, only its first page", database[:page], "its database is damaged"},
		{"bare, less than a page", database[:100], "its database is damaged"},
		{"bare, with something appended", append(slices.Clone(database), 1, 2, 3), "something is appended"},
		{"tar.gz, cut by 1 KiB", cut(packed, 1024), "it is cut short"},
		{"tar.gz, cut by a byte", cut(packed, 1), "it is cut short"},
		{"tar.gz, only its head", packed[:15], "it is cut short"},
		{"tar.gz, a byte of its CRC flipped", flipped(packed, len(packed)-6), "gzip's checksum"},
		{"tar.gz, a byte flipped", flipped(packed, len(packed)/2), ""},
		{"tar.gz, its end flipped", flipped(packed, len(packed)-20), ""},
		{"tar.gz, with text after it", append(slices.Clone(packed), "and more than the head of a gzip has"...), "it is damaged: it is no whole gzip"},
		{"tar.gz of what is cut", tarGz(t, entry{name: "./db", data: cut(data.saved, 1024)}), "the SHA-256 at its end"},
		{"tar.gz of what is no database", tarGz(t, entry{name: "./db", data: []byte("a small text, which is longer than a head")}), "its ./db is no database"},
		{"tar.gz of an empty file", tarGz(t, entry{name: "./db"}), "its ./db is no database"},
		{"tar.gz with a trailer, cut by 1 KiB", cut(both, 1024), "it is cut short"},
		{"v2, cut by 1 KiB", cut(v2, 1024), "it is cut short"},
		{"v2, a byte of its CRC flipped", flipped(v2, len(v2)-6), "gzip's checksum"},
		{"a tar without files", tarGz(t), "neither ./db"},
		{"a tar of folders", tarGz(t, entry{name: "./", Header: tar.Header{Typeflag: tar.TypeDir}}), "neither ./db"},
		{"gzip of nothing", gzipped(t, nil), "neither ./db"},
		{"gzip of text", gzipped(t, bytes.Repeat([]byte("text"), 500)), "it is no whole tar"},
		{"another layout", tarGz(t, entry{name: "./member/snap/db", data: data.bare}), "neither ./db"},
		{"files beside", tarGz(t, entry{name: "./db", data: data.bare}, entry{name: "./id_rsa", data: []byte("x")}), "it holds id_rsa beside ./db"},
		{"two databases", tarGz(t, entry{name: "./db", data: data.bare}, entry{name: "db", data: data.bare}), "./db twice"},
		{"an origin of another one", tarGz(t, entry{name: "./origin.json", data: []byte(`{"databaseSHA256":"00"}`)}, entry{name: "./db", data: data.saved}),
			"the SHA-256 in ./origin.json is not that of ./db"},
		{"an origin that is none", tarGz(t, entry{name: "./origin.json", data: []byte(`[]`)}, entry{name: "./db", data: data.saved}), "./origin.json cannot be read"},
		{"an endless origin", tarGz(t, entry{name: "./origin.json", data: make([]byte, 1<<20)}, entry{name: "./db", data: data.saved}), "./origin.json is larger"},
	} {
		t.Run(c.name, func(t *testing.T) { refusedWith(t, file(t, "x", c.data), "", c.words) })
	}
}

// TestWhatLeadsOutOfAnArchiveIsRefused, in each form of one.
func TestWhatLeadsOutOfAnArchiveIsRefused(t *testing.T) {
	data := realData(t, "3.6")
	kind := func(flag byte, link string) tar.Header { return tar.Header{Typeflag: flag, Linkname: link} }
	for _, c := range []struct {
		name  string
		bad   entry
		words string
	}{
		{"up", entry{name: "../../etc/cron.d/x", data: []byte("x")}, "leads out of it"},
		{"up, later", entry{name: "member/../../x", data: []byte("x")}, "leads out of it"},
		{"from the root", entry{name: "/etc/passwd", data: []byte("x")}, "leads out of it"},
		{"a folder up", entry{name: "../", Header: kind(tar.TypeDir, "")}, "leads out of it"},
		{"no name", entry{name: "", data: []byte("x")}, "leads out of it"},
		{"a symbolic link", entry{name: "./db", Header: kind(tar.TypeSymlink, "/etc/shadow")}, "a symbolic link"},
		{"a symbolic link as a folder", entry{name: "./member", Header: kind(tar.TypeSymlink, "/etc")}, "a symbolic link"},
		{"a hard link", entry{name: "./db", Header: kind(tar.TypeLink, "/etc/shadow")}, "a hard link"},
		{"a disk", entry{name: "./db", Header: kind(tar.TypeBlock, "")}, "a device"},
		{"a terminal", entry{name: "./db", Header: kind(tar.TypeChar, "")}, "a device"},
		{"a pipe", entry{name: "./db", Header: kind(tar.TypeFifo, "")}, "a pipe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refusedWith(t, file(t, "x", tarGz(t, c.bad, entry{name: "./db", data: data.bare})), "", c.words)
			refusedWith(t, file(t, "x", tarGz(t, entry{name: "./member/wal/0.wal", data: []byte("x")}, c.bad)), "", c.words)
		})
	}
}

// TestABombIsRefused before the disk is full of it.
func TestABombIsRefused(t *testing.T) {
	data := realData(t, "3.6")
	const size = 300 << 20
	zeros := zerosGz(t, size)
	bombIn := func(name string, begins []byte) []byte {
		return slices.Concat(gzipped(t, append(tarHeader(t, name, int64(len(begins)+size)), begins...)), zeros)
	}
	for name, bomb := range map[string][]byte{
		"in a database":       bombIn("./db", data.bare[:4096]),
		"in a v2 archive":     bombIn("./member/wal/0.wal", nil),
		"in folders and ends": zeros,
		"in many members":     append(tarGz(t, entry{name: "./db", data: data.bare}), zeros...),
	} {
		t.Run(name, func(t *testing.T) { refusedWith(t, file(t, "x", bomb), "", "more than 200 times its size") })
	}
	many := make([]entry, 5000)
	for i := range many {
		many[i] = entry{name: "./member/wal/x", data: []byte("x")}
	}
	refusedWith(t, file(t, "x", tarGz(t, many...)), "", "more than 4096 files")
}

// TestTheDiskIsLookedAtFirst: what would fill it is not unpacked, nor extracted.
func TestTheDiskIsLookedAtFirst(t *testing.T) {
	var disk unix.Statfs_t
	if err := unix.Statfs(t.TempDir(), &disk); err != nil {
		t.Fatal(err)
	}
	free := int64(disk.Bavail * uint64(disk.Bsize))
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: "./db", Typeflag: tar.TypeReg, Size: 2 * free, Format: tar.FormatGNU})
	_, err2 := w.Write(emptyDatabase(t))
	if err = errors.Join(err, err2, z.Close()); err != nil {
		t.Fatal(err)
	}
	path := file(t, "x", b.Bytes())
	// The rest of the archive are holes.
	if err := os.Truncate(path, free/50); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, path, "", " free, and it needs ")
	data := realData(t, "3.6")
	a := inspect(t, file(t, "y", data.saved))
	a.DatabaseSize = 2 * free
	if err := a.Extract(t.Context(), filepath.Join(t.TempDir(), "to")); err == nil || !strings.Contains(err.Error(), " free, and it needs ") {
		t.Errorf("it is extracted: %v", err)
	}
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zerosGz is that many zeros, which is whole mebibytes: many members of one, since to compress all
// of them is a minute's work for the race detector.
func zerosGz(t *testing.T, size int) []byte {
	t.Helper()
	const one = 1 << 20
	return bytes.Repeat(gzipped(t, make([]byte, one)), size/one)
}

// tarHeader is what a file of that size begins with.
func tarHeader(t *testing.T, name string, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOnlyAPlainFileIsRead: nobody waits for who writes into a pipe, and no link is followed.
func TestOnlyAPlainFileIsRead(t *testing.T) {
	data := realData(t, "3.6")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(path("file"), data.saved, 0o600), os.Symlink("file", path("link")), unix.Mkfifo(path("pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, dir, "", "a folder")
	refusedWith(t, path("link"), "", "a symbolic link")
	refusedWith(t, path("pipe"), "", "a pipe")
	refusedWith(t, "/dev/zero", "", "a device")
	refusedWith(t, path("none"), "", "there is no such file")
}

// TestASHA256ThatIsKnownCounts: the one that is given, and the one that stands beside the archive.
func TestASHA256ThatIsKnownCounts(t *testing.T) {
	data := realData(t, "3.6")
	sum := sha256.Sum256(data.bare)
	right := hex.EncodeToString(sum[:])
	wrong := strings.Repeat("0", 64)
	path := file(t, "x", data.bare)
	for _, given := range []string{right, strings.ToUpper(right), right + "  x\n"} {
		a, err := snapshot.Inspect(t.Context(), path, given)
		if err != nil || a.Digest != snapshot.DigestGiven {
			t.Errorf("with %q it is %+v, %v", given, a, err)
		}
	}
	refusedWith(t, path, wrong, "and what you gave says 0000")
	refusedWith(t, path, "12", "is no SHA-256")
	refusedWith(t, file(t, "x", flipped(data.bare, 5000)), right, "it is damaged")
	beside := func(text string) {
		if err := os.WriteFile(path+snapshot.StoredSuffix, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	beside(right + "  x\n")
	if a := inspect(t, path); a.Digest != snapshot.DigestStored || a.SHA256 != right {
		t.Errorf("it is %+v", a)
	}
	beside(wrong + "  x\n")
	refusedWith(t, path, "", "and the file .sha256 beside it says 0000")
	refusedWith(t, path, right, "and the file .sha256 beside it says 0000")
	beside("x")
	refusedWith(t, path, "", "is no SHA-256")
}

// TestWhatMakesTheLibraryPanicIsAnError: a database whose pages are cut off, lead to others that are
// not there, or back into themselves, ends the child and not us.
func TestWhatMakesTheLibraryPanicIsAnError(t *testing.T) {
	data := realData(t, "3.6")
	page := int(binary.NativeEndian.Uint32(data.bare[24:]))
	check := func(name string, change func(database []byte)) {
		t.Run(name, func(t *testing.T) {
			broken := slices.Clone(data.bare)
			change(broken)
			_, err := snapshot.Inspect(t.Context(), file(t, "x", broken), "")
			if err == nil || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("it should be refused: %v", err)
			}
		})
	}
	pages := func(kind uint16, change func(at int, p []byte)) func([]byte) {
		return func(database []byte) {
			for at := 2 * page; at+page <= len(database); at += page {
				if binary.NativeEndian.Uint16(database[at+8:]) == kind {
					change(at/page, database[at:at+page])
				}
			}
		}
	}
	const branch, leaf, head = 1, 2, 16
	check("all but the heads are noise", pages(leaf, func(_ int, p []byte) {
		for i := head; i < len(p); i++ {
			p[i] = 0xff
		}
	}))
	check("branches lead to themselves", pages(branch, func(at int, p []byte) {
		for i := range binary.NativeEndian.Uint16(p[10:]) {
			binary.NativeEndian.PutUint64(p[head+16*int(i)+8:], uint64(at))
		}
	}))
	check("branches lead nowhere", pages(branch, func(_ int, p []byte) { binary.NativeEndian.PutUint64(p[head+8:], 1<<40) }))
	check("pages of a kind that is none", pages(leaf, func(_ int, p []byte) { p[8] = 0x40 }))
	check("more entries than there is room for", pages(leaf, func(_ int, p []byte) { p[10], p[11] = 0xff, 0xff }))
	check("all is noise but the first page", func(database []byte) {
		for i := page; i < len(database); i++ {
			database[i] = byte(i * 7)
		}
	})
}

// TestItEndsWhenItIsAskedTo, and says so.
func TestItEndsWhenItIsAskedTo(t *testing.T) {
	data := realData(t, "3.6")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v2 := tarGz(t, entry{name: "./member/wal/0.wal", data: data.saved})
	for _, form := range [][]byte{data.saved, tarGz(t, entry{name: "./db", data: data.saved}), v2} {
		if _, err := snapshot.Inspect(ctx, file(t, "x", form), ""); !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
	}
}

// TestNothingIsExtractedThatWasNotLookedAt, or in the place of what is there.
func TestNothingIsExtractedThatWasNotLookedAt(t *testing.T) {
	data := realData(t, "3.6")
	for name, form := range map[string][]byte{"saved": data.saved, "tar.gz": tarGz(t, entry{name: "./db", data: data.saved})} {
		t.Run(name, func(t *testing.T) {
			path := file(t, "x", form)
			a := inspect(t, path)
			to := filepath.Join(t.TempDir(), "to")
			if err := os.WriteFile(path, flipped(form, len(form)/2), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := a.Extract(t.Context(), to); err == nil || !strings.HasPrefix(err.Error(), "cannot use ") {
				t.Errorf("it is extracted: %v", err)
			}
			if all := listed(t, filepath.Dir(to)); len(all) > 0 {
				t.Errorf("there is %q", all)
			}
			if err := os.WriteFile(path, form, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := a.Extract(t.Context(), to); !errors.Is(err, fs.ErrExist) {
				t.Errorf("what was there is gone: %v", err)
			}
		})
	}
}

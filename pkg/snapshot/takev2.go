package snapshot

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// KeysV2 is Origin.KeysVersion of an archive of v2 keys.
const KeysV2 = "v2"

// TakeV2 packs what etcdctl backup has written into a folder, as the charm before did: whole and for its
// owner alone, with its SHA-256 beside it, or not at all. What is packed is looked at before it has its
// name. Send, Size, Revision and Hash of t are not used.
func TakeV2(ctx context.Context, t Taking, backup string) (Archive, error) {
	fail := func(err error) (Archive, error) {
		return Archive{}, fmt.Errorf("cannot take a snapshot of the v2 keys into %s: %w", t.Dir, err)
	}
	if err := removeParts(t.Dir); err != nil {
		return fail(err)
	}
	t.Origin.KeysVersion = KeysV2
	path := filepath.Join(t.Dir, cmp.Or(t.Name, t.freeName()))
	var packed Archive
	err := create(path, t.Own, func(f io.Writer) error {
		sum := sha256.New()
		if err := packFolder(io.MultiWriter(f, sum), backup, t.Origin); err != nil {
			return err
		}
		written, ok := f.(*os.File)
		if !ok {
			return errors.New("it cannot be looked at")
		}
		t.Progress("verifying it")
		var err error
		if packed, err = Inspect(ctx, written.Name(), hex.EncodeToString(sum.Sum(nil))); err == nil && packed.Form != FormV2 {
			err = errors.New("no v2 archive has come of it")
		}
		return err
	})
	if err != nil {
		return fail(err)
	}
	packed.Path, packed.Digest = path, DigestStored
	if err := t.store(packed); err != nil {
		return fail(err)
	}
	return packed, nil
}

// packFolder writes the folder as a tar.gz, with where it is from first: a list need not unpack the rest.
func packFolder(to io.Writer, dir string, origin Origin) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	text, err := json.MarshalIndent(origin, "", "  ")
	if err != nil {
		return err
	}
	z := gzip.NewWriter(to)
	t := tar.NewWriter(z)
	write := func(h tar.Header, from io.Reader) error {
		h.Format, h.ModTime = tar.FormatGNU, origin.Time
		if err := t.WriteHeader(&h); err != nil || from == nil {
			return err
		}
		_, err := io.CopyN(t, from, h.Size)
		return err
	}
	pack := func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if e.IsDir() {
			return write(tar.Header{Typeflag: tar.TypeDir, Name: "./" + name + "/", Mode: 0o700}, nil)
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return write(tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: 0o600, Size: info.Size()}, f)
	}
	for _, step := range []func() error{
		func() error { return write(tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755}, nil) },
		func() error {
			return write(tar.Header{Typeflag: tar.TypeReg, Name: "./" + originName, Mode: 0o644, Size: int64(len(text))}, bytes.NewReader(text))
		},
		func() error { return fs.WalkDir(root.FS(), ".", pack) },
		t.Close, z.Close,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

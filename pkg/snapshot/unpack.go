package snapshot

import (
	"archive/tar"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"jujuetcd.io/pkg/printable"
)

// Unpack writes the files of a v2 archive into a folder that exists and is empty; they are synced,
// and for their owner alone. Where it fails, what it has written stays: the folder is the caller's.
func (a Archive) Unpack(ctx context.Context, dir string) error {
	if a.Form != FormV2 {
		return refused(a.Path, errors.New("it is no v2 archive"))
	}
	s, err := open(ctx, a.Path)
	if err != nil {
		return refused(a.Path, err)
	}
	defer s.Close()
	if err := Free(dir, a.DatabaseSize); err != nil {
		return refused(a.Path, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return refused(a.Path, err)
	}
	defer root.Close()
	if err := a.unpack(s, root); err != nil {
		return refused(a.Path, unreadable(err))
	}
	sum, err := s.digest()
	if err == nil && sum != a.SHA256 {
		err = errors.New("it has changed since it was looked at")
	}
	if err != nil {
		return refused(a.Path, err)
	}
	return nil
}

func (a Archive) unpack(s *source, root *os.Root) error {
	unpacked, err := tarOf(s.Reader)
	if err != nil {
		return err
	}
	// It was found to be this large; what is larger now has changed.
	left := a.DatabaseSize
	t := tar.NewReader(unpacked)
	return entries(t, func(name string, h *tar.Header) error {
		if left -= h.Size; left < 0 {
			return errors.New("it has changed since it was looked at")
		}
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, t)
		if err == nil {
			err = f.Sync()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("%s: %w", printable.Line(name, printable.Name), err)
		}
		return nil
	})
}

// CompleteV2 gives what Unpack has written the database that an etcd of 3.x wants beside its snapshots of
// the v2 keys, where the archive is of etcd 2, which has none: empty, and as far as the newest of them.
func CompleteV2(dir string) error {
	path := filepath.Join(dir, "member", "snap", "db")
	snaps, err := filepath.Glob(filepath.Join(dir, "member", "snap", "*.snap"))
	if err != nil || len(snaps) == 0 {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Their names are of two numbers in hexadecimal, so that the last is the newest.
	slices.Sort(snaps)
	var term, index uint64
	newest := filepath.Base(snaps[len(snaps)-1])
	if _, err := fmt.Sscanf(newest, "%016x-%016x.snap", &term, &index); err != nil {
		return fmt.Errorf("cannot read the name of the snapshot %s: %w", printable.Line(newest, printable.Name), err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket([]byte("meta"))
		if err != nil {
			return err
		}
		return errors.Join(meta.Put([]byte("consistent_index"), binary.BigEndian.AppendUint64(nil, index)),
			meta.Put([]byte("term"), binary.BigEndian.AppendUint64(nil, term)))
	})
	return errors.Join(err, db.Close())
}

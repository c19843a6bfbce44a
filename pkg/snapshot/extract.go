package snapshot

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Extract writes what etcdutl snapshot restore takes to the new file: the database, and the SHA-256
// of it as its last 32 bytes, also where the archive has no such trailer. The file is there, whole
// and for its owner alone, or not at all; its bytes are those that were inspected.
func (a Archive) Extract(ctx context.Context, to string) error {
	if a.Form == FormV2 {
		return refused(a.Path, errors.New("it is a v2 archive, and has no snapshot of the v3 keys"))
	}
	if err := Free(filepath.Dir(to), a.DatabaseSize); err != nil {
		return refused(a.Path, err)
	}
	return create(to, nil, func(f io.Writer) error { return a.extract(ctx, f) })
}

// extract writes what Extract does; nothing of it may be used where it fails.
func (a Archive) extract(ctx context.Context, to io.Writer) error {
	if a.Encrypted {
		return refused(a.Path, errSealed)
	}
	s, err := open(ctx, a.Path)
	if err != nil {
		return refused(a.Path, err)
	}
	defer s.Close()
	if err := a.extractFrom(s, to); err != nil {
		return refused(a.Path, err)
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

func (a Archive) extractFrom(s *source, to io.Writer) error {
	database := map[Form]string{FormTarGz: databaseName, FormDirectory: directoryDatabase}[a.Form]
	if database == "" {
		return a.copyDatabase(to, s)
	}
	unpacked, err := tarOf(s.Reader)
	if err != nil {
		return unreadable(err)
	}
	t := tar.NewReader(unpacked)
	err = entries(t, func(name string, _ *tar.Header) error {
		if name != database {
			return nil
		}
		return a.copyDatabase(to, t)
	})
	return unreadable(err)
}

// copyDatabase copies as many bytes as the database has, and puts their SHA-256 at the end.
func (a Archive) copyDatabase(to io.Writer, from io.Reader) error {
	sum := newSum(a.DatabaseSize)
	if _, err := io.CopyN(io.MultiWriter(to, sum), from, a.DatabaseSize); err != nil {
		return err
	}
	_, err := to.Write(sum.sum())
	return err
}

// create makes a new file, which is given to its owner and synced, and has its name only when it is
// whole. A file that is there already is not touched.
func create(path string, own func(*os.File) error, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, partPrefix+"*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	if own != nil {
		err = own(f)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := write(f); err != nil {
		return err
	}
	err = f.Sync()
	if err == nil {
		// A link and no rename: what has the name already stays.
		err = os.Link(f.Name(), path)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/snapshot"
)

// largest bounds what is fetched: 8 GiB are the largest database that etcd's documentation
// recommends, and some have gone beyond it.
const largest = 64 << 30

// Fetch writes a snapshot of the own folder, or of another one, into a new file for its owner only.
// Where the object says which SHA-256 it has its bytes have that; what it is must be looked at.
func (s *Store) Fetch(ctx context.Context, name, prefix, path string) error {
	folder, err := s.folder(prefix)
	if err == nil && (name == "" || strings.Contains(name, "/") || !printable.Fit(name)) {
		err = errors.New("that is no ID of a snapshot")
	}
	if err != nil {
		return fmt.Errorf("cannot fetch %.80q from the store: %w", name, err)
	}
	fail := func(err error) error { return fmt.Errorf("cannot fetch %s: %w", s.url(folder+name), err) }
	o, there, err := s.find(ctx, folder, name)
	switch {
	case err != nil:
		return fail(err)
	case !there:
		return fail(errors.New("there is no such snapshot"))
	case o.Size <= 0 || o.Size > largest:
		return fail(fmt.Errorf("it has %d bytes", o.Size))
	}
	if err := snapshot.Free(filepath.Dir(path), o.Size); err != nil {
		return fail(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail(err)
	}
	sum, size, err := s.read(ctx, folder+name, f, o.Size)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if want := word(o, metaSHA256); err == nil && (size != o.Size || want != "" && sum != want) {
		err = errOther
	}
	if err != nil {
		_ = os.Remove(path)
		return fail(err)
	}
	return nil
}

// Package durable writes small files so that they are there, whole, after a crash: never half,
// never with a wrong mode in between, and not at all if they are as they should be.
//
// # Use
//
//	wrote, err := disk.Write(durable.File{Path: path, Data: text, Mode: 0o600})
//
// # Guarantees
//
//   - A file is written to a new name beside its place, synced, renamed, and its directory is
//     synced. Whoever opens the path sees the old content or the new.
//   - The last element of a path is never followed: a symbolic link in its place is replaced, not
//     written through.
//   - A file that has its content and mode already is not touched: same inode, same time.
//   - Files given together are all written to their new names before the first is renamed, and all
//     renamed before a directory is synced: they go into their places within microseconds of each
//     other. There is no moment at which all do: who reads several must be able to live with one of
//     them being old, and so must who finds them after a crash. Where nobody can, they are a Set.
//
// A Disk is safe for concurrent use if its Did is; the files themselves have one writer, see the
// packages that use this one.
package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// tempSuffix ends the names of files that are not in place yet; a leftover of a crash is
// overwritten by the next write.
const tempSuffix = ".jujuetcd-new"

// Disk is where files are written. The zero value is usable.
type Disk struct {
	// Did is called with each change when it has been made, by path, in their order; nil if nobody
	// wants to know.
	Did func(path string)
	// step is called after every single act of a Set, also of those that nobody can see yet; for
	// tests.
	step func(what, name string)
}

// File is what a path should hold.
type File struct {
	Path string
	Data []byte
	Mode fs.FileMode
	// Owner is whom the file belongs to before it is in its place; nil means whoever runs this.
	// Create knows no other.
	Owner *Owner
}

// Owner is a user with a group, by their numbers.
type Owner struct{ UID, GID int }

// has says that a file is the owner's.
func (o *Owner) has(info fs.FileInfo) bool {
	stat, known := info.Sys().(*syscall.Stat_t)
	return o == nil || known && int(stat.Uid) == o.UID && int(stat.Gid) == o.GID
}

// Is says whether the file is as it should be: a regular one with this content, mode and owner.
func (f File) Is() (bool, error) {
	root, err := os.OpenRoot(filepath.Dir(f.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look at %s: %w", f.Path, err)
	}
	defer root.Close()
	return f.isIn(root)
}

func (f File) isIn(root *os.Root) (bool, error) {
	name := filepath.Base(f.Path)
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look at %s: %w", f.Path, err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm() != f.Mode.Perm() || !f.Owner.has(info) || info.Size() != int64(len(f.Data)) {
		return false, nil
	}
	have, err := root.ReadFile(name)
	if err != nil {
		return false, fmt.Errorf("cannot read %s: %w", f.Path, err)
	}
	return bytes.Equal(have, f.Data), nil
}

// Write makes the files be as given and returns the paths of those that it wrote. Their directories
// must exist.
func (d *Disk) Write(files ...File) ([]string, error) {
	var staged []*stage
	defer func() {
		for _, s := range staged {
			s.close()
		}
	}()
	for _, f := range files {
		s, err := newStage(f)
		if err != nil {
			return nil, err
		}
		if s != nil {
			staged = append(staged, s)
		}
	}
	wrote, err := d.commit(staged)
	for _, path := range wrote {
		if serr := syncDir(filepath.Dir(path)); serr != nil && err == nil {
			err = fmt.Errorf("cannot write %s: %w", path, serr)
		}
	}
	return wrote, err
}

// commit puts the files in their places, up to the first that cannot be.
func (d *Disk) commit(staged []*stage) ([]string, error) {
	var wrote []string
	for _, s := range staged {
		if err := s.commit(); err != nil {
			return wrote, err
		}
		wrote = append(wrote, s.file.Path)
		d.did(s.file.Path)
	}
	return wrote, nil
}

// Create makes a file that is not there yet and says whether it did: of any number that create it
// at once, one does. It is there whole or not at all, and its directory must exist.
func (d *Disk) Create(f File) (bool, error) {
	fail := func(err error) (bool, error) { return false, fmt.Errorf("cannot create %s: %w", f.Path, err) }
	dir, name := filepath.Split(f.Path)
	// A name of its own: another process may be about to create the same file.
	temp, err := os.CreateTemp(dir, temporary(name+".*"))
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // a leftover does no harm: nobody looks for it
	_, err = temp.Write(f.Data)
	if err == nil {
		err = temp.Chmod(f.Mode.Perm())
	}
	if err == nil {
		err = temp.Sync()
	}
	if cerr := temp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fail(err)
	}
	// A link, and no rename: it fails where there is a file.
	if err := os.Link(temp.Name(), f.Path); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return fail(err)
	}
	if err := syncDir(dir); err != nil {
		return fail(err)
	}
	d.did(f.Path)
	return true, nil
}

// Remove removes a file and says whether there was one.
func (d *Disk) Remove(path string) (bool, error) {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return false, fmt.Errorf("cannot remove %s: %w", path, err)
	}
	d.did(path)
	return true, nil
}

// Rename gives a file or directory a new name on the same file system.
func (d *Disk) Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("cannot rename %s: %w", from, err)
	}
	for _, dir := range []string{filepath.Dir(to), filepath.Dir(from)} {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("cannot rename %s: %w", from, err)
		}
	}
	d.did(to)
	return nil
}

// MkdirAll makes a directory and what it needs above it, the last element with exactly this mode.
// One that exists is left as it is.
func (d *Disk) MkdirAll(path string, mode fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot make directory %s: %w", path, err)
	}
	err := os.Mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		if info, serr := os.Stat(path); serr == nil && info.IsDir() {
			return nil // another process was faster
		}
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("cannot make directory %s: %w", path, err)
	}
	d.did(path)
	return nil
}

func (d *Disk) did(path string) {
	if d != nil && d.Did != nil {
		d.Did(path)
	}
}

func (d *Disk) acted(what, name string) {
	if d != nil && d.step != nil {
		d.step(what, name)
	}
}

// stage is a file that lies beside its place, ready to be renamed.
type stage struct {
	file File
	root *os.Root
	temp string
	done bool
}

// newStage returns nil if the file is as it should be.
func newStage(f File) (*stage, error) {
	root, err := os.OpenRoot(filepath.Dir(f.Path))
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", f.Path, err)
	}
	s := &stage{file: f, root: root, temp: temporary(filepath.Base(f.Path))}
	is, err := f.isIn(root)
	if err == nil && !is {
		err = s.write()
	}
	if err != nil || is {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) write() error {
	fail := func(err error) error { return fmt.Errorf("cannot write %s: %w", s.file.Path, err) }
	if err := s.root.Remove(s.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	if err := create(s.root, s.temp, s.file); err != nil {
		return fail(err)
	}
	return nil
}

// create makes a file under a name that must be free, and all of it is on disk when it returns.
func create(root *os.Root, name string, f File) error {
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode.Perm())
	if err != nil {
		return err
	}
	if f.Owner != nil {
		err = out.Chown(f.Owner.UID, f.Owner.GID)
	}
	if err == nil {
		_, err = out.Write(f.Data)
	}
	if err == nil {
		err = out.Chmod(f.Mode.Perm()) // the umask may have taken bits
	}
	if err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

func (s *stage) commit() error {
	if err := s.root.Rename(s.temp, filepath.Base(s.file.Path)); err != nil {
		return fmt.Errorf("cannot write %s: %w", s.file.Path, err)
	}
	s.done = true
	return nil
}

// close leaves nothing behind that is not in place.
func (s *stage) close() {
	if !s.done {
		_ = s.root.Remove(s.temp) // a leftover does no harm: see tempSuffix
	}
	_ = s.root.Close() // only read from
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if cerr := dir.Close(); err == nil {
		err = cerr
	}
	return err
}

// temporary is the name of what is to have a name.
func temporary(name string) string { return "." + name + tempSuffix }

// IsTemporary says whether a name is one of a file that is not in place.
func IsTemporary(name string) bool { return strings.HasSuffix(name, tempSuffix) }

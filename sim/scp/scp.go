package scp

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// File is a file or folder somewhere.
type File struct {
	Tree *Tree
	Name string
	// Shown is what messages call it.
	Shown string
}

// below is what is in a folder.
func (f File) below(name string) File {
	return File{f.Tree, strings.TrimSuffix(f.name(), "/") + "/" + name, strings.TrimSuffix(f.Shown, "/") + "/" + name}
}

// name is never empty: the empty path is where relative paths begin.
func (f File) name() string {
	if f.Name == "" {
		return "."
	}
	return f.Name
}

func (f File) stat() (fs.FileInfo, error) { return f.Tree.stat(f.name()) }

// errNotRegular is why something is not copied: a folder, where that was not asked for, a socket, a
// device.
var errNotRegular = errors.New("not a regular file")

// Copy copies files, and with recursive also folders. It goes on after a failure, and reports all.
func Copy(sources []File, to File, recursive bool) error {
	at, err := to.stat()
	into := err == nil && at.IsDir()
	if !into && (len(sources) > 1 || strings.HasSuffix(to.Name, "/")) {
		if err == nil {
			err = syscall.ENOTDIR
		}
		return fmt.Errorf("cannot copy to %s: %w", to.Shown, reason(err))
	}
	var failed []error
	for _, from := range sources {
		target := to
		if base := path.Base(from.name()); into && !slices.Contains([]string{".", "..", "/", "~"}, base) {
			target = to.below(base)
		}
		failed = append(failed, copyAny(from, target, recursive, nil))
	}
	return errors.Join(failed...)
}

// copyAny copies a file or a folder. Above are the folders that it was found in, and those that it
// is copied to.
func copyAny(from, to File, recursive bool, above []fs.FileInfo) error {
	info, err := from.stat()
	switch {
	case err != nil:
		return fmt.Errorf("cannot copy %s: %w", from.Shown, reason(err))
	case info.Mode().IsRegular():
		return copyFile(from, to, info)
	case info.IsDir() && recursive:
		return copyFolder(from, to, info, above)
	}
	return fmt.Errorf("cannot copy %s: %w", from.Shown, errNotRegular)
}

func copyFile(from, to File, info fs.FileInfo) (err error) {
	if there, err := to.stat(); err == nil && os.SameFile(info, there) {
		return fmt.Errorf("cannot copy %s to %s: they are the same file", from.Shown, to.Shown) // which would be emptied
	}
	// It may have become something else meanwhile, that would block.
	in, err := from.Tree.open(from.name(), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot copy %s: %w", from.Shown, reason(err))
	}
	defer in.Close()
	out, err := to.Tree.open(to.name(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return fmt.Errorf("cannot copy to %s: %w", to.Shown, reason(err))
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("cannot copy %s to %s: %w", from.Shown, to.Shown, err)
	}
	return nil
}

func copyFolder(from, to File, info fs.FileInfo, above []fs.FileInfo) error {
	if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return fmt.Errorf("cannot copy %s: it is in itself, or where it is copied to", from.Shown)
	}
	names, err := from.Tree.list(from.name()) // before the new folder, which may be among them
	if err != nil {
		return fmt.Errorf("cannot copy %s: %w", from.Shown, reason(err))
	}
	slices.Sort(names)
	// Its owner fills it, whatever the source's permissions are.
	if err := to.Tree.mkdir(to.name(), info.Mode().Perm()|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot copy to %s: %w", to.Shown, reason(err))
	}
	there, err := to.stat()
	if err == nil && !there.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return fmt.Errorf("cannot copy to %s: %w", to.Shown, reason(err))
	}
	above = append(slices.Clip(above), info, there)
	var failed []error
	for _, name := range names {
		failed = append(failed, copyAny(from.below(name), to.below(name), true, above))
	}
	return errors.Join(failed...)
}

// reason is an error without the path that it is about: the messages name it as it was asked for.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

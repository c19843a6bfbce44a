package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// slotMode is that of a directory in which files of a set lie: each file's own mode says who may read it.
const slotMode fs.FileMode = 0o755

// Set is files of one directory that belong together and change at once, as a certificate and its key:
//
//	Dir/file              -> .NAME/file    for each file: a link that stays
//	Dir/.NAME             -> .NAME-a       the one link that changes, by one rename
//	Dir/.NAME-a/file                       the files
//
// New files are made whole in the other one of two directories, .NAME-a and .NAME-b, before the link is turned to it; then the old
// one is removed. Files that lie in Dir itself are taken over as they are, and only then replaced. So whoever opens the paths at any
// moment, and whoever finds them after a crash at any instruction, sees all the old files or all the new ones, but for one: who opens
// one path before the rename and the next after it. Read does not.
type Set struct {
	Dir, Name string
	Disk      *Disk
}

func (s Set) path(name string) string   { return filepath.Join(s.Dir, name) }
func (s Set) link() string              { return "." + s.Name }
func (s Set) slots() [2]string          { return [2]string{s.link() + "-a", s.link() + "-b"} }
func (s Set) target(file string) string { return s.link() + "/" + file }
func (s Set) fault(err error) error     { return fmt.Errorf("cannot write %s: %w", s.path(s.Name), err) }

func isLink(root *os.Root, name, to string) bool {
	have, err := root.Readlink(name)
	return err == nil && have == to
}

// Write makes the files be as given, at once, and returns the paths of those that are new or lie elsewhere now. Their paths are in
// the set's directory, which must exist.
func (s Set) Write(files ...File) ([]string, error) {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, s.fault(err)
	}
	defer root.Close()
	before := s.look(root, files)
	err = s.write(root, files, before)
	var wrote []string
	for i, now := range s.look(root, files) {
		if now.linked != before[i].linked || !bytes.Equal(now.data, before[i].data) {
			wrote = append(wrote, files[i].Path)
			s.Disk.did(files[i].Path)
		}
	}
	if err != nil {
		return wrote, s.fault(err)
	}
	return wrote, nil
}

// write takes over what lies in the directory itself before anything is replaced: one link is not enough to change several such
// files at once.
func (s Set) write(root *os.Root, files []File, before []seen) error {
	old, linked := make([]File, len(files)), true
	for i, f := range files {
		old[i] = File{Path: f.Path, Data: before[i].data, Mode: f.Mode}
		linked = linked && before[i].linked
		if !before[i].there {
			old = files // there is nothing whole to be kept
			break
		}
	}
	if !linked {
		if err := s.settle(root, old); err != nil {
			return err
		}
	}
	return s.settle(root, files)
}

// seen is what a path shows. A link that is not the set's own is as good as nothing: what it leads to is not ours to copy.
type seen struct {
	linked, there bool
	data          []byte
}

func (s Set) look(root *os.Root, files []File) []seen {
	all := make([]seen, len(files))
	for i, f := range files {
		name := filepath.Base(f.Path)
		info, err := root.Lstat(name)
		all[i].linked = err == nil && isLink(root, name, s.target(name))
		if _, ok := s.slot(root); err != nil || !(info.Mode().IsRegular() || all[i].linked && ok) {
			continue
		}
		all[i].data, err = root.ReadFile(name)
		all[i].there = err == nil
	}
	return all
}

// named is the directory that the link names, if it is one of the set's own.
func (s Set) named(root *os.Root) (string, bool) {
	name, err := root.Readlink(s.link())
	return name, err == nil && (name == s.slots()[0] || name == s.slots()[1])
}

// slot is the directory that is in use, if it is as fill makes them.
func (s Set) slot(root *os.Root) (string, bool) {
	name, ok := s.named(root)
	if !ok {
		return "", false
	}
	info, err := root.Lstat(name)
	return name, err == nil && info.IsDir() && info.Mode().Perm() == slotMode
}

// settle has the paths show the files, and leaves nothing else behind.
func (s Set) settle(root *os.Root, files []File) error {
	slot, ok := s.slot(root)
	if ok {
		var err error
		if ok, err = holds(root, slot, files); err != nil {
			return err
		}
	}
	if !ok {
		next := s.slots()[0]
		if slot == next {
			next = s.slots()[1]
		}
		if err := s.fill(root, next, files); err != nil {
			return err
		}
		if err := s.turn(root, s.link(), next); err != nil {
			return err
		}
		slot = next
	}
	for _, f := range files {
		if name := filepath.Base(f.Path); !isLink(root, name, s.target(name)) {
			if err := s.turn(root, name, s.target(name)); err != nil {
				return err
			}
		}
	}
	return s.tidy(root, slot, files)
}

func holds(root *os.Root, slot string, files []File) (bool, error) {
	in, err := root.OpenRoot(slot)
	if err != nil {
		return false, err
	}
	defer in.Close()
	for _, f := range files {
		if is, err := f.isIn(in); err != nil || !is {
			return false, err
		}
	}
	return true, nil
}

// fill makes a directory that nobody looks at yet, and all of it is on disk when it returns.
func (s Set) fill(root *os.Root, slot string, files []File) error {
	if err := s.removeAll(root, slot); err != nil {
		return err
	}
	if err := root.Mkdir(slot, slotMode); err != nil {
		return err
	}
	s.Disk.acted("mkdir", slot)
	if err := root.Chmod(slot, slotMode); err != nil { // the umask may have taken bits
		return err
	}
	in, err := root.OpenRoot(slot)
	if err != nil {
		return err
	}
	defer in.Close()
	for _, f := range files {
		if err := create(in, filepath.Base(f.Path), f); err != nil {
			return err
		}
		s.Disk.acted("create", f.Path)
	}
	if err := syncDir(s.path(slot)); err != nil {
		return err
	}
	return syncDir(s.Dir)
}

// turn puts a link in the place of whatever has the name, by one rename.
func (s Set) turn(root *os.Root, name, to string) error {
	temp := temporary(name)
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := root.Symlink(to, temp); err != nil {
		return err
	}
	s.Disk.acted("symlink", temp)
	if err := root.Rename(temp, name); err != nil {
		return err
	}
	s.Disk.acted("rename", name)
	return syncDir(s.Dir)
}

// tidy removes what is not in use: the files before, and what a crash has left.
func (s Set) tidy(root *os.Root, slot string, files []File) error {
	left := []string{temporary(s.link())}
	for _, f := range files {
		left = append(left, temporary(filepath.Base(f.Path)))
	}
	for _, other := range s.slots() {
		if other != slot {
			left = append(left, other)
		}
	}
	for _, name := range left {
		if err := s.removeAll(root, name); err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes a name and what is below it. A link is removed, not followed.
func (s Set) removeAll(root *os.Root, name string) error {
	if _, err := root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	s.Disk.acted("remove", name)
	return syncDir(s.Dir)
}

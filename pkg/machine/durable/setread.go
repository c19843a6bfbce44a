package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// readTries bound how often Read begins again because the files that it was reading have been replaced.
const readTries = 100

// uses says whether a directory that has been opened by its name was in use after that: then it is whole, and is never written again,
// while one of that name that is not in use yet may be half full.
func (s Set) uses(root *os.Root, slot string, in *os.Root) bool {
	opened, err := in.Stat(".")
	if name, ok := s.named(root); err != nil || !ok || name != slot {
		return false
	}
	now, err := root.Lstat(slot)
	return err == nil && os.SameFile(opened, now)
}

// Read returns what the files hold, all of one moment; nil for one that is not there. Files that lie in the directory itself are
// read one after the other.
func (s Set) Read(names ...string) ([][]byte, error) {
	var all [][]byte
	var err error
	for range readTries {
		var replaced bool
		if all, replaced, err = s.read(names); !replaced {
			break
		}
	}
	return all, err
}

// read says with replaced that a file of the set was not found where its link leads, as when it was replaced meanwhile.
func (s Set) read(names []string) (all [][]byte, replaced bool, err error) {
	root, err := os.OpenRoot(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return make([][]byte, len(names)), false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("cannot read %s: %w", s.Dir, err)
	}
	defer root.Close()
	slot, ok := s.named(root) // one that is gone meanwhile was replaced: its files are not to be read by their paths
	for _, name := range names {
		ok = ok && isLink(root, name, s.target(name))
	}
	open := func(name string) ([]byte, error) { return os.ReadFile(s.path(name)) }
	if ok {
		in, err := root.OpenRoot(slot)
		if errors.Is(err, fs.ErrNotExist) {
			return make([][]byte, len(names)), true, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("cannot read %s: %w", s.path(slot), err)
		}
		defer in.Close()
		if !s.uses(root, slot, in) {
			return make([][]byte, len(names)), true, nil
		}
		open = in.ReadFile
	}
	for _, name := range names {
		text, err := open(name)
		if errors.Is(err, fs.ErrNotExist) {
			text, err, replaced = nil, nil, ok
		}
		if err != nil {
			return nil, false, fmt.Errorf("cannot read %s: %w", s.path(name), err)
		}
		all = append(all, text)
	}
	return all, replaced, nil
}

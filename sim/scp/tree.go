package scp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// home is where relative paths on a machine begin.
const home = "/home/ubuntu"

// Tree is where files are.
type Tree struct {
	root *os.Root // nil for this host
	dir  string   // the path of root
}

// Host is this host, with relative paths below the working directory.
func Host() *Tree { return &Tree{} }

// Machine is the machine with that root. The caller closes it.
func Machine(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the root of a machine: %w", err)
	}
	return &Tree{root: root, dir: filepath.Clean(dir)}, nil
}

// Close gives a machine's tree up.
func (t *Tree) Close() error {
	if t.root == nil {
		return nil
	}
	return t.root.Close()
}

// maxLinks is how many links Linux follows in one path.
const maxLinks = 40

// resolve finds what a path of the machine names, as a path below the root that has no links. A name that is not there is left as it is.
func (t *Tree) resolve(name string) (string, error) {
	if rest, ok := strings.CutPrefix(name, "~"); ok && (rest == "" || rest[0] == '/') {
		name = home + rest
	}
	if !path.IsAbs(name) {
		name = home + "/" + name
	}
	var done []string
	links := 0
	for left := strings.Split(name, "/"); len(left) > 0; {
		word := left[0]
		left = left[1:]
		switch word {
		case "", ".":
			continue
		case "..":
			done = done[:max(0, len(done)-1)] // above / there is /
			continue
		}
		here := path.Join(path.Join(done...), word)
		info, err := t.root.Lstat(here)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			done = append(done, word)
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
		}
		target, err := t.root.Readlink(here)
		if err != nil {
			return "", err
		}
		// Processes of the machine know its root by the host's path, too.
		if below, ok := strings.CutPrefix(target, t.dir+"/"); ok {
			target = "/" + below
		}
		if path.IsAbs(target) {
			done = nil
		}
		left = append(strings.Split(target, "/"), left...)
	}
	if len(done) == 0 {
		return ".", nil
	}
	return path.Join(done...), nil
}

func (t *Tree) stat(name string) (fs.FileInfo, error) {
	if t.root == nil {
		return os.Stat(name)
	}
	name, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	return t.root.Stat(name)
}

func (t *Tree) open(name string, flag int, mode fs.FileMode) (*os.File, error) {
	if t.root == nil {
		return os.OpenFile(name, flag, mode)
	}
	name, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	return t.root.OpenFile(name, flag, mode)
}

func (t *Tree) mkdir(name string, mode fs.FileMode) error {
	if t.root == nil {
		return os.Mkdir(name, mode)
	}
	name, err := t.resolve(name)
	if err != nil {
		return err
	}
	return t.root.Mkdir(name, mode)
}

func (t *Tree) list(name string) ([]string, error) {
	f, err := t.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

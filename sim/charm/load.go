package charm

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads a charm from an archive or a folder.
func Load(path string) (*Charm, error) {
	c, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read charm %s: %w", path, err)
	}
	return c, nil
}

func load(path string) (*Charm, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	c := &Charm{Path: abs}
	err = withFiles(abs, func(files fs.FS) error {
		if err := c.read(files); err != nil {
			return err
		}
		info, err := fs.Stat(files, "dispatch")
		if err != nil {
			return fmt.Errorf("it has no dispatch: %w", err)
		}
		if info.Mode()&0o111 == 0 {
			return errors.New("its dispatch is not executable")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		if c.SHA256, err = hash(abs); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Parse makes a charm in memory from the texts of its files, which may be empty; only metadata is needed.
func Parse(metadata, config, actions, manifest string) (*Charm, error) {
	c := &Charm{}
	texts := memory{"metadata.yaml": metadata, "config.yaml": config, "actions.yaml": actions, "manifest.yaml": manifest}
	if err := c.decode(texts.read); err != nil {
		return nil, fmt.Errorf("cannot read charm: %w", err)
	}
	return c, nil
}

type memory map[string]string

func (m memory) read(name string) ([]byte, error) {
	if m[name] == "" {
		return nil, fs.ErrNotExist
	}
	return []byte(m[name]), nil
}

func (c *Charm) read(files fs.FS) error {
	return c.decode(func(name string) ([]byte, error) { return fs.ReadFile(files, name) })
}

func (c *Charm) decode(read func(string) ([]byte, error)) error {
	file := func(name string, into any, required bool) error {
		data, err := read(name)
		if errors.Is(err, fs.ErrNotExist) && !required {
			return nil
		}
		if err != nil {
			return err
		}
		if err := yaml.Unmarshal(data, into); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	var config struct {
		Options map[string]Option `yaml:"options"`
	}
	var manifest struct {
		Bases []Base `yaml:"bases"`
	}
	actions := map[string]map[string]any{}
	if err := errors.Join(
		file("metadata.yaml", &c.Metadata, true),
		file("config.yaml", &config, false),
		file("actions.yaml", &actions, false),
		file("manifest.yaml", &manifest, false),
	); err != nil {
		return err
	}
	c.Options, c.Bases, c.Actions = map[string]Option{}, manifest.Bases, map[string]Action{}
	for name, o := range config.Options {
		o, err := o.typed(name)
		if err != nil {
			return fmt.Errorf("config.yaml: %w", err)
		}
		c.Options[name] = o
	}
	for name, spec := range actions {
		if strings.HasPrefix(name, "juju") {
			return fmt.Errorf("actions.yaml: action name %q is reserved", name)
		}
		c.Actions[name] = newAction(name, spec)
	}
	return c.check()
}

// Unpack puts the charm's files below dir, which it makes.
func (c *Charm) Unpack(dir string) error {
	if c.Path == "" {
		return fmt.Errorf("cannot unpack charm %s: it was made in memory", c.Metadata.Name)
	}
	if err := withFiles(c.Path, func(files fs.FS) error { return copyFiles(files, dir) }); err != nil {
		return fmt.Errorf("cannot unpack charm %s: %w", c.Metadata.Name, err)
	}
	return nil
}

func withFiles(path string, do func(fs.FS) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return do(os.DirFS(path))
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	return do(archive)
}

func copyFiles(files fs.FS, dir string) error {
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("file %q lies outside", name)
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return copyFile(files, name, target, info.Mode().Perm())
	})
}

// copyFile writes beside the target and renames, because the target may be a program that runs.
func copyFile(files fs.FS, name, target string, mode fs.FileMode) error {
	in, err := files.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(target), ".unpack-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Chmod(mode|0o600), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), target)
}

func hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

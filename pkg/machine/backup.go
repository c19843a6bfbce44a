package machine

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup is an archive of a data directory.
type Backup struct{ Path, SHA256 string }

// backUp packs a data directory, whose etcd has stopped, into a new archive in the folder target. No
// name in target is followed that somebody may have put there, and what is not whole has another
// name.
func (m *Machine) backUp(ctx context.Context, dir, target string) (b Backup, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot keep a backup in %s: %w", target, err)
		}
	}()
	owner, err := m.loginUser() // juju scp logs in as him
	if err != nil {
		return Backup{}, err
	}
	if err := m.disk.MkdirAll(m.path(target), 0o755); err != nil {
		return Backup{}, err
	}
	root, err := os.OpenRoot(m.path(target))
	if err != nil {
		return Backup{}, err
	}
	defer root.Close()
	name := "etcd-data-" + m.o.Now().UTC().Format("20060102-150405") + ".tar.gz"
	part := "." + name + ".part"
	out, err := root.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return Backup{}, err
	}
	sum := sha256.New()
	if owner != nil {
		err = out.Chown(owner.UID, owner.GID)
	}
	if err == nil {
		err = pack(ctx, io.MultiWriter(out, sum), m.path(dir))
	}
	if err == nil {
		err = out.Sync()
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = root.Rename(part, name)
	}
	if err != nil {
		_ = root.Remove(part)
		return Backup{}, err
	}
	b = Backup{Path: filepath.Join(target, name), SHA256: hex.EncodeToString(sum.Sum(nil))}
	m.effect(m.path(b.Path))
	return b, nil
}

// pack writes a folder's files as a tar.gz, by their names below it.
func pack(ctx context.Context, to io.Writer, dir string) error {
	zip := gzip.NewWriter(to)
	tarball := tar.NewWriter(zip)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			return err // etcd makes nothing else
		}
		header, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if header.Name = "./" + name; info.IsDir() {
			header.Name += "/"
		}
		if err := tarball.WriteHeader(header); err != nil || info.IsDir() {
			return err
		}
		return copyInto(tarball, path)
	})
	return errors.Join(err, tarball.Close(), zip.Close())
}

func copyInto(to io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(to, file)
	return err
}

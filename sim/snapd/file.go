package snapd

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// upload is a local file as it was received.
type upload struct {
	fields        map[string]string
	name, path    string
	snap, version string
}

// stub is the content of a file that only names a folder; meta/snap.yaml uses name and version.
type stub struct {
	Snap     string `yaml:"jujusim-snap"`
	Name     string `yaml:"name"`
	Version  string `yaml:"version"`
	Programs string `yaml:"programs"`
}

const snapFiles = "var/lib/snapd/snaps"

// receive keeps the uploaded file, and reads what it says of itself.
func (d *Daemon) receive(r *http.Request) (upload, error) {
	up := upload{fields: map[string]string{}}
	parts, err := r.MultipartReader()
	if err != nil {
		return up, err
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return up, err
		}
		if part.FormName() != "snap" {
			text, err := io.ReadAll(io.LimitReader(part, 1<<16))
			if err != nil {
				return up, err
			}
			up.fields[part.FormName()] = string(text)
			continue
		}
		up.name = part.FileName()
		if up.path, err = d.keep(part); err != nil {
			return up, err
		}
	}
	if up.path == "" {
		return up, errors.New(`cannot find "snap" file field in provided multipart/form-data payload`)
	}
	err = up.describe()
	return up, err
}

func (d *Daemon) keep(from io.Reader) (string, error) {
	dir := filepath.Join(d.root, snapFiles)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".local-install-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, from)
	return f.Name(), errors.Join(err, f.Close())
}

// describe finds the snap's name and version.
func (up *upload) describe() error {
	said, err := describeFile(up.path)
	if err != nil {
		return err
	}
	up.snap, up.version = said.Snap, said.Version
	if up.snap == "" {
		up.snap = said.Name
	}
	if up.snap == "" {
		up.snap = up.name
		if i := strings.IndexAny(up.snap, "_."); i > 0 {
			up.snap = up.snap[:i]
		}
	}
	if up.snap == "" || strings.ContainsAny(up.snap, "/\\") || strings.HasPrefix(up.snap, ".") {
		return fmt.Errorf("invalid snap name: %q", up.snap)
	}
	return nil
}

func describeFile(file string) (stub, error) {
	var said stub
	if s, isStub, err := readStub(file); err != nil || isStub {
		return s, err
	}
	err := eachFile(file, func(name string, _ os.FileMode, content io.Reader) error {
		switch {
		case strings.HasSuffix(name, "meta/snap.yaml"):
			data, err := io.ReadAll(content)
			if err != nil {
				return err
			}
			return yaml.Unmarshal(data, &said)
		case path.Base(name) == "version" && said.Version == "":
			data, err := io.ReadAll(content)
			said.Version = strings.TrimSpace(string(data))
			return err
		}
		return nil
	})
	return said, err
}

// readStub reads a file that names a folder; other files are not stubs.
func readStub(file string) (stub, bool, error) {
	var s stub
	head := make([]byte, 4096)
	f, err := os.Open(file)
	if err != nil {
		return s, false, err
	}
	defer func() { _ = f.Close() }()
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) {
		return s, false, errors.New("the file is empty")
	}
	if !bytes.Contains(head[:n], []byte("jujusim-snap:")) || bytes.HasPrefix(head, []byte("PK")) || head[0] == 0x1f {
		return s, false, nil
	}
	if err := yaml.Unmarshal(head[:n], &s); err != nil {
		return s, false, nil // a tar that happens to hold these words
	}
	return s, s.Programs != "", nil
}

// eachFile visits the regular files of a tar, a gzipped tar, or a zip.
func eachFile(file string, visit func(name string, mode os.FileMode, content io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReader(f)
	magic, err := in.Peek(2)
	if err != nil {
		return fmt.Errorf("the file is too short to be a snap: %w", err)
	}
	switch {
	case string(magic) == "PK":
		return eachZip(file, visit)
	case magic[0] == 0x1f && magic[1] == 0x8b:
		plain, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		return eachTar(plain, visit)
	}
	return eachTar(in, visit)
}

func eachTar(in io.Reader, visit func(string, os.FileMode, io.Reader) error) error {
	files := tar.NewReader(in)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the file is neither a tar nor a zip: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := visit(h.Name, os.FileMode(h.Mode).Perm(), files); err != nil {
			return err
		}
	}
}

func eachZip(file string, visit func(string, os.FileMode, io.Reader) error) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		content, err := f.Open()
		if err != nil {
			return err
		}
		err = visit(f.Name, f.Mode().Perm(), content)
		if err := errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}

// unpackFile puts the programs of a local file into a folder.
func unpackFile(file, bin string) error {
	if s, isStub, err := readStub(file); err != nil {
		return err
	} else if isStub {
		return linkPrograms(s.Programs, bin)
	}
	return eachFile(file, func(name string, mode os.FileMode, content io.Reader) error {
		if mode&0o111 == 0 {
			return nil
		}
		out, err := os.OpenFile(filepath.Join(bin, path.Base(name)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, content)
		return errors.Join(err, out.Close())
	})
}

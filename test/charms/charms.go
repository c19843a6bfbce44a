// Package charms packs the small charms of the tests and the demo: a folder of YAML files beside a Go main package, which becomes
// the charm's dispatch.
//
// Pack builds one for this machine's architecture. The program in pack does it from the command line:
//
//	go run ./test/charms/pack -out dist easyrsa
package charms

import (
	"archive/zip"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

//go:embed */*.yaml
var files embed.FS

// Names are those of all charms, sorted.
func Names() []string {
	all, err := fs.Glob(files, "*/metadata.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, file := range all {
		all[i] = path.Dir(file)
	}
	return all
}

// Pack writes out/NAME.charm and returns its path.
func Pack(ctx context.Context, name, out string) (string, error) {
	if _, err := fs.Stat(files, path.Join(name, "metadata.yaml")); err != nil {
		return "", fmt.Errorf("cannot pack charm %s: there is none of that name", name)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", fmt.Errorf("cannot pack charm %s: %w", name, err)
	}
	program := filepath.Join(out, "."+name+".dispatch")
	defer func() { _ = os.Remove(program) }()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "jujuetcd.io/test/charms/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the dispatch of charm %s: %w\n%s", name, err, text)
	}
	charm := filepath.Join(out, name+".charm")
	if err := write(charm+".tmp", name, program); err != nil {
		return "", fmt.Errorf("cannot pack charm %s: %w", name, err)
	}
	return charm, os.Rename(charm+".tmp", charm)
}

func write(target, name, program string) (err error) {
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	archive := zip.NewWriter(out)
	defer func() { err = errors.Join(err, archive.Close(), out.Close()) }()
	entries, err := fs.ReadDir(files, name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		data, err := fs.ReadFile(files, path.Join(name, e.Name()))
		if err != nil {
			return err
		}
		if err := add(archive, e.Name(), 0o644, data); err != nil {
			return err
		}
	}
	dispatch, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return add(archive, "dispatch", 0o755, dispatch)
}

func add(archive *zip.Writer, name string, mode fs.FileMode, data []byte) error {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(mode)
	w, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// resource brings a resource to the machine, into the folder where Juju's agents keep them, and
// returns its path there. What was attached since is there the next time that the charm asks.
func (a *Agent) resource(name string) (string, error) {
	r, err := a.Model.FetchResource(a.Unit, name)
	if err != nil {
		if path := a.Resources[name]; path != "" {
			return path, nil
		}
		return "", err
	}
	path := filepath.Join(a.dir, "resources", r.Filename)
	if err := copyFile(r.File, path); err != nil {
		return "", fmt.Errorf("cannot bring resource %s: %w", name, err)
	}
	if a.Enter != nil {
		path = strings.TrimPrefix(path, a.Root)
	}
	return path, nil
}

// copyFile puts a copy in place at once: who reads the one of before reads it to its end.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	target, err := os.CreateTemp(filepath.Dir(to), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(target.Name())
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Close()); err != nil {
		return err
	}
	return os.Rename(target.Name(), to)
}

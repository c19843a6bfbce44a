package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Environ is the environment of a person's shell: juju is jujusim, jujuetcd is ours, and programs are
// folders of others.
func (r *Rig) Environ(programs ...string) ([]string, error) {
	bin := filepath.Join(r.Dir, "path")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a folder of programs: %w", err)
	}
	path := bin
	for name, program := range map[string]string{"juju": "bin/jujusim", "jujuetcd": "bin/jujuetcd"} {
		link := filepath.Join(bin, name)
		if _, err := os.Lstat(link); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Join(r.Root, program), link); err != nil {
			return nil, fmt.Errorf("cannot make a folder of programs: %w", err)
		}
	}
	for _, folder := range append(programs, os.Getenv("PATH")) {
		path += ":" + folder
	}
	return slices.Concat(r.env, []string{"PATH=" + path}), nil
}

// Shell runs commands as a page of the documentation has them, in a folder and the environment of
// Environ, and returns what they print. It ends with the first that fails.
func (r *Rig) Shell(ctx context.Context, dir, script string, programs ...string) (string, error) {
	environ, err := r.Environ(programs...)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "sh", "-ec", script)
	cmd.Dir, cmd.Env = dir, environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("cannot run %s: %w: %s", script, err, out)
	}
	return string(out), nil
}

// Package etcdbin provides real etcd programs for tests: it finds those of a minor in the user's cache, and builds them
// from the modules beside it when they are not there.
//
//	dir, err := etcdbin.Dir(ctx, "3.6")
//	cmd := exec.Command(filepath.Join(dir, "etcd"), …)
//
// It may be called by several processes at once: one builds, the others wait, and nobody sees a half-written folder. It must
// be called from somewhere inside this repository.
package etcdbin

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// Default is the minor that the demo and most tests run.
const Default = "3.6"

// programs are what is built, and from which package.
var programs = map[string]string{
	"etcd":    "go.etcd.io/etcd/server/v3",
	"etcdctl": "go.etcd.io/etcd/etcdctl/v3",
	"etcdutl": "go.etcd.io/etcd/etcdutl/v3",
}

// programs34 are those of 3.4, which is one module, and has no etcdutl.
var programs34 = map[string]string{
	"etcd":    "go.etcd.io/etcd",
	"etcdctl": "go.etcd.io/etcd/etcdctl",
}

func programsOf(minor string) map[string]string {
	if minor == "3.4" {
		return programs34
	}
	return programs
}

var (
	minorForm = regexp.MustCompile(`^3\.[0-9]+$`)
	// serverVersion reads the release from a comment where modules do not know it, as of 3.4.
	serverVersion = regexp.MustCompile(`(?m)^(?:require)?\s*go\.etcd\.io/etcd(?:/server/v3 v| v0\S+ // )(3\.\S+)$`)
)

// Dir returns the folder with the programs of a minor such as 3.6, built if need be.
func Dir(ctx context.Context, minor string) (string, error) {
	if !minorForm.MatchString(minor) {
		return "", fmt.Errorf("cannot provide etcd %q: it must be a minor such as 3.6", minor)
	}
	cache, err := cacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot provide etcd %s: %w", minor, err)
	}
	module, err := moduleDir(ctx, minor)
	if err != nil {
		return "", fmt.Errorf("cannot provide etcd %s: %w", minor, err)
	}
	version, err := pinned(module)
	if err != nil {
		return "", fmt.Errorf("cannot provide etcd %s: %w", minor, err)
	}
	dir := filepath.Join(cache, version)
	if complete(dir, programsOf(minor)) {
		return dir, nil
	}
	if err := build(ctx, module, dir, programsOf(minor)); err != nil {
		return "", fmt.Errorf("cannot build etcd %s: %w", version, err)
	}
	return dir, nil
}

func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(base, "jujuetcd", "etcd"), nil
}

func moduleDir(ctx context.Context, minor string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask go for the module's folder: %w", err)
	}
	dir := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "test", "etcd", "v"+minor)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("no module pins it: %w", err)
	}
	return dir, nil
}

func pinned(module string) (string, error) {
	text, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", err
	}
	match := serverVersion.FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("%s does not require etcd's server", filepath.Join(module, "go.mod"))
	}
	return string(match[1]), nil
}

func complete(dir string, programs map[string]string) bool {
	for name := range programs {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// build builds into a folder beside dir and renames it, under a lock that a dead builder gives up.
func build(ctx context.Context, module, dir string, programs map[string]string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock %s: %w", lock.Name(), err)
	}
	if complete(dir, programs) {
		return nil // another process built it while we waited
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	for name, pkg := range programs {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(temp, name), pkg)
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, out.Bytes())
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(temp, dir)
}

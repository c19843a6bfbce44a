package nspawn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// suite and packages are the root file system: snapd 2.57 on systemd 252. squashfuse and fuse3 are for snapd, which mounts snaps
// in a container by them.
const (
	suite    = "bookworm"
	packages = "systemd,systemd-sysv,dbus,snapd,iproute2,squashfuse,fuse3,libpam-systemd,ca-certificates"
)

// recipe is what an image is made by; whoever changes how it is made changes its number.
const recipe = "2 " + suite + " " + packages

// tools are the programs that this package runs, and the package of Debian and Ubuntu that each is in.
var tools = [][2]string{
	{"systemd-nspawn", "systemd-container"}, {"mmdebstrap", "mmdebstrap"}, {"mksquashfs", "squashfs-tools"},
	{"ip", "iproute2"}, {"nsenter", "util-linux"}, {"unshare", "util-linux"}, {"taskset", "util-linux"},
}

// Missing says what is not here that machines need; nil if they can be made.
func Missing() error {
	var faults []error
	if os.Geteuid() != 0 {
		faults = append(faults, errors.New("this is not root"))
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool[0]); err != nil {
			faults = append(faults, fmt.Errorf("there is no %s (package %s)", tool[0], tool[1]))
		}
	}
	for _, device := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(device); err != nil {
			faults = append(faults, fmt.Errorf("there is no %s", device))
		}
	}
	return errors.Join(faults...)
}

// Image returns the root file system that machines begin with, with the empty snaps core and core22 installed: there is no snap
// store, and a snap needs its base. It is made where the cache has none.
func Image(ctx context.Context) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the cache for machines: %w", err)
	}
	cache := filepath.Join(base, "jujuetcd", "machine")
	sum := sha256.Sum256([]byte(recipe))
	image := filepath.Join(cache, suite+"-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the cache for machines: %w", err)
	}
	lock, err := os.OpenFile(image+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fmt.Errorf("cannot lock the cache for machines: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("cannot lock the cache for machines: %w", err)
	}
	if _, err := os.Stat(image); err == nil {
		return image, nil
	}
	building := image + ".building"
	if err := os.RemoveAll(building); err != nil { // of one that was killed
		return "", fmt.Errorf("cannot make a machine's image: %w", err)
	}
	defer os.RemoveAll(building)
	if err := build(ctx, building); err != nil {
		return "", fmt.Errorf("cannot make a machine's image: %w", err)
	}
	return image, os.Rename(filepath.Join(building, "root"), image)
}

func build(ctx context.Context, dir string) error {
	root := filepath.Join(dir, "root")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", "--variant=minbase", "--include="+packages, suite, root)
	if release, err := os.ReadFile("/etc/os-release"); err == nil && bytes.Contains(release, []byte("VERSION_CODENAME="+suite)) {
		// The same places as this machine's, which mmdebstrap reads from its standard input.
		sources, err := aptSources()
		if err != nil {
			return err
		}
		cmd.Args = append(cmd.Args, "-")
		cmd.Stdin = bytes.NewReader(sources)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w\n%s", err, end(out))
	}
	// There is no udevd in a container, and /sys is read-only: snapd only needs that udevadm succeeds.
	if err := os.Remove(filepath.Join(root, "usr/bin/udevadm")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "usr/bin/udevadm"), []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		return err
	}
	// snapd looks for its store and does nothing else meanwhile: where names are not even asked for, it gives up at once.
	const names = "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"
	if err := os.WriteFile(filepath.Join(root, "etc/nsswitch.conf"), []byte(names), 0o644); err != nil {
		return err
	}
	if err := mask(root); err != nil {
		return err
	}
	return installBases(ctx, dir, root)
}

// mask leaves out what a machine here has no use for, and what would begin by itself in the middle of a test.
func mask(root string) error {
	for _, unit := range []string{"apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service",
		"fstrim.timer", "dpkg-db-backup.timer", "snapd.snap-repair.timer", "console-getty.service", "modprobe@loop.service"} {
		link := filepath.Join(root, "etc/systemd/system", unit)
		if err := os.Symlink("/dev/null", link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// installBases boots the image once, which also does what systemd and snapd do only at the first boot.
func installBases(ctx context.Context, dir, root string) error {
	m := New(Options{Name: "image", Dir: dir, root: root, Binds: []string{dir + ":/snaps"}})
	for name, kind := range map[string]string{"core": "os", "core22": "base"} {
		if err := packBase(ctx, filepath.Join(dir, name+".snap"), name, kind); err != nil {
			return err
		}
	}
	defer m.Close()
	if err := m.Start(ctx); err != nil {
		return err
	}
	for _, name := range []string{"core", "core22"} {
		if _, err := m.Output(ctx, "snap", "install", "--dangerous", "/snaps/"+name+".snap"); err != nil {
			return err
		}
	}
	// The machine ends by a power cut, so what is in memory goes to the disk first.
	if _, err := m.Output(ctx, "systemctl", "stop", "snapd.socket", "snapd.service"); err != nil {
		return err
	}
	_, err := m.Output(ctx, "sync")
	return err
}

func aptSources() ([]byte, error) {
	var all []byte
	for _, pattern := range []string{"/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			all = append(append(all, text...), '\n', '\n')
		}
	}
	return all, nil
}

// run runs a program of this host; an error has the end of what it printed.
func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, end(out))
	}
	return nil
}

func end(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

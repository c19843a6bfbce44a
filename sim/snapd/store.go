package snapd

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// noStore is what a machine without a network says, as recorded.
const noStore = "dial tcp: lookup api.snapcraft.io on 10.255.255.53:53: no such host"

var risks = []string{"stable", "candidate", "beta", "edge"}

// fullChannel is the canonical form: 3.6/stable for 3.6/stable, latest/stable for stable,
// 3.6/stable for 3.6.
func fullChannel(channel string) string {
	track, risk, two := strings.Cut(channel, "/")
	switch {
	case channel == "":
		return "latest/stable"
	case two:
		return track + "/" + risk
	case slices.Contains(risks, channel):
		return "latest/" + channel
	}
	return channel + "/stable"
}

// resolve finds what a channel offers; the caller holds the lock.
func (d *Daemon) resolve(action, name, channel string) (revision, string, answer, bool) {
	if d.store == "" {
		return revision{}, "", bad(`cannot %s %q: Post "https://api.snapcraft.io/v2/snaps/refresh": %s`, action, name, noStore), false
	}
	if info, err := os.Stat(filepath.Join(d.store, name)); err != nil || !info.IsDir() {
		return revision{}, "", refused(http.StatusNotFound, "snap-not-found", "snap not found", name), false
	}
	full := fullChannel(channel)
	track, risk, _ := strings.Cut(full, "/")
	for i := slices.Index(risks, risk); i >= 0; i-- {
		folder := filepath.Join(d.store, name, track, risks[i])
		version, err := os.ReadFile(filepath.Join(folder, "version"))
		if err != nil {
			continue
		}
		v := strings.TrimSpace(string(version))
		return revision{Name: revisionOf(folder, v), Version: v, Channel: full}, folder, answer{}, true
	}
	return revision{}, "", d.notThere(action, name, full), false
}

// notThere is the answer where a channel has nothing, nor have the safer ones of its track: it says
// which channels have something.
func (d *Daemon) notThere(action, name, channel string) answer {
	channels, err := listChannels(d.store, name)
	if err != nil || len(channels) == 0 {
		return refused(http.StatusNotFound, "snap-revision-not-available", "no snap revision available as specified", name)
	}
	releases := []any{}
	for _, c := range slices.Sorted(maps.Keys(channels)) {
		// A channel of the track latest is called by its risk alone.
		releases = append(releases, map[string]any{"architecture": runtime.GOARCH, "channel": strings.TrimPrefix(c, "latest/")})
	}
	return refused(http.StatusNotFound, "snap-channel-not-available", "no snap revision on specified channel", map[string]any{
		"snap-name": name, "action": action, "channel": channel, "architecture": runtime.GOARCH, "releases": releases,
	})
}

// revisionOf is the number in the folder's file, else one that follows from the version, so that
// all machines agree on it.
func revisionOf(folder, version string) string {
	if text, err := os.ReadFile(filepath.Join(folder, "revision")); err == nil {
		return strings.TrimSpace(string(text))
	}
	var number [3]int
	for i, part := range strings.SplitN(version, ".", 3) {
		part, _, _ = strings.Cut(part, "-")
		number[i], _ = strconv.Atoi(part)
	}
	return strconv.Itoa(max(1, number[0]*10000+number[1]*100+number[2]))
}

// listChannels returns the version in each channel of a snap.
func listChannels(store, name string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(store, name, "*", "*", "version"))
	if err != nil {
		return nil, fmt.Errorf("cannot list channels: %w", err)
	}
	channels := map[string]string{}
	for _, f := range files {
		version, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("cannot list channels: %w", err)
		}
		risk := filepath.Dir(f)
		channels[filepath.Base(filepath.Dir(risk))+"/"+filepath.Base(risk)] = strings.TrimSpace(string(version))
	}
	return channels, nil
}

// mountDir is where a revision's programs are.
func (d *Daemon) mountDir(name, rev string) string { return filepath.Join(d.root, "snap", name, rev) }

// mount puts a revision's programs in place.
func (d *Daemon) mount(c *change) error {
	a := &c.Args
	target := d.mountDir(a.Snap, a.Revision.Name)
	bin := filepath.Join(target, "bin")
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	if err := fill(a.Source, bin); err != nil {
		return fmt.Errorf("cannot mount snap: %w", err)
	}
	apps, size, err := programs(bin)
	if err != nil {
		return fmt.Errorf("cannot mount snap: %w", err)
	}
	if len(apps) == 0 {
		return fmt.Errorf("cannot mount snap: there is no program in it")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a.Revision.Apps, a.Revision.Size = apps, size
	return nil
}

// fill puts the programs of a channel's folder or of a local file into bin.
func fill(source, bin string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	// A process forked meanwhile would keep the programs from running: "text file busy"
	// (https://go.dev/issue/22315). No other lock may be taken here.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if info.IsDir() {
		return linkPrograms(source, bin)
	}
	return unpackFile(source, bin)
}

// programs lists the executables of a folder.
func programs(dir string) ([]string, int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	var names []string
	var size int64
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, 0, err
		}
		if info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			names, size = append(names, e.Name()), size+info.Size()
		}
	}
	return names, size, nil
}

// linkPrograms gives a folder's programs a second name: they are large, and a machine must keep
// them when the store moves on.
func linkPrograms(from, to string) error {
	names, _, err := programs(from)
	if err != nil {
		return err
	}
	for _, n := range names {
		source, err := filepath.EvalSymlinks(filepath.Join(from, n))
		if err != nil {
			return err
		}
		if os.Link(source, filepath.Join(to, n)) == nil {
			continue
		}
		if err := copyFile(source, filepath.Join(to, n), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, mode)
}

// writeLinks points current at a revision, for programs and data, and makes the commands below
// /snap/bin.
func (d *Daemon) writeLinks(name string, rev revision) error {
	data := filepath.Join(d.root, "var/snap", name)
	err := errors.Join(
		os.MkdirAll(filepath.Join(data, "common"), 0o755), os.MkdirAll(filepath.Join(data, rev.Name), 0o755),
		symlink(rev.Name, filepath.Join(d.root, "snap", name, "current")), symlink(rev.Name, filepath.Join(data, "current")),
		os.MkdirAll(filepath.Join(d.root, "snap/bin"), 0o755))
	for _, app := range rev.Apps {
		command := filepath.Join("../", name, "current/bin", app)
		err = errors.Join(err, symlink(command, filepath.Join(d.root, "snap/bin", app)))
		if app != name {
			err = errors.Join(err, symlink(command, filepath.Join(d.root, "snap/bin", name+"."+app)))
		}
	}
	return err
}

func symlink(target, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := removeIfThere(path + ".new"); err != nil {
		return err
	}
	if err := os.Symlink(target, path+".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// copyData gives a new revision a copy of the old one's data, as snapd does: SNAP_DATA is per
// revision.
func (d *Daemon) copyData(a *args) error {
	d.mu.Lock()
	s := d.state.Snaps[a.Snap]
	old := ""
	if s != nil {
		old = s.Current
	}
	d.mu.Unlock()
	data := filepath.Join(d.root, "var/snap", a.Snap)
	to := filepath.Join(data, a.Revision.Name)
	if old == "" || old == a.Revision.Name {
		return os.MkdirAll(to, 0o755)
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return copyTree(filepath.Join(data, old), to)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case e.IsDir():
			return os.MkdirAll(target, info.Mode().Perm())
		case info.Mode().IsRegular():
			return copyFile(path, target, info.Mode().Perm())
		}
		return nil
	})
}

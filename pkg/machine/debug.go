package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// journalLines is how much of etcd's log Diagnostics take: with its default level that is days of a
// member that is well, and the last minutes of one that is not.
const journalLines = 2000

// Diagnostic is a text about the machine, under the name of the file that it is kept in.
type Diagnostic struct{ Name, Text string }

// Diagnostics are what the machine can tell whoever looks into a fault. One that cannot be had says
// why in its text: they are asked for where something is broken. No key is read for them; but what
// others have written, such as etcd's log, may hold anything.
func (m *Machine) Diagnostics(ctx context.Context) []Diagnostic {
	var all []Diagnostic
	for _, d := range []struct {
		name string
		text func(context.Context) (string, error)
	}{
		{"etcd-systemctl-status", m.unit.Status},
		{"etcd-journal", m.journal},
		{"etcd.conf.yml", m.file(ConfigFile)},
		{"agent-owner.json", m.file(OwnerFile)},
		{"agent-record.json", func(context.Context) (string, error) { r, err := m.store.Load(); return indented(r, err) }},
		{"agent-facts.json", func(ctx context.Context) (string, error) { f, err := m.facts(ctx, false); return indented(f, err) }},
		{"disk-use", m.diskUse},
		{"versions", m.versions},
	} {
		text, err := d.text(ctx)
		if err != nil {
			text += err.Error() + "\n"
		}
		all = append(all, Diagnostic{Name: d.name, Text: text})
	}
	return all
}

func indented(v any, err error) (string, error) {
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(v, "", "  ")
	return string(text) + "\n", err
}

func (m *Machine) file(path string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		text, err := os.ReadFile(m.path(path))
		return string(text), err
	}
}

func (m *Machine) journal(ctx context.Context) (string, error) {
	lines, err := m.snapd.Logs(ctx, SnapName, journalLines)
	var text strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&text, "%s [%s] %s\n", l.Timestamp, l.PID, l.Message)
	}
	return text.String(), err
}

// diskUse are the sizes of file systems, and of etcd's own files.
func (m *Machine) diskUse(context.Context) (string, error) {
	r, err := m.load()
	if err != nil {
		return "", err
	}
	d, err := m.inspect(r)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, dir := range []string{"/", CommonDir, d.Dir, v1alpha1.LoginHome} {
		var s syscall.Statfs_t
		if err := syscall.Statfs(m.path(dir), &s); err != nil {
			fmt.Fprintf(&text, "%s: %v\n", dir, err)
			continue
		}
		const mib = 1 << 20
		size := uint64(s.Bsize) //nolint:gosec // a block has no negative size
		fmt.Fprintf(&text, "%s: %d MiB, %d MiB available, %d of %d inodes free\n", dir, s.Blocks*size/mib, s.Bavail*size/mib, s.Ffree, s.Files)
	}
	err = filepath.WalkDir(m.path(d.Dir), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			fmt.Fprintf(&text, "%12d %s %s\n", info.Size(), info.ModTime().UTC().Format("2006-01-02T15:04:05Z"), d.Dir+strings.TrimPrefix(path, m.path(d.Dir)))
		}
		return err
	})
	return text.String(), err
}

// versions are those of the agent, of etcd's snap, and of what they run on.
func (m *Machine) versions(ctx context.Context) (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "jujuetcd-agent %s, protocol %d, %s, %s/%s\n", m.o.Agent, v1alpha1.Protocol, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, path := range []string{"/proc/version", "/etc/os-release"} { // the machine's own, whatever the root
		if have, err := os.ReadFile(path); err == nil {
			text.WriteString(strings.TrimSpace(string(have)) + "\n")
		}
	}
	snap, err := m.snapd.Snap(ctx, SnapName)
	switch {
	case err != nil:
		return text.String(), err
	case snap == nil:
		text.WriteString("snap etcd is not installed\n")
		return text.String(), nil
	}
	fmt.Fprintf(&text, "snap etcd %s, revision %s, channel %s, tracking %s\n", snap.Version, snap.Revision, snap.Channel, snap.TrackingChannel)
	services, err := m.snapd.Services(ctx, SnapName)
	for _, s := range services {
		fmt.Fprintf(&text, "service %s: enabled %t, active %t\n", s.Name, s.Enabled, s.Active)
	}
	changes, cerr := m.snapd.InProgress(ctx, SnapName)
	for _, c := range changes {
		fmt.Fprintf(&text, "snapd is at: %s\n", c.Progress())
	}
	return text.String(), errors.Join(err, cerr)
}

// Package service is etcd's systemd unit on the machine: what state it is in, and the drop-ins that rule how it restarts.
//
// # Use
//
// A Unit is asked for its State. Its drop-ins are written first (WriteDropIns), and systemd is told of them afterwards (Reload). The
// example is compiled as a test.
//
// # Guarantees
//
//   - Starting and stopping goes through snapd, which keeps an account of what is enabled; this package only looks, reloads and
//     resets.
//   - A drop-in that is as it should be is not written. systemd reads drop-ins only after Reload; whoever writes remembers that
//     it is due.
//
// # Who writes what
//
//	/etc/systemd/system/snap.etcd.etcd.service.d/always-restart.conf   machine.Apply
//	/etc/systemd/system/snap.etcd.etcd.service.d/require-data.conf     machine.Apply, once a member has begun
package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/printable"
)

// properties are what State asks for, in one call.
const properties = "LoadState,ActiveState,SubState,MainPID,NRestarts,Result,ExecMainStartTimestampMonotonic"

// State is what systemd says of the unit.
type State struct {
	// Loaded says that there is such a unit.
	Loaded bool
	// Active and Sub are systemd's words, such as active and running, or activating and auto-restart.
	Active, Sub string
	PID         int
	// Restarts counts restarts by systemd itself since the last start by somebody else.
	Restarts int
	// Result is success, or why the last run ended.
	Result string
	// Started is when the process started, in microseconds since boot; zero if none has.
	Started int64
}

// Running says that there is a process now.
func (s State) Running() bool { return s.Active == "active" && s.PID != 0 }

// Down says that there is no process, and that systemd will not start one by itself. A unit whose file has gone, or cannot be read any
// more, may run all the same.
func (s State) Down() bool {
	return (s.Active == "inactive" || s.Active == "failed" || !s.Loaded) && !s.Running()
}

// Waits says that the process has ended and systemd will start another one when RestartSec is over. A start asked for
// meanwhile waits for that, too (systemd keeps the job queued).
func (s State) Waits() bool { return s.Sub == "auto-restart" }

// Unit is one systemd unit of the machine below a root.
type Unit struct {
	Root string
	Name string
	Disk *durable.Disk
}

// State asks systemd.
func (u Unit) State(ctx context.Context) (State, error) {
	out, err := systemctl(ctx, "show", "--property="+properties, u.Name)
	if err != nil {
		return State{}, err
	}
	return parseState(out)
}

// Status is what systemctl status says of the unit, in its words, without its log.
func (u Unit) Status(ctx context.Context) (string, error) {
	out, err := systemctl(ctx, "status", "--no-pager", "--full", "--lines=0", u.Name)
	// A unit that does not run is no failure: systemctl ends with 3 (LSB's "program is not running").
	var exit *exec.ExitError
	if errors.As(err, &exit) && strings.TrimSpace(out) != "" {
		return out, nil
	}
	return out, err
}

func parseState(out string) (State, error) {
	values := map[string]string{}
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[name] = value
		}
	}
	if values["LoadState"] == "" || values["ActiveState"] == "" {
		return State{}, fmt.Errorf("cannot read systemctl's answer: %q", out)
	}
	s := State{
		Loaded: values["LoadState"] == "loaded", Active: values["ActiveState"], Sub: values["SubState"], Result: values["Result"],
	}
	var faults []error
	number := func(name string) int64 {
		if values[name] == "" || values[name] == "[not set]" {
			return 0
		}
		n, err := strconv.ParseInt(values[name], 10, 64)
		faults = append(faults, err)
		return n
	}
	s.PID, s.Restarts, s.Started = int(number("MainPID")), int(number("NRestarts")), number("ExecMainStartTimestampMonotonic")
	if err := errors.Join(faults...); err != nil {
		return State{}, fmt.Errorf("cannot read systemctl's answer: %w", err)
	}
	return s, nil
}

// Reload makes systemd read drop-ins anew.
func (u Unit) Reload(ctx context.Context) error {
	_, err := systemctl(ctx, "daemon-reload")
	return err
}

// TryRestart restarts the unit if it runs. It is for other services than etcd's, which snapd keeps an account of.
func (u Unit) TryRestart(ctx context.Context) error {
	_, err := systemctl(ctx, "try-restart", u.Name)
	return err
}

// ResetFailed makes the next start count again after too many failures.
func (u Unit) ResetFailed(ctx context.Context) error {
	_, err := systemctl(ctx, "reset-failed", u.Name)
	return err
}

// DropIn is one drop-in file; an empty Text means that it should not be there.
type DropIn struct{ Name, Text string }

// DropIns are those of a unit. A member that crashes is restarted after 10 s, however often, as the charm has always done, so that
// a crash shows. Once a member has started, it is only started where its data still is: a voter that was wiped must not come
// back under its old identity, having forgotten its votes. Nor may one whose disk is lost before anybody has seen its data: while it is
// to begin, it is started where its data is, or the mark that is lost with it; an empty mark stands for none.
func DropIns(wal, mark string, started bool) []DropIn {
	always := DropIn{Name: "always-restart.conf", Text: "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestartSec=10\n"}
	require := DropIn{Name: "require-data.conf"}
	switch {
	case started:
		require.Text = "[Unit]\nConditionPathExists=" + escape(wal) + "\n"
	case mark != "":
		require.Text = "[Unit]\nConditionPathExists=|" + escape(wal) + "\nConditionPathExists=|" + escape(mark) + "\n"
	}
	return []DropIn{always, require}
}

// escape keeps systemd from reading a specifier, or a line of its own: admission refuses such a path, and should one come here all the
// same, a condition that never holds is better than a directive that somebody else has chosen.
func escape(path string) string {
	return strings.ReplaceAll(printable.Line(path, printable.Status), "%", "%%")
}

// Path is where a drop-in is.
func (u Unit) Path(name string) string {
	return filepath.Join(u.Root, "etc/systemd/system", u.Name+".service.d", name)
}

// Differ says whether a drop-in is not as it should be.
func (u Unit) Differ(dropIns []DropIn) (bool, error) {
	for _, d := range dropIns {
		is, err := u.is(d)
		if err != nil || !is {
			return true, err
		}
	}
	return false, nil
}

// WriteDropIns makes the drop-ins be as given and returns the paths of those that changed. Reload is due if any did.
func (u Unit) WriteDropIns(dropIns []DropIn) ([]string, error) {
	var wrote []string
	for _, d := range dropIns {
		if d.Text == "" {
			removed, err := u.Disk.Remove(u.Path(d.Name))
			if err != nil {
				return wrote, err
			}
			if removed {
				wrote = append(wrote, u.Path(d.Name))
			}
			continue
		}
		if err := u.Disk.MkdirAll(filepath.Dir(u.Path(d.Name)), 0o755); err != nil {
			return wrote, err
		}
		paths, err := u.Disk.Write(u.file(d))
		wrote = append(wrote, paths...)
		if err != nil {
			return wrote, err
		}
	}
	return wrote, nil
}

func (u Unit) is(d DropIn) (bool, error) {
	if d.Text == "" {
		exists, err := u.exists(d.Name)
		return !exists, err
	}
	return u.file(d).Is()
}

func (u Unit) exists(name string) (bool, error) {
	_, err := os.Lstat(u.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look at drop-in %s: %w", name, err)
	}
	return true, nil
}

func (u Unit) file(d DropIn) durable.File {
	return durable.File{Path: u.Path(d.Name), Data: []byte(d.Text), Mode: 0o644}
}

func systemctl(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "systemctl", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		text := printable.Line(stderr.String(), printable.Reason)
		return stdout.String(), fmt.Errorf("cannot run systemctl %s: %w: %s", args[0], err, text)
	}
	return stdout.String(), nil
}

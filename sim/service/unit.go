package service

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type state int

const (
	inactive state = iota
	running
	stopping
	waiting // to be restarted
	failed
)

// unit is one service. All fields are guarded by the supervisor's mutex.
type unit struct {
	sup      *Supervisor
	name     string
	settings settings
	loaded   bool
	// transient is nil of a unit that has a file.
	transient *transient

	state     state
	cmd       *exec.Cmd
	gone      chan struct{} // closed when cmd has ended
	timer     *time.Timer   // of a restart (waiting), or of the SIGKILL (stopping)
	over      chan struct{} // closed when the wait for a restart is over
	turn      int           // counts changes of state that make an earlier timer void
	starts    []time.Time
	nRestarts int
	result    string
	condition bool
	started   int64 // monotonic, µs
	exitCode  int
	timedOut  bool
}

// ErrStartLimit says that a unit was started too often in too short a time.
var ErrStartLimit = errors.New("start request repeated too quickly")

// start is one start job; manual says that a person or program asked for it.
func (u *unit) start(manual bool) error {
	switch {
	case u.sup.closed || u.sup.halted:
		return ErrClosed
	case !u.loaded:
		return fmt.Errorf("cannot start %s: %w", u.name, ErrNotFound)
	case u.state == running:
		return nil
	case u.state == stopping:
		return fmt.Errorf("cannot start %s: it is being stopped", u.name)
	}
	u.cancelTimer()
	if manual {
		u.nRestarts = 0
	}
	if u.limited(time.Now()) {
		u.state, u.result = failed, "start-limit-hit"
		return fmt.Errorf("cannot start %s: %w", u.name, ErrStartLimit)
	}
	if u.condition = u.settings.met(u.sup.root); !u.condition {
		u.state, u.result = inactive, "success"
		return nil
	}
	cmd, err := u.process()
	if err == nil {
		err = u.sup.spawner.Start(cmd)
	}
	if cmd != nil && u.transient == nil {
		closeOutput(cmd)
	}
	if err != nil {
		u.logLine("Failed to execute: " + err.Error())
		u.exitCode = 203 // what systemd says of a program that cannot be executed
		u.ended("exit-code", false)
		return nil //nolint:nilerr // as in systemd: the start was done, and has failed
	}
	u.cmd, u.gone, u.state, u.result, u.timedOut = cmd, make(chan struct{}), running, "success", false
	u.started = monotonic()
	u.sup.wg.Go(func() { u.watch(cmd, u.gone) })
	return nil
}

// limited counts a start, and says whether it is one too many.
func (u *unit) limited(now time.Time) bool {
	if u.settings.startLimitInterval <= 0 || u.settings.startLimitBurst <= 0 {
		u.starts = nil
		return false
	}
	kept := u.starts[:0]
	for _, t := range u.starts {
		if now.Sub(t) < u.settings.startLimitInterval {
			kept = append(kept, t)
		}
	}
	u.starts = kept
	if len(u.starts) >= u.settings.startLimitBurst {
		return true
	}
	u.starts = append(u.starts, now)
	return false
}

func (u *unit) process() (*exec.Cmd, error) {
	if u.transient != nil {
		return u.transient.process(), nil
	}
	if len(u.settings.execStart) == 0 {
		return nil, errors.New("cannot start: the unit has no ExecStart")
	}
	cmd, err := u.sup.command(u.name, u.settings.execStart)
	if err != nil {
		return nil, err
	}
	out, err := u.openLog()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, nil
}

func closeOutput(cmd *exec.Cmd) {
	if f, ok := cmd.Stdout.(*os.File); ok {
		_ = f.Close()
	}
}

// LogPath is the file below a machine's root that holds what a unit's process prints.
func LogPath(root, name string) string {
	return filepath.Join(root, "var/log", name+".log")
}

func (u *unit) openLog() (*os.File, error) {
	path := LogPath(u.sup.root, u.name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("cannot open log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("cannot open log: %w", err)
	}
	return f, nil
}

func (u *unit) logLine(text string) {
	if f, err := u.openLog(); err == nil {
		_, _ = fmt.Fprintln(f, text)
		_ = f.Close()
	}
}

// watch waits for one process to end, and says what follows from it.
func (u *unit) watch(cmd *exec.Cmd, gone chan struct{}) {
	err := cmd.Wait()
	// The rest of the process's group goes with it, as the rest of a cgroup would.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	u.sup.mu.Lock()
	defer u.sup.mu.Unlock()
	defer close(gone)
	u.cmd = nil
	result, clean := outcome(err)
	u.exitCode = cmd.ProcessState.ExitCode()
	if u.timedOut {
		result, clean = "timeout", false
	}
	u.ended(result, clean)
	if u.transient != nil {
		delete(u.sup.units, u.name)
	}
}

// outcome is systemd's word for how a process ended; an end by one of the usual signals is a clean one.
func outcome(err error) (result string, clean bool) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return "success", true
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return "exit-code", false
	}
	switch status.Signal() {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE:
		return "success", true
	}
	return "signal", false
}

// ended is the state machine's answer to a process that is gone.
func (u *unit) ended(result string, clean bool) {
	asked := u.state == stopping
	u.cancelTimer()
	u.result = result
	again := !asked && !u.sup.closed && !u.sup.halted &&
		(u.settings.restart == "always" || (u.settings.restart == "on-failure" && !clean))
	switch {
	case again:
		u.state, u.over = waiting, make(chan struct{})
		turn := u.turn
		u.timer = time.AfterFunc(u.settings.restartPause, func() { u.restart(turn) })
	case clean || u.sup.halted:
		u.state = inactive
	default:
		u.state = failed
	}
}

func (u *unit) restart(turn int) {
	u.sup.mu.Lock()
	defer u.sup.mu.Unlock()
	if u.turn != turn || u.state != waiting {
		return
	}
	defer close(u.over)
	u.state = inactive
	u.nRestarts++
	if err := u.start(false); err != nil {
		u.sup.log.Info("Unit is not restarted", "unit", u.name, "reason", err.Error())
	}
}

func (u *unit) cancelTimer() {
	u.turn++
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
}

// stop asks a unit to end and returns a channel that is closed when it has.
func (u *unit) stop(sig syscall.Signal) <-chan struct{} {
	done := make(chan struct{})
	switch u.state {
	case inactive, failed:
		close(done)
		return done
	case waiting:
		u.cancelTimer()
		u.state = inactive
		close(u.over)
		close(done)
		return done
	}
	pid := u.cmd.Process.Pid
	if u.state == running {
		u.state = stopping
		if d := u.settings.timeoutStop; d > 0 && d != infinity {
			u.turn++
			turn := u.turn
			u.timer = time.AfterFunc(d, func() { u.overdue(turn) })
		}
	}
	_ = syscall.Kill(-pid, sig)
	return u.gone
}

func (u *unit) overdue(turn int) {
	u.sup.mu.Lock()
	defer u.sup.mu.Unlock()
	if u.turn != turn || u.state != stopping || u.cmd == nil {
		return
	}
	u.timedOut = true
	_ = syscall.Kill(-u.cmd.Process.Pid, syscall.SIGKILL)
}

// monotonic is the clock that systemd's monotonic timestamps are of, in µs.
func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano() / 1000
}

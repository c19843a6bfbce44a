package service_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jujuetcd.io/sim/service"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "systemctl":
		os.Exit(service.Systemctl(os.Args[1:]))
	case "systemd-run":
		os.Exit(service.SystemdRun(os.Args[1:]))
	}
	if root := os.Getenv("SERVICE_TEST_HOLDER"); root != "" {
		holder(root)
	}
	goleak.VerifyTestMain(m)
}

const unitName = "snap.demo.demo"

const unitFile = `[Unit]
Description=Service for snap application demo.demo
[Service]
ExecStart=/svc
Restart=on-failure
TimeoutStopSec=30
Type=simple
[Install]
WantedBy=multi-user.target
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// sleeper runs until it is told to end.
const sleeper = "#!/bin/sh\nexec sleep 1000\n"

func start(t *testing.T, script string, dropIns ...string) (*service.Supervisor, string) {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "svc"), script)
	write(t, filepath.Join(root, "etc/systemd/system", unitName+".service"), unitFile)
	for i, d := range dropIns {
		write(t, filepath.Join(root, "etc/systemd/system", unitName+".service.d", strconv.Itoa(i)+".conf"), d)
	}
	s, err := service.New(service.Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, root
}

// until waits for a property to be as wanted.
func until(t *testing.T, s *service.Supervisor, property, want string) {
	t.Helper()
	eventually(t, func() error {
		if got := s.Get(unitName, property); got != want {
			return fmt.Errorf("%s is %q, want %q; all: %v", property, got, want, s.Show(unitName))
		}
		return nil
	})
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

func TestAKilledServiceIsRestartedAfterRestartSec(t *testing.T) {
	s, _ := start(t, sleeper, "[Service]\nRestartSec=300ms\n[Unit]\nStartLimitIntervalSec=0\n")
	if err := s.Start(context.Background(), unitName); err != nil {
		t.Fatal(err)
	}
	first := s.Get(unitName, "MainPID")
	killed := time.Now()
	if err := s.Kill(unitName, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, s, "SubState", "auto-restart")
	if got := s.Get(unitName, "ActiveState"); got != "activating" {
		t.Errorf("ActiveState while waiting is %q", got)
	}
	until(t, s, "ActiveState", "active")
	if d := time.Since(killed); d < 300*time.Millisecond {
		t.Errorf("restarted after %v, before RestartSec", d)
	}
	if second := s.Get(unitName, "MainPID"); second == first {
		t.Error("the process is the same")
	}
	if got := s.Get(unitName, "NRestarts"); got != "1" {
		t.Errorf("NRestarts is %s", got)
	}
}

func TestACleanEndIsNotRestartedOnFailure(t *testing.T) {
	s, _ := start(t, sleeper)
	if err := s.Start(context.Background(), unitName); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(unitName, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "inactive")
	if got := s.Get(unitName, "Result"); got != "success" {
		t.Errorf("Result is %q", got)
	}
}

func TestFiveStartsInTenSecondsFailUntilReset(t *testing.T) {
	s, root := start(t, "#!/bin/sh\nexit 1\n", "[Service]\nRestartSec=1ms\n")
	if err := s.Start(context.Background(), unitName); err != nil {
		t.Fatal(err)
	}
	until(t, s, "Result", "start-limit-hit")
	until(t, s, "ActiveState", "failed")
	write(t, filepath.Join(root, "svc"), sleeper)
	if err := s.Start(context.Background(), unitName); err == nil {
		t.Fatal("a start beyond the limit was accepted")
	}
	if err := s.ResetFailed(unitName); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background(), unitName); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "active")
}

func TestAnUnmetConditionKeepsTheUnitInactive(t *testing.T) {
	s, root := start(t, sleeper, "[Unit]\nConditionPathExists=/data/wal\n")
	if err := s.Start(context.Background(), unitName); err != nil {
		t.Fatalf("an unmet condition is no error: %v", err)
	}
	if got := s.Get(unitName, "ActiveState") + " " + s.Get(unitName, "ConditionResult"); got != "inactive no" {
		t.Errorf("state is %s", got)
	}
	write(t, filepath.Join(root, "data/wal"), "")
	if err := s.Start(context.Background(), unitName); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "active")
	if err := os.Remove(filepath.Join(root, "data/wal")); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(unitName, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "inactive")
}

func TestADropInCountsAfterDaemonReload(t *testing.T) {
	s, root := start(t, sleeper)
	write(t, filepath.Join(root, "etc/systemd/system", unitName+".service.d/require.conf"), "[Unit]\nConditionPathExists=/absent\n")
	if err := s.Start(context.Background(), unitName); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "active")
	if err := s.DaemonReload(); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "active")
	if err := s.Restart(context.Background(), unitName); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "inactive")
}

func TestAStubbornProcessIsKilledAfterTimeoutStopSec(t *testing.T) {
	s, root := start(t, "#!/bin/sh\ntrap '' TERM\ntouch "+"$0.up\nwhile :; do sleep 0.1; done\n", "[Service]\nTimeoutStopSec=200ms\n")
	if err := s.Start(context.Background(), unitName); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { _, err := os.Stat(filepath.Join(root, "svc.up")); return err })
	if err := s.Stop(t.Context(), unitName); err != nil {
		t.Fatal(err)
	}
	if got := s.Get(unitName, "Result") + " " + s.Get(unitName, "ActiveState"); got != "timeout failed" {
		t.Errorf("state is %s", got)
	}
}

func TestAMachineThatWasHaltedStartsWhatIsEnabled(t *testing.T) {
	s, _ := start(t, sleeper)
	if err := s.Enable(unitName, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Boot(); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "active")
	s.Halt()
	if got := s.Get(unitName, "ActiveState"); got != "inactive" {
		t.Errorf("ActiveState of a halted machine is %q", got)
	}
	if err := s.Start(context.Background(), unitName); err == nil {
		t.Error("a halted machine started a unit")
	}
	if err := s.Boot(); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ActiveState", "active")
}

func TestSystemctlAnswersThroughItsSocket(t *testing.T) {
	s, root := start(t, sleeper)
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "systemctl")
	if err := os.Symlink(exe, link); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, int) {
		t.Helper()
		cmd := exec.Command(link, args...)
		cmd.Env = []string{service.RootVariable + "=" + root}
		var out bytes.Buffer
		cmd.Stdout = &out
		_ = cmd.Run()
		return out.String(), cmd.ProcessState.ExitCode()
	}
	const show = "--property=LoadState,ActiveState,SubState,MainPID,NRestarts,Result,ExecMainStartTimestampMonotonic"
	for _, c := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"show of a stopped unit", []string{"show", show, unitName}, "LoadState=loaded\nActiveState=inactive\nSubState=dead\nMainPID=0\nNRestarts=0\nResult=success\nExecMainStartTimestampMonotonic=0\n", 0},
		{"show of an unknown unit", []string{"show", "--property=LoadState,ActiveState", "nosuch"}, "LoadState=not-found\nActiveState=inactive\n", 0},
		{"is-active", []string{"is-active", unitName + ".service"}, "inactive\n", 3},
		{"daemon-reload", []string{"daemon-reload"}, "", 0},
		{"reset-failed of an unknown unit", []string{"reset-failed", "nosuch"}, "", 5},
		{"start", []string{"start", unitName}, "", 0},
		{"is-active after start", []string{"is-active", unitName}, "active\n", 0},
		{"stop", []string{"stop", unitName}, "", 0},
		{"show a value", []string{"show", "--property=ActiveState", "--value", unitName}, "inactive\n", 0},
	} {
		if out, code := run(c.args...); out != c.want || code != c.code {
			t.Errorf("%s: got %q, exit %d; want %q, exit %d", c.name, out, code, c.want, c.code)
		}
	}
}

// holder is another program that holds a supervisor, to be killed.
func holder(root string) {
	s, err := service.New(service.Options{Root: root})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if err := s.Start(context.Background(), unitName); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Get(unitName, "MainPID"))
	select {}
}

func TestNoProcessOutlivesAKilledHolder(t *testing.T) {
	_, root := start(t, sleeper)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "SERVICE_TEST_HOLDER="+root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the service does not run: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, func() error {
		// A zombie that nobody reaps (as under a plain PID 1 of a container) is gone all the same.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return nil //nolint:nilerr // it is gone, and so is its file
		}
		return fmt.Errorf("process %d still runs", pid)
	})
}

func TestAStartDoesNotShortenTheWaitForARestart(t *testing.T) {
	s, _ := start(t, sleeper, "[Service]\nRestartSec=300ms\n")
	if err := s.Start(t.Context(), unitName); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if err := s.Kill(unitName, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, s, "SubState", "auto-restart")
	if err := s.Start(t.Context(), unitName); err != nil {
		t.Fatal(err)
	}
	if d, state := time.Since(killed), s.Get(unitName, "ActiveState"); d < 300*time.Millisecond || state != "active" {
		t.Errorf("after %v it is %s", d, state)
	}
	if err := s.Kill(unitName, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, s, "SubState", "auto-restart")
	if err := s.Restart(t.Context(), unitName); err != nil || s.Get(unitName, "ActiveState") != "active" {
		t.Errorf("a restart waits for nothing: %v, %s", err, s.Get(unitName, "ActiveState"))
	}
}

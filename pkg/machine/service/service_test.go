package service_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/service"
)

// fake puts a systemctl first in PATH that notes its arguments and prints a text.
func fake(t *testing.T, text string, code int) (calls func() string) {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%[1]s/calls\ncat <<'END'\n%[2]s\nEND\nexit %[3]d\n", dir, text, code)
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(script), 0o700); err != nil { // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		text, _ := os.ReadFile(filepath.Join(dir, "calls"))
		return string(text)
	}
}

func TestStateReadsSystemd(t *testing.T) {
	for _, tt := range []struct {
		name, text    string
		want          service.State
		running, down bool
	}{
		{"running", "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=7\nNRestarts=2\nResult=success\nExecMainStartTimestampMonotonic=123456",
			service.State{Loaded: true, Active: "active", Sub: "running", PID: 7, Restarts: 2, Result: "success", Started: 123456}, true, false},
		{"to be restarted", "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nMainPID=0\nNRestarts=3\nResult=exit-code",
			service.State{Loaded: true, Active: "activating", Sub: "auto-restart", Restarts: 3, Result: "exit-code"}, false, false},
		{"failed", "LoadState=loaded\nActiveState=failed\nSubState=failed\nMainPID=0\nResult=start-limit-hit",
			service.State{Loaded: true, Active: "failed", Sub: "failed", Result: "start-limit-hit"}, false, true},
		{"not there", "LoadState=not-found\nActiveState=inactive\nSubState=dead\nMainPID=0\nNRestarts=[not set]",
			service.State{Active: "inactive", Sub: "dead"}, false, true},
	} {
		calls := fake(t, tt.text, 0)
		got, err := service.Unit{Root: "/", Name: "snap.etcd.etcd"}.State(t.Context())
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil || got.Running() != tt.running || got.Down() != tt.down {
			t.Errorf("%s: %v, %s", tt.name, err, diff)
		}
		const want = "show --property=LoadState,ActiveState,SubState,MainPID,NRestarts,Result,ExecMainStartTimestampMonotonic snap.etcd.etcd\n"
		if calls() != want {
			t.Errorf("called %q", calls())
		}
	}
	for _, text := range []string{"", "nonsense", "LoadState=loaded\nActiveState=active\nMainPID=x"} {
		fake(t, text, 0)
		if got, err := (service.Unit{Name: "x"}).State(t.Context()); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
	fake(t, "", 1)
	if err := (service.Unit{Name: "x"}).Reload(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "cannot run systemctl daemon-reload") {
		t.Errorf("a systemctl that fails: %v", err)
	}
}

// TestAUnitThatDoesNotRunHasAStatus: systemctl ends with 3 then.
func TestAUnitThatDoesNotRunHasAStatus(t *testing.T) {
	calls := fake(t, "Active: inactive (dead)", 3)
	text, err := service.Unit{Name: "x"}.Status(t.Context())
	if err != nil || !strings.Contains(text, "inactive (dead)") || !strings.HasPrefix(calls(), "status ") {
		t.Errorf("%q, %v, calls %q", text, err, calls())
	}
	fake(t, "", 4)
	if _, err := (service.Unit{Name: "x"}).Status(t.Context()); err == nil {
		t.Error("a systemctl that says nothing")
	}
}

func TestDropInsAreWrittenAndTakenBack(t *testing.T) {
	root := t.TempDir()
	u := service.Unit{Root: root, Name: "snap.etcd.etcd", Disk: &durable.Disk{}}
	for _, step := range []struct {
		mark    string
		started bool
		wrote   int
		files   map[string]string
	}{
		{"", false, 1, map[string]string{"always-restart.conf": "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestartSec=10\n"}},
		{"/data/50%/member/m", false, 1, map[string]string{"always-restart.conf": "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestartSec=10\n",
			"require-data.conf": "[Unit]\nConditionPathExists=|/data/50%%/member/wal\nConditionPathExists=|/data/50%%/member/m\n"}},
		{"/data/50%/member/m", true, 1, map[string]string{"always-restart.conf": "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestartSec=10\n",
			"require-data.conf": "[Unit]\nConditionPathExists=/data/50%%/member/wal\n"}},
		{"", true, 0, nil},
		{"", false, 1, map[string]string{"always-restart.conf": "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestartSec=10\n"}},
	} {
		want := service.DropIns("/data/50%/member/wal", step.mark, step.started)
		differ, err := u.Differ(want)
		if err != nil || differ != (step.wrote > 0) {
			t.Errorf("started %v: differ %v, %v", step.started, differ, err)
		}
		wrote, err := u.WriteDropIns(want)
		if err != nil || len(wrote) != step.wrote {
			t.Errorf("started %v: wrote %v, %v", step.started, wrote, err)
		}
		if step.files == nil {
			continue
		}
		got := map[string]string{}
		entries, _ := os.ReadDir(filepath.Dir(u.Path("x")))
		for _, e := range entries {
			text, _ := os.ReadFile(u.Path(e.Name()))
			got[e.Name()] = string(text)
		}
		if diff := cmp.Diff(step.files, got); diff != "" {
			t.Error(diff)
		}
	}
}

// A path that breaks its line begins no directive of its own.
func TestAPathAddsNoLineToADropIn(t *testing.T) {
	for _, path := range []string{"/data\n[Service]\nExecStartPre=/bin/evil", "/data\r\nExecStartPre=x", "/data\x00\u2028ExecStartPre=x"} {
		for _, started := range []bool{true, false} {
			text := service.DropIns(path, path, started)[1].Text
			want := 2
			if !started {
				want = 3
			}
			if lines := strings.Count(text, "\n"); lines != want || strings.Contains(text, "\nExec") || strings.ContainsAny(text, "\r\x00") {
				t.Errorf("%q: %q", path, text)
			}
		}
	}
}

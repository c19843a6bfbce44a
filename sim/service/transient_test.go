package service_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/sim/service"
)

// systemdRun is the program of that name on the machine.
func systemdRun(t *testing.T, root string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "systemd-run")
	if err := os.Symlink(exe, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, args...)
	cmd.Env = []string{service.RootVariable + "=" + root, "PATH=" + os.Getenv("PATH")}
	return cmd
}

func served(t *testing.T) (*service.Supervisor, string) {
	s, root := start(t, sleeper)
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	return s, root
}

// TestATransientUnitHasTheCallersFilesAndEndsWithItsCode, and is forgotten.
func TestATransientUnitHasTheCallersFilesAndEndsWithItsCode(t *testing.T) {
	s, root := served(t)
	var out bytes.Buffer
	cmd := systemdRun(t, root, "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec", "--unit=once", "--property=TimeoutStopSec=5",
		"/bin/sh", "-c", "cat; exit 7")
	cmd.Stdin, cmd.Stdout = strings.NewReader("what was asked\n"), &out
	_ = cmd.Run()
	if cmd.ProcessState.ExitCode() != 7 || out.String() != "what was asked\n" {
		t.Errorf("it ended with %d, and printed %q", cmd.ProcessState.ExitCode(), out.String())
	}
	if load := s.Get("once", "LoadState"); load != "not-found" {
		t.Errorf("the unit is %s", load)
	}
}

// TestATransientUnitRunsOnWithoutItsCaller, keeps its name for itself, and can be killed.
func TestATransientUnitRunsOnWithoutItsCaller(t *testing.T) {
	s, root := served(t)
	args := []string{"--pipe", "--wait", "--unit=long", "/bin/sh", "-c", "echo begun; exec sleep 1000"}
	caller := systemdRun(t, root, args...)
	out, err := caller.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := caller.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = caller.Wait()
	second := systemdRun(t, root, args...)
	if err := second.Run(); err == nil || second.ProcessState.ExitCode() != 1 {
		t.Errorf("a second unit of its name: %v", err)
	}
	if err := s.DaemonReload(); err != nil {
		t.Fatal(err)
	}
	if active := s.Get("long", "ActiveState"); active != "active" {
		t.Fatalf("it is %s without its caller", active)
	}
	s.KillAll()
	eventually(t, func() error {
		if s.Get("long", "LoadState") != "not-found" {
			return os.ErrExist
		}
		return nil
	})
}

// TestATransientUnitNeedsWhatIsUnderstood: nothing is left out in silence.
func TestATransientUnitNeedsWhatIsUnderstood(t *testing.T) {
	_, root := served(t)
	for name, args := range map[string][]string{
		"an unknown option": {"--unit=x", "--scope", "/bin/true"},
		"no unit":           {"/bin/true"},
		"no program":        {"--unit=x"},
		"a missing program": {"--unit=x", "/no/such/program"},
	} {
		cmd := systemdRun(t, root, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if _ = cmd.Run(); cmd.ProcessState.ExitCode() != 1 || stderr.Len() == 0 {
			t.Errorf("%s: exit %d, %q", name, cmd.ProcessState.ExitCode(), stderr.String())
		}
	}
}

// Package systemd has nothing but tests: of the service file beside it.
package systemd

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// settings are the service's, in order, by section and name; a name without a value resets in systemd, and is kept as "".
func settings(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open("jujuetcd.service")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, section := map[string][]string{}, ""
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		default:
			name, value, ok := strings.Cut(line, "=")
			if !ok || section == "" {
				t.Errorf("line %q is no setting", line)
			}
			all[section+"."+name] = append(all[section+"."+name], value)
		}
	}
	return all
}

func TestServiceIsHardenedAndWatched(t *testing.T) {
	all := settings(t)
	want := map[string]string{
		"Service.Type": "notify", "Service.WatchdogSec": "60", "Service.DynamicUser": "yes", "Service.ProtectSystem": "strict",
		"Service.NoNewPrivileges": "yes", "Service.CapabilityBoundingSet": "", "Service.MemoryDenyWriteExecute": "yes",
		"Service.RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "Service.StateDirectory": "jujuetcd-controller",
		"Service.RuntimeDirectory": "jujuetcd", "Service.EnvironmentFile": "/etc/jujuetcd/environment",
		"Service.RestartPreventExitStatus": "2 3", "Service.ProtectHome": "yes", "Service.PrivateDevices": "yes",
	}
	for name, value := range want {
		if got := all[name]; !slices.Contains(got, value) {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if !slices.Contains(all["Service.SystemCallFilter"], "@system-service") {
		t.Error("system calls are not filtered")
	}
}

func TestSystemdAcceptsTheService(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze here: the service was parsed, not verified")
		return
	}
	out, err := exec.Command(analyze, "verify", "--man=no", "./jujuetcd.service").CombinedOutput()
	for _, line := range strings.Split(string(out), "\n") {
		// The program is not installed where tests run.
		if line != "" && strings.Contains(line, "jujuetcd.service") && !strings.Contains(line, "is not executable") {
			t.Errorf("systemd-analyze: %s", line)
		}
	}
	if err != nil && !strings.Contains(string(out), "is not executable") {
		t.Logf("systemd-analyze verify: %v\n%s", err, out)
	}
}

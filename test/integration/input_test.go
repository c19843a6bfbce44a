//go:build integration

package integration

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What retrying cannot fix ends `jujuetcd run` with exit code 3 and one clear sentence.
func TestWhatRetryingCannotFixIsReportedAndEnds(t *testing.T) {
	w := begin(t)
	password := strings.TrimSpace(w.juju("add-user", "nobody"))
	policy := t.TempDir()
	must(t, os.WriteFile(filepath.Join(policy, "cluster.yaml"), []byte(`apiVersion: jujuetcd.io/v1alpha1
kind: EtcdCluster
metadata: {name: etcd, namespace: admin/demo}
spec:
  paused: maybe
  grwoth: {}
`), 0o600))
	other := filepath.Join(t.TempDir(), "other-ca.crt")
	must(t, os.WriteFile(other, []byte(otherCA), 0o600))

	for _, test := range []struct {
		name, user, password, model string
		args                        []string
		want                        []string
	}{
		{name: "wrong password", user: "jujuetcd", password: "wrong", model: "admin/demo", want: []string{"password"}},
		{name: "no grant", user: "nobody", password: password, model: "admin/demo", want: []string{"grant"}},
		{name: "unknown model", user: "jujuetcd", password: w.password, model: "admin/nosuch", want: []string{"nosuch"}},
		{name: "invalid policy file", user: "jujuetcd", password: w.password, model: "admin/demo",
			args: []string{"--config-dir", policy}, want: []string{"cluster.yaml:5", "cluster.yaml:6", "grwoth"}},
		{name: "wrong CA", user: "jujuetcd", password: w.password, model: "admin/demo",
			args: []string{"--ca-cert", other}, want: []string{"certificate"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
			defer cancel()
			args := append([]string{"run", "--model", test.model, "--state-dir", t.TempDir(), "--socket", filepath.Join(w.Dir, "x.sock"),
				"--metrics-address", "127.0.0.1:0"}, test.args...)
			cmd := exec.CommandContext(ctx, filepath.Join(w.Root, "bin/jujuetcd"), args...)
			cmd.Env = append(os.Environ(), "JUJU_DATA="+filepath.Join(w.Dir, "s/juju"), "JUJU_USERNAME="+test.user, "JUJU_PASSWORD="+test.password)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 3 {
				t.Errorf("it ended with %v, not with exit code 3:\n%s", err, out)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			if test.password != "" && test.password != "wrong" && strings.Contains(string(out), test.password) {
				t.Error("it prints the password")
			}
			t.Logf("it says: %s", strings.TrimSpace(string(out)))
		})
	}
}

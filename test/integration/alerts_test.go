//go:build integration

package integration

import (
	"os/exec"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"jujuetcd.io/test/prometheus"
)

// Each alert fires on what it is about and is silent otherwise, as promtool's own tests of rules tell; etcd.test.yaml has one for
// each.
func TestEachAlertFiresOnWhatItIsAbout(t *testing.T) {
	promtool, err := prometheus.Program("promtool")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", "etcd.rules.yaml"}, {"test", "rules", "etcd.test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = "../../deploy/alerts"
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	text := read(t, "../../deploy/alerts/etcd.rules.yaml")
	if err := yaml.Unmarshal([]byte(text), &rules); err != nil {
		t.Fatal(err)
	}
	tests := read(t, "../../deploy/alerts/etcd.test.yaml")
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			// Once where it fires, and once where it is silent.
			if n := strings.Count(tests, "alertname: "+rule.Alert+"\n"); n < 2 {
				t.Errorf("alert %s is tested %d times", rule.Alert, n)
			}
			if s := rule.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("alert %s has severity %q", rule.Alert, s)
			}
			if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("alert %s does not say what is wrong", rule.Alert)
			}
		}
	}
}

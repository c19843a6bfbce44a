//go:build integration

package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"jujuetcd.io/test/prometheus"
)

// alertFiles are in deploy/alerts; each has its tests beside it, X.test.yaml for X.rules.yaml.
var alertFiles = []string{"etcd.rules.yaml", "jujuetcd.rules.yaml"}

type alertRule struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

// alertRules are the rules of a file of deploy/alerts.
func alertRules(t *testing.T, file string) []alertRule {
	t.Helper()
	var content struct{ Groups []struct{ Rules []alertRule } }
	must(t, yaml.Unmarshal([]byte(read(t, filepath.Join("../../deploy/alerts", file))), &content))
	var all []alertRule
	for _, group := range content.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// Each alert fires on what it is about and is silent otherwise, as promtool's own tests of rules tell.
func TestEachAlertFiresOnWhatItIsAbout(t *testing.T) {
	promtool, err := prometheus.Program("promtool")
	must(t, err)
	for _, rules := range alertFiles {
		t.Run(rules, func(t *testing.T) {
			tests := strings.Replace(rules, ".rules.", ".test.", 1)
			for _, args := range [][]string{{"check", "rules", rules}, {"test", "rules", tests}} {
				cmd := exec.CommandContext(t.Context(), promtool, args...)
				cmd.Dir = "../../deploy/alerts"
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
				}
			}
			fires, silent := alertsTested(t, tests)
			for _, rule := range alertRules(t, rules) {
				s := rule.Labels["severity"]
				if s != "critical" && s != "warning" {
					t.Errorf("alert %s has severity %q", rule.Alert, s)
				}
				if !fires[rule.Alert+" "+s] || !silent[rule.Alert] {
					t.Errorf("no test has alert %s fire with severity %s, or none has it silent", rule.Alert, s)
				}
				if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
					t.Errorf("alert %s does not say what is wrong", rule.Alert)
				}
			}
		})
	}
}

// alertsTested are the alerts, with their severities, that a file of tests has fire, and those that
// it has be silent.
func alertsTested(t *testing.T, file string) (fires, silent map[string]bool) {
	t.Helper()
	var content struct {
		Tests []struct {
			Cases []struct {
				Alert string `json:"alertname"`
				Exp   []struct {
					Labels map[string]string `json:"exp_labels"`
				} `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	must(t, yaml.Unmarshal([]byte(read(t, filepath.Join("../../deploy/alerts", file))), &content))
	fires, silent = map[string]bool{}, map[string]bool{}
	for _, test := range content.Tests {
		for _, c := range test.Cases {
			for _, alert := range c.Exp {
				fires[c.Alert+" "+alert.Labels["severity"]] = true
			}
			if len(c.Exp) == 0 {
				silent[c.Alert] = true
			}
		}
	}
	return fires, silent
}

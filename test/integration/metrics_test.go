//go:build integration

package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"jujuetcd.io/deploy/dashboards"
	"jujuetcd.io/test/etcdtest"
)

// inExpressions are the metrics of an expression; up is Prometheus' own.
var inExpressions = regexp.MustCompile(`\b(?:etcd|grpc_server|process)_[a-z_]+`)

// Every metric that the dashboard and the alerts name is one of each etcd that is managed, so that no panel is empty and no alert
// silent for want of one.
func TestMetricsOfDashboardAndAlertsAreThoseOfEveryEtcd(t *testing.T) {
	named := map[string]string{}
	board, err := dashboards.Panels()
	must(t, err)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			for _, metric := range inExpressions.FindAllString(target.Expr, -1) {
				named[metric] = "panel " + panel.Title
			}
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string } `json:"rules"`
		} `json:"groups"`
	}
	must(t, yaml.Unmarshal([]byte(read(t, "../../deploy/alerts/etcd.rules.yaml")), &rules))
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			for _, metric := range inExpressions.FindAllString(rule.Expr, -1) {
				named[metric] = "alert " + rule.Alert
			}
		}
	}
	if len(named) < 30 {
		t.Errorf("only %d metrics are named", len(named))
	}
	for _, minor := range []string{"3.5", "3.6", "3.7"} {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := etcdtest.Start(t, etcdtest.Options{Members: 2, Minor: minor})
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: c.TLS()}, Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			var missing []string
			defer func() {
				if t.Failed() {
					t.Logf("etcd %s lacks %s", minor, strings.Join(missing, ", "))
				}
			}()
			// The round trip to a peer is first measured after some seconds.
			etcdtest.Eventually(t, 2*time.Minute, "all metrics are there", func(context.Context) bool {
				missing = missingMetrics(t, client, c.Members[0].ClientURL+"/metrics", named)
				return len(missing) == 0
			})
			t.Logf("etcd %s has all of %d metrics", minor, len(named))
		})
	}
}

// missingMetrics are those of the named that are not on the page, with where each is named.
func missingMetrics(t *testing.T, client *http.Client, url string, named map[string]string) []string {
	t.Helper()
	answer, err := client.Get(url)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	var missing []string
	for metric, where := range named {
		if !strings.Contains("\n"+string(text), "\n"+metric+"{") && !strings.Contains("\n"+string(text), "\n"+metric+" ") {
			missing = append(missing, fmt.Sprintf("%s (%s)", metric, where))
		}
	}
	slices.Sort(missing)
	return missing
}

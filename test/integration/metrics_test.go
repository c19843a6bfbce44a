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

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"jujuetcd.io/deploy/dashboards"
	"jujuetcd.io/test/etcdtest"
)

// inExpressions are the metrics of an expression; up is Prometheus' own.
var inExpressions = regexp.MustCompile(`\b(?:etcd|grpc_server|process)_[a-z_]+`)

// atTimes are metrics that a member has only from a minor of etcd on, or only once something has happened.
var atTimes = map[string]struct{ since, when string }{
	"etcd_debugging_server_alarms":                {"3.6", "an alarm was raised since the member's start"},
	"etcd_network_peer_sent_failures_total":       {"3.5", "a message to a peer was lost"},
	"etcd_server_request_duration_seconds_bucket": {"3.7", "something was asked for"},
}

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
	for _, rule := range alertRules(t, "etcd.rules.yaml") {
		for _, metric := range inExpressions.FindAllString(rule.Expr, -1) {
			named[metric] = "alert " + rule.Alert
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
			page := func() string { return pageOf(t, client, c.Members[0].ClientURL+"/metrics") }
			always, later := map[string]string{}, map[string]string{}
			for metric, where := range named {
				switch {
				case atTimes[metric].when == "":
					always[metric] = where
				case minor >= atTimes[metric].since:
					later[metric] = where
				}
			}
			var missing []string
			defer func() {
				if t.Failed() {
					t.Logf("etcd %s lacks %s", minor, strings.Join(missing, ", "))
				}
			}()
			// The round trip to a peer is first measured after some seconds.
			etcdtest.Eventually(t, 2*time.Minute, "all metrics are there", func(context.Context) bool {
				missing = missingMetrics(page(), always)
				return len(missing) == 0
			})
			_, err := c.Client(c.Members[0].ClientURL).Put(t.Context(), "k", "v")
			must(t, err)
			raiseAlarmTwice(t, c, page, minor)
			c.Members[1].Stop()
			etcdtest.Eventually(t, time.Minute, "the metrics of what has happened are there", func(context.Context) bool {
				missing = missingMetrics(page(), later)
				return len(missing) == 0
			})
			t.Logf("etcd %s has all of %d metrics, %d of them at times", minor, len(always)+len(later), len(later))
		})
	}
}

// raiseAlarmTwice raises an alarm twice and disarms it once. Its metric shows one raising from then on,
// though there is no alarm: why EtcdAlarmRaised looks for a rise, and the daemon reads the list.
func raiseAlarmTwice(t *testing.T, c *etcdtest.Cluster, page func() string, minor string) {
	t.Helper()
	client := c.Client(c.Members[0].ClientURL)
	alarms := pb.NewMaintenanceClient(client.ActiveConnection())
	list, err := client.MemberList(t.Context())
	must(t, err)
	const raise = pb.AlarmRequest_ACTIVATE
	for _, action := range []pb.AlarmRequest_AlarmAction{raise, raise, pb.AlarmRequest_DEACTIVATE} {
		_, err := alarms.Alarm(t.Context(), &pb.AlarmRequest{Action: action, MemberID: list.Members[0].ID, Alarm: pb.AlarmType_NOSPACE})
		must(t, err)
	}
	left, err := client.AlarmList(t.Context())
	must(t, err)
	const metric = "etcd_debugging_server_alarms"
	found := regexp.MustCompile(`(?m)^` + metric + `\{.*alarm_type="NOSPACE".*\} (\S+)$`).FindStringSubmatch(page())
	if counted := len(found) == 2 && found[1] == "1"; len(left.Alarms) != 0 || counted != (minor >= atTimes[metric].since) {
		t.Errorf("alarms %v, and %s is %v", left.Alarms, metric, found)
	}
}

// pageOf is what a member answers at an address.
func pageOf(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	answer, err := client.Get(url)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return string(text)
}

// missingMetrics are those of the named that are not on the page, with where each is named.
func missingMetrics(page string, named map[string]string) []string {
	var missing []string
	for metric, where := range named {
		if !strings.Contains("\n"+page, "\n"+metric+"{") && !strings.Contains("\n"+page, "\n"+metric+" ") {
			missing = append(missing, fmt.Sprintf("%s (%s)", metric, where))
		}
	}
	slices.Sort(missing)
	return missing
}

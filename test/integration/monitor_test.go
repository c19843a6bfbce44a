//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"sigs.k8s.io/yaml"

	"jujuetcd.io/deploy/dashboards"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/prometheus"
	"jujuetcd.io/test/rig"
)

// What the relations carry is enough for a real Prometheus to scrape every member, and for every
// panel of the dashboard to show something; there is one job whoever leads; and both go when they
// are not true any more.
func TestARealPrometheusScrapesByWhatItsRelationCarries(t *testing.T) {
	w := begin(t, "--update-status", "5s", "--lease", "5s")
	w.daemon()
	w.deploy("3")
	for _, name := range []string{"prometheus", "grafana"} {
		w.juju("deploy", filepath.Join(w.Root, "dist", name+".charm"))
		w.juju("integrate", "etcd:"+name, name)
	}
	w.await(rig.All(rig.Healthy("etcd", 3), rig.UnitShows("prometheus/0", "active", "1 jobs"), rig.UnitShows("grafana/0", "active", "1 dashboards")))
	s, err := w.Status(w.ctx)
	must(t, err)
	config := filepath.Join(w.MachineRoot(s.Unit("prometheus/0").Machine), "var/snap/prometheus/current/prometheus.yml")
	first := w.job(config)
	etcdtest.Eventually(t, time.Minute, "all three members are targets", func(context.Context) bool { return len(w.job(config).targets()) == 3 })

	server, err := prometheus.Start(w.ctx, filepath.Join(w.Dir, "prometheus"), config)
	must(t, err)
	defer server.Close()
	credentials, endpoints := w.client()
	writer, err := rig.StartWriter(w.ctx, credentials, endpoints)
	must(t, err)
	w.scrapes(server, first.Name, 3)
	w.panelsShowSomething(server)
	w.metricsOfAlertsAreThere(server)
	_, err = writer.Stop(w.ctx)
	must(t, err)
	if board := read(t, w.board(s)); !strings.Contains(board, `"prometheus - Juju generated source"`) || strings.Contains(board, "DS_PROMETHEUS") {
		t.Error("the dashboard is not on the source that Grafana has of this Prometheus")
	}

	// Another leader takes the job over, under its name: Prometheus sees no change.
	leader := s.Leader("etcd")
	w.juju("fault", "stop-agent", leader)
	w.await(func(s rig.Status) (bool, string) {
		now := s.Leader("etcd")
		return now != "" && now != leader, "no other unit leads"
	})
	asks := func() []string { return w.unitsThatAsk("prometheus", first.Name) }
	etcdtest.Eventually(t, time.Minute, "the new leader asks", func(context.Context) bool {
		s, err := w.Status(w.ctx)
		return err == nil && slices.Contains(asks(), s.Leader("etcd"))
	})
	if now := w.job(config); now.Name != first.Name {
		t.Errorf("the job was %s and is %s", first.Name, now.Name)
	}
	w.juju("fault", "start-agent", leader)
	etcdtest.Eventually(t, time.Minute, "the former leader has withdrawn its request", func(context.Context) bool {
		return len(asks()) == 1 && !slices.Contains(asks(), leader)
	})
	w.scrapes(server, first.Name, 3)

	w.juju("remove-relation", "etcd:prometheus", "prometheus")
	w.await(rig.All(rig.UnitShows("prometheus/0", "active", "0 jobs"), rig.UnitShows("grafana/0", "active", "0 dashboards")))
}

// job is the one scrape job of a configuration of Prometheus.
type job struct {
	Name    string `json:"job_name"`
	Configs []struct {
		Targets []string `json:"targets"`
	} `json:"static_configs"`
}

func (j job) targets() []string {
	var all []string
	for _, c := range j.Configs {
		all = append(all, c.Targets...)
	}
	return all
}

func (w *world) job(path string) job {
	w.t.Helper()
	var config struct {
		Jobs []job `json:"scrape_configs"`
	}
	must(w.t, yaml.Unmarshal([]byte(read(w.t, path)), &config))
	if len(config.Jobs) != 1 {
		w.t.Fatalf("%d jobs in %s", len(config.Jobs), path)
	}
	return config.Jobs[0]
}

func (w *world) board(s rig.Status) string {
	return filepath.Join(w.MachineRoot(s.Unit("grafana/0").Machine), "var/lib/grafana/dashboards/jujuetcd-etcd.json")
}

// unitsThatAsk are the units of etcd whose databag has the request of the job.
func (w *world) unitsThatAsk(application, jobName string) []string {
	w.t.Helper()
	infos, err := w.api.UnitsInfo(w.ctx, "unit-"+application+"-0")
	must(w.t, err)
	var asking []string
	for _, info := range infos {
		for _, relation := range info.RelationData {
			for name, unit := range relation.Units {
				if unit.Data["request_"+strings.TrimPrefix(jobName, "etcd-")] != "" {
					asking = append(asking, name)
				}
			}
		}
	}
	slices.Sort(asking)
	return asking
}

// scrapes waits until Prometheus has scraped each target of the job without a fault.
func (w *world) scrapes(server *prometheus.Server, jobName string, n int) {
	w.t.Helper()
	last := ""
	etcdtest.Eventually(w.t, time.Minute, "Prometheus scrapes every member", func(ctx context.Context) bool {
		targets, err := server.Targets(ctx)
		up := 0
		for _, target := range targets {
			if target.Labels["job"] == jobName && target.Health == "up" && target.Labels["juju_application"] == "etcd" && target.Labels["juju_charm"] == "etcd" {
				up++
			} else if text := fmt.Sprint(target); text != last {
				last = text
				w.t.Log(text)
			}
		}
		return err == nil && up == n && len(targets) == n
	})
}

// panelsShowSomething has Prometheus answer each expression of the dashboard with at least one
// number.
func (w *world) panelsShowSomething(server *prometheus.Server) {
	w.t.Helper()
	board, err := dashboards.Panels()
	must(w.t, err)
	silent := ""
	etcdtest.Eventually(w.t, time.Minute, "every expression of the dashboard has an answer", func(ctx context.Context) bool {
		silent = ""
		n := 0
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				n++
				samples, err := server.Query(ctx, target.Filled("demo", "etcd", 10*time.Second))
				must(w.t, err)
				if !slices.ContainsFunc(samples, func(s prometheus.Sample) bool { return s.Points[0].Value == s.Points[0].Value }) {
					silent = panel.Title + ": " + target.Expr
					return false
				}
			}
		}
		w.t.Logf("%d expressions in %d panels, each with an answer", n, len(board.Panels))
		return true
	})
	if silent != "" {
		w.t.Errorf("no answer: %s", silent)
	}
}

// metricsOfAlertsAreThere looks for each metric that an alert names: an alert about one that is not
// there would never fire. What is there only at times is looked for in metrics_test.go.
func (w *world) metricsOfAlertsAreThere(server *prometheus.Server) {
	w.t.Helper()
	seen := map[string]bool{}
	for _, rule := range alertRules(w.t, "etcd.rules.yaml") {
		for _, metric := range inExpressions.FindAllString(rule.Expr, -1) {
			samples, err := server.Query(w.ctx, metric)
			must(w.t, err)
			if len(samples) == 0 && atTimes[metric].when == "" {
				w.t.Errorf("alert %s is about %s, which no member has", rule.Alert, metric)
			}
			seen[metric] = true
		}
		samples, err := server.Query(w.ctx, rule.Expr)
		must(w.t, err)
		// What is slow here says something of this machine.
		if len(samples) > 0 && !saysSlow(rule.Alert) {
			w.t.Errorf("alert %s in a healthy cluster: %v", rule.Alert, samples)
		}
	}
	if len(seen) < 10 {
		w.t.Errorf("only %d metrics were looked for", len(seen))
	}
}

// saysSlow tells the alerts that are about slowness by their names.
func saysSlow(alert string) bool {
	return strings.Contains(alert, "Slow") || strings.Contains(alert, "Durations")
}

// Nagios' checks on a unit say what is so, run as nrpe runs them; options reach them; and nothing
// of them is left without the relation.
func TestNagiosChecksTellTheTruthAndGoWithTheRelation(t *testing.T) {
	w := begin(t, "--update-status", "1h")
	w.daemon()
	w.deploy("3")
	w.juju("deploy", filepath.Join(w.Root, "dist/nrpe.charm"))
	w.juju("integrate", "etcd", "nrpe")
	w.await(rig.All(rig.Healthy("etcd", 3), rig.ApplicationShows("etcd", "active", "3 members, can lose 1")))
	unit := "etcd/0"
	s, err := w.Status(w.ctx)
	must(t, err)
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	n := nagiosHost{w: w, unit: unit, root: w.MachineRoot(s.Unit(unit).Machine), client: client}
	etcdtest.Eventually(t, time.Minute, "nrpe knows both checks", func(context.Context) bool {
		text, err := os.ReadFile(n.path("/var/lib/nrpe/monitors.yaml"))
		return err == nil && strings.Count(string(text), "command: check_") == 2
	})
	for unit, bag := range w.remote(t, "unit-nrpe-0", "nrpe-external-master") {
		if !strings.Contains(bag["monitors"], "etcd-alarms") || bag["primary"] != "False" {
			t.Errorf("%s gives nrpe monitors %q, primary %q", unit, bag["monitors"], bag["primary"])
		}
	}
	if _, err := os.Stat(n.path("/usr/lib/nagios/plugins/check_etcd-alarms.py")); err != nil {
		t.Error(err)
	}

	n.says("snap.etcd.etcd", 0, "OK: snap.etcd.etcd is running")
	n.cron()
	n.says("etcd-alarms", 0, "OK: no active alarms")

	t.Run("an alarm", func(t *testing.T) {
		// The daemon would disarm it: there is room.
		w.KillDaemon()
		name := n.alarm(pb.AlarmRequest_ACTIVATE)
		n.cron()
		n.says("etcd-alarms", 2, "CRITICAL: active alarms: "+name+" NOSPACE")
		n.alarm(pb.AlarmRequest_DEACTIVATE)
		n.cron()
		n.says("etcd-alarms", 0, "OK: no active alarms")
		w.daemon()
	})
	t.Run("a stale list", func(t *testing.T) {
		list := n.path("/var/lib/nagios/etcd-alarm-list.txt")
		text := regexp.MustCompile(`checked \d+`).ReplaceAllString(read(t, list), fmt.Sprint("checked ", time.Now().Add(-10*time.Minute).Unix()))
		must(t, os.WriteFile(list, []byte(text), 0o644))
		n.says("etcd-alarms", 3, "UNKNOWN: the list of alarms is from 60")
	})
	t.Run("no key is where Nagios could read it", func(t *testing.T) {
		for _, path := range n.files() {
			info, err := os.Stat(path)
			must(t, err)
			if info.Mode().Perm()&0o044 != 0o044 {
				t.Errorf("Nagios cannot read %s: %v", path, info.Mode())
			}
			refuseKey(t, path, read(t, path))
		}
	})
	t.Run("options", func(t *testing.T) {
		w.juju("config", "etcd", "nagios_servicegroups=databases,prod")
		etcdtest.Eventually(t, time.Minute, "the service groups are those of the option", func(context.Context) bool {
			return strings.Count(n.all(), "databases,prod") == 4 // two checks, two services
		})
		w.juju("config", "etcd", "nagios_servicegroups=", "nagios_context=lab")
		etcdtest.Eventually(t, time.Minute, "without one they are the context", func(context.Context) bool {
			return !strings.Contains(n.all(), "databases") && strings.Count(n.all(), "servicegroups: lab") == 2
		})
	})
	t.Run("bound to its own address only", func(t *testing.T) {
		w.juju("config", "etcd", "bind_to_all_interfaces=false")
		w.hasEffect(t, optionChange{name: "bind_to_all_interfaces", effect: configured("listen-client-urls: https://ADDRESS:2379")})
		w.settledOptions(t)
		n.says("snap.etcd.etcd", 0, "OK: snap.etcd.etcd is running")
		n.cron()
		n.says("etcd-alarms", 0, "OK: no active alarms")
		w.KillDaemon()
		name := n.alarm(pb.AlarmRequest_ACTIVATE)
		n.cron()
		n.says("etcd-alarms", 2, "CRITICAL: active alarms: "+name+" NOSPACE")
		n.alarm(pb.AlarmRequest_DEACTIVATE)
		w.daemon()
	})
	t.Run("etcd is down", func(t *testing.T) {
		w.juju("fault", "kill", unit)
		n.says("snap.etcd.etcd", 2, "CRITICAL: snap.etcd.etcd is activating (auto-restart)")
		// The others still know of no alarm: that this member is down is the other check's word.
		n.cron()
		n.says("etcd-alarms", 0, "OK: no active alarms")
	})
	w.juju("remove-relation", "etcd", "nrpe")
	etcdtest.Eventually(t, time.Minute, "nothing is left of the checks", func(context.Context) bool { return len(n.files()) == 0 })
	w.await(func(s rig.Status) (bool, string) { return len(s.UnitNames("nrpe")) == 0, "nrpe is still there" })
	w.await(rig.Healthy("etcd", 3))
}

// nagiosHost is a machine as nrpe and cron see it, with a client of the cluster that needs no
// daemon.
type nagiosHost struct {
	w          *world
	unit, root string
	client     *clientv3.Client
}

func (n nagiosHost) path(path string) string { return filepath.Join(n.root, path) }

// files are all that have to do with the checks.
func (n nagiosHost) files() []string {
	var found []string
	for _, pattern := range []string{"/etc/nagios/nrpe.d/*etcd*", "/var/lib/nagios/export/*etcd*", "/var/lib/nagios/etcd*",
		"/usr/lib/nagios/plugins/*etcd*", "/etc/cron.d/*etcd*"} {
		paths, err := filepath.Glob(n.path(pattern))
		must(n.w.t, err)
		found = append(found, paths...)
	}
	return found
}

func (n nagiosHost) all() string {
	text := ""
	for _, path := range n.files() {
		if one, err := os.ReadFile(path); err == nil { // it may be replaced right now
			text += string(one)
		}
	}
	return text
}

// run runs a command line of the machine, with its paths and its systemctl.
func (n nagiosHost) run(line string) (state int, out string) {
	n.w.t.Helper()
	line = regexp.MustCompile(`(^|\s)(/(?:var|usr|etc)/)`).ReplaceAllString(line, "${1}"+n.root+"${2}")
	cmd := exec.CommandContext(n.w.ctx, "sh", "-c", line)
	tools := n.path("/var/lib/juju/tools/unit-" + strings.ReplaceAll(n.unit, "/", "-"))
	cmd.Env = append(os.Environ(), "JUJUETCD_ROOT="+n.root, "PATH="+tools+":"+os.Getenv("PATH"))
	text, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(text)
	}
	must(n.w.t, err)
	return 0, string(text)
}

// says runs a check by the command of its file.
func (n nagiosHost) says(check string, state int, text string) {
	n.w.t.Helper()
	config := read(n.w.t, n.path("/etc/nagios/nrpe.d/check_"+check+".cfg"))
	_, command, found := strings.Cut(config, "command[check_"+check+"]=")
	if !found {
		n.w.t.Fatalf("no command in %s", config)
	}
	got, out := n.run(strings.TrimSpace(command))
	if got != state || !strings.HasPrefix(out, text) || strings.Count(out, "\n") != 1 {
		n.w.t.Errorf("check %s ends with %d and says %q; want %d, %q", check, got, out, state, text)
	}
}

// cron runs the job that cron would, which must print nothing: cron mails what a job prints.
func (n nagiosHost) cron() {
	n.w.t.Helper()
	_, command, found := strings.Cut(read(n.w.t, n.path("/etc/cron.d/check_etcd-alarms")), "* * * * * root ")
	if !found {
		n.w.t.Fatal("there is no job of cron")
	}
	if state, out := n.run(strings.TrimSpace(command)); state != 0 || out != "" {
		n.w.t.Errorf("cron's job ends with %d and says %q", state, out)
	}
}

// alarm raises or disarms the alarm NOSPACE of a member that is another unit's, and returns the
// member's name.
func (n nagiosHost) alarm(action pb.AlarmRequest_AlarmAction) string {
	n.w.t.Helper()
	list, err := n.client.MemberList(n.w.ctx)
	must(n.w.t, err)
	i := slices.IndexFunc(list.Members, func(m *pb.Member) bool { return m.Name == "etcd1" })
	_, err = pb.NewMaintenanceClient(n.client.ActiveConnection()).Alarm(n.w.ctx,
		&pb.AlarmRequest{Action: action, MemberID: list.Members[i].ID, Alarm: pb.AlarmType_NOSPACE})
	must(n.w.t, err)
	return list.Members[i].Name
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

package charm_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/machine"
)

const prometheusRelation, grafanaRelation, nrpeRelation = "prometheus:5", "grafana:6", "nrpe-external-master:7"

// monitored is a leader whose cluster serves, related to Prometheus, Grafana and nrpe.
func monitored(t *testing.T) *bench {
	b := newBench(t)
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.juju.Leader = true
	for id, unit := range map[string]string{prometheusRelation: "prom/0", grafanaRelation: "graf/0", nrpeRelation: "nrpe/0"} {
		endpoint, _, _ := strings.Cut(id, ":")
		b.juju.Relations[endpoint] = []string{id}
		b.juju.Members[id] = []string{unit}
	}
	b.juju.Config = map[string]string{"nagios_context": "juju"}
	b.machine.keys = machine.Credentials{CA: "the ca", Certificate: "the certificate", Key: "the key"}
	s := spec()
	// The third member does not serve, so clients are not given it, but a monitor is.
	s.Clients.Endpoints = []string{"https://10.0.0.5:2379", "https://10.0.0.4:2379"}
	s.Clients.Members = []string{"https://10.0.0.4:2379", "https://10.0.0.5:2379", "https://10.0.0.6:2379"}
	b.machine.last = &s
	return b
}

// requests are what the unit asks for in a relation, by key.
func (b *bench) requests(relation string) map[string]map[string]any {
	b.t.Helper()
	found := map[string]map[string]any{}
	for key, text := range b.juju.Bags[relation+" "+b.juju.Unit] {
		if strings.HasPrefix(key, "request_") {
			var body map[string]any
			if err := json.Unmarshal([]byte(text), &body); err != nil {
				b.t.Fatalf("%s is no JSON: %v", key, err)
			}
			if key != "request_"+body["request_id"].(string) {
				b.t.Errorf("key %s holds request %v", key, body["request_id"])
			}
			found[key] = body
		}
	}
	return found
}

// only is the one request of a relation.
func (b *bench) only(relation string) map[string]any {
	b.t.Helper()
	all := b.requests(relation)
	if len(all) != 1 {
		b.t.Fatalf("%d requests in %s", len(all), relation)
	}
	for _, body := range all {
		return body
	}
	return nil
}

// TestCharmDefect19PrometheusJobNamesItsTLSFiles: the other end puts the paths of its files into
// tls_config, where there is one; without it Prometheus has certificates and does not use them.
func TestCharmDefect19PrometheusJobNamesItsTLSFiles(t *testing.T) {
	b := monitored(t)
	b.hook("prometheus-relation-joined")
	got := b.only(prometheusRelation)
	delete(got, "request_id")
	want := map[string]any{
		"job_name": "etcd", "ca_cert": "the ca", "client_cert": "the certificate", "client_key": "the key",
		"job_data": map[string]any{
			"scheme": "https",
			"static_configs": []any{map[string]any{
				"targets": []any{"10.0.0.4:2379", "10.0.0.5:2379", "10.0.0.6:2379"},
				"labels":  map[string]any{"juju_model": "prod", "juju_model_uuid": "m-1", "juju_application": "etcd", "juju_charm": "etcd"},
			}},
			"tls_config": map[string]any{"ca_file": "__ca_file__", "cert_file": "__cert_file__", "key_file": "__key_file__"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMonitorsAreAskedOnlyWhileItIsTrue(t *testing.T) {
	none, both := []string(nil), []string{grafanaRelation, prometheusRelation}
	tests := []struct {
		name   string
		change func(*bench)
		want   []string
	}{
		{"a leader of a cluster that serves", func(*bench) {}, both},
		{"not the leader", func(b *bench) { b.juju.Leader = false }, none},
		{"nothing was applied", func(b *bench) { b.machine.last = nil }, none},
		{"there is no member", func(b *bench) { b.machine.last.Clients = v1alpha1.ClientsSpec{} }, none},
		{"this unit's own member does not vote", func(b *bench) { b.machine.last.Clients.Endpoints = nil }, both},
		{"a daemon that does not name members", func(b *bench) { b.machine.last.Clients.Members = nil }, both},
		{"no certificate", func(b *bench) { b.machine.keys.Certificate = "" }, none},
		{"no key", func(b *bench) { b.machine.keys.Key = "" }, none},
		{"no Prometheus", func(b *bench) { delete(b.juju.Relations, "prometheus") }, none},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := monitored(t)
			// It was true before, so that what is not true any more must be withdrawn.
			b.hook("config-changed")
			prometheus := b.juju.Bags[prometheusRelation+" etcd/0"]
			if len(prometheus) != 1 {
				t.Fatalf("nothing was asked before: %v", prometheus)
			}
			test.change(b)
			if b.juju.Relations["prometheus"] == nil {
				delete(b.juju.Bags, prometheusRelation+" etcd/0")
			}
			b.hook("update-status")
			var asks []string
			for _, id := range []string{grafanaRelation, prometheusRelation} {
				if len(b.requests(id)) > 0 {
					asks = append(asks, id)
				}
			}
			if diff := cmp.Diff(test.want, asks); diff != "" {
				t.Errorf("asks (-want +got):\n%s", diff)
			}
			b.hook("update-status")
			for _, line := range b.juju.Writes() {
				if strings.HasPrefix(line, "relation-set") {
					t.Errorf("wrote the same again: %s", line)
				}
			}
		})
	}
}

// The dashboard is withdrawn in the very hook in which Prometheus goes: Juju still lists the
// relation then.
func TestDashboardGoesWithPrometheus(t *testing.T) {
	b := monitored(t)
	b.hook("config-changed")
	b.hook("prometheus-relation-broken", "JUJU_RELATION_ID="+prometheusRelation)
	if got := b.requests(grafanaRelation); len(got) > 0 {
		t.Errorf("still asks for %d dashboards", len(got))
	}
}

// The other end tells requests apart by their id, so it must be one for the whole life of the
// relation, whoever leads.
func TestScrapeRequestHasOneIDWhoeverLeads(t *testing.T) {
	b := monitored(t)
	b.hook("config-changed")
	first := b.only(prometheusRelation)["request_id"]

	b.machine.last.Clients.Members = []string{"https://10.0.0.4:2379", "https://10.0.0.5:2379"}
	b.machine.keys.Certificate = "another certificate"
	b.hook("config-changed")
	if changed := b.only(prometheusRelation); changed["request_id"] != first || changed["client_cert"] != "another certificate" {
		t.Errorf("request %v with %v, not %v with another certificate", changed["request_id"], changed["client_cert"], first)
	}

	other := monitored(t)
	other.juju.Unit = "etcd/1"
	other.hook("leader-elected", "JUJU_UNIT_NAME=etcd/1")
	if second := other.only(prometheusRelation)["request_id"]; second != first {
		t.Errorf("etcd/1 asks with id %v, etcd/0 with %v: Prometheus would scrape twice", second, first)
	}

	elsewhere := monitored(t)
	elsewhere.hook("config-changed", "JUJU_MODEL_UUID=m-2")
	if there := elsewhere.only(prometheusRelation)["request_id"]; there == first {
		t.Error("two models ask with one id")
	}
}

// What the charm before this one asked for has an id of its own; left there, Prometheus would
// scrape twice.
func TestRequestsOfTheFormerCharmAreWithdrawn(t *testing.T) {
	for _, leads := range []bool{true, false} {
		b := monitored(t)
		b.juju.Leader = leads
		old := "request_0c0ffee0-0000-4000-8000-000000000000"
		for _, id := range []string{prometheusRelation, grafanaRelation} {
			b.juju.Bags[id+" etcd/0"] = map[string]string{old: `{"request_id":"0c0ffee0-0000-4000-8000-000000000000"}`, "ingress-address": "10.0.0.4"}
		}
		b.hook("upgrade-charm")
		for _, id := range []string{prometheusRelation, grafanaRelation} {
			bag := b.juju.Bags[id+" etcd/0"]
			if bag[old] != "" || bag["ingress-address"] == "" {
				t.Errorf("leader %v: databag of %s has %v", leads, id, bag)
			}
		}
	}
}

func TestWhyPrometheusRefusedIsLoggedWhereItSaysSo(t *testing.T) {
	b := monitored(t)
	b.hook("config-changed")
	id := b.only(prometheusRelation)["request_id"].(string)
	b.juju.Bags[prometheusRelation+" prom/0"] = map[string]string{"response_" + id: `{"success":false,"reason":"the disk is full"}`}
	logged := func() bool {
		return slices.ContainsFunc(b.juju.Calls, func(c charmtest.Call) bool {
			return strings.HasPrefix(c.Line, "juju-log -l WARNING") && strings.Contains(c.Line, "prom/0") && strings.Contains(c.Line, "the disk is full")
		})
	}
	b.hook("prometheus-relation-changed", "JUJU_RELATION_ID="+prometheusRelation)
	if !logged() {
		t.Error("not logged in the hook of the answer")
	}
	b.hook("update-status")
	if logged() {
		t.Error("logged again in another hook")
	}
}

func TestDashboardIsOnTheSourceThatGrafanaNamesAfterPrometheus(t *testing.T) {
	b := monitored(t)
	b.juju.Relations["prometheus"] = []string{prometheusRelation, "prometheus:9"}
	b.juju.Members["prometheus:9"] = []string{"aaa/0"}
	b.hook("config-changed")
	got := b.only(grafanaRelation)
	if got["name"] != "etcd" {
		t.Errorf("name %v", got["name"])
	}
	text, err := json.Marshal(got["dashboard"])
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "DS_PROMETHEUS") || !strings.Contains(string(text), `"aaa - Juju generated source"`) {
		t.Error("the dashboard is not on the first source, by name")
	}
}

// TestCharmDefect15NagiosOptionsApplyWhateverIsInstalled: the check's files follow the options in
// any hook, also on a unit that has no etcd yet, and one that was installed from a snap.
func TestCharmDefect15NagiosOptionsApplyWhateverIsInstalled(t *testing.T) {
	b := monitored(t)
	b.machine.last = nil
	b.hook("nrpe-external-master-relation-changed")
	if b.machine.checks == nil || b.machine.checks.Host != "juju-etcd-0" || b.machine.checks.Groups != "juju" {
		t.Fatalf("checks %+v", b.machine.checks)
	}
	b.juju.Config = map[string]string{"nagios_context": "prod", "nagios_servicegroups": "databases,prod"}
	b.hook("config-changed")
	if b.machine.checks.Host != "prod-etcd-0" || b.machine.checks.Groups != "databases,prod" {
		t.Errorf("after a change of options: %+v", b.machine.checks)
	}
	b.juju.Bags[nrpeRelation+" nrpe/0"] = map[string]string{"nagios_hostname": "lab-etcd-0", "nagios_host_context": "lab"}
	b.hook("nrpe-external-master-relation-changed")
	if b.machine.checks.Host != "lab-etcd-0" || b.machine.checks.Unit != "lab:etcd/0" {
		t.Errorf("after nrpe has published the host's name: %+v", b.machine.checks)
	}
}

func TestMonitorsOfNagiosArePublishedOnceTheChecksAreThere(t *testing.T) {
	b := monitored(t)
	b.machine.noNRPE = true
	b.hook("nrpe-external-master-relation-joined")
	if bag := b.juju.Bags[nrpeRelation+" etcd/0"]; len(bag) > 0 {
		t.Errorf("published %v before nrpe is installed", bag)
	}
	b.machine.noNRPE = false
	b.hook("nrpe-external-master-relation-changed")
	bag := b.juju.Bags[nrpeRelation+" etcd/0"]
	var got any
	if err := yaml.Unmarshal([]byte(bag["monitors"]), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"monitors": map[string]any{"remote": map[string]any{"nrpe": map[string]any{
		"snap.etcd.etcd": map[string]any{"command": "check_snap.etcd.etcd"},
		"etcd-alarms":    map[string]any{"command": "check_etcd-alarms"},
	}}}}
	if diff := cmp.Diff(want, got); diff != "" || bag["primary"] != "False" {
		t.Errorf("primary %q, monitors (-want +got):\n%s", bag["primary"], diff)
	}
	b.hook("nrpe-external-master-relation-broken", "JUJU_RELATION_ID="+nrpeRelation)
	if b.machine.checks != nil {
		t.Error("the checks are still there after the relation")
	}
}

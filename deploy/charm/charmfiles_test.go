package charmfiles_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	charmfiles "jujuetcd.io/deploy/charm"
)

func read(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := charmfiles.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.UnmarshalStrict(text, &all); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return all
}

// TestManifestAndCharmcraftNameTheSameMachines holds the archive that we pack against the one that
// charmcraft would.
func TestManifestAndCharmcraftNameTheSameMachines(t *testing.T) {
	var want, packed, crafted []string
	for _, base := range []string{"20.04", "22.04", "24.04"} {
		for _, arch := range []string{"amd64", "arm64", "s390x"} {
			want = append(want, "ubuntu@"+base+":"+arch)
		}
	}
	for _, base := range read(t, "manifest.yaml")["bases"].([]any) {
		b := base.(map[string]any)
		for _, arch := range b["architectures"].([]any) {
			version, risk, _ := strings.Cut(b["channel"].(string), "/")
			if risk != "stable" {
				t.Errorf("base %v is not stable", b)
			}
			packed = append(packed, fmt.Sprintf("%s@%s:%s", b["name"], version, arch))
		}
	}
	for name, platform := range read(t, "charmcraft.yaml")["platforms"].(map[string]any) {
		targets := platform.(map[string]any)["build-for"].([]any)
		if len(targets) != 1 {
			t.Errorf("platform %s is for %v, and an archive is for one", name, targets)
		}
		crafted = append(crafted, targets[0].(string))
		if wantName := strings.NewReplacer("@", "-", ":", "-").Replace(targets[0].(string)); wantName != name {
			t.Errorf("platform %s is for %s", name, targets[0])
		}
	}
	slices.Sort(packed)
	slices.Sort(crafted)
	if diff := cmp.Diff(want, packed); diff != "" {
		t.Errorf("manifest.yaml (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, crafted); diff != "" {
		t.Errorf("charmcraft.yaml (-want +got):\n%s", diff)
	}
}

// TestNoKeyIsInTwoFiles: charmcraft refuses a key that is in charmcraft.yaml and in metadata.yaml.
func TestNoKeyIsInTwoFiles(t *testing.T) {
	metadata := read(t, "metadata.yaml")
	for key := range read(t, "charmcraft.yaml") {
		if _, both := metadata[key]; both {
			t.Errorf("%s is in both files", key)
		}
	}
	// Keys of the newer format may not stand beside these.
	for _, key := range []string{"series", "deployment", "min-juju-version"} {
		if _, there := metadata[key]; there {
			t.Errorf("metadata.yaml has %s, which no charm with a manifest may", key)
		}
	}
}

// TestOptionsAreThoseOfTheCharmThatIsReplaced keeps a model's configuration valid through a
// refresh.
func TestOptionsAreThoseOfTheCharmThatIsReplaced(t *testing.T) {
	want := map[string]string{
		"port":                    "int 2379",
		"management_port":         "int 2380",
		"channel":                 "string auto",
		"heartbeat_interval":      "int 100",
		"election_timeout":        "int 1000",
		"snapshot_count":          "string auto",
		"snapd_refresh":           "string max",
		"bind_to_all_interfaces":  "boolean true",
		"bind_with_insecure_http": "boolean false",
		"tls_cipher_suites":       "string ",
		"nagios_context":          "string juju",
		"nagios_servicegroups":    "string ",
	}
	// Those that it had not, with defaults that leave all as it was.
	maps.Copy(want, map[string]string{
		"quota_backend_bytes":       "string auto",
		"max_request_bytes":         "string auto",
		"auto_compaction_mode":      "string periodic",
		"auto_compaction_retention": "string 0",
		"extra_sans":                "string ",
		"log_level":                 "string info",
		"metrics_url":               "string ",
	})
	got := map[string]string{}
	for name, option := range read(t, "config.yaml")["options"].(map[string]any) {
		o := option.(map[string]any)
		got[name] = fmt.Sprintf("%v %v", o["type"], o["default"])
		if o["description"] == "" {
			t.Errorf("option %s has no description", name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEndpointsStorageAndResourcesAreThoseOfTheCharmThatIsReplaced: Juju refuses a refresh that
// drops a related endpoint, or changes a storage.
func TestEndpointsStorageAndResourcesAreThoseOfTheCharmThatIsReplaced(t *testing.T) {
	metadata := read(t, "metadata.yaml")
	if metadata["name"] != "etcd" || metadata["subordinate"] != false {
		t.Errorf("name %v, subordinate %v", metadata["name"], metadata["subordinate"])
	}
	want := map[string]any{
		"peers": map[string]any{"cluster": map[string]any{"interface": "etcd"}},
		"requires": map[string]any{
			"certificates":   map[string]any{"interface": "tls-certificates"},
			"s3-credentials": map[string]any{"interface": "s3", "limit": float64(1)},
		},
		"provides": map[string]any{
			"db":                   map[string]any{"interface": "etcd"},
			"proxy":                map[string]any{"interface": "etcd-proxy"},
			"prometheus":           map[string]any{"interface": "prometheus-manual"},
			"grafana":              map[string]any{"interface": "grafana-dashboard"},
			"nrpe-external-master": map[string]any{"interface": "nrpe-external-master", "scope": "container"},
		},
	}
	for key, endpoints := range want {
		if diff := cmp.Diff(endpoints, metadata[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	data := metadata["storage"].(map[string]any)["data"].(map[string]any)
	if data["type"] != "block" || data["minimum-size"] != "1G" || data["multiple"].(map[string]any)["range"] != "0-1" {
		t.Errorf("storage data is %v", data)
	}
	files := map[string]any{}
	for name, resource := range metadata["resources"].(map[string]any) {
		files[name] = resource.(map[string]any)["filename"]
	}
	if diff := cmp.Diff(map[string]any{"snapshot": "snapshot.tar.gz", "core": "core.snap", "etcd": "etcd.snap"}, files); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

func TestReconcileTakesOneStringAndNoOtherParameter(t *testing.T) {
	actions := read(t, "actions.yaml")
	reconcile := actions["reconcile"].(map[string]any)
	params := reconcile["params"].(map[string]any)
	if len(params) != 1 || params["desired"].(map[string]any)["type"] != "string" {
		t.Errorf("parameters %v", params)
	}
	if !cmp.Equal(reconcile["required"], []any{"desired"}) || reconcile["parallel"] != true {
		t.Errorf("required %v, parallel %v", reconcile["required"], reconcile["parallel"])
	}
	for name, action := range actions {
		if action.(map[string]any)["additionalProperties"] != false {
			t.Errorf("action %s does not say that it takes no other parameter", name)
		}
	}
}

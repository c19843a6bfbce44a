//go:build integration

package integration

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"

	"jujuetcd.io/test/rig"
)

// What the etcd charm of Canonical Kubernetes showed of a cluster, from its statuses to the keys of
// etcd's configuration, is there with the same names and texts. docs/reference/parity.md is the
// list; other tests drive what needs a world of its own.
func TestWhatTheOldCharmShowedIsThere(t *testing.T) {
	w := begin(t)
	w.daemon()
	texts := w.watchTexts()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"))
	w.await(rig.UnitShows("etcd/0", "blocked", "Missing relation to certificate authority."))
	w.juju("integrate", "etcd", "easyrsa")
	w.juju("deploy", filepath.Join(w.Root, "dist/etcdclient.charm"))
	w.juju("integrate", "etcd:db", "etcdclient:db")
	w.juju("integrate", "etcd:proxy", "etcdclient:proxy")
	w.await(rig.All(rig.Healthy("etcd", 1), rig.UnitShows("etcd/0", "active", "Healthy with 1 known peer")))
	w.juju("add-unit", "etcd", "-n", "2")
	w.await(rig.All(rig.Healthy("etcd", 3), rig.UnitShows("etcd/0", "active", "Healthy with 3 known peers")))

	w.serving()

	t.Run("status", func(t *testing.T) {
		seen := texts()
		// In the place of "Installing etcd." and "Waiting to retry etcd registration".
		for _, text := range []string{"maintenance preparing: snap, certificates and files", "maintenance joining: "} {
			if !slices.ContainsFunc(seen, func(line string) bool { return strings.HasPrefix(line, text) }) {
				t.Errorf("no unit has ever shown %q, but %q", text, seen)
			}
		}
	})
	t.Run("juju status", w.showsPortsAndVersion)
	t.Run("files", w.hasTheFiles)
	t.Run("configuration", w.hasTheConfiguration)
	t.Run("relations", w.asksAndAnswersAsBefore)
	t.Run("health", func(t *testing.T) {
		// The action reports each member, and the cluster.
		out, err := w.Juju(w.ctx, "run", "etcd/1", "health")
		if err != nil || !strings.Contains(out, "output:") || strings.Count(out, "healthy") < 3 {
			t.Errorf("the action health says %q, %v", out, err)
		}
		w.juju("fault", "kill", "etcd/2")
		// It fails where a member does not serve, which the old one reported as a success.
		if out, err := w.Juju(w.ctx, "run", "etcd/1", "health"); err == nil {
			t.Errorf("the action health succeeds with a member down: %s", out)
		}
	})
}

// watchTexts collects the statuses that units of etcd show until the returned function is called.
func (w *world) watchTexts() func() []string {
	ctx, cancel := context.WithCancel(w.ctx)
	seen := map[string]bool{}
	var done sync.WaitGroup
	done.Go(func() {
		_, _ = w.Await(ctx, func(s rig.Status) (bool, string) {
			for _, unit := range s.UnitNames("etcd") {
				seen[s.Unit(unit).Workload.String()] = true
			}
			return false, "told to stop"
		})
	})
	w.t.Cleanup(func() { cancel(); done.Wait() })
	return func() []string {
		cancel()
		done.Wait()
		return slices.Sorted(maps.Keys(seen))
	}
}

// showsPortsAndVersion: the client's port is open and no other one; the application's version is
// etcd's.
func (w *world) showsPortsAndVersion(t *testing.T) {
	s, err := w.Status(w.ctx)
	must(t, err)
	for _, unit := range s.UnitNames("etcd") {
		if open := s.Unit(unit).OpenPorts; !slices.Equal(open, []string{"2379/tcp"}) {
			t.Errorf("%s has open ports %v", unit, open)
		}
	}
	// The application version is what the servers say that they are.
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	status, err := client.Status(w.ctx, endpoints[0])
	must(t, err)
	text, err := w.Juju(w.ctx, "status", "--format", "yaml")
	must(t, err)
	var shown struct {
		Applications map[string]struct {
			Version string `json:"version"`
		} `json:"applications"`
	}
	must(t, yaml.Unmarshal([]byte(text), &shown))
	if got := shown.Applications["etcd"].Version; got == "" || got != status.Version {
		t.Errorf("juju status shows application version %q, and the servers are %q", got, status.Version)
	}
}

// hasTheFiles: where scripts of the old charm's users look.
func (w *world) hasTheFiles(t *testing.T) {
	root := w.MachineRoot(w.machineOf("etcd/0"))
	for path, mode := range map[string]fs.FileMode{
		"/var/snap/etcd/common/ca.crt":                                     0o644,
		"/var/snap/etcd/common/server.crt":                                 0o644,
		"/var/snap/etcd/common/server.key":                                 0o600,
		"/var/snap/etcd/common/client.crt":                                 0o644,
		"/var/snap/etcd/common/client.key":                                 0o600,
		"/var/snap/etcd/common/etcd.conf.yml":                              0o644,
		"/etc/systemd/system/snap.etcd.etcd.service.d/always-restart.conf": 0o644,
		"/root/.bash_aliases":                                              0o644,
	} {
		info, err := os.Stat(filepath.Join(root, path))
		switch {
		case err != nil:
			t.Errorf("%s: %v", path, err)
		case info.Mode().Perm() != mode:
			t.Errorf("%s has mode %v, not %v", path, info.Mode().Perm(), mode)
		}
	}
	aliases, err := os.ReadFile(filepath.Join(root, "/root/.bash_aliases"))
	if err != nil || !strings.Contains(string(aliases), "ETCDCTL_CACERT") {
		t.Errorf("root's .bash_aliases: %v\n%s", err, aliases)
	}
	text, err := os.ReadFile(filepath.Join(root, "/etc/systemd/system/snap.etcd.etcd.service.d/always-restart.conf"))
	must(t, err)
	for _, line := range []string{"StartLimitIntervalSec=0", "RestartSec=10"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("always-restart.conf lacks %s:\n%s", line, text)
		}
	}
}

// hasTheConfiguration: the keys of etcd.conf.yml, and that etcd runs with them.
func (w *world) hasTheConfiguration(t *testing.T) {
	s, err := w.Status(w.ctx)
	must(t, err)
	for _, unit := range s.UnitNames("etcd") {
		address := s.Unit(unit).PublicAddress
		text, err := os.ReadFile(filepath.Join(w.MachineRoot(w.machineOf(unit)), "/var/snap/etcd/common/etcd.conf.yml"))
		must(t, err)
		var have map[string]any
		must(t, yaml.Unmarshal(text, &have))
		transport := map[string]any{
			"cert-file": "/var/snap/etcd/common/server.crt", "key-file": "/var/snap/etcd/common/server.key",
			"trusted-ca-file": "/var/snap/etcd/common/ca.crt", "client-cert-auth": true, "auto-tls": false,
		}
		for key, want := range map[string]any{
			"name":               strings.ReplaceAll(unit, "/", ""),
			"data-dir":           "/var/snap/etcd/common/data",
			"heartbeat-interval": float64(100), "election-timeout": float64(1000),
			"listen-peer-urls": "https://0.0.0.0:2380", "listen-client-urls": "https://0.0.0.0:2379",
			"initial-advertise-peer-urls": "https://" + address + ":2380", "advertise-client-urls": "https://" + address + ":2379",
			"client-transport-security": transport, "peer-transport-security": transport,
			"strict-reconfig-check": true,
			// A member that has data never begins a cluster again, whatever becomes of its data.
			"initial-cluster": strings.ReplaceAll(unit, "/", "") + "=https://" + address + ":2380", "initial-cluster-state": "existing",
		} {
			if got := have[key]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %s is %v, not %v", unit, key, got, want)
			}
		}
		if suites, ok := have["cipher-suites"].([]any); !ok || len(suites) != 6 {
			t.Errorf("%s: cipher-suites are %v", unit, have["cipher-suites"])
		}
		// The v2 API, and limits that are etcd's own defaults, are left to etcd; so is
		// snapshot-count while the option is auto.
		for _, key := range []string{
			"enable-v2", "max-snapshots", "max-wals", "quota-backend-bytes", "snapshot-count", "initial-cluster-token",
		} {
			if got, there := have[key]; there {
				t.Errorf("%s: %s is %v, and should be left out", unit, key, got)
			}
		}
	}
}

// asksAndTellsAsBefore: the keys of the classic certificates relation, and of the peers.
func (w *world) asksAndAnswersAsBefore(t *testing.T) {
	asked := w.remote(t, "unit-easyrsa-0", "client")
	if len(asked) != 3 {
		t.Errorf("easyrsa sees %d units", len(asked))
	}
	for unit, bag := range asked {
		munged := strings.ReplaceAll(unit, "/", "_")
		if bag["unit_name"] != munged || bag["certificate_name"] != munged || bag["common_name"] == "" {
			t.Errorf("%s asks with unit_name %q, certificate_name %q, common_name %q", unit, bag["unit_name"], bag["certificate_name"], bag["common_name"])
		}
		if !strings.Contains(bag["sans"], bag["common_name"]) {
			t.Errorf("%s asks for sans %s without its common name", unit, bag["sans"])
		}
		// Other units' addresses are none of its names: what the old charm asked for made each
		// arrival re-issue everything.
		for other, its := range asked {
			if other != unit && strings.Contains(bag["sans"], `"`+its["common_name"]+`"`) {
				t.Errorf("%s asks for the address of %s: %s", unit, other, bag["sans"])
			}
		}
	}
	for unit, bag := range asked {
		if bag["cert_requests"] != "" {
			t.Errorf("%s asks for a second server certificate: %s", unit, bag["cert_requests"])
		}
	}
	for endpoint, keys := range map[string][]string{
		"db":    {"client_ca", "client_cert", "client_key", "connection_string", "version"},
		"proxy": {"client_ca", "client_cert", "client_key", "cluster"},
	} {
		bags := w.remote(t, "unit-etcdclient-0", endpoint)
		if len(bags) != 3 {
			t.Errorf("on %s the client sees %d units", endpoint, len(bags))
		}
		for unit, bag := range bags {
			for _, key := range keys {
				if bag[key] == "" {
					t.Errorf("%s publishes no %s on %s", unit, key, endpoint)
				}
			}
			if n := strings.Count(bag["connection_string"]+bag["cluster"], "https://"); n != 3 {
				t.Errorf("%s publishes %d members on %s", unit, n, endpoint)
			}
		}
	}
	eventually(w.ctx, t, "every unit publishes to its peers its db-ingress-address", func() bool {
		peers, _, err := w.api.Databags(w.ctx, "etcd")
		must(t, err)
		published := 0
		for _, bag := range peers {
			if bag["db-ingress-address"] != "" {
				published++
			}
		}
		return published == 3
	})
	for unit, bag := range w.remote(t, "unit-etcd-0", "certificates") {
		// The answers to what was never asked are not there: etcd_0.processed_requests.
		if bag["etcd_0.processed_requests"] != "" {
			t.Errorf("%s has answered a request that we do not make", unit)
		}
		for _, key := range []string{"ca", "client.cert", "client.key", "etcd_0.server.cert", "etcd_0.server.key"} {
			if bag[key] == "" {
				t.Errorf("%s publishes no %s", unit, key)
			}
		}
	}
}

// remote are the databags of the units at the other end of an endpoint, as Juju shows them to an
// administrator.
func (w *world) remote(t *testing.T, unitTag, endpoint string) map[string]map[string]string {
	t.Helper()
	infos, err := w.api.UnitsInfo(w.ctx, unitTag)
	must(t, err)
	bags := map[string]map[string]string{}
	for _, info := range infos {
		for _, relation := range info.RelationData {
			if relation.Endpoint != endpoint {
				continue
			}
			for name, unit := range relation.Units {
				bags[name] = unit.Data
			}
		}
	}
	return bags
}

// machineOf is the number of the unit's machine.
func (w *world) machineOf(unit string) string {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	return s.Unit(unit).Machine
}

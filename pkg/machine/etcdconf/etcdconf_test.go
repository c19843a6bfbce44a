package etcdconf_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/etcdconf"
)

var update = flag.Bool("update", false, "write the golden files anew")

var paths = etcdconf.Paths{
	CA:          "/var/snap/etcd/common/ca.crt",
	Certificate: "/var/snap/etcd/common/server.crt",
	Key:         "/var/snap/etcd/common/server.key",
}

func spec() v1alpha1.EtcdSpec {
	return v1alpha1.EtcdSpec{
		Name: "etcd0", DataDir: "/var/snap/etcd/common/data",
		ListenPeerURLs: []string{"https://0.0.0.0:2380"}, ListenClientURLs: []string{"https://0.0.0.0:2379"},
		AdvertisePeerURLs: []string{"https://10.0.0.1:2380"}, AdvertiseClientURLs: []string{"https://10.0.0.1:2379"},
		HeartbeatIntervalMs: 100, ElectionTimeoutMs: 1000, SnapshotCount: 10000,
	}
}

func seeds() *v1alpha1.InitialCluster {
	return &v1alpha1.InitialCluster{Token: "t", State: v1alpha1.InitialNew, Members: []v1alpha1.NamedMember{
		{Name: "etcd0", PeerURL: "https://10.0.0.1:2380"}, {Name: "etcd1", PeerURL: "https://10.0.0.2:2380"}}}
}

// everyOption sets all that has a default.
func everyOption(s *v1alpha1.EtcdSpec) {
	s.ListenClientURLs = []string{"http://127.0.0.1:4001", "https://10.0.0.1:2379"}
	s.ListenPeerURLs = []string{"https://10.1.0.1:2380"}
	s.ListenMetricsURLs = []string{"http://127.0.0.1:2381", "https://10.0.0.1:2382"}
	s.QuotaBackendBytes, s.MaxRequestBytes, s.LogLevel = 4<<30, 4<<20, "warn"
	s.AutoCompactionMode, s.AutoCompactionRetention = "periodic", "1h"
	s.CipherSuites = []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}
}

func TestRenderedFilesAreGolden(t *testing.T) {
	for _, tt := range []struct {
		golden, version string
		change          func(*v1alpha1.EtcdSpec)
	}{
		{"3.4.23.yml", "3.4.23", func(*v1alpha1.EtcdSpec) {}},
		{"3.5.35.yml", "3.5.35", func(*v1alpha1.EtcdSpec) {}},
		{"3.6.16-new.yml", "3.6.16", func(s *v1alpha1.EtcdSpec) { s.Initial = seeds() }},
		{"3.7.3-existing.yml", "3.7.3", func(s *v1alpha1.EtcdSpec) {
			s.Initial = seeds()
			s.Initial.State, s.QuotaBackendBytes, s.LogLevel = v1alpha1.InitialExisting, 8<<30, "debug"
		}},
		{"3.4.23-options.yml", "3.4.23", everyOption}, {"3.5.35-options.yml", "3.5.35", everyOption},
		{"3.6.16-options.yml", "3.6.16", everyOption}, {"3.7.3-options.yml", "3.7.3", everyOption},
	} {
		s := spec()
		tt.change(&s)
		v, err := etcdconf.ParseVersion(tt.version)
		if err != nil {
			t.Fatal(err)
		}
		got, err := etcdconf.Render(s, paths, v)
		if err != nil {
			t.Fatalf("%s: %v", tt.golden, err)
		}
		path := filepath.Join("testdata", tt.golden)
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: %s", tt.golden, diff)
		}
	}
}

func TestKeysFollowTheVersionsThatKnowThem(t *testing.T) {
	for _, tt := range []struct {
		key   string
		known map[string]bool
	}{
		{"experimental-initial-corrupt-check", map[string]bool{"3.4.0": true, "3.5.35": true, "3.6.0": false, "3.7.3": false}},
		{"experimental-compact-hash-check-enabled", map[string]bool{"3.4.45": false, "3.5.4": false, "3.5.5": true, "3.6.0": false}},
		{"feature-gates", map[string]bool{"3.4.45": false, "3.5.35": false, "3.6.0": true, "3.7.3": true}},
		{"tls-min-version", map[string]bool{"3.4.24": false, "3.4.25": true, "3.5.7": false, "3.5.8": true, "3.6.0": true}},
		{"enable-v2", map[string]bool{"3.4.45": true, "3.5.35": true, "3.6.0": false, "3.7.3": false}},
	} {
		for text, known := range tt.known {
			v, err := etcdconf.ParseVersion(text)
			if err != nil {
				t.Fatal(err)
			}
			s := spec()
			if got, err := etcdconf.Render(s, paths, v); err != nil || strings.Contains(string(got), "enable-v2") {
				t.Errorf("the v2 API is on in %s unasked: %v", text, err)
			}
			s.EnableV2 = true
			got, err := etcdconf.Render(s, paths, v)
			if err != nil {
				t.Fatal(err)
			}
			if has := strings.Contains(string(got), "\n"+tt.key+":"); has != known {
				t.Errorf("%s for %s: written is %v", tt.key, text, has)
			}
		}
	}
}

func TestFileOfAnotherVersionIsRefused(t *testing.T) {
	v35, _ := etcdconf.ParseVersion("3.5.35")
	v37, _ := etcdconf.ParseVersion("3.7.3")
	file, err := etcdconf.Render(spec(), paths, v35)
	if err != nil {
		t.Fatal(err)
	}
	if err := etcdconf.CheckFile(file, v35); err != nil {
		t.Errorf("its own version: %v", err)
	}
	err = etcdconf.CheckFile(file, v37)
	for _, key := range []string{"experimental-initial-corrupt-check", "experimental-compact-hash-check-enabled"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("3.7 takes the file of 3.5, %s goes unnoticed: %v", key, err)
		}
	}
	for _, line := range []string{"sise: 3", "heartbeat-interval: 100ms", "heartbeat-interval: \"100\"", "pre-vote: yes please",
		"cipher-suites: A,B", "name: 7", "client-transport-security: {cert-fil: x}", "peer-transport-security: {client-cert-auth: \"x\"}"} {
		if err := etcdconf.CheckFile([]byte(line+"\n"), v37); err == nil || !strings.Contains(err.Error(), "etcd.conf.yml:1: ") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestValidateNamesAllFaultsAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*v1alpha1.EtcdSpec)
		want   []string
	}{
		{"good", func(*v1alpha1.EtcdSpec) {}, nil},
		{"good seeds", func(s *v1alpha1.EtcdSpec) { s.Initial = seeds() }, nil},
		{"insecure loopback listener", func(s *v1alpha1.EtcdSpec) {
			s.ListenClientURLs = append(s.ListenClientURLs, "http://127.0.0.1:4001")
		}, nil},
		{"IPv6", func(s *v1alpha1.EtcdSpec) {
			s.ListenPeerURLs, s.AdvertisePeerURLs = []string{"https://[::]:2380"}, []string{"https://[fd00::1]:2380"}
		}, nil},
		{"many", func(s *v1alpha1.EtcdSpec) {
			s.Name, s.DataDir, s.ListenPeerURLs = "etcd/0", "data", nil
			s.ListenClientURLs = []string{"http://0.0.0.0:2379", "https://0.0.0.0:70000"}
			s.AdvertiseClientURLs = []string{"https://0.0.0.0:2379"}
			s.HeartbeatIntervalMs, s.ElectionTimeoutMs = 300, 1000
			s.SnapshotCount, s.QuotaBackendBytes, s.MaxRequestBytes, s.LogLevel = -1, -1, -1, "loud"
			s.CipherSuites = []string{"TLS_RSA_WITH_RC4_128_SHA", "TLS_AES_128_GCM_SHA256", "NONE"}
		}, []string{"etcd.name", "etcd.dataDir", "etcd.listenPeerURLs", "http://0.0.0.0:2379", "between 1 and 65535", "cannot be reached",
			"at least 5 times", "snapshotCount", "quotaBackendBytes", "maxRequestBytes", "logLevel", "not safe", "TLS 1.3", "NONE is not"}},
		{"election too long", func(s *v1alpha1.EtcdSpec) { s.ElectionTimeoutMs = 50001 }, []string{"at most 50000"}},
		{"metrics in clear for all", func(s *v1alpha1.EtcdSpec) { s.ListenMetricsURLs = []string{"http://0.0.0.0:2381"} },
			[]string{"etcd.listenMetricsURLs"}},
		{"a duration for revisions", func(s *v1alpha1.EtcdSpec) { s.AutoCompactionMode, s.AutoCompactionRetention = "revision", "1h" },
			[]string{"a number of revisions"}},
		{"revisions for a duration", func(s *v1alpha1.EtcdSpec) { s.AutoCompactionMode, s.AutoCompactionRetention = "periodic", "1000" },
			[]string{"a duration"}},
		{"a mode without a retention", func(s *v1alpha1.EtcdSpec) { s.AutoCompactionMode = "periodic" }, []string{"a duration"}},
		{"a retention without a mode", func(s *v1alpha1.EtcdSpec) { s.AutoCompactionRetention = "1h" }, []string{"autoCompactionMode"}},
		{"no suite for HTTP/2", func(s *v1alpha1.EtcdSpec) { s.CipherSuites = []string{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"} },
			[]string{"HTTP/2"}},
		{"no heartbeat", func(s *v1alpha1.EtcdSpec) { s.HeartbeatIntervalMs = 0 }, []string{"must be positive"}},
		{"not among the seeds", func(s *v1alpha1.EtcdSpec) {
			s.Initial = seeds()
			s.Initial.Members = s.Initial.Members[1:]
		}, []string{"etcd would not start"}},
		{"seeds without a token, twice the same", func(s *v1alpha1.EtcdSpec) {
			s.Initial = seeds()
			s.Initial.Token, s.Initial.Members = "", append(s.Initial.Members, s.Initial.Members[1])
		}, []string{"token", "there twice"}},
		{"unknown state", func(s *v1alpha1.EtcdSpec) { s.Initial = seeds(); s.Initial.State = "old" }, []string{"new or existing"}},
	} {
		s := spec()
		tt.change(&s)
		err := etcdconf.Validate(s, etcdconf.Version{})
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not reported:\n%v", tt.name, want, err)
			}
		}
	}
}

func TestVersionsThatCannotBeManagedAreRefused(t *testing.T) {
	for text, want := range map[string]string{"3.6.16": "3.6.16", "v3.5.1": "3.5.1", "3.4": "3.4.0", "3.6.16-ck1": "3.6.16", "3.6.0+git": "3.6.0"} {
		if v, err := etcdconf.ParseVersion(text); err != nil || v.String() != want {
			t.Errorf("%s: %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "3", "3.3.27", "3.8.0", "2.3.7", "latest", "3.6.x"} {
		if v, err := etcdconf.ParseVersion(text); err == nil {
			t.Errorf("%q was read as %v", text, v)
		}
	}
}

func TestRestartHashIgnoresWhatARunningMemberDoesNotRead(t *testing.T) {
	v, _ := etcdconf.ParseVersion("3.6.16")
	hash := func(bundle string, change func(*v1alpha1.EtcdSpec)) string {
		s := spec()
		change(&s)
		file, err := etcdconf.Render(s, paths, v)
		if err != nil {
			t.Fatal(err)
		}
		return etcdconf.RestartHash(file, []byte(bundle), 0)
	}
	base := hash("ca", func(*v1alpha1.EtcdSpec) {})
	if hash("ca", func(s *v1alpha1.EtcdSpec) { s.Initial = seeds() }) != base {
		t.Error("initial-cluster counts, though a member with data does not read it")
	}
	for name, got := range map[string]string{
		"another bundle":   hash("ca2", func(*v1alpha1.EtcdSpec) {}),
		"another election": hash("ca", func(s *v1alpha1.EtcdSpec) { s.ElectionTimeoutMs = 5000 }),
		"another client URL": hash("ca", func(s *v1alpha1.EtcdSpec) {
			s.AdvertiseClientURLs = []string{"https://10.0.0.9:2379"}
		}),
	} {
		if got == base {
			t.Errorf("%s does not count", name)
		}
	}
}

package etcdconf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Paths are the files that the configuration names, as etcd sees them.
type Paths struct {
	CA, Certificate, Key string
}

const header = "# Written by jujuetcd-agent. Changes are overwritten; set the application's options instead.\n"

// Render returns the file for one unit and one version, or all that is wrong with the spec.
//
// A spec without Initial is one of a member that has data, or is not started yet: the file then
// names only the member itself, with state existing. etcd reads neither where there is data, and
// cannot start from it where there is none.
func Render(spec v1alpha1.EtcdSpec, paths Paths, v Version) ([]byte, error) {
	if err := Validate(spec, v); err != nil {
		return nil, err
	}
	doc := &yaml.Node{Kind: yaml.MappingNode}
	for name, value := range values(spec, paths, v) {
		var k, n yaml.Node
		if err := k.Encode(name); err != nil {
			return nil, fmt.Errorf("cannot write key %s: %w", name, err)
		}
		if err := n.Encode(value); err != nil {
			return nil, fmt.Errorf("cannot write the value of %s: %w", name, err)
		}
		doc.Content = append(doc.Content, &k, &n)
	}
	out := bytes.NewBufferString(header)
	encoder := yaml.NewEncoder(out)
	encoder.SetIndent(2)
	if err := encoder.Encode(doc); err != nil {
		return nil, fmt.Errorf("cannot write etcd's configuration: %w", err)
	}
	// What goes out is read back by the rules for what is read.
	if err := CheckFile(out.Bytes(), v); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// values yields each key that the version knows and that has a value, in the table's order.
func values(spec v1alpha1.EtcdSpec, paths Paths, v Version) func(yield func(string, any) bool) {
	all := map[string]any{
		"name":                                    spec.Name,
		"data-dir":                                spec.DataDir,
		"listen-peer-urls":                        strings.Join(spec.ListenPeerURLs, ","),
		"listen-client-urls":                      strings.Join(spec.ListenClientURLs, ","),
		"initial-advertise-peer-urls":             strings.Join(spec.AdvertisePeerURLs, ","),
		"advertise-client-urls":                   strings.Join(spec.AdvertiseClientURLs, ","),
		"client-transport-security":               transportSecurity(paths),
		"peer-transport-security":                 transportSecurity(paths),
		"cipher-suites":                           suites(spec.CipherSuites),
		"tls-min-version":                         "TLS1.2",
		"heartbeat-interval":                      spec.HeartbeatIntervalMs,
		"election-timeout":                        spec.ElectionTimeoutMs,
		"strict-reconfig-check":                   true,
		"pre-vote":                                true,
		"experimental-initial-corrupt-check":      true,
		"experimental-compact-hash-check-enabled": true,
		"feature-gates":                           "CompactHashCheck=true,InitialCorruptCheck=true",
		"logger":                                  "zap",
		"log-level":                               "info",
		"log-outputs":                             []string{"stderr"},
	}
	if spec.SnapshotCount > 0 {
		all["snapshot-count"] = spec.SnapshotCount
	}
	if spec.QuotaBackendBytes > 0 {
		all["quota-backend-bytes"] = spec.QuotaBackendBytes
	}
	if spec.MaxRequestBytes > 0 {
		all["max-request-bytes"] = spec.MaxRequestBytes
	}
	if spec.AutoCompactionRetention != "" {
		all["auto-compaction-mode"], all["auto-compaction-retention"] = spec.AutoCompactionMode, spec.AutoCompactionRetention
	}
	if len(spec.ListenMetricsURLs) > 0 {
		all["listen-metrics-urls"] = strings.Join(spec.ListenMetricsURLs, ",")
	}
	if spec.LogLevel != "" {
		all["log-level"] = spec.LogLevel
	}
	if spec.EnableV2 {
		all["enable-v2"] = true
	}
	cluster, state, token := initial(spec)
	all["initial-cluster"], all["initial-cluster-state"] = cluster, string(state)
	if token != "" {
		all["initial-cluster-token"] = token
	}
	return func(yield func(string, any) bool) {
		for _, k := range keys {
			if value, ok := all[k.name]; ok && k.in(v) && !yield(k.name, value) {
				return
			}
		}
	}
}

func initial(spec v1alpha1.EtcdSpec) (cluster string, state v1alpha1.InitialState, token string) {
	var members []string
	if spec.Initial == nil {
		for _, url := range spec.AdvertisePeerURLs {
			members = append(members, spec.Name+"="+url)
		}
		return strings.Join(members, ","), v1alpha1.InitialExisting, ""
	}
	for _, m := range spec.Initial.Members {
		members = append(members, m.Name+"="+m.PeerURL)
	}
	return strings.Join(members, ","), spec.Initial.State, spec.Initial.Token
}

// transport is one side's TLS settings, in the order in which they are written.
type transport struct {
	CertFile       string `yaml:"cert-file"`
	KeyFile        string `yaml:"key-file"`
	TrustedCAFile  string `yaml:"trusted-ca-file"`
	ClientCertAuth bool   `yaml:"client-cert-auth"`
	AutoTLS        bool   `yaml:"auto-tls"`
}

func transportSecurity(p Paths) transport {
	return transport{CertFile: p.Certificate, KeyFile: p.Key, TrustedCAFile: p.CA, ClientCertAuth: true}
}

// RestartHash identifies all that a running etcd has read only once: the file without what concerns
// a member that has no data, the CA bundle, and the stamp of the last rolling restart, which is
// zero before the first. The leaf is not part of it, because etcd reads it at each handshake.
func RestartHash(file, bundle []byte, stamp int64) string {
	var doc yaml.Node
	sum := sha256.New()
	if err := yaml.Unmarshal(file, &doc); err == nil && len(doc.Content) == 1 {
		pairs := doc.Content[0].Content
		var kept []*yaml.Node
		for i := 0; i+1 < len(pairs); i += 2 {
			if k, known := keyNamed(pairs[i].Value); !known || !k.initial {
				kept = append(kept, pairs[i], pairs[i+1])
			}
		}
		doc.Content[0].Content = kept
		if text, err := yaml.Marshal(doc.Content[0]); err == nil {
			file = text
		}
	}
	for _, part := range [][]byte{file, bundle} {
		fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	if stamp != 0 {
		fmt.Fprintf(sum, "restart:%d", stamp)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// defaultCipherSuites are those of TLS 1.2 that are safe; TLS 1.3 has its own, which cannot be
// chosen. The names without a hash at the end are those that every etcd knows.
var defaultCipherSuites = []string{
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
}

func suites(chosen []string) []string {
	if len(chosen) == 0 {
		return slices.Clone(defaultCipherSuites)
	}
	return chosen
}

package etcdconf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/printable"
)

// Limits that etcd has, and stops at.
const (
	maxElectionMs = 50000
	minElections  = 5 // heartbeats in an election timeout
)

// Validate says all that is wrong with a spec, for one version; with the zero Version, for any.
func Validate(spec v1alpha1.EtcdSpec, v Version) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if spec.Name == "" || strings.ContainsAny(spec.Name, "=,/ \t\n") || !printable.Fit(spec.Name) {
		fault("etcd.name %q must not be empty, and must not hold any of =,/ or a space", spec.Name)
	}
	if !path.IsAbs(spec.DataDir) || path.Clean(spec.DataDir) != spec.DataDir || spec.DataDir == "/" {
		fault("etcd.dataDir %q must be a clean absolute path", spec.DataDir)
	}
	if !printable.Fit(spec.DataDir) {
		fault("etcd.dataDir %q has characters that cannot be seen", spec.DataDir) // such as a line break, which would begin a directive of systemd's
	}
	for _, u := range []struct {
		field                      string
		urls                       []string
		listen, loopback, optional bool
	}{
		{"etcd.listenPeerURLs", spec.ListenPeerURLs, true, false, false},
		{"etcd.listenClientURLs", spec.ListenClientURLs, true, true, false},
		{"etcd.listenMetricsURLs", spec.ListenMetricsURLs, true, true, true},
		{"etcd.advertisePeerURLs", spec.AdvertisePeerURLs, false, false, false},
		{"etcd.advertiseClientURLs", spec.AdvertiseClientURLs, false, false, false},
	} {
		if len(u.urls) == 0 && !u.optional {
			fault("%s must not be empty", u.field)
		}
		for _, text := range u.urls {
			if err := checkURL(text, u.listen, u.loopback); err != nil {
				fault("%s: %w", u.field, err)
			}
		}
	}
	switch beat, election := int64(spec.HeartbeatIntervalMs), int64(spec.ElectionTimeoutMs); {
	case beat <= 0:
		fault("etcd.heartbeatIntervalMs %d must be positive", beat)
	case election < minElections*beat:
		fault("etcd.electionTimeoutMs %d must be at least %d times the heartbeat interval of %d", election, minElections, beat)
	case election > maxElectionMs:
		fault("etcd.electionTimeoutMs %d must be at most %d", election, maxElectionMs)
	}
	if spec.SnapshotCount < 0 {
		fault("etcd.snapshotCount %d must not be negative", spec.SnapshotCount)
	}
	if spec.QuotaBackendBytes < 0 {
		fault("etcd.quotaBackendBytes %d must not be negative", spec.QuotaBackendBytes)
	}
	if spec.MaxRequestBytes < 0 {
		fault("etcd.maxRequestBytes %d must not be negative", spec.MaxRequestBytes)
	}
	if err := checkCompaction(spec.AutoCompactionMode, spec.AutoCompactionRetention); err != nil {
		faults = append(faults, err)
	}
	if levels := []string{"", "debug", "info", "warn", "error", "panic", "fatal"}; !slices.Contains(levels, spec.LogLevel) {
		fault("etcd.logLevel %q must be one of %s", spec.LogLevel, strings.Join(levels[1:], ", "))
	}
	for _, name := range spec.CipherSuites {
		if err := checkSuite(name, v); err != nil {
			fault("etcd.cipherSuites: %w", err)
		}
	}
	if len(spec.CipherSuites) > 0 && !slices.ContainsFunc(spec.CipherSuites, forHTTP2) {
		fault("etcd.cipherSuites: neither TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 nor TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is there, " +
			"and etcd does not serve HTTP/2 without one of them")
	}
	if spec.Initial != nil {
		faults = append(faults, checkInitial(spec)...)
	}
	if v != (Version{}) {
		if _, err := ParseVersion(v.String()); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// forHTTP2 says that HTTP/2 wants the suite to be there, or the other one of its kind: Go's server
// does not start without.
func forHTTP2(suite string) bool {
	return strings.HasPrefix(suite, "TLS_ECDHE_") && strings.HasSuffix(suite, "_WITH_AES_128_GCM_SHA256")
}

// checkCompaction wants both or none: a duration to keep, or a number of revisions.
func checkCompaction(mode, retention string) error {
	switch mode {
	case "":
		if retention == "" {
			return nil
		}
	case "periodic":
		if d, err := time.ParseDuration(retention); err == nil && d > 0 {
			return nil
		}
		return fmt.Errorf("etcd.autoCompactionRetention %q must be a duration such as 1h for mode periodic", retention)
	case "revision":
		if n, err := strconv.ParseInt(retention, 10, 64); err == nil && n > 0 {
			return nil
		}
		return fmt.Errorf("etcd.autoCompactionRetention %q must be a number of revisions for mode revision", retention)
	}
	return fmt.Errorf("etcd.autoCompactionMode %q must be periodic or revision, with a retention", mode)
}

func checkURL(text string, listen, loopback bool) error {
	if !printable.Fit(text) || strings.ContainsAny(text, " '\"`$\\;&|<>(){}*!") {
		return fmt.Errorf("%q has characters that no address has", text) // it goes into files that programs read by lines and words
	}
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("%q is not a URL", text)
	}
	host, portText, err := net.SplitHostPort(u.Host)
	if err != nil || host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil || strings.ContainsAny(text, ", ") {
		return fmt.Errorf("%q must be https://ADDRESS:PORT", text)
	}
	if port, err := strconv.Atoi(portText); err != nil || port < 1 || port > 65535 {
		return fmt.Errorf("%q: the port must be between 1 and 65535", text)
	}
	ip := net.ParseIP(host)
	switch {
	case u.Scheme == "http" && loopback && ip != nil && ip.IsLoopback():
	case u.Scheme != "https":
		return fmt.Errorf("%q must be https://ADDRESS:PORT", text)
	case listen && ip == nil:
		return fmt.Errorf("%q: etcd listens on IP addresses only", text)
	case !listen && ip != nil && ip.IsUnspecified():
		return fmt.Errorf("%q cannot be reached by others", text)
	}
	return nil
}

// checkSuite accepts the names that the version's etcd knows, if they are safe and can be chosen at all.
func checkSuite(name string, v Version) error {
	short := strings.HasSuffix(name, "_CHACHA20_POLY1305")
	long := strings.HasSuffix(name, "_CHACHA20_POLY1305_SHA256")
	if long && v.Minor == FirstMinor {
		return fmt.Errorf("etcd %s does not know %s; it is %s there", v, name, strings.TrimSuffix(name, "_SHA256"))
	}
	for _, s := range tls.CipherSuites() {
		if s.Name == name || short && s.Name == name+"_SHA256" {
			if !slices.Contains(s.SupportedVersions, uint16(tls.VersionTLS12)) {
				return fmt.Errorf("%s belongs to TLS 1.3, where it is always on and cannot be chosen", name)
			}
			return nil
		}
	}
	for _, s := range tls.InsecureCipherSuites() {
		if s.Name == name {
			return fmt.Errorf("%s is not safe", name)
		}
	}
	return fmt.Errorf("%s is not a cipher suite", name)
}

func checkInitial(spec v1alpha1.EtcdSpec) []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	i := spec.Initial
	if i.State != v1alpha1.InitialNew && i.State != v1alpha1.InitialExisting {
		fault("etcd.initial.state %q must be new or existing", i.State)
	}
	if i.State == v1alpha1.InitialNew && i.Token == "" {
		fault("etcd.initial.token must not be empty: it is what tells two clusters apart")
	}
	var own []string
	seen := map[string]bool{}
	for _, m := range i.Members {
		if m.Name == "" || strings.ContainsAny(m.Name, "=, ") {
			fault("etcd.initial.members: %q is not a name", m.Name)
		}
		if err := checkURL(m.PeerURL, false, false); err != nil {
			fault("etcd.initial.members: %w", err)
		}
		if seen[m.PeerURL] {
			fault("etcd.initial.members: %s is there twice", m.PeerURL)
		}
		seen[m.PeerURL] = true
		if m.Name == spec.Name {
			own = append(own, m.PeerURL)
		}
	}
	slices.Sort(own)
	if want := slices.Sorted(slices.Values(spec.AdvertisePeerURLs)); !slices.Equal(own, want) {
		fault("etcd.initial.members has %s at [%s], and it advertises [%s]: etcd would not start",
			spec.Name, strings.Join(own, " "), strings.Join(want, " "))
	}
	return faults
}

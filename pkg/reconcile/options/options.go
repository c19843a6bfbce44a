package options

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// DefaultChannel is what new clusters install while the option channel is auto, where the store has
// it: see v1alpha1.AutoChannels.
const DefaultChannel = "3.6/stable"

// Limits of options.
const (
	// etcd refuses an election timeout above this, and one below five heartbeats.
	maxElectionTimeoutMs = 50000
	BeatsInElection      = 5
	// A quota below the first is full at once; nobody runs etcd with more than the second.
	minQuota = 100 << 20
	maxQuota = 100 << 30
	// With less than etcd's own limit, what is stored could not be written again; above the second
	// etcd warns at each start.
	defaultRequest = 1536 << 10
	maxRequest     = 10 << 20
	// InsecurePort is that of bind_with_insecure_http.
	InsecurePort = 4001
	// Less would compact what watchers have still to be sent.
	minRetention          = time.Minute
	maxRetention          = 366 * 24 * time.Hour
	minRetentionRevisions = 100
)

// AddressPlaceholder stands for the unit's own client address in the option metrics_url.
const AddressPlaceholder = "{address}"

var channelForm = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]*/)?(stable|candidate|beta|edge)(/[a-zA-Z0-9][a-zA-Z0-9._-]*)?$`)

// Options are the application's own options, checked. Invalid ones are in Faults, each a sentence
// that names the option, its value and what is allowed; the field then has its default, until
// OrLast puts the last good value there.
type Options struct {
	v1alpha1.ClusterOptions
	Faults []string
	// Bad names the options that Faults are about.
	Bad []string
}

// Default are the options of an application that nobody has configured. Channel is empty for auto:
// one of v1alpha1.AutoChannels for a new cluster, what is installed for any other. SnapshotCount is zero for
// auto: etcd's own default of its version.
func Default() Options {
	return Options{ClusterOptions: v1alpha1.ClusterOptions{
		Port: 2379, ManagementPort: 2380, HeartbeatIntervalMs: 100, ElectionTimeoutMs: 1000, BindToAllInterfaces: true,
	}}
}

// group is one option, or several that are good or bad only together, and how the last good value
// of all is kept.
type group struct {
	names []string
	read  func(p *parser)
	keep  func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions)
}

// groups are all options that say how etcd runs.
var groups = []group{
	{[]string{"port", "management_port", "metrics_url", "bind_with_insecure_http"}, readListeners, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) {
		o.Port, o.ManagementPort = last.Port, last.ManagementPort
		o.MetricsURL, o.BindWithInsecureHTTP = last.MetricsURL, last.BindWithInsecureHTTP
	}},
	{[]string{"heartbeat_interval", "election_timeout"}, readTimes, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) {
		o.HeartbeatIntervalMs, o.ElectionTimeoutMs = last.HeartbeatIntervalMs, last.ElectionTimeoutMs
	}},
	{[]string{"snapshot_count"}, readSnapshotCount, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) {
		o.SnapshotCount = last.SnapshotCount
	}},
	{[]string{"channel"}, readChannel, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) { o.Channel = last.Channel }},
	{[]string{"bind_to_all_interfaces"}, func(p *parser) {
		p.flag("bind_to_all_interfaces", func(b bool) { p.options.BindToAllInterfaces = b })
	}, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) {
		o.BindToAllInterfaces = last.BindToAllInterfaces
	}},
	{[]string{"tls_cipher_suites"}, readCipherSuites, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) {
		o.CipherSuites = last.CipherSuites
	}},
	{[]string{"quota_backend_bytes"}, readQuota, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) {
		o.QuotaBackendBytes = last.QuotaBackendBytes
	}},
	{[]string{"max_request_bytes"}, readRequestSize, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) {
		o.MaxRequestBytes = last.MaxRequestBytes
	}},
	{[]string{"auto_compaction_mode", "auto_compaction_retention"}, readCompaction, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) {
		o.AutoCompactionMode, o.AutoCompactionRetention = last.AutoCompactionMode, last.AutoCompactionRetention
	}},
	{[]string{"extra_sans"}, readExtraSANs, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) { o.ExtraSANs = last.ExtraSANs }},
	{[]string{"log_level"}, readLogLevel, func(o *v1alpha1.ClusterOptions, last v1alpha1.ClusterOptions) { o.LogLevel = last.LogLevel }},
}

// Parse reads an application's options as Juju gives them. All faults are found at once; a faulty
// option keeps its default, and OrLast puts the last good value there. Options that are missing
// have their defaults; unknown ones are ignored.
func Parse(raw map[string]any) Options {
	p := parser{raw: raw, options: Default()}
	for _, g := range groups {
		g.read(&p)
		if slices.ContainsFunc(g.names, p.bad) {
			g.keep(&p.options.ClusterOptions, Default().ClusterOptions)
		}
	}
	slices.Sort(p.options.Bad)
	p.options.Bad = slices.Compact(p.options.Bad)
	return p.options
}

// OrLast is o with the last good values where o has faults. Options that depend on each other are
// kept together.
func (o Options) OrLast(last v1alpha1.ClusterOptions) Options {
	for _, g := range groups {
		if slices.ContainsFunc(g.names, func(name string) bool { return slices.Contains(o.Bad, name) }) {
			g.keep(&o.ClusterOptions, last)
		}
	}
	return o
}

// readListeners reads all that etcd listens on: no two of them may have one port.
func readListeners(p *parser) {
	o := &p.options
	p.number("port", 1, 65535, "a port from 1 to 65535", func(n int64) { o.Port = int32(n) })
	p.number("management_port", 1, 65535, "a port from 1 to 65535", func(n int64) { o.ManagementPort = int32(n) })
	p.flag("bind_with_insecure_http", func(b bool) { o.BindWithInsecureHTTP = b })
	p.text("metrics_url", "empty, http://127.0.0.1:PORT, or https with "+AddressPlaceholder+" or 0.0.0.0 as the address, such as https://"+
		AddressPlaceholder+":2381", func(text string) bool {
		o.MetricsURL = text
		return text == "" || MetricsPort(text) != 0
	})
	taken := map[int32]string{}
	take := func(name string, port int32, value any, allowed string) {
		other, twice := taken[port]
		switch {
		case p.bad(name) || port == 0:
		case twice:
			p.fault(name, value, fmt.Sprintf("%s than %d, where %s is", allowed, port, other))
		default:
			taken[port] = name
		}
	}
	if o.BindWithInsecureHTTP {
		taken[InsecurePort] = "bind_with_insecure_http"
	}
	take("port", o.Port, o.Port, "another port")
	take("management_port", o.ManagementPort, o.ManagementPort, "another port")
	take("metrics_url", MetricsPort(o.MetricsURL), o.MetricsURL, "a URL with another port")
}

// MetricsPort is the port of a good metrics_url, else zero. In clear it is for the machine itself
// only: metrics show names of keys' owners and peers, and no one has to show who asks.
func MetricsPort(text string) int32 {
	u, err := url.Parse(strings.Replace(text, AddressPlaceholder, "0.0.0.0", 1))
	if err != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil || strings.ContainsAny(text, ", ") {
		return 0
	}
	ip := net.ParseIP(u.Hostname())
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case ip == nil, err != nil:
		return 0
	case u.Scheme == "http" && ip.IsLoopback(), u.Scheme == "https" && (ip.IsLoopback() || ip.IsUnspecified()):
		return int32(port)
	}
	return 0
}

func readTimes(p *parser) {
	o := &p.options
	p.number("heartbeat_interval", 1, maxElectionTimeoutMs/BeatsInElection, "1 to 10000 milliseconds", func(n int64) { o.HeartbeatIntervalMs = int32(n) })
	p.number("election_timeout", BeatsInElection, maxElectionTimeoutMs, "5 to 50000 milliseconds", func(n int64) { o.ElectionTimeoutMs = int32(n) })
	if !p.bad("heartbeat_interval") && !p.bad("election_timeout") && o.ElectionTimeoutMs < BeatsInElection*o.HeartbeatIntervalMs {
		p.fault("election_timeout", o.ElectionTimeoutMs,
			fmt.Sprintf("at least five times heartbeat_interval, which is %d", o.HeartbeatIntervalMs))
	}
}

func readSnapshotCount(p *parser) {
	p.text("snapshot_count", "auto or a number from 1 up", func(text string) bool {
		if text == "" || text == "auto" {
			return true
		}
		n, err := strconv.ParseInt(text, 10, 64)
		p.options.SnapshotCount = n
		return err == nil && n >= 1
	})
}

func readChannel(p *parser) {
	p.text("channel", "auto or a snap channel such as "+DefaultChannel, func(text string) bool {
		if text == "" || text == "auto" {
			return true
		}
		p.options.Channel = text
		return channelForm.MatchString(text)
	})
}

func readQuota(p *parser) {
	p.size("quota_backend_bytes", "auto, or bytes from 100MiB to 100GiB, such as 8GiB or 8589934592",
		[]string{"MiB", "GiB"}, minQuota, maxQuota, func(n int64) { p.options.QuotaBackendBytes = n })
}

// readRequestSize takes what etcd does by itself for auto: to name it restarts nobody.
func readRequestSize(p *parser) {
	p.size("max_request_bytes", "auto, or bytes from 1536KiB to 10MiB, such as 4MiB or 4194304",
		[]string{"KiB", "MiB"}, defaultRequest, maxRequest, func(n int64) {
			if n != defaultRequest {
				p.options.MaxRequestBytes = n
			}
		})
}

// readCompaction reads mode and retention, which only make sense together. A retention of 0 is off,
// whatever the mode.
func readCompaction(p *parser) {
	o := &p.options
	mode := "periodic"
	p.text("auto_compaction_mode", "periodic or revision", func(text string) bool {
		if text != "" {
			mode = text
		}
		return mode == "periodic" || mode == "revision"
	})
	if p.bad("auto_compaction_mode") {
		return
	}
	allowed := "0 for off, or a duration from 1m to 8784h, such as 1h, because auto_compaction_mode is periodic"
	if mode == "revision" {
		allowed = "0 for off, or a number of revisions from 100 up, because auto_compaction_mode is revision"
	}
	p.text("auto_compaction_retention", allowed, func(text string) bool {
		if text == "" || text == "0" {
			return true
		}
		o.AutoCompactionMode, o.AutoCompactionRetention = mode, text
		if mode == "revision" {
			n, err := strconv.ParseInt(text, 10, 64)
			return err == nil && n >= minRetentionRevisions
		}
		if hours, err := strconv.ParseInt(text, 10, 32); err == nil {
			text = fmt.Sprintf("%dh", hours) // as etcd reads a number without a unit
			o.AutoCompactionRetention = text
		}
		d, err := time.ParseDuration(text)
		return err == nil && d >= minRetention && d <= maxRetention
	})
}

func readExtraSANs(p *parser) {
	text := p.words("extra_sans")
	var names []string
	for _, element := range strings.Split(text, ",") {
		within := strings.Fields(element)
		if len(within) == 0 && strings.TrimSpace(text) != "" {
			within = []string{""}
		}
		for _, name := range within {
			if fault := v1alpha1.SubjectNameFault(name); fault != "" {
				p.fault("extra_sans", text, fmt.Sprintf("a list of DNS names in lower case and IP addresses, separated by commas; %q is %s", name, fault))
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	p.options.ExtraSANs = slices.Compact(names)
}

func readLogLevel(p *parser) {
	levels := []string{"debug", "info", "warn", "error"}
	p.text("log_level", "debug, info, warn or error", func(text string) bool {
		if text == "" || text == "info" {
			return true // etcd's own
		}
		p.options.LogLevel = text
		return slices.Contains(levels, text)
	})
}

// listed are the words of a list.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

// readCipherSuites takes safe suites of TLS 1.2, and puts them into one order, so that another
// order restarts nobody. All of the default ones are as none.
func readCipherSuites(p *parser) {
	p.text("tls_cipher_suites", "a list of Go's names of safe TLS 1.2 cipher suites, separated by commas, with "+
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 among them, which HTTP/2 needs", func(text string) bool {
		names := listed(text)
		for i, n := range names {
			// The name without a hash at the end is the one that every etcd knows.
			if short, ok := strings.CutSuffix(n, "_CHACHA20_POLY1305_SHA256"); ok {
				names[i] = short + "_CHACHA20_POLY1305"
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
		p.options.CipherSuites = names
		if slices.ContainsFunc(names, func(n string) bool { return !safeCipherSuite(n) }) {
			return false
		}
		weaker := func(n string) bool { return !strings.Contains(n, "_GCM_") && !strings.Contains(n, "_CHACHA20_") }
		if len(names) == 0 || len(names) == 6 && !slices.ContainsFunc(names, weaker) {
			p.options.CipherSuites = nil
			return true
		}
		forHTTP2 := func(n string) bool {
			return strings.HasPrefix(n, "TLS_ECDHE_") && strings.HasSuffix(n, "_WITH_AES_128_GCM_SHA256")
		}
		return slices.ContainsFunc(names, forHTTP2)
	})
}

// safeCipherSuite says that etcd takes the suite, and that its choice means anything: those of TLS
// 1.3 are always on.
func safeCipherSuite(name string) bool {
	if strings.HasSuffix(name, "_CHACHA20_POLY1305") {
		name += "_SHA256"
	}
	return slices.ContainsFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool {
		return s.Name == name && slices.Contains(s.SupportedVersions, tls.VersionTLS12)
	})
}

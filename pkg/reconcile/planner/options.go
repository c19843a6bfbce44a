package planner

import (
	"crypto/tls"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// DefaultChannel is what new clusters install while the option channel is auto.
const DefaultChannel = "3.6/stable"

// etcd refuses an election timeout above this.
const maxElectionTimeoutMs = 50000

// The charm's own list where tls_cipher_suites is empty.
var defaultCipherSuites = []string{
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
	"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
}

var channelForm = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]*/)?(stable|candidate|beta|edge)(/[a-zA-Z0-9][a-zA-Z0-9._-]*)?$`)

// DefaultOptions are the options of an application that nobody has configured. Channel is empty for auto: DefaultChannel
// for a new cluster, what is installed for any other. SnapshotCount is zero for auto: etcd's own default of its version.
func DefaultOptions() Options {
	return Options{
		Port: 2379, ManagementPort: 2380, HeartbeatIntervalMs: 100, ElectionTimeoutMs: 1000, BindToAllInterfaces: true,
		CipherSuites: slices.Clone(defaultCipherSuites),
	}
}

// ParseOptions reads an application's options as Juju gives them. All faults are found at once; a faulty option keeps its
// default, and OrLast puts the last good value there. Options that are missing have their defaults; unknown ones are ignored.
func ParseOptions(raw map[string]any) Options {
	p := parser{raw: raw, options: DefaultOptions()}
	o := &p.options
	p.number("port", 1, 65535, "a port from 1 to 65535", func(n int64) { o.Port = int32(n) })
	p.number("management_port", 1, 65535, "a port from 1 to 65535", func(n int64) { o.ManagementPort = int32(n) })
	if !p.bad("port") && !p.bad("management_port") && o.Port == o.ManagementPort {
		p.fault("management_port", o.ManagementPort, "another port than the option port")
		o.ManagementPort = DefaultOptions().ManagementPort
	}
	p.number("heartbeat_interval", 1, maxElectionTimeoutMs/5, "1 to 10000 milliseconds", func(n int64) { o.HeartbeatIntervalMs = int32(n) })
	p.number("election_timeout", 5, maxElectionTimeoutMs, "5 to 50000 milliseconds", func(n int64) { o.ElectionTimeoutMs = int32(n) })
	if !p.bad("heartbeat_interval") && !p.bad("election_timeout") && o.ElectionTimeoutMs < 5*o.HeartbeatIntervalMs {
		p.fault("election_timeout", o.ElectionTimeoutMs,
			fmt.Sprintf("at least five times heartbeat_interval, which is %d", o.HeartbeatIntervalMs))
		o.HeartbeatIntervalMs, o.ElectionTimeoutMs = DefaultOptions().HeartbeatIntervalMs, DefaultOptions().ElectionTimeoutMs
		p.options.Bad = append(p.options.Bad, "heartbeat_interval")
	}
	p.text("snapshot_count", "auto or a number from 1 up", func(text string) bool {
		if text == "" || text == "auto" {
			return true
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return false
		}
		o.SnapshotCount = n
		return true
	})
	p.text("channel", "auto or a snap channel such as "+DefaultChannel, func(text string) bool {
		if text == "" || text == "auto" {
			return true
		}
		if !channelForm.MatchString(text) {
			return false
		}
		o.Channel = text
		return true
	})
	p.flag("bind_to_all_interfaces", func(b bool) { o.BindToAllInterfaces = b })
	p.text("tls_cipher_suites", "a list of Go's names of TLS 1.2 cipher suites, separated by commas", func(text string) bool {
		names := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
		if len(names) == 0 {
			return true
		}
		if slices.ContainsFunc(names, func(n string) bool { return !knownCipherSuite(n) }) {
			return false
		}
		o.CipherSuites = names
		return true
	})
	slices.Sort(p.options.Bad)
	return p.options
}

// OrLast is o with the last good values where o has faults. Options that depend on each other are kept together.
func (o Options) OrLast(last Options) Options {
	for _, name := range o.Bad {
		switch name {
		case "port":
			o.Port = last.Port
		case "management_port":
			o.ManagementPort = last.ManagementPort
		case "heartbeat_interval", "election_timeout":
			o.HeartbeatIntervalMs, o.ElectionTimeoutMs = last.HeartbeatIntervalMs, last.ElectionTimeoutMs
		case "snapshot_count":
			o.SnapshotCount = last.SnapshotCount
		case "channel":
			o.Channel = last.Channel
		case "bind_to_all_interfaces":
			o.BindToAllInterfaces = last.BindToAllInterfaces
		case "tls_cipher_suites":
			o.CipherSuites = last.CipherSuites
		}
	}
	return o
}

func knownCipherSuite(name string) bool {
	// etcd still knows these two under their old names.
	if name == "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" || name == "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" {
		return true
	}
	is := func(s *tls.CipherSuite) bool {
		return s.Name == name && slices.Contains(s.SupportedVersions, tls.VersionTLS12)
	}
	return slices.ContainsFunc(tls.CipherSuites(), is) || slices.ContainsFunc(tls.InsecureCipherSuites(), is)
}

type parser struct {
	raw     map[string]any
	options Options
}

func (p *parser) bad(name string) bool { return slices.Contains(p.options.Bad, name) }

func (p *parser) fault(name string, value any, allowed string) {
	p.options.Bad = append(p.options.Bad, name)
	p.options.Faults = append(p.options.Faults, fmt.Sprintf("Option %s is %v; it must be %s.", name, quoted(value), allowed))
}

func quoted(value any) string {
	if s, ok := value.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(value)
}

// number takes what JSON, YAML and Juju's own wire make of an integer.
func (p *parser) number(name string, low, high int64, allowed string, set func(int64)) {
	value, ok := p.raw[name]
	if !ok || value == nil {
		return
	}
	var n int64
	switch v := value.(type) {
	case int:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			p.fault(name, value, allowed)
			return
		}
		n = int64(v)
	case string:
		parsed, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			p.fault(name, value, allowed)
			return
		}
		n = parsed
	default:
		p.fault(name, value, allowed)
		return
	}
	if n < low || n > high {
		p.fault(name, value, allowed)
		return
	}
	set(n)
}

func (p *parser) text(name, allowed string, accept func(string) bool) {
	value, ok := p.raw[name]
	if !ok || value == nil {
		return
	}
	text, isText := value.(string)
	if !isText {
		text = fmt.Sprint(value)
	}
	if !accept(strings.TrimSpace(text)) {
		p.fault(name, value, allowed)
	}
}

func (p *parser) flag(name string, set func(bool)) {
	value, ok := p.raw[name]
	if !ok || value == nil {
		return
	}
	b, isBool := value.(bool)
	if !isBool {
		parsed, err := strconv.ParseBool(fmt.Sprint(value))
		if err != nil {
			p.fault(name, value, "true or false")
			return
		}
		b = parsed
	}
	set(b)
}

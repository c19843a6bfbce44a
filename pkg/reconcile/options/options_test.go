package options_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/reconcile/options"
)

func TestAllFaultsOfOptionsAreReportedAtOnce(t *testing.T) {
	o := options.Parse(map[string]any{
		"port": 0, "management_port": "70000", "heartbeat_interval": 1.5, "election_timeout": 60000, "snapshot_count": "many",
		"channel": "3.6/solid", "bind_to_all_interfaces": "perhaps", "tls_cipher_suites": "ROT13",
	})
	want := []string{"bind_to_all_interfaces", "channel", "election_timeout", "heartbeat_interval", "management_port", "port",
		"snapshot_count", "tls_cipher_suites"}
	if !slices.Equal(o.Bad, want) {
		t.Errorf("bad: %v, want %v", o.Bad, want)
	}
	for _, f := range o.Faults {
		if !strings.HasPrefix(f, "Option ") || !strings.HasSuffix(f, ".") || !strings.Contains(f, "; it must be ") {
			t.Errorf("not a sentence that helps: %s", f)
		}
	}
	if o.Port != 2379 || o.ManagementPort != 2380 || o.ElectionTimeoutMs != 1000 || o.Channel != "" || !o.BindToAllInterfaces {
		t.Errorf("a faulty option has no default: %+v", o)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name  string
		raw   map[string]any
		check func(o options.Options) bool
		fault string
	}{
		{"nothing set", nil, func(o options.Options) bool { return len(o.CipherSuites) == 0 && o.Port == 2379 }, ""},
		{"a number as JSON has it", map[string]any{"port": float64(4001)}, func(o options.Options) bool { return o.Port == 4001 }, ""},
		{"a number as text", map[string]any{"port": "4001"}, func(o options.Options) bool { return o.Port == 4001 }, ""},
		{"the ends of the range", map[string]any{"port": 65535, "management_port": 1}, func(o options.Options) bool { return o.Port == 65535 && o.ManagementPort == 1 }, ""},
		{"one above", map[string]any{"port": 65536}, func(o options.Options) bool { return o.Port == 2379 }, "port is 65536"},
		{"one port twice", map[string]any{"port": 2380}, func(o options.Options) bool { return o.ManagementPort == 2380 }, "another port"},
		{"auto", map[string]any{"snapshot_count": "auto", "channel": "auto"}, func(o options.Options) bool { return o.SnapshotCount == 0 && o.Channel == "" }, ""},
		{"a count", map[string]any{"snapshot_count": "5000"}, func(o options.Options) bool { return o.SnapshotCount == 5000 }, ""},
		{"a channel", map[string]any{"channel": "3.5/edge/fix-1"}, func(o options.Options) bool { return o.Channel == "3.5/edge/fix-1" }, ""},
		{"a risk alone", map[string]any{"channel": "stable"}, func(o options.Options) bool { return o.Channel == "stable" }, ""},
		{"an election too short for its heartbeat", map[string]any{"heartbeat_interval": 500, "election_timeout": 1000},
			func(o options.Options) bool { return o.HeartbeatIntervalMs == 100 && o.ElectionTimeoutMs == 1000 }, "five times heartbeat_interval"},
		{"suites", map[string]any{"tls_cipher_suites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"},
			func(o options.Options) bool { return len(o.CipherSuites) == 2 }, ""},
		{"a suite that is not for TLS 1.2", map[string]any{"tls_cipher_suites": "TLS_AES_128_GCM_SHA256"}, func(o options.Options) bool { return len(o.CipherSuites) == 0 }, "tls_cipher_suites"},
		{"a size", map[string]any{"max_request_bytes": "4MiB"}, func(o options.Options) bool { return o.MaxRequestBytes == 4<<20 }, ""},
		{"a size in bytes", map[string]any{"max_request_bytes": 10485760}, func(o options.Options) bool { return o.MaxRequestBytes == 10<<20 }, ""},
		{"a size with a space", map[string]any{"max_request_bytes": "2048 KiB"}, func(o options.Options) bool { return o.MaxRequestBytes == 2<<20 }, ""},
		{"one byte less than etcd's own", map[string]any{"max_request_bytes": "1572863"}, func(o options.Options) bool { return o.MaxRequestBytes == 0 },
			`max_request_bytes is "1572863"; it must be auto, or bytes from 1536KiB to 10MiB`},
		{"one byte more than etcd likes", map[string]any{"max_request_bytes": "10485761"}, func(o options.Options) bool { return o.MaxRequestBytes == 0 }, "to 10MiB"},
		{"a unit that is too large", map[string]any{"max_request_bytes": "1GiB"}, func(o options.Options) bool { return o.MaxRequestBytes == 0 }, "to 10MiB"},
		{"a size that overflows", map[string]any{"max_request_bytes": "9223372036854775807KiB"}, func(o options.Options) bool { return o.MaxRequestBytes == 0 }, "to 10MiB"},
		{"the ends of the quota", map[string]any{"quota_backend_bytes": "100MiB"}, func(o options.Options) bool { return o.QuotaBackendBytes == 100<<20 }, ""},
		{"and the other", map[string]any{"quota_backend_bytes": "100GiB"}, func(o options.Options) bool { return o.QuotaBackendBytes == 100<<30 }, ""},
		{"a quota below", map[string]any{"quota_backend_bytes": "99MiB"}, func(o options.Options) bool { return o.QuotaBackendBytes == 0 }, "from 100MiB"},
		{"a quota in another unit", map[string]any{"quota_backend_bytes": "204800KiB"}, func(o options.Options) bool { return o.QuotaBackendBytes == 0 }, "from 100MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options.Parse(c.raw)
			if !c.check(o) {
				t.Errorf("got %+v", o)
			}
			if got := strings.Join(o.Faults, " "); (c.fault == "") != (got == "") || !strings.Contains(got, c.fault) {
				t.Errorf("faults %q, want %q", got, c.fault)
			}
		})
	}
}

// A name that no one can come by is named with what is wrong with it, each of them at once.
func TestEachWrongExtraNameIsNamed(t *testing.T) {
	for _, c := range []struct {
		text   string
		faults []string
	}{
		{"", nil},
		{" etcd.example.com,10.0.0.1 fd00::1\n*.example.com ", nil},
		{"3.example.com", nil},
		{"10.0.0.300", []string{`"10.0.0.300" is not a valid IP address`}},
		{"10.0.0", []string{`"10.0.0" is not a valid IP address`}},
		{"https://etcd.example.com:2379", []string{`is a URL: give its host alone`}},
		{"10.0.0.0/24", []string{`is a network or a path`}},
		{"a,,b", []string{`"" is empty`}},
		{"a, b,", []string{`"" is empty`}},
		{"UP.example.com,a b_c", []string{`"UP.example.com" is neither`, `"b_c" is neither`}},
		{"etcd.example.com:2379", []string{`is neither`}},
		{"*.*.example.com", []string{`is neither`}},
	} {
		o := options.Parse(map[string]any{"extra_sans": c.text})
		if len(o.Faults) != len(c.faults) {
			t.Errorf("%q: faults %q", c.text, o.Faults)
			continue
		}
		for i, want := range c.faults {
			if !strings.HasPrefix(o.Faults[i], "Option extra_sans is ") || !strings.Contains(o.Faults[i], want) {
				t.Errorf("%q: %q does not say %q", c.text, o.Faults[i], want)
			}
		}
		if len(c.faults) > 0 && len(o.ExtraSANs) > 0 {
			t.Errorf("%q: asked for are %q", c.text, o.ExtraSANs)
		}
	}
}

// TestEtcdsOwnRequestSizeIsNoChange: a restart brings in what differs from it, and nothing else.
func TestEtcdsOwnRequestSizeIsNoChange(t *testing.T) {
	for _, value := range []any{nil, "", "auto", "1536KiB", "1572864", 1572864} {
		o := options.Parse(map[string]any{"max_request_bytes": value})
		if diff := cmp.Diff(options.Default(), o); diff != "" {
			t.Errorf("%v: %s", value, diff)
		}
	}
}

func TestAFaultyOptionKeepsItsLastGoodValue(t *testing.T) {
	last := options.Parse(map[string]any{"port": 4001, "heartbeat_interval": 200, "election_timeout": 2000, "channel": "3.5/stable", "max_request_bytes": "2MiB"})
	o := options.Parse(map[string]any{"port": -1, "heartbeat_interval": 200, "election_timeout": 300, "channel": "?", "snapshot_count": "9",
		"max_request_bytes": "much"}).OrLast(last.ClusterOptions)
	if o.MaxRequestBytes != 2<<20 || o.Port != 4001 || o.HeartbeatIntervalMs != 200 || o.ElectionTimeoutMs != 2000 || o.Channel != "3.5/stable" || o.SnapshotCount != 9 {
		t.Errorf("got %+v", o)
	}
	if len(o.Faults) != 4 {
		t.Errorf("faults: %v", o.Faults)
	}
}

func FuzzGroups(f *testing.F) {
	f.Add("2379", "auto", "3.6/stable", "true", "")
	f.Fuzz(func(t *testing.T, port, count, channel, bind, suites string) {
		o := options.Parse(map[string]any{"port": port, "snapshot_count": count, "channel": channel,
			"bind_to_all_interfaces": bind, "tls_cipher_suites": suites})
		if o.Port < 1 || o.SnapshotCount < 0 || (len(o.Faults) == 0) != (len(o.Bad) == 0) {
			t.Errorf("%+v", o)
		}
	})
}

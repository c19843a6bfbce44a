package options_test

import (
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/reconcile/options"
)

func TestAllFaultsOfOptionsAreToldAtOnce(t *testing.T) {
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

func TestAFaultyOptionKeepsItsLastGoodValue(t *testing.T) {
	last := options.Parse(map[string]any{"port": 4001, "heartbeat_interval": 200, "election_timeout": 2000, "channel": "3.5/stable"})
	o := options.Parse(map[string]any{"port": -1, "heartbeat_interval": 200, "election_timeout": 300, "channel": "?", "snapshot_count": "9"}).OrLast(last.ClusterOptions)
	if o.Port != 4001 || o.HeartbeatIntervalMs != 200 || o.ElectionTimeoutMs != 2000 || o.Channel != "3.5/stable" || o.SnapshotCount != 9 {
		t.Errorf("got %+v", o)
	}
	if len(o.Faults) != 3 {
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

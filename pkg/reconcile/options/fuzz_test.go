package options_test

import (
	"encoding/json"
	"strings"
	"testing"

	"jujuetcd.io/pkg/reconcile/options"
)

// FuzzOptions: whatever the application's options say, what is carried out lies within what they may be, and each fault is a sentence.
func FuzzOptions(f *testing.F) {
	f.Add([]byte(`{"port":2379,"management_port":2380,"channel":"auto","quota_backend_bytes":"8GiB","heartbeat_interval":100,"election_timeout":1000}`))
	f.Add([]byte(`{"port":null,"channel":null,"extra_sans":"a,10.0.0.1,","tls_cipher_suites":"x","metrics_url":"https://[::]:2381"}`))
	f.Add([]byte(`{"port":1e300,"snapshot_count":"-1","auto_compaction_mode":"revision","auto_compaction_retention":"9223372036854775808"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var raw map[string]any
		if json.Unmarshal(text, &raw) != nil {
			return
		}
		o := options.Parse(raw)
		if o.Port < 1 || o.Port > 65535 || o.ManagementPort < 1 || o.ManagementPort > 65535 || o.Port == o.ManagementPort {
			t.Errorf("ports %d and %d", o.Port, o.ManagementPort)
		}
		for _, fault := range o.Faults {
			if !strings.HasPrefix(fault, "Option ") || !strings.HasSuffix(fault, ".") {
				t.Errorf("%q is no sentence", fault)
			}
		}
	})
}

package machine_test

import (
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
)

// A process listens on the port that it read when it was started, at whatever address its machine
// has now.
func TestTheOwnEtcdIsAskedAtTheUnitsAddressAndTheProcessPort(t *testing.T) {
	for _, c := range []struct{ read, wanted, want string }{
		{"https://10.0.0.1:2379", "https://10.0.0.1:2379", "https://10.0.0.1:2379"},
		{"https://10.0.0.1:2379", "https://10.0.0.9:2379", "https://10.0.0.9:2379"},
		{"https://10.0.0.1:2379", "https://10.0.0.1:4379", "https://10.0.0.1:2379"},
		{"https://[fd00::1]:2379", "https://[fd00::9]:4379", "https://[fd00::9]:2379"},
		{"", "https://10.0.0.1:4379", "https://10.0.0.1:4379"},
	} {
		r := record.Record{Process: record.Process{Read: v1alpha1.RunningFacts{ClientURL: c.read}},
			Spec: &v1alpha1.EtcdUnitSpec{Etcd: v1alpha1.EtcdSpec{AdvertiseClientURLs: []string{c.wanted}}}}
		if got := machine.OwnURL(r); got != c.want {
			t.Errorf("read %s, wanted %s: asked %s, not %s", c.read, c.wanted, got, c.want)
		}
	}
}

package observe

import (
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// FuzzDatabags: whatever units have published, facts that cannot be read are no facts, and a latch
// that cannot be read is not one that is absent.
func FuzzDatabags(f *testing.F) {
	f.Add(`{"protocol":2,"addresses":{"peer":"10.0.0.4"}}`, `{"number":4,"holder":"d"}`, "", "c1", "ca", "cert", "key")
	f.Add(`null`, `null`, `null`, `null`, "", "", "")
	f.Add(`{"certificates":null}`, `{"number":"x"}`, `{`, "", "ca", "cert", "key")
	f.Fuzz(func(t *testing.T, facts, epoch, seeds, id, ca, cert, key string) {
		d := readInfo([]jujuapi.UnitInfo{{Name: "etcd/0", RelationData: []jujuapi.RelationData{
			{Endpoint: peerEndpoint, ApplicationData: map[string]string{v1alpha1.LatchEpochKey: epoch, v1alpha1.LatchSeedsKey: seeds, v1alpha1.LatchClusterIDKey: id},
				Units: map[string]jujuapi.UnitDatabag{"etcd/0": {Data: map[string]string{v1alpha1.FactsKey: facts}}, "etcd/1": {Unread: true}}},
			{Endpoint: certificatesEndpoint, Units: map[string]jujuapi.UnitDatabag{"ca/0": {Data: map[string]string{"ca": ca, "client.cert": cert, "client.key": key}}}},
		}}}, "etcd")
		if !d.latchRead && len(d.blind) == 0 {
			t.Error("the latch cannot be read, and nothing says so")
		}
		if _, there := d.facts["etcd/1"]; there {
			t.Error("facts of a unit that was not reported")
		}
		for _, sentence := range d.blind {
			if sentence == "" {
				t.Error("a blindness says nothing")
			}
		}
		d.controller()
	})
}

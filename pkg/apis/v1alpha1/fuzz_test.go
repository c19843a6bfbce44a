package v1alpha1_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// FuzzLatch: a latch that is read without a fault is the same after it was written, and a granted request writes the keys that it names
// and no other: what other versions have written beside or into them stays as it is, byte for byte.
func FuzzLatch(f *testing.F) {
	const seeds = `{"token":"m-etcd-1","members":[{"unit":"etcd/0","name":"etcd0","peerURL":"https://10.0.0.4:2380"}]}`
	f.Add(seeds, "00000000000000c1", `{"number":4,"holder":"d"}`, `[{"procedure":"restore"}]`, `{"claim":{"from":{"number":4,"holder":"d"}}}`, int64(5))
	f.Add("", "", "", "", `{"claim":{},"seeds":`+seeds+`}`, int64(1))
	f.Add(seeds, "", `{"number":4,"holder":"d","later":true}`, "", `{"clusterID":"c1"}`, int64(4))
	f.Add(seeds, "c1", `{"number":4,"holder":"d"}`, "", `{"rebirth":{"fromSeeds":`+seeds+`,"from":"c1","seeds":{"token":"t2","members":[{"unit":"etcd/1"}]}}}`, int64(4))
	f.Add("null", "null", "null", "null", "null", int64(0))
	f.Fuzz(func(t *testing.T, seeds, id, epoch, journal, request string, number int64) {
		bag := map[string]string{v1alpha1.LatchSeedsKey: seeds, v1alpha1.LatchClusterIDKey: id, v1alpha1.LatchEpochKey: epoch,
			v1alpha1.LatchJournalKey: journal, "stamps": "of a later version"}
		latch, err := v1alpha1.LatchFromDatabag(bag)
		if err != nil {
			return
		}
		text, err := latch.Databag()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if again, err := v1alpha1.LatchFromDatabag(text); err != nil || !reflect.DeepEqual(again, latch) {
			t.Errorf("%+v is %+v after it was written: %v", latch, again, err)
		}
		_, _ = latch.Entries()
		var r v1alpha1.LatchRequest
		if json.Unmarshal([]byte(request), &r) != nil {
			return
		}
		by := v1alpha1.Epoch{Number: number, Holder: "d"}
		before := latch
		after, err := latch.Apply(r, by)
		if err != nil {
			if !reflect.DeepEqual(latch, before) {
				t.Errorf("a refused request changed the latch: %+v", latch)
			}
			return
		}
		if latch.Epoch != nil && after.Epoch == nil || after.Journal != latch.Journal {
			t.Errorf("lost the epoch or the journal: %+v", after)
		}
		if r.Claim != nil && latch.Epoch != nil && after.Epoch.Number <= latch.Epoch.Number {
			t.Errorf("a claim went from %s to %s", latch.Epoch, after.Epoch)
		}
		if r.Rebirth == nil && latch.ClusterID != "" && after.ClusterID != latch.ClusterID {
			t.Errorf("the cluster ID went from %s to %s without a rebirth", latch.ClusterID, after.ClusterID)
		}
		writes, err := r.Writes(latch, after)
		if err != nil {
			t.Fatal(err)
		}
		allowed := map[string]bool{
			v1alpha1.LatchEpochKey:     r.Claim != nil,
			v1alpha1.LatchSeedsKey:     r.Seeds != nil || r.Rebirth != nil,
			v1alpha1.LatchClusterIDKey: r.ClusterID != "" || r.Rebirth != nil,
		}
		written := maps.Clone(bag)
		for key, value := range writes {
			if !allowed[key] {
				t.Errorf("wrote %q, which was not asked for", key)
			}
			written[key] = value
		}
		if now, err := v1alpha1.LatchFromDatabag(written); err != nil || !reflect.DeepEqual(now, after) {
			t.Errorf("the databag has %+v, and %+v was granted: %v", now, after, err)
		}
	})
}

// FuzzFacts: facts that are read are the same after they were published again, so that nothing is written twice.
func FuzzFacts(f *testing.F) {
	f.Add([]byte(`{"protocol":2,"addresses":{"peer":"10.0.0.4","client":"10.0.0.4"},"snap":{"version":"3.6.1"},"member":{"present":true},"certificates":{"ca":["aa"],"server":{"notAfter":"2027-01-01T00:00:00Z"}},"applied":{"hash":"x","action":3}}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"certificates":null,"running":null,"applied":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, again v1alpha1.UnitFacts
		if json.Unmarshal(text, &first) != nil {
			return
		}
		out, err := json.Marshal(first)
		if err != nil {
			return // a time that JSON cannot have
		}
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("what was published cannot be read: %v", err)
		}
		if once, err := json.Marshal(again); err != nil || string(once) != string(out) {
			t.Errorf("published %s, then %s: %v", out, once, err)
		}
		first.Certificates.Named()
	})
}

// FuzzSpec: the hash of a desired state depends on what is desired alone, and never on the delivery.
func FuzzSpec(f *testing.F) {
	f.Add([]byte(`{"unit":"etcd/0","snap":{"name":"etcd","channel":"3.6/stable"},"etcd":{"name":"etcd0","dataDir":"/d"},"delivery":{"epoch":{"number":1,"holder":"d"}},"status":{"unit":{"state":"active"}}}`))
	f.Add([]byte(`{"ops":[{"kind":"Remove","member":"1"}]}`))
	f.Add([]byte(`{"etcd":{"initial":null},"latch":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var spec v1alpha1.EtcdUnitSpec
		if json.Unmarshal(text, &spec) != nil {
			return
		}
		hash := spec.Hash()
		other := *spec.DeepCopy()
		other.Delivery.Epoch.Number++
		other.Delivery.Hash = "another"
		other.Ops = nil
		if other.Hash() != hash || spec.Hash() != hash {
			t.Errorf("%s has the hashes %s and %s", text, hash, other.Hash())
		}
	})
}

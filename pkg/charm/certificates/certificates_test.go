package certificates_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/charm/charmtest"
)

// now is the clock of these tests.
var now = charmtest.Now

func TestRequestIsWrittenOnceAndChangedOnlyWhenANameIsMissing(t *testing.T) {
	full := map[string]string{
		"unit_name": "etcd_0", "common_name": "10.0.0.4", "certificate_name": "etcd_0",
		"sans": `["10.0.0.4","127.0.0.1","node","old.example"]`, "ingress-address": "10.0.0.4",
	}
	with := func(changes map[string]string) map[string]string {
		bag := map[string]string{}
		for k, v := range full {
			bag[k] = v
		}
		for k, v := range changes {
			bag[k] = v
		}
		return bag
	}
	tests := []struct {
		name   string
		bag    map[string]string
		public string
		own    []string
		want   map[string]string
	}{
		{"nothing asked yet", map[string]string{"ingress-address": "10.0.0.4"}, "10.0.0.4", []string{"node"}, map[string]string{
			"unit_name": "etcd_0", "common_name": "10.0.0.4", "certificate_name": "etcd_0", "sans": `["10.0.0.4","127.0.0.1","node"]`}},
		{"all there, and more", full, "10.0.0.4", []string{"node"}, nil},
		{"the public address is another of ours", full, "127.0.0.1", []string{"node", "10.0.0.4"}, nil},
		{"an address is missing", full, "10.0.0.4", []string{"node", "10.0.0.5"}, map[string]string{
			"sans": `["10.0.0.4","10.0.0.5","127.0.0.1","node"]`}},
		{"the common name is not ours any more", full, "10.0.0.9", []string{"node"}, map[string]string{
			"common_name": "10.0.0.9", "sans": `["10.0.0.9","127.0.0.1","node"]`}},
		{"the standing request cannot be read", with(map[string]string{"sans": "{"}), "10.0.0.4", []string{"node"}, map[string]string{
			"sans": `["10.0.0.4","127.0.0.1","node"]`}},
		{"another spelling of an address", with(map[string]string{"sans": `["10.0.0.4","127.0.0.1","node","fd00:0:0::4"]`}),
			"10.0.0.4", []string{"node", "fd00::4"}, nil},
		{"no address known yet", map[string]string{}, "", []string{"node"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := certificates.Request(test.bag, "etcd/0", certificates.NamesOf(test.public, test.own...))
			if diff := cmp.Diff(test.want, got, cmp.Transformer("empty", func(m map[string]string) map[string]string {
				if len(m) == 0 {
					return nil
				}
				return m
			})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// What was asked for stands.
			bag := map[string]string{}
			for k, v := range test.bag {
				bag[k] = v
			}
			for k, v := range got {
				bag[k] = v
			}
			if again := certificates.Request(bag, "etcd/0", certificates.NamesOf(test.public, test.own...)); len(again) > 0 {
				t.Errorf("asked again: %v", again)
			}
		})
	}
}

func TestOfferSkipsTextAndTakesOnlyPairsThatFit(t *testing.T) {
	ca := charmtest.NewAuthority(t, "ca")
	cert, key := ca.Issue(now.Add(-time.Hour), 24*time.Hour, "10.0.0.4")
	_, otherKey := ca.Issue(now, 24*time.Hour, "10.0.0.4")
	old, oldKey := ca.Issue(now.Add(-48*time.Hour), 24*time.Hour, "10.0.0.4")
	tests := []struct {
		name string
		bag  map[string]string
		want bool
	}{
		{"with text before each block", map[string]string{"etcd_0.server.cert": charmtest.Described(cert), "etcd_0.server.key": "a key:\n" + key}, true},
		{"for another unit", map[string]string{"etcd_1.server.cert": cert, "etcd_1.server.key": key}, false},
		{"a foreign key", map[string]string{"etcd_0.server.cert": cert, "etcd_0.server.key": otherKey}, false},
		{"no key yet", map[string]string{"etcd_0.server.cert": cert}, false},
		{"expired", map[string]string{"etcd_0.server.cert": old, "etcd_0.server.key": oldKey}, false},
		{"not PEM", map[string]string{"etcd_0.server.cert": "soon", "etcd_0.server.key": "soon"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.bag["ca"] = charmtest.Described(ca.PEM)
			offer := certificates.OfferOf([]map[string]string{test.bag}, "etcd/0", "10.0.0.4", nil, func() time.Time { return now })
			if (offer.Server != nil) != test.want {
				t.Fatalf("server certificate taken: %v, want %v", offer.Server != nil, test.want)
			}
			if test.want && (offer.Server.Certificate != cert || offer.Server.Key != key) {
				t.Error("the pair is not what was issued, without the text")
			}
			if offer.CA != ca.PEM || offer.Provider != v1alpha1.ProviderClassic {
				t.Errorf("CA %q of a %q provider", offer.CA, offer.Provider)
			}
		})
	}
}

// TestAnExpiredOfferIsNoneAlsoWhileTheAuthorityIsNotKnown: then nothing else asks for its dates.
func TestAnExpiredOfferIsNoneAlsoWhileTheAuthorityIsNotKnown(t *testing.T) {
	ca := charmtest.NewAuthority(t, "ca")
	for from, want := range map[time.Duration]bool{-time.Hour: true, -48 * time.Hour: false} {
		cert, key := ca.Issue(now.Add(from), 24*time.Hour, "10.0.0.4")
		bag := map[string]string{"etcd_0.server.cert": cert, "etcd_0.server.key": key}
		offer := certificates.OfferOf([]map[string]string{bag}, "etcd/0", "10.0.0.4", nil, func() time.Time { return now })
		if (offer.Server != nil) != want {
			t.Errorf("a pair that is good from %v: taken %t, want %t", from, offer.Server != nil, want)
		}
	}
}

func TestAnswerToANewCommonNameIsUsed(t *testing.T) {
	ca := charmtest.NewAuthority(t, "ca")
	before, beforeKey := ca.Issue(now.Add(-time.Hour), 24*time.Hour, "10.0.0.4")
	after, afterKey := ca.Issue(now, 24*time.Hour, "10.0.0.9")
	processed, err := json.Marshal(map[string]any{
		"10.0.0.9": map[string]string{"cert": after, "key": afterKey},
		"10.0.0.4": map[string]string{"cert": before, "key": beforeKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	bag := map[string]string{
		"ca": ca.PEM, "etcd_0.server.cert": before, "etcd_0.server.key": beforeKey, "etcd_0.processed_requests": string(processed),
	}
	offer := certificates.OfferOf([]map[string]string{bag}, "etcd/0", "10.0.0.9", []string{"10.0.0.9"}, func() time.Time { return now })
	if offer.Server == nil || offer.Server.Certificate != after {
		t.Error("the certificate for the old name is still taken")
	}
}

func TestSeveralUnitsOfAProviderGiveOneStableChoice(t *testing.T) {
	ca := charmtest.NewAuthority(t, "ca")
	older, olderKey := ca.Issue(now.Add(-2*time.Hour), 24*time.Hour, "10.0.0.4")
	newer, newerKey := ca.Issue(now.Add(-time.Hour), 24*time.Hour, "10.0.0.4")
	newest, newestKey := ca.Issue(now, 24*time.Hour, "10.0.0.5")
	bags := []map[string]string{
		{"ca": ca.PEM, "etcd_0.server.cert": newer, "etcd_0.server.key": newerKey, "client.cert": older, "client.key": olderKey},
		{"ca": ca.PEM, "etcd_0.server.cert": older, "etcd_0.server.key": olderKey, "client.cert": newer, "client.key": newerKey},
		{"ca": ca.PEM, "etcd_0.server.cert": newest, "etcd_0.server.key": newestKey},
	}
	for range 2 {
		offer := certificates.OfferOf(bags, "etcd/0", "10.0.0.4", []string{"10.0.0.4"}, func() time.Time { return now })
		if offer.Server.Certificate != newer {
			t.Error("the server certificate is not the newest with every name")
		}
		if offer.Client.Certificate != newer {
			t.Error("the client certificate is not the newest")
		}
		if offer.CA != ca.PEM {
			t.Error("the CA is there more than once")
		}
		bags[0], bags[1] = bags[1], bags[0]
	}
}

// What a unit's own programs call it is in its certificate: ::1 only where the unit has IPv6
// addresses alone.
func TestCertificatesAreGoodForLoopbackOfTheUnitsFamilies(t *testing.T) {
	for want, own := range map[string][]string{
		`["10.0.0.4","127.0.0.1","node"]`:      {"10.0.0.4", "node"},
		`["127.0.0.1","::1","fd00::4","node"]`: {"fd00:0::4", "node"},
		`["10.0.0.4","127.0.0.1","fd00::4"]`:   {"10.0.0.4", "fd00::4"},
		`["10.0.0.4","127.0.0.1"]`:             {"::ffff:10.0.0.4"},
	} {
		if got := certificates.Request(nil, "etcd/0", certificates.NamesOf(own[0], own...))["sans"]; got != want {
			t.Errorf("%v: names %v, want %v", own, got, want)
		}
	}
}

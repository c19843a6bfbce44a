package observe_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/world"
)

// offering adds a unit of a classic provider that gives a whole set.
func (r *rig) offering(relation int, unit string, pair world.Credentials) {
	for i := range r.juju.Units {
		r.juju.Units[i].RelationData = append(r.juju.Units[i].RelationData, jujuapi.RelationData{
			RelationID: relation, Endpoint: "certificates", Units: map[string]jujuapi.UnitDatabag{unit: {InScope: true, Data: map[string]string{
				"ca": pair.CA, "client.cert": pair.Cert, "client.key": pair.Key}}}})
	}
}

// publishCertificates changes what every unit reports of its certificates.
func (r *rig) publishCertificates(change func(unit string, c *v1alpha1.CertificateFacts)) {
	r.t.Helper()
	for name, bag := range r.juju.Units[0].RelationData[0].Units {
		var facts v1alpha1.UnitFacts
		if err := json.Unmarshal([]byte(bag.Data["facts"]), &facts); err != nil {
			r.t.Fatal(err)
		}
		change(name, &facts.Certificates)
		text, err := json.Marshal(facts)
		if err != nil {
			r.t.Fatal(err)
		}
		bag.Data["facts"] = string(text)
	}
}

// The daemon connects with what the provider gives whose authority members trust, and hands out
// that one's bundle, in whatever order providers and their units are related.
func TestTheProviderThatMembersTrustCounts(t *testing.T) {
	ours, theirs := newPair(t, start.Add(-time.Hour), start.Add(time.Hour)), newPair(t, start.Add(-time.Hour), start.Add(time.Hour))
	trusting := func(_ string, c *v1alpha1.CertificateFacts) { c.CA = pki.Fingerprints(ours.CA) }
	for name, test := range map[string]struct {
		relate func(r *rig)
		want   world.Credentials
		of     string
	}{
		"the trusted one is related first": {func(r *rig) {
			r.offering(8, "easyrsa/0", ours)
			r.offering(9, "vault/0", theirs)
			r.publishCertificates(trusting)
		}, ours, "easyrsa"},
		"the trusted one is related last": {func(r *rig) {
			r.offering(8, "easyrsa/0", theirs)
			r.offering(9, "vault/0", ours)
			r.publishCertificates(trusting)
		}, ours, "vault"},
		"its unit has a higher number": {func(r *rig) {
			r.offering(8, "easyrsa/9", theirs)
			r.offering(8, "easyrsa/10", ours)
			r.publishCertificates(trusting)
		}, ours, "easyrsa"},
		"nobody is trusted yet": {func(r *rig) {
			r.offering(9, "vault/0", theirs)
			r.offering(8, "easyrsa/0", ours)
		}, ours, "easyrsa"},
		"none of them is trusted": {func(r *rig) {
			r.offering(9, "vault/0", theirs)
			r.publishCertificates(trusting)
		}, world.Credentials{CA: theirs.CA}, "vault"},
		"one that signs requests is trusted": {func(r *rig) {
			r.offering(8, "easyrsa/0", theirs)
			r.publishCertificates(func(unit string, c *v1alpha1.CertificateFacts) {
				trusting(unit, c)
				c.Provider, c.OfferedCA, c.From = v1alpha1.ProviderCSR, ours.CA, "lego"
			})
		}, world.Credentials{CA: ours.CA}, "lego"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			test.relate(r)
			obs := r.observe(true)
			if obs.CA.Bundle != test.want.CA || obs.CA.Application != test.of {
				t.Errorf("the bundle of %s is handed out, want that of %s", obs.CA.Application, test.of)
			}
			last := r.dialled[len(r.dialled)-1]
			if last.Key != test.want.Key {
				t.Error("connected with another's certificate")
			}
		})
	}
}

// A provider that units have set aside is reported as long as it is related.
func TestWhatIsSetAsideIsReportedAsLongAsItIsRelated(t *testing.T) {
	r := newRig(t)
	r.publishCertificates(func(unit string, c *v1alpha1.CertificateFacts) {
		c.Unused = []string{"gone", "easyrsa/1"}
		if strings.HasSuffix(unit, "0") {
			c.Unused = nil
		}
	})
	if obs := r.observe(true); !slices.Equal(obs.CA.Unused, []string{"easyrsa/1"}) {
		t.Errorf("reported: %v", obs.CA.Unused)
	}
}

// One certificate that cannot be read beside a good one would have every unit refuse the whole
// desired state.
func TestACertificateThatCannotBeReadIsLeftOutOfTheBundle(t *testing.T) {
	pair := newPair(t, start.Add(-time.Hour), start.Add(time.Hour))
	r := newRig(t)
	r.addProvider(map[string]string{"ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + pair.CA})
	if obs := r.observe(true); obs.CA.Bundle != pair.CA {
		t.Errorf("bundle = %q", obs.CA.Bundle)
	}
}

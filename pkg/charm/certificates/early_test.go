package certificates_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// issuerOf is who has signed a certificate; empty where there is none.
func issuerOf(t *testing.T, text string) string {
	t.Helper()
	certs, err := pki.Certificates(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(certs) == 0 {
		return ""
	}
	return certs[0].Issuer.CommonName
}

// TestLeavesOfAFurtherAuthorityAreNotUsedEarly: a provider offers a further authority beside the
// one that members trust, and leaves of it at once. They are used where the unit may use them, and
// else the unit goes on with what it has, without alarm while that is good.
func TestLeavesOfAFurtherAuthorityAreNotUsedEarly(t *testing.T) {
	ours, further := charmtest.NewAuthority(t, "ours"), charmtest.NewAuthority(t, "further")
	both := ours.PEM + further.PEM
	held := func(age time.Duration) tlsfiles.Held {
		cert, _ := ours.Issue(now.Add(-age), 24*time.Hour, "10.0.0.4")
		certs, err := pki.Certificates(cert)
		if err != nil {
			t.Fatal(err)
		}
		return tlsfiles.Held{Certificate: certs[0]}
	}
	const early = "of an authority that not every member trusts yet"
	for name, c := range map[string]struct {
		spec   v1alpha1.TLSSpec
		disk   string // the bundle
		given  *charmtest.Authority
		held   tlsfiles.Held
		uses   string
		client string // whose certificate a client has whose relation has one of its own
		says   bool
	}{
		"not yet":                       {v1alpha1.TLSSpec{CABundle: both, Leaves: pki.Fingerprints(ours.PEM)}, both, further, held(time.Hour), "", "shared", false},
		"not yet, and the old is due":   {v1alpha1.TLSSpec{CABundle: both, Leaves: pki.Fingerprints(ours.PEM)}, both, further, held(20 * time.Hour), "", "shared", true},
		"not yet, and there is no old":  {v1alpha1.TLSSpec{CABundle: both, Leaves: pki.Fingerprints(ours.PEM)}, both, further, tlsfiles.Held{}, "", "shared", true},
		"leaves of ours meanwhile":      {v1alpha1.TLSSpec{CABundle: both, Leaves: pki.Fingerprints(ours.PEM)}, both, ours, held(time.Hour), "ours", "ours", false},
		"the bundle has not come yet":   {v1alpha1.TLSSpec{CABundle: ours.PEM}, ours.PEM, further, held(time.Hour), "", "shared", false},
		"all members trust both":        {v1alpha1.TLSSpec{CABundle: both}, both, further, held(time.Hour), "further", "further", false},
		"nothing is known of members":   {v1alpha1.TLSSpec{}, "", further, tlsfiles.Held{}, "further", "shared", false},
		"nothing is handed, and it has": {v1alpha1.TLSSpec{Leaves: pki.Fingerprints(ours.PEM)}, both, further, held(time.Hour), "", "shared", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeat(t)
			s.machine.bundle, s.machine.held = c.disk, c.held
			s.juju.Relations["db"], s.juju.Members["db:2"] = []string{"db:2"}, []string{"kubernetes/0"}
			s.relate("certificates:1", "easyrsa/0", c.given)
			bag := s.juju.Bags["certificates:1 easyrsa/0"]
			bag["ca"] = both
			cert, key := c.given.Issue(now.Add(-time.Hour), 24*time.Hour, "kubernetes-2")
			own, err := json.Marshal(map[string]map[string]string{"kubernetes-2": {"cert": cert, "key": key}})
			if err != nil {
				t.Fatal(err)
			}
			bag["etcd_0.processed_client_requests"] = string(own)
			c.spec.OwnClientCertificates = true
			offer := s.dispatched(c.spec, false)
			for what, leaf := range map[string]*tlsfiles.Leaf{"server": s.machine.server, "client": s.machine.client} {
				uses := ""
				if leaf != nil {
					uses = issuerOf(t, leaf.Certificate)
				}
				if uses != c.uses {
					t.Errorf("its %s certificate is of %q, not of %q", what, uses, c.uses)
				}
			}
			shared, _ := charmtest.NewAuthority(t, "shared").Issue(now.Add(-time.Hour), 24*time.Hour, "etcd-0")
			given := offer.CredentialsFor("db:2", machine.Credentials{CA: c.disk, Certificate: shared}, now)
			if got := issuerOf(t, given.Certificate); got != c.client {
				t.Errorf("the client's is of %q, not of %q", got, c.client)
			}
			if said := strings.Contains(strings.Join(offer.Trouble, " "), early); said != c.says || !said && len(offer.Trouble) > 0 {
				t.Errorf("says %q", offer.Trouble)
			}
			if offer.CA != both {
				t.Error("the offer is not reported whole")
			}
		})
	}
}

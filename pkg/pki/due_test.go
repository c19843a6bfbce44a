package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"jujuetcd.io/pkg/pki"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// signer is an authority.
type signer struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue signs a certificate for the time between two days; by itself where there is no signer.
func issue(t *testing.T, by *signer, name string, ca bool, from, to time.Duration) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: start.Add(from), NotAfter: start.Add(to),
		IsCA: ca, BasicConstraintsValid: true,
	}
	parent, signing := template, key
	if by != nil {
		parent, signing = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signing)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{t: t, cert: cert, key: key}
}

func certs(list ...*signer) []*x509.Certificate {
	all := make([]*x509.Certificate, len(list))
	for i, s := range list {
		all[i] = s.cert
	}
	return all
}

// A certificate ends with the first of the authorities above it, on the way that lasts longest; what no way needs may end.
func TestTheAuthorityIsTheOneThatEndsFirst(t *testing.T) {
	root := issue(t, nil, "root", true, 0, 1000*day)
	mid := issue(t, root, "mid", true, 0, 100*day)
	leaf := issue(t, mid, "leaf", false, 0, 365*day)
	backdated := issue(t, mid, "leaf", false, -day, 365*day)
	short := issue(t, nil, "short", true, 0, 10*day)
	// The same authority, signed by another root, too.
	crossed := &signer{cert: nil, key: mid.key}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "mid"}, NotBefore: start, NotAfter: start.Add(5 * day),
		IsCA: true, BasicConstraintsValid: true,
	}, short.cert, &mid.key.PublicKey, short.key)
	if err != nil {
		t.Fatal(err)
	}
	if crossed.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		chain, bundle []*x509.Certificate
		want          *x509.Certificate
	}{
		"signed by the root":                     {certs(issue(t, root, "leaf", false, 0, 365*day)), certs(root), root.cert},
		"an intermediate in the bundle":          {certs(leaf), certs(root, mid), mid.cert},
		"an intermediate that the leaf is with":  {certs(leaf, mid), certs(root), mid.cert},
		"an intermediate alone is trusted":       {certs(leaf), certs(mid), mid.cert},
		"dated back before its authority":        {certs(backdated, mid), certs(root), mid.cert},
		"another one in the bundle ends earlier": {certs(leaf, mid), certs(short, root), mid.cert},
		"another way ends earlier":               {certs(leaf, crossed, mid), certs(short, root), mid.cert},
		"a root that ends before what it signed": {certs(issue(t, short, "leaf", false, 0, 365*day)), certs(short), short.cert},
		"no way":                                 {certs(leaf), certs(short), nil},
		"nothing":                                {nil, certs(root), nil},
	} {
		if got := pki.Authority(test.chain, test.bundle); got != test.want && (got == nil || test.want == nil || !got.Equal(test.want)) {
			t.Errorf("%s: it is %v, want %v", name, subject(got), subject(test.want))
		}
	}
}

func subject(c *x509.Certificate) string {
	if c == nil {
		return "none"
	}
	return c.Subject.CommonName
}

// Asking anew for a certificate that ends with its authority gives one that ends then, too: it is asked for at a few moments, and not again
// and again, however old the answers look and however often the world is looked at.
func TestACertificateThatEndsWithItsAuthorityIsNotAskedForAgainAndAgain(t *testing.T) {
	for name, back := range map[string]time.Duration{"dated when it was made": 0, "dated back by a day": day} {
		t.Run(name, func(t *testing.T) {
			root := issue(t, nil, "root", true, 0, 300*day)
			leaf := issue(t, root, "leaf", false, 0, 300*day)
			asked, remembered := 0, ""
			for at := time.Duration(0); at < 310*day; at += 6 * time.Hour {
				why := pki.Due(leaf.cert, root.cert, certs(root), start.Add(at))
				if why == "" || why == remembered {
					continue
				}
				asked, remembered = asked+1, why
				// The provider cuts what it signs to its own end, or does not.
				leaf = issue(t, root, "leaf", false, at-back, []time.Duration{300 * day, 600 * day}[asked%2])
			}
			if asked != 3 {
				t.Errorf("asked %d times in the authority's life, want at two thirds of it, 30 days ahead, and 7", asked)
			}
		})
	}
}

// One that its authority outlives is due at two thirds of its life, once for each.
func TestACertificateThatItsAuthorityOutlivesIsDueByItsOwnLife(t *testing.T) {
	root := issue(t, nil, "root", true, 0, 3000*day)
	leaf := issue(t, root, "leaf", false, 0, 90*day)
	if why := pki.Due(leaf.cert, root.cert, nil, start.Add(59*day)); why != "" {
		t.Error("due before two thirds of its life")
	}
	first, again := pki.Due(leaf.cert, root.cert, nil, start.Add(61*day)), pki.Due(leaf.cert, nil, nil, start.Add(80*day))
	if first == "" || first != again {
		t.Errorf("due for %q, and later for %q", first, again)
	}
	next := issue(t, root, "leaf", false, 61*day, 151*day)
	if why := pki.Due(next.cert, root.cert, nil, start.Add(122*day)); why == "" || why == first {
		t.Errorf("the next one is due for %q", why)
	}
}

// An authority of the same name that lasts longer is what the asking is for: it comes into use as soon as the provider names it.
func TestALongerLivedAuthorityIsTakenWhenItIsNamed(t *testing.T) {
	root := issue(t, nil, "root", true, 0, 3000*day)
	mid := issue(t, root, "mid", true, 0, 100*day)
	renewed := issue(t, root, "mid", true, 40*day, 400*day)
	leaf := issue(t, mid, "leaf", false, 0, 365*day)
	if why := pki.Due(leaf.cert, mid.cert, certs(root, mid), start.Add(41*day)); why != "" {
		t.Fatalf("due for %q with nothing to gain", why)
	}
	why := pki.Due(leaf.cert, mid.cert, certs(root, renewed), start.Add(41*day))
	if why == "" {
		t.Fatal("the renewed authority is not taken")
	}
	// A provider that goes on with the old one is not asked for the same twice.
	old := issue(t, mid, "leaf", false, 41*day, 365*day)
	if again := pki.Due(old.cert, mid.cert, certs(root, renewed), start.Add(42*day)); again != why {
		t.Errorf("first for %q, then for %q", why, again)
	}
	fresh := issue(t, renewed, "leaf", false, 41*day, 365*day)
	if why := pki.Due(fresh.cert, renewed.cert, certs(root, renewed), start.Add(42*day)); why != "" {
		t.Errorf("one of the renewed authority is due for %q", why)
	}
}

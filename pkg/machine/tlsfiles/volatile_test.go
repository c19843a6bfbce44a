package tlsfiles_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// Units say why they cannot use a certificate, and each change of what they say runs a hook on
// every peer: the words about an authority that has ended are the same from look to look.
func TestTheWordsAboutAnExpiredAuthorityDoNotChangeWithTime(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(template, parent *x509.Certificate) string {
		template.SerialNumber, template.NotBefore = big.NewInt(1), start
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "the authority"}, IsCA: true, BasicConstraintsValid: true, NotAfter: start.Add(time.Hour)}
	bundle := issue(ca, ca)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := tlsfiles.Leaf{
		Certificate: issue(&x509.Certificate{Subject: pkix.Name{CommonName: "x"}, NotAfter: start.Add(24 * time.Hour)}, ca),
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
	said := map[string]bool{}
	for _, later := range []time.Duration{2 * time.Hour, 3 * time.Hour} {
		err := tlsfiles.Usable(tlsfiles.Client, leaf, tlsfiles.Check{Now: start.Add(later)}, bundle)
		if err == nil {
			t.Fatal("a certificate of an authority that has ended is good")
		}
		said[err.Error()] = true
	}
	if len(said) != 1 {
		t.Errorf("an hour later it is reported in other words: %v", said)
	}
}

// An authority that only the leaf comes with ends it as one in the bundle does, and is reported;
// one in the bundle that no leaf needs is not.
func TestTheAuthorityThatIsReportedIsTheFirstAboveALeafToEnd(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	issue := func(name string, ca bool, days int, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: ca, BasicConstraintsValid: true,
			NotBefore: start, NotAfter: start.Add(time.Duration(days) * 24 * time.Hour),
		}
		if parent == nil {
			parent, by = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	text := func(c *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	root, rootKey := issue("root", true, 1000, nil, nil)
	mid, midKey := issue("mid", true, 20, root, rootKey)
	stale, _ := issue("stale", true, 2, nil, nil)
	leaf, key := issue("leaf", false, 365, mid, midKey)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := tlsfiles.In(t.TempDir(), &durable.Disk{})
	if _, err := files.WriteBundle(text(root)+text(stale), start, nil); err != nil {
		t.Fatal(err)
	}
	pair := tlsfiles.Leaf{Certificate: text(leaf) + text(mid), Key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
	if _, err := files.WriteLeaf(tlsfiles.Server, pair, tlsfiles.Check{Now: start.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	facts, err := files.Facts()
	if want := []string{pki.Fingerprint(root)}; !slices.Equal(facts.Of, want) {
		t.Errorf("the leaf is said to be of %v, not of %v", facts.Of, want)
	}
	if err != nil || facts.Server == nil || facts.Authority == nil {
		t.Fatalf("%+v, %v", facts, err)
	}
	if facts.Authority.Fingerprint != pki.Fingerprint(mid) {
		t.Errorf("reported is the end on %s, and not that of the intermediate on %s", facts.Authority.NotAfter, mid.NotAfter)
	}
	held, err := files.Held(tlsfiles.Server)
	if err != nil || !held.Certificate.Equal(leaf) || !held.Authority.Equal(mid) {
		t.Errorf("held: %+v, %v", held, err)
	}
}

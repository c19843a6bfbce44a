package observe

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

	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/world"
)

// signedBy makes a certificate, of an authority where by is nil, and returns it with its PEM and its key.
func signedBy(t *testing.T, by *x509.Certificate, key *ecdsa.PrivateKey, from, until time.Time) (*x509.Certificate, string, *ecdsa.PrivateKey) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(from.Unix()), Subject: pkix.Name{CommonName: from.String()}, NotBefore: from, NotAfter: until,
		IsCA: by == nil, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if by == nil {
		by, key, template.ExtKeyUsage = template, own, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, own.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), own
}

// TestACertificateThatOutlivesItsAuthorityIsVerifiedByIt: easyrsa gives both the same number of days, the leaf later.
func TestACertificateThatOutlivesItsAuthorityIsVerifiedByIt(t *testing.T) {
	now := time.Now()
	authority, ca, key := signedBy(t, nil, nil, now, now.Add(time.Hour))
	_, other, _ := signedBy(t, nil, nil, now.Add(time.Second), now.Add(time.Hour))
	for name, from := range map[string]time.Time{"later": now.Add(time.Minute), "from before, by another clock": now.Add(-time.Minute)} {
		_, leaf, _ := signedBy(t, authority, key, from, now.Add(2*time.Hour))
		got := verifiedBy(world.Credentials{CA: other + ca, Cert: leaf, Key: "a key"})
		if !slices.Equal(got, pki.Fingerprints(ca)) {
			t.Errorf("%s: verified by %v, not by its authority %v alone", name, got, pki.Fingerprints(ca))
		}
	}
}

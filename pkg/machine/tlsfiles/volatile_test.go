package tlsfiles_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"jujuetcd.io/pkg/machine/tlsfiles"
)

// Units tell why they cannot use a certificate, and each change of what they tell runs a hook on every peer: the words about an
// authority that has ended are the same from look to look.
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
		t.Errorf("an hour later it is told in other words: %v", said)
	}
}

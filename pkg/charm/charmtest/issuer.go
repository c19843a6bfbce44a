package charmtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Issuer is a certificate and its key.
type Issuer struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	PEM  string
}

// NewKey makes a key of the kind.
func NewKey(t *testing.T, kind string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "RSA 2048":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "RSA 4096":
		key, err = rsa.GenerateKey(rand.Reader, 4096)
	case "P-384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "Ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Sign makes a certificate of the template; by itself without an Issuer.
func Sign(t *testing.T, template *x509.Certificate, key crypto.Signer, by *Issuer) *Issuer {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serial
	if template.NotBefore.IsZero() {
		template.NotBefore = Now.Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = Now.Add(24 * time.Hour)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Cert, by.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{Cert: cert, Key: key, PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// AuthorityOf makes an authority below another, or a root where there is none.
func AuthorityOf(t *testing.T, name string, life time.Duration, by *Issuer) *Issuer {
	return Sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, NotAfter: Now.Add(life), KeyUsage: x509.KeyUsageCertSign,
	}, NewKey(t, ""), by)
}

// BothUsages are those of the server's leaf.
var BothUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}

// LeafOf is a template of a leaf for the unit of these tests.
func LeafOf() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "10.0.0.4"}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: BothUsages,
		IPAddresses: []net.IP{net.ParseIP("10.0.0.4"), net.ParseIP("127.0.0.1")}, DNSNames: []string{"node"},
	}
}

// PKCS8 is a key as most write it.
func PKCS8(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

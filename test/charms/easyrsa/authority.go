package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/test/charms/classic"
)

// builtin is a CA of our own, for where easy-rsa is not installed.
type builtin struct {
	store  classic.Store
	life   time.Duration
	signer classic.Signer
	ca     string
}

func newKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// openBuiltin reads the authority, or makes it.
func openBuiltin(ctx context.Context, dir string, life time.Duration) (*builtin, error) {
	a := &builtin{store: classic.Store{Dir: dir, NewKey: newKey}, life: life}
	var err error
	a.signer, err = a.store.Signer("ca", func(key crypto.Signer) (classic.Pair, error) {
		address, err := classic.Address(ctx)
		if err != nil {
			return classic.Pair{}, err
		}
		return classic.Signer{}.Authority(address, key, life)
	})
	if err != nil {
		return nil, err
	}
	p, err := a.store.Read("ca")
	a.ca = p.Cert
	return a, err
}

func (a *builtin) CA() string    { return a.ca }
func (a *builtin) Chain() string { return "" }

func (a *builtin) Issue(name string, purpose classic.Purpose, commonName string, sans []string) (classic.Pair, error) {
	return a.store.Leaf("issued/"+name, a.signer, commonName, sans, func(key crypto.Signer) (classic.Pair, error) {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: commonName}, NotAfter: time.Now().Add(a.life)}
		p, err := a.signer.Leaf(template, purpose, key, sans)
		p.Cert = text(template, a.signer.Certificate) + p.Cert
		return p, err
	})
}

// text is what openssl would print before the PEM block.
func text(c, issuer *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return fmt.Sprintf(`Certificate:
    Data:
        Version: 3 (0x2)
        Serial Number: %x
        Issuer: CN=%s
        Validity
            Not Before: %s
            Not After : %s
        Subject: CN=%s
        X509v3 Subject Alternative Name: %s
`, c.SerialNumber, issuer.Subject.CommonName, c.NotBefore.UTC().Format(time.RFC1123), c.NotAfter.UTC().Format(time.RFC1123),
		c.Subject.CommonName, strings.Join(names, ", "))
}

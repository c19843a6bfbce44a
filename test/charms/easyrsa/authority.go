package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// authority is a CA in a folder.
type authority struct {
	dir  string
	days int

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// pair is a certificate, text first, and its key, both PEM.
type pair struct{ cert, key string }

// open reads the authority, or makes it.
func (a *authority) open() error {
	p, err := a.read("ca")
	if errors.Is(err, fs.ErrNotExist) {
		address := ""
		if err := ask(&address, "unit-get", "private-address"); err != nil {
			return err
		}
		return a.create(address)
	}
	if err != nil {
		return err
	}
	return a.use(p)
}

func (a *authority) use(p pair) error {
	cert, _ := pem.Decode([]byte(p.cert[max(0, strings.Index(p.cert, "-----BEGIN")):]))
	key, _ := pem.Decode([]byte(p.key))
	if cert == nil || key == nil {
		return errors.New("cannot read the authority: its files hold no PEM")
	}
	var err error
	if a.certificate, err = x509.ParseCertificate(cert.Bytes); err != nil {
		return fmt.Errorf("cannot read the authority: %w", err)
	}
	if a.key, err = x509.ParseECPrivateKey(key.Bytes); err != nil {
		return fmt.Errorf("cannot read the authority's key: %w", err)
	}
	return nil
}

func (a *authority) create(name string) error {
	template := x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	p, err := a.sign(&template)
	if err != nil {
		return err
	}
	if err := a.write("ca", p); err != nil {
		return err
	}
	return a.use(p)
}

// issue returns the certificate of that file name, made anew if there is none with just these names.
func (a *authority) issue(file, commonName string, sans []string) (pair, error) {
	p, err := a.read(file)
	if err == nil && a.issued(p, commonName, sans) {
		return p, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pair{}, err
	}
	template := x509.Certificate{
		Subject:     pkix.Name{CommonName: commonName},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, s := range sans {
		if ip := net.ParseIP(s); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, s)
		}
	}
	if p, err = a.sign(&template); err != nil {
		return pair{}, err
	}
	return p, a.write(file, p)
}

// issued says whether a certificate is ours and has these names, in whatever order.
func (a *authority) issued(p pair, commonName string, sans []string) bool {
	block, _ := pem.Decode([]byte(p.cert[max(0, strings.Index(p.cert, "-----BEGIN")):]))
	if block == nil {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.CheckSignatureFrom(a.certificate) != nil || cert.Subject.CommonName != commonName {
		return false
	}
	have := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		have = append(have, ip.String())
	}
	slices.Sort(have)
	want := slices.Sorted(slices.Values(sans))
	return slices.Equal(slices.Compact(have), slices.Compact(want))
}

func (a *authority) sign(template *x509.Certificate) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("cannot make a key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return pair{}, fmt.Errorf("cannot make a serial number: %w", err)
	}
	template.NotBefore = time.Now().Add(-time.Minute)
	template.NotAfter = time.Now().AddDate(0, 0, a.days)
	parent, signer := a.certificate, a.key
	if template.IsCA {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return pair{}, fmt.Errorf("cannot sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return pair{}, fmt.Errorf("cannot encode a key: %w", err)
	}
	return pair{
		cert: text(template, parent) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		key:  string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})),
	}, nil
}

// text is what openssl would print before the PEM block; the CA's file has it, too, as some tools write it.
func text(c, issuer *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if c.IsCA {
		return ""
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

func (a *authority) path(name, kind string) string { return filepath.Join(a.dir, name+kind) }

func (a *authority) read(name string) (pair, error) {
	cert, err := os.ReadFile(a.path(name, ".crt"))
	if err != nil {
		return pair{}, err
	}
	key, err := os.ReadFile(a.path(name, ".key"))
	return pair{cert: string(cert), key: string(key)}, err
}

func (a *authority) write(name string, p pair) error {
	if err := os.MkdirAll(filepath.Dir(a.path(name, "")), 0o700); err != nil {
		return err
	}
	for kind, data := range map[string]string{".crt": p.cert, ".key": p.key} {
		target := a.path(name, kind)
		if err := os.WriteFile(target+".new", []byte(data), 0o600); err != nil {
			return err
		}
		if err := os.Rename(target+".new", target); err != nil {
			return err
		}
	}
	return nil
}

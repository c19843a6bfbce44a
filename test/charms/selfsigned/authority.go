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
	"math/big"
	"os"
	"path/filepath"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// show says that the charm is ready.
func (c *charm) show() error {
	return c.tools.SetStatus(c.ctx, v1alpha1.StatusText{State: etcdops.Active})
}

// authority is a root, and the signer below it where there is one.
type authority struct {
	root, signer    *x509.Certificate
	rootPEM, midPEM string
	key             *ecdsa.PrivateKey
}

// open reads the authority, or makes it.
func (a *authority) open(dir string, intermediate bool) error {
	root, rootKey, err := readOrMake(dir, "root", nil, nil)
	if err != nil {
		return err
	}
	a.root, a.signer, a.key, a.rootPEM = root, root, rootKey, encode(root)
	if !intermediate {
		return nil
	}
	if a.signer, a.key, err = readOrMake(dir, "signer", root, rootKey); err != nil {
		return err
	}
	a.midPEM = encode(a.signer)
	return nil
}

// ca is what verifies: as with the real ones, the issuer of the certificate.
func (a *authority) ca() string {
	if a.midPEM != "" {
		return a.midPEM
	}
	return a.rootPEM
}

// chain is what follows the certificate.
func (a *authority) chain() []string {
	if a.midPEM != "" {
		return []string{a.midPEM, a.rootPEM}
	}
	return []string{a.rootPEM}
}

func encode(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

func readOrMake(dir, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	path := filepath.Join(dir, name+".pem")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if text, err = makeAuthority(name, parent, parentKey); err == nil {
			err = writeFile(path, text)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make the authority %s: %w", name, err)
	}
	certBlock, rest := pem.Decode(text)
	keyBlock, _ := pem.Decode(rest)
	if certBlock == nil || keyBlock == nil {
		return nil, nil, fmt.Errorf("cannot read the authority %s", name)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(keyBlock.Bytes)
	return cert, key, err
}

func makeAuthority(name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "selfsigned " + name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})...), nil
}

func serialNumber() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

func parse(request string) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode([]byte(request))
	if block == nil {
		return nil, errors.New("cannot read a request: it is not PEM")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read a request: %w", err)
	}
	return csr, nil
}

func namesIP(request string) bool {
	csr, err := parse(request)
	return err == nil && len(csr.IPAddresses) > 0
}

// sign issues what the request asks for: subject and names are its own; what it is good for is the
// provider's rule.
func (a *authority) sign(request string, validity time.Duration) (string, error) {
	csr, err := parse(request)
	if err != nil {
		return "", err
	}
	serial, err := serialNumber()
	if err != nil {
		return "", err
	}
	// The clocks of test machines are one: a second before now is early enough, and leaves short
	// lives their length.
	from := time.Now().Add(-time.Second)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: csr.Subject, DNSNames: csr.DNSNames, IPAddresses: csr.IPAddresses,
		NotBefore: from, NotAfter: from.Add(validity), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.signer, csr.PublicKey, a.key)
	if err != nil {
		return "", fmt.Errorf("cannot sign a request: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

func writeFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

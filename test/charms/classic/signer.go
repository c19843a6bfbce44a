package classic

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"
)

// Signer is a certificate of an authority and its key. The zero value signs itself.
type Signer struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// Open makes a signer of what is in a pair of files.
func Open(p Pair) (Signer, error) {
	cert, err := first(p.Cert)
	if err != nil {
		return Signer{}, fmt.Errorf("cannot read the authority: %w", err)
	}
	block, _ := pem.Decode([]byte(p.Key))
	if block == nil {
		return Signer{}, errors.New("cannot read the authority's key: it is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Signer{}, errors.New("cannot read the authority's key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return Signer{}, errors.New("cannot use the authority's key: it does not sign")
	}
	return Signer{Certificate: cert, Key: signer}, nil
}

// first is the first certificate of a PEM text, whatever stands before it.
func first(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("there is no certificate in it")
	}
	return x509.ParseCertificate(block.Bytes)
}

// Authority signs a certificate for another authority, or for itself.
func (s Signer) Authority(commonName string, key crypto.Signer, life time.Duration) (Pair, error) {
	return s.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: commonName}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotAfter: time.Now().Add(life),
	}, key)
}

// Leaf signs a certificate for what a requirer asked for; template may have more than the names.
func (s Signer) Leaf(template *x509.Certificate, purpose Purpose, key crypto.Signer, sans []string) (Pair, error) {
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	switch purpose {
	case Server:
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	case ServerOnly:
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, name := range sans {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return s.sign(template, key)
}

func (s Signer) sign(template *x509.Certificate, key crypto.Signer) (Pair, error) {
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return Pair{}, fmt.Errorf("cannot make a serial number: %w", err)
	}
	template.NotBefore = time.Now().Add(-30 * time.Second) // as Vault does, for clocks that are behind
	if s.Certificate == nil {
		s = Signer{Certificate: template, Key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.Certificate, key.Public(), s.Key)
	if err != nil {
		return Pair{}, fmt.Errorf("cannot sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("cannot encode a key: %w", err)
	}
	return Pair{
		Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
	}, nil
}

// Issued says whether a certificate is of an authority and has these names, in whatever order.
func Issued(p Pair, by *x509.Certificate, commonName string, sans []string) bool {
	cert, err := first(p.Cert)
	if err != nil || cert.CheckSignatureFrom(by) != nil || cert.Subject.CommonName != commonName {
		return false
	}
	have := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		have = append(have, ip.String())
	}
	slices.Sort(have)
	return slices.Equal(slices.Compact(have), slices.Compact(slices.Sorted(slices.Values(sans))))
}

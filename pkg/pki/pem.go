package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"iter"
	"strings"
)

const certificateType = "CERTIFICATE"

// blocks are those of a PEM text, whatever stands around them.
func blocks(text string) iter.Seq[*pem.Block] {
	return func(yield func(*pem.Block) bool) {
		for rest := []byte(text); ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil || !yield(block) {
				return
			}
		}
	}
}

// DER are the certificates of a PEM text as they are encoded, without a look at what they say.
func DER(text string) [][]byte {
	var all [][]byte
	for block := range blocks(text) {
		if block.Type == certificateType {
			all = append(all, block.Bytes)
		}
	}
	return all
}

// Certificates are the certificates of a PEM text; none and an error if one of them cannot be read.
func Certificates(text string) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for i, der := range DER(text) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("cannot read certificate %d: %w", i+1, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// Readable are those certificates of a PEM text that can be read. The fault is what x509 says of
// the last one that cannot; nil if all can.
func Readable(text string) (certs []*x509.Certificate, fault error) {
	for _, der := range DER(text) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			fault = err
			continue
		}
		certs = append(certs, cert)
	}
	return certs, fault
}

// PrivateKey is the first private key of a PEM text, as PEM without what stands around it; empty if
// there is none.
func PrivateKey(text string) string {
	for block := range blocks(text) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return string(pem.EncodeToMemory(block))
		}
	}
	return ""
}

// Encode is certificates as PEM, in their order.
func Encode(certs ...*x509.Certificate) string {
	var out bytes.Buffer
	for _, c := range certs {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: certificateType, Bytes: c.Raw}))
	}
	return out.String()
}

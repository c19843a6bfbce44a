package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
)

// Fingerprint is a certificate's SHA-256 in hex.
func Fingerprint(cert *x509.Certificate) string { return fingerprint(cert.Raw) }

// Fingerprints are those of the certificates in a PEM text, in their order, also of one that cannot
// be read.
func Fingerprints(text string) []string {
	var all []string
	for _, der := range DER(text) {
		all = append(all, fingerprint(der))
	}
	return all
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// Among are the certificates of a bundle that have one of these fingerprints; all of them where
// there are no fingerprints.
func Among(bundle []*x509.Certificate, fingerprints []string) []*x509.Certificate {
	if len(fingerprints) == 0 {
		return bundle
	}
	return slices.DeleteFunc(slices.Clone(bundle), func(c *x509.Certificate) bool { return !slices.Contains(fingerprints, Fingerprint(c)) })
}

// Union is a list with those of others that are not in it yet, each once. It may be written behind
// the list's end, as with append.
func Union(list []*x509.Certificate, others ...*x509.Certificate) []*x509.Certificate {
	for _, c := range others {
		if !slices.ContainsFunc(list, c.Equal) {
			list = append(list, c)
		}
	}
	return list
}

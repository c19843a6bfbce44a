package tlsfiles

import (
	"crypto/x509"
	"slices"
	"time"
)

// Held is a certificate on disk, and the authority above it that ends first. Both are nil where there is none.
type Held struct{ Certificate, Authority *x509.Certificate }

// Lacks is what a leaf would have to be good for, too, as part of a sentence; empty if nothing is missing.
func Lacks(name Name, cert *x509.Certificate) string {
	if len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return ""
	}
	for _, usage := range usages(name) {
		switch {
		case slices.Contains(cert.ExtKeyUsage, usage):
		case usage == x509.ExtKeyUsageServerAuth:
			return "lacks serverAuth, which clients and members need"
		case name == Server:
			return "lacks clientAuth, which members need among themselves"
		default:
			return "lacks clientAuth, which etcd needs of who connects to it"
		}
	}
	return ""
}

// Dates says why a certificate is not good at a time, in words that stay the same; nil if it is.
func Dates(cert *x509.Certificate, now time.Time) error { return checkDates(cert, now) }

// Verify says why a chain, its leaf first, is not trusted by who trusts the bundle; nil if it is.
func Verify(name Name, chain, bundle []*x509.Certificate, now time.Time) error {
	return verify(chain, bundle, now, usages(name))
}

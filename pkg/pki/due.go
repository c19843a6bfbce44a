package pki

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// RenewAt is when a certificate should be replaced: at two thirds of its life, as certificate
// managers commonly do, so that a third is left for a provider that is away.
func RenewAt(cert *x509.Certificate) time.Time {
	return cert.NotBefore.Add(life(cert) / 3 * 2)
}

func life(cert *x509.Certificate) time.Duration { return cert.NotAfter.Sub(cert.NotBefore) }

// How long before its end an authority is given another chance to be one that lasts longer, the
// same as when a status reports it: 30 days and 7, or that part of its life if it is shorter.
const (
	firstChance, firstPart = 30 * 24 * time.Hour, 6
	lastChance, lastPart   = 7 * 24 * time.Hour, 12
)

// capped is how much before its authority a certificate may end that its provider has cut to fit.
const capped = time.Minute

// Due says that a certificate should be replaced, and what for; empty if it need not be. authority
// is the one above it that ends first, nil if that is not known, and offered are those that the
// provider names now.
//
// One that its authority outlives is due at two thirds of its life. For one that ends with its
// authority, which asking anew does not change, those two thirds would come again and again: such a
// one is due at two thirds of the authority's life, and at two later moments, and when the provider
// names another authority of that name that lasts longer. Whoever asks remembers what for, and does
// not ask twice for the same: a certificate may be dated back, and look older than the moment that
// it was asked at.
func Due(cert, authority *x509.Certificate, offered []*x509.Certificate, now time.Time) string {
	if authority == nil || cert.NotAfter.Before(authority.NotAfter.Add(-capped)) {
		if now.Before(RenewAt(cert)) {
			return ""
		}
		return Fingerprint(cert)
	}
	i := slices.IndexFunc(offered, func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawSubject, authority.RawSubject) && c.NotAfter.After(authority.NotAfter)
	})
	if i >= 0 {
		return Fingerprint(offered[i])
	}
	moments := []time.Time{
		RenewAt(authority),
		authority.NotAfter.Add(-min(firstChance, life(authority)/firstPart)),
		authority.NotAfter.Add(-min(lastChance, life(authority)/lastPart)),
	}
	for i, at := range slices.Backward(moments) {
		if !now.Before(at) {
			if cert.NotBefore.Before(at) {
				return fmt.Sprintf("%s/%d", Fingerprint(authority), i+1)
			}
			return ""
		}
	}
	return ""
}

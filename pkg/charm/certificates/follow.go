package certificates

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// follow is what is to be asked for a leaf from now on, given the one on disk: a request anew when there is none, when it lacks a
// name, and when the certificate is to be renewed. One that has no answer yet is waited for.
func (o *Offer) follow(name tlsfiles.Name, unit string, have tlsfiles.Held, now time.Time) (pki.Asked, error) {
	asked := o.wants.asked[name]
	if asked.Next != "" && have.Certificate != nil && o.answered[name] == pki.Fingerprint(have.Certificate) {
		asked = asked.Answered()
	}
	if name == tlsfiles.Server {
		asked = o.without(asked)
	}
	subject := o.wants.subject(name, unit)
	if name == tlsfiles.Server && o.wants.gaveUp(asked) {
		subject.Names = o.wants.names.needed
	}
	if subject.CommonName == "" {
		return asked, nil // no address is known yet
	}
	newest := asked.Newest()
	switch {
	case newest == "", !covers(canonicalAll(pki.NamesIn(newest)), subject.Names):
		return asked.Ask(subject)
	case asked.Next != "" && o.wants.gaveUp(asked) && o.wants.names.asks(newest):
		// It would stay refused.
		return asked.Ask(subject)
	case asked.Next != "":
		return asked, nil
	case slices.Contains(o.revoked, name):
		return asked.Ask(subject)
	}
	if why := o.due(have, now); why != "" && why != asked.For && asked.Fits(have.Certificate) {
		asked.For, asked.Refused, asked.Reason = why, "", "" // what was refused once is asked for again
		return asked.Ask(o.wants.subject(name, unit))
	}
	return asked, nil
}

// without remembers that the provider refuses to sign the names that are beside those that are needed: a request with needed ones alone
// is better than none. What is refused without any such name is no business of theirs.
func (o *Offer) without(asked pki.Asked) pki.Asked {
	if why := o.refused[tlsfiles.Server]; why != "" && !o.wants.gaveUp(asked) && o.wants.names.asks(asked.Newest()) {
		asked.Refused, asked.Reason = strings.Join(o.wants.names.extra, " "), why
	}
	return asked
}

// due says that a certificate should be renewed, and what for; empty if it need not be.
func (o *Offer) due(have tlsfiles.Held, now time.Time) string {
	if have.Certificate == nil {
		return ""
	}
	if o.replaced && len(o.trusted) > 0 && tlsfiles.Verify(tlsfiles.Client, []*x509.Certificate{have.Certificate}, o.trusted, now) != nil {
		return "replaced by " + pki.Fingerprint(o.trusted[0])
	}
	return pki.Due(have.Certificate, have.Authority, o.authorities, now)
}

package certificates

import (
	"cmp"
	"crypto/x509"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// Choice is the authority in use, and what it offers.
type Choice struct {
	// Provider is the dialect, empty without a relation; Application is the name of the one that
	// offers CA.
	Provider    v1alpha1.CertificateProvider
	Application string
	// CA is every certificate that the provider names as an authority, as PEM without text around
	// it.
	CA string
	// Unused are those that offer another authority beside the one in use, and UnusedCA, by
	// application, their bundles.
	Unused   []string
	UnusedCA map[string]string
	// Server and Client are nil until they are offered, valid now, and have a key that fits.
	Server, Client *tlsfiles.Leaf
	// Controller are the answers to the controller's requests.
	Controller []v1alpha1.SignedRequest

	authorities []*x509.Certificate // of CA
	// forClients is what is offered for relations that are to have certificates of their own.
	forClients map[tlsfiles.Name][]candidate
	// answered has, by leaf, the fingerprint of what answers its next request, revoked the leaves
	// that the provider has taken back, and refused, by leaf, why the newest request is.
	answered map[tlsfiles.Name]string
	revoked  []tlsfiles.Name
	refused  map[tlsfiles.Name]string
	// aside are relations of which everybody is set aside.
	aside []string
	// trouble are sentences about what cannot be used.
	trouble []string
	// early are leaves that are offered, and of an authority that is not among the trusted ones:
	// members may not let in who shows them.
	early []tlsfiles.Name
}

// choose decides on the authority, and for each leaf on one of the pairs that it offers; a server
// certificate that is good for all the needs goes first.
//
// It is the authority of the members, the trusted one, whoever else is related; another one beside
// it is set aside. Where only others are related, none of their leaves is taken, and the
// controller, to which the authority is reported, says what has to be done. One that offers a
// further authority beside the trusted one is used for leaves of the latter alone, until the
// further one is trusted, too. A unit that does not know yet whom the members trust goes by the order of the relations: nothing is started before it
// does.
func choose(sources []*source, trusted []*x509.Certificate, needs []string, now time.Time) Choice {
	c := Choice{
		Provider: v1alpha1.ProviderClassic, // also one that has said nothing yet
		answered: map[tlsfiles.Name]string{}, refused: map[tlsfiles.Name]string{}, forClients: map[tlsfiles.Name][]candidate{},
	}
	named := slices.DeleteFunc(slices.Clone(sources), func(s *source) bool { return len(s.authorities) == 0 })
	var known []*source
	for _, s := range sources {
		if s.knows(trusted, now) {
			known = append(known, s)
		}
	}
	used, strange := sources, false
	switch {
	case len(known) > 0:
		used = known
		c.setAside(known, named)
	case len(named) > 0:
		strange = len(trusted) > 0
		used = slices.DeleteFunc(slices.Clone(named), func(s *source) bool { return s != named[0] && !s.knows(named[0].authorities, now) })
	}
	for _, s := range used {
		c.adopt(s, trusted, now)
	}
	if strange {
		c.forClients = nil
		return c
	}
	c.pick(used, trusted, needs, now)
	return c
}

// setAside names those that offer another authority, and asks them for nothing any more; what they
// were asked before stands, as taking it back would only make them unknown again.
func (c *Choice) setAside(known, named []*source) {
	for _, s := range named {
		if slices.Contains(known, s) {
			continue
		}
		name := s.application
		if slices.ContainsFunc(known, func(k *source) bool { return k.application == s.application }) {
			name = s.name()
		}
		if !slices.Contains(c.Unused, name) {
			c.Unused = append(c.Unused, name)
		}
		if c.UnusedCA == nil {
			c.UnusedCA = map[string]string{}
		}
		c.UnusedCA[s.application] = pki.Encode(s.authorities...)
		if !slices.ContainsFunc(known, func(k *source) bool { return k.relation == s.relation }) {
			c.aside = append(c.aside, s.relation)
		}
	}
	slices.Sort(c.Unused)
}

// adopt takes what a source says of itself and of what was asked.
func (c *Choice) adopt(s *source, trusted []*x509.Certificate, now time.Time) {
	if c.Application == "" || len(c.authorities) == 0 {
		c.Application, c.Provider = s.application, s.dialect
	}
	c.authorities = pki.Union(c.authorities, s.authorities...)
	c.CA = pki.Encode(c.authorities...)
	c.trouble = append(c.trouble, s.trouble...)
	for name, fp := range s.answered {
		c.answered[name] = fp
	}
	for name, why := range s.refused {
		c.refused[name] = why
	}
	c.revoked = append(c.revoked, s.revoked...)
	c.Controller = append(c.Controller, s.controller...)
	for name, list := range s.clients {
		c.forClients[name] = append(c.forClients[name], verified(tlsfiles.Client, list, trusted, now)...)
	}
}

// verified are those of a list that verify against the trusted authorities; all of them before it is
// known whom members trust.
func verified(name tlsfiles.Name, list []candidate, trusted []*x509.Certificate, now time.Time) []candidate {
	if len(trusted) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(c candidate) bool {
		chain, _ := pki.Readable(c.leaf.Certificate)
		return tlsfiles.Verify(name, chain, trusted, now) != nil
	})
}

// pick takes for each leaf the best that is offered; where there is none it says what is wrong
// with those that cannot be used.
func (c *Choice) pick(used []*source, trusted []*x509.Certificate, needs []string, now time.Time) {
	var servers, shared []candidate
	for _, s := range used {
		for _, pair := range s.servers {
			servers = append(servers, s.withPath(pair))
		}
		shared = append(shared, s.shared...)
	}
	c.Server = best(verified(tlsfiles.Server, servers, trusted, now), needs)
	c.Client = best(verified(tlsfiles.Client, shared, trusted, now), nil)
	if c.Server == nil && len(servers) > 0 {
		c.early = append(c.early, tlsfiles.Server)
	}
	if c.Client == nil && len(shared) > 0 {
		c.early = append(c.early, tlsfiles.Client)
	}
	for _, part := range []struct {
		name tlsfiles.Name
		leaf *tlsfiles.Leaf
	}{{tlsfiles.Server, c.Server}, {tlsfiles.Client, c.Client}} {
		for _, s := range used {
			if part.leaf != nil {
				break
			}
			c.trouble = append(c.trouble, s.faults[part.name]...)
		}
	}
}

// best prefers a pair that has every name, then the newest. Several units of a provider may each
// answer: all units of ours then choose the same, and the same again next time.
func best(list []candidate, needs []string) *tlsfiles.Leaf {
	if len(list) == 0 {
		return nil
	}
	rank := func(c candidate) int {
		if covers(namesIn(c.cert), needs) {
			return 1
		}
		return 0
	}
	return slices.MaxFunc(list, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			a.cert.NotBefore.Compare(b.cert.NotBefore),
			cmp.Compare(pki.Fingerprint(a.cert), pki.Fingerprint(b.cert)),
		)
	}).leaf
}

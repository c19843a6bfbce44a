package charm

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// Offer is what certificate authorities offer to the unit now, and what it has asked them.
type Offer struct {
	// Provider is the dialect, empty without a relation; Application is the name of the one that offers CA.
	Provider    v1alpha1.CertificateProvider
	Application string
	// CA is every certificate that the provider names as an authority, as PEM without text around it.
	CA string
	// Unused are those that offer another authority beside the one in use.
	Unused []string
	// Server and Client are nil until they are offered, valid now, and have a key that fits.
	Server, Client *tlsfiles.Leaf
	// NextServer and NextClient are those of the authorities that come next.
	NextServer, NextClient *tlsfiles.Leaf
	// Trouble are sentences about what stands between the unit and its next certificate.
	Trouble []string

	names     names // that a server certificate must have
	relations []authorityRelation
	sources   []*source
	// trusted are the authorities whose leaves the unit uses: those that it was told to use, or all of the bundle that members have, which
	// is what the unit has been told of it, else what is on its disk.
	trusted []*x509.Certificate
	// replaced says that it was told whose leaves to use, because an authority is replaced.
	replaced bool
	// unusedCA are, by application, the bundles of those that are set aside, and onDisk is what the unit trusts, as PEM.
	unusedCA    map[string]string
	onDisk      string
	authorities []*x509.Certificate // of CA
	// asked is what the unit has asked to be signed; answered has, by leaf, the fingerprint of what answers its next request, revoked the
	// leaves that the provider has taken back, and refused, by leaf, why the newest request is.
	asked    map[tlsfiles.Name]pki.Asked
	answered map[tlsfiles.Name]string
	revoked  []tlsfiles.Name
	refused  map[tlsfiles.Name]string
	// unreadable says that what was asked for a leaf cannot be read now.
	unreadable bool
	// unserved says why etcd does not serve the certificate on disk. It is told in the status alone: facts hold nothing that only a
	// moment's look has shown.
	unserved string
	// forController are the controller's requests, and controller the answers to them.
	forController []string
	controller    []v1alpha1.SignedRequest
	// db are the relations that are to have certificates of their own, and dbOffers what is offered for them.
	db       []dbClient
	dbOffers map[tlsfiles.Name][]candidate
}

// trouble adds a sentence, once.
func (o *Offer) trouble(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(o.Trouble, text) {
		o.Trouble = append(o.Trouble, text)
	}
}

// candidate is one pair that was offered.
type candidate struct {
	leaf *tlsfiles.Leaf
	cert *x509.Certificate
}

// choose decides on the authority, and for each leaf on one of the pairs that it offers.
//
// It is that of the members, whoever else is related; another one beside it is set aside. Where only others are related, none of their
// leaves is taken, and the controller, who is told of the authority, says what has to be done. A unit that has not been told yet whom
// the members trust goes by the order of the relations: nothing is started before it is told.
func (o *Offer) choose(now time.Time) {
	named := slices.DeleteFunc(slices.Clone(o.sources), func(s *source) bool { return len(s.authorities) == 0 })
	var known []*source
	for _, s := range o.sources {
		if s.knows(o.trusted, now) {
			known = append(known, s)
		}
	}
	used, strange := o.sources, false
	switch {
	case len(known) > 0:
		used = known
		o.setAside(known, named)
	case len(named) > 0:
		strange = len(o.trusted) > 0
		used = slices.DeleteFunc(slices.Clone(named), func(s *source) bool { return s != named[0] && !s.knows(named[0].authorities, now) })
	}
	o.Provider = v1alpha1.ProviderClassic // also one that has said nothing yet
	for _, s := range used {
		o.adopt(s)
	}
	if strange {
		o.Server, o.Client, o.dbOffers = nil, nil, nil
		return
	}
	o.pick(used)
}

// chooseNext takes what the authorities offer that come next, and lets them be asked, too.
func (o *Offer) chooseNext(authorities []*x509.Certificate, now time.Time) {
	next := Offer{
		names: o.names, relations: slices.Clone(o.relations), sources: o.sources, trusted: authorities,
		asked: o.asked, answered: map[tlsfiles.Name]string{}, refused: map[tlsfiles.Name]string{}, dbOffers: map[tlsfiles.Name][]candidate{},
	}
	for i := range next.relations {
		next.relations[i].aside = false
	}
	next.choose(now)
	o.NextServer, o.NextClient = next.Server, next.Client
	for i, r := range next.relations {
		o.relations[i].aside = o.relations[i].aside && r.aside
	}
}

// setAside names those that offer another authority, and asks them for nothing any more; what they were asked before stands, as taking it
// back would only make them unknown again.
func (o *Offer) setAside(known, named []*source) {
	for _, s := range named {
		if slices.Contains(known, s) {
			continue
		}
		name := s.application
		if slices.ContainsFunc(known, func(k *source) bool { return k.application == s.application }) {
			name = s.name()
		}
		if !slices.Contains(o.Unused, name) {
			o.Unused = append(o.Unused, name)
		}
		if o.unusedCA == nil {
			o.unusedCA = map[string]string{}
		}
		o.unusedCA[s.application] = pki.Encode(s.authorities...)
	}
	slices.Sort(o.Unused)
	for i, r := range o.relations {
		of := func(s *source) bool { return s.relation == r.id }
		o.relations[i].aside = slices.ContainsFunc(named, of) && !slices.ContainsFunc(known, of)
	}
}

// adopt takes what a source says of itself and of what was asked.
func (o *Offer) adopt(s *source) {
	if o.Application == "" || len(o.authorities) == 0 {
		o.Application, o.Provider = s.application, s.dialect
	}
	o.authorities = pki.Union(o.authorities, s.authorities...)
	o.CA = pki.Encode(o.authorities...)
	for _, text := range s.trouble {
		o.trouble("%s", text)
	}
	for name, fp := range s.answered {
		o.answered[name] = fp
	}
	for name, why := range s.refused {
		o.refused[name] = why
	}
	o.revoked = append(o.revoked, s.revoked...)
	o.controller = append(o.controller, s.controller...)
	for name, list := range s.clients {
		o.dbOffers[name] = append(o.dbOffers[name], list...)
	}
}

// pick takes for each leaf the best that is offered; where there is none it tells what is wrong with those that cannot be used.
func (o *Offer) pick(used []*source) {
	var servers, shared []candidate
	for _, s := range used {
		for _, c := range s.servers {
			servers = append(servers, s.withPath(c))
		}
		shared = append(shared, s.shared...)
	}
	o.Server, o.Client = best(servers, o.names.sans), best(shared, nil)
	for _, part := range []struct {
		name tlsfiles.Name
		leaf *tlsfiles.Leaf
	}{{tlsfiles.Server, o.Server}, {tlsfiles.Client, o.Client}} {
		for _, s := range used {
			if part.leaf != nil {
				break
			}
			for _, text := range s.faults[part.name] {
				o.trouble("%s", text)
			}
		}
	}
}

// best prefers a pair that has every name, then the newest. Several units of a provider may each answer: all units of ours
// then choose the same, and the same again next time.
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

// namesIn are the names that a certificate is good for.
func namesIn(cert *x509.Certificate) []string {
	all := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		all = append(all, canonical(ip.String()))
	}
	return all
}

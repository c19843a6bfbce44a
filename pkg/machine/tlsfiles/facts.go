package tlsfiles

import (
	"crypto/x509"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Facts are what is on disk, by fingerprint and date. A leaf whose key does not fit, or that the bundle does not verify, is
// left out.
func (f *Files) Facts() (v1alpha1.CertificateFacts, error) {
	var facts v1alpha1.CertificateFacts
	bundle, err := f.Bundle()
	if err != nil {
		return facts, err
	}
	for _, c := range bundle {
		facts.CA = append(facts.CA, Fingerprint(c))
		if facts.Authority == nil || c.NotAfter.Before(facts.Authority.NotAfter.Time) {
			facts.Authority = leafFacts(c)
			facts.Authority.SANs = nil
		}
	}
	for name, into := range map[Name]**v1alpha1.LeafFacts{Server: &facts.Server, Client: &facts.Client} {
		leaf, err := f.Leaf(name)
		if err != nil {
			return facts, err
		}
		if leaf == nil {
			continue
		}
		p, err := read(*leaf)
		if err != nil {
			continue
		}
		// Facts hold nothing volatile: whether it has expired is told by its date.
		at := p.chain[0].NotBefore
		if len(bundle) > 0 && verify(p.chain, bundle, at, usages(name)) != nil &&
			verify(p.chain, bundle, p.chain[0].NotAfter, usages(name)) != nil {
			continue
		}
		*into = leafFacts(p.chain[0])
	}
	return facts, nil
}

func leafFacts(cert *x509.Certificate) *v1alpha1.LeafFacts {
	sans := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		sans = append(sans, ip.String())
	}
	slices.Sort(sans)
	return &v1alpha1.LeafFacts{
		Fingerprint: Fingerprint(cert), NotBefore: metav1.NewTime(cert.NotBefore.UTC()), NotAfter: metav1.NewTime(cert.NotAfter.UTC()),
		SANs: sans, Key: cert.PublicKeyAlgorithm.String(),
	}
}

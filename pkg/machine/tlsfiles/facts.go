package tlsfiles

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
)

// Facts are what is on disk, by fingerprint and date. A leaf whose key does not fit, or that the
// bundle does not verify, is left out.
func (f *Files) Facts() (v1alpha1.CertificateFacts, error) {
	var facts v1alpha1.CertificateFacts
	bundle, err := f.Bundle()
	if err != nil {
		return facts, err
	}
	var above []*x509.Certificate
	for _, c := range bundle {
		facts.CA = append(facts.CA, pki.Fingerprint(c))
	}
	facts.Of = facts.CA
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
		// Facts hold nothing volatile: its date shows whether it has expired.
		if len(bundle) > 0 && slices.ContainsFunc(usages(name), func(usage x509.ExtKeyUsage) bool {
			return len(pki.Ways(p.chain, bundle, usage)) == 0
		}) {
			continue
		}
		*into = leafFacts(p.chain[0])
		facts.Of = signers(name, p.chain, bundle, facts.Of)
		if authority := pki.Authority(p.chain, bundle); authority != nil {
			above = append(above, authority)
		}
	}
	if facts.Server == nil && facts.Client == nil {
		facts.Of = nil
	}
	// What no certificate needs may end unnoticed: an authority that was signed anew, say, under
	// another root.
	if len(above) == 0 {
		above = bundle
	}
	if len(above) > 0 {
		first := slices.MinFunc(above, func(a, b *x509.Certificate) int {
			return cmp.Or(a.NotAfter.Compare(b.NotAfter), bytes.Compare(a.Raw, b.Raw))
		})
		facts.Authority = leafFacts(first)
		facts.Authority.SANs = nil
	}
	return facts, nil
}

// signers are those of these authorities of a bundle each of which alone lets the leaf in.
func signers(name Name, chain, bundle []*x509.Certificate, among []string) []string {
	var all []string
	for _, authority := range pki.Among(bundle, among) {
		alone := []*x509.Certificate{authority}
		lets := !slices.ContainsFunc(usages(name), func(usage x509.ExtKeyUsage) bool { return len(pki.Ways(chain, alone, usage)) == 0 })
		if print := pki.Fingerprint(authority); lets && slices.Contains(among, print) {
			all = append(all, print)
		}
	}
	return all
}

func leafFacts(cert *x509.Certificate) *v1alpha1.LeafFacts {
	sans := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		sans = append(sans, ip.String())
	}
	slices.Sort(sans)
	return &v1alpha1.LeafFacts{
		Fingerprint: pki.Fingerprint(cert), NotBefore: metav1.NewTime(cert.NotBefore.UTC()), NotAfter: metav1.NewTime(cert.NotAfter.UTC()),
		SANs: sans, Key: cert.PublicKeyAlgorithm.String(),
	}
}

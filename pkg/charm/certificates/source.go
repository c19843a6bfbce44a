package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// Several authorities may be related at once: a provider beside the first, or a second unit of one
// whose units have an authority each. What they offer is kept apart until it is known whom the
// members trust: a leaf of the one with the bundle of the other opens no door.

// candidate is one pair that was offered.
type candidate struct {
	leaf *tlsfiles.Leaf
	cert *x509.Certificate
}

// source is what one authority offers: a unit of a classic provider, or the application of one that
// signs requests.
type source struct {
	relation    string
	application string
	unit        string // empty for one that signs requests
	dialect     v1alpha1.CertificateProvider
	// authorities are the certificates that it names as such, each once.
	authorities     []*x509.Certificate
	servers, shared []candidate
	clients         map[tlsfiles.Name][]candidate // of relations db
	// trouble are sentences about the authority, and faults, by leaf, what is wrong with one that
	// cannot be used: they are reported where there is no other.
	trouble []string
	faults  map[tlsfiles.Name][]string
	// answered has, by leaf, the fingerprint of what answers its next request, revoked are those
	// that were taken back, and refused has, by leaf, why its newest request is.
	answered   map[tlsfiles.Name]string
	revoked    []tlsfiles.Name
	refused    map[tlsfiles.Name]string
	controller []v1alpha1.SignedRequest
}

func newSource(relation, application, unit string, dialect v1alpha1.CertificateProvider) *source {
	return &source{
		relation: relation, application: application, unit: unit, dialect: dialect, clients: map[tlsfiles.Name][]candidate{},
		faults: map[tlsfiles.Name][]string{}, answered: map[tlsfiles.Name]string{}, refused: map[tlsfiles.Name]string{},
	}
}

// name is the source as a status reports it.
func (s *source) name() string {
	if s.unit != "" {
		return s.unit
	}
	return s.application
}

func (s *source) say(format string, args ...any) {
	s.trouble = append(s.trouble, fmt.Sprintf(format, args...))
}

// unusable is a sentence about a field that cannot be used.
func (s *source) unusable(what string) string {
	text := fmt.Sprintf("%s offers what cannot be used: %s", s.name(), strings.TrimRight(what, "."))
	if !strings.HasSuffix(text, "?") {
		text += "."
	}
	return text
}

// trust adds the authorities in a field. Where none can be read that is reported; one beside others
// that can is left out.
func (s *source) trust(field, text string) {
	certs, why := readCertificates(text)
	if why != "" {
		s.say("%s", s.unusable(field+" "+why))
	}
	s.authorities = pki.Union(s.authorities, certs...)
}

// fields are what the two parts of a leaf are called by who reads of a fault.
type fields struct{ cert, key string }

// leaf appends one that is offered to a list, if it can be used now. Before the authorities are
// known nothing is known of its issuer.
func (s *source) leaf(list []candidate, name tlsfiles.Name, f fields, cert, key string, now time.Time) []candidate {
	if cert == "" && key == "" {
		return list
	}
	c, fault := s.judge(name, f, cert, key, now)
	if fault != "" {
		s.faults[name] = append(s.faults[name], s.unusable(fault))
		return list
	}
	return append(list, c)
}

func (s *source) judge(name tlsfiles.Name, f fields, cert, key string, now time.Time) (candidate, string) {
	if cert == "" {
		return candidate{}, f.cert + " is empty, and " + f.key + " is not"
	}
	certs, why := readCertificates(cert)
	if len(certs) == 0 {
		return candidate{}, f.cert + " " + why
	}
	keyText := pki.PrivateKey(key)
	if keyText == "" {
		return candidate{}, f.key + " " + unreadable(key, "private key")
	}
	text := pki.Encode(certs...)
	pair, err := tls.X509KeyPair([]byte(text), []byte(keyText))
	if err != nil {
		// The cause may quote the input; it is not passed on.
		return candidate{}, f.key + " does not fit " + f.cert + ", or cannot be read"
	}
	lack := tlsfiles.Lacks(name, pair.Leaf)
	switch err := tlsfiles.Dates(pair.Leaf, now); {
	case err != nil:
		return candidate{}, f.cert + " " + strings.TrimPrefix(err.Error(), "it ")
	case lack != "":
		return candidate{}, f.cert + " " + lack
	}
	if len(s.authorities) > 0 {
		if err := tlsfiles.Verify(name, certs, s.authorities, now); err != nil {
			return candidate{}, f.cert + " " + strings.ReplaceAll(strings.TrimPrefix(err.Error(), "it "), "the CA bundle", s.name()+"'s own authority")
		}
	}
	return candidate{leaf: &tlsfiles.Leaf{Certificate: text, Key: keyText}, cert: pair.Leaf}, ""
}

// pairOf is a certificate and the key that belongs to it, whatever else it is good for.
func pairOf(cert, key string) (candidate, bool) {
	certs, _ := pki.Readable(cert)
	text, keyText := pki.Encode(certs...), pki.PrivateKey(key)
	pair, err := tls.X509KeyPair([]byte(text), []byte(keyText))
	if err != nil {
		return candidate{}, false
	}
	return candidate{leaf: &tlsfiles.Leaf{Certificate: text, Key: keyText}, cert: pair.Leaf}, true
}

// withPath is a pair whose certificate leads to a root: who connects to etcd may trust that alone.
func (s *source) withPath(c candidate) candidate {
	sent, _ := pki.Readable(c.leaf.Certificate)
	path := pki.Path(c.cert, slices.Concat(sent[1:], s.authorities))
	// What its provider sends with it stays: there may be another way.
	path = pki.Union(path, sent[1:]...)
	return candidate{leaf: &tlsfiles.Leaf{Certificate: pki.Encode(path...), Key: c.leaf.Key}, cert: c.cert}
}

// knows says that the source is of an authority in the bundle: it names one of them, or one of them
// has signed what it offers.
func (s *source) knows(bundle []*x509.Certificate, now time.Time) bool {
	if slices.ContainsFunc(s.authorities, func(c *x509.Certificate) bool { return slices.ContainsFunc(bundle, c.Equal) }) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(s.servers, s.shared), func(c candidate) bool {
		chain, _ := pki.Readable(c.leaf.Certificate)
		return tlsfiles.Verify(tlsfiles.Client, chain, bundle, now) == nil
	})
}

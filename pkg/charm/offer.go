package charm

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/signing"
)

// Offer is what certificate authorities offer to the unit now, and what it has asked them.
type Offer struct {
	// Provider is the dialect, empty without a relation; Application is its name.
	Provider    v1alpha1.CertificateProvider
	Application string
	// CA is every certificate that the provider names as an authority, as PEM without text around it.
	CA string
	// Server and Client are nil until they are offered, valid now, and have a key that fits.
	Server, Client *tlsfiles.Leaf
	// Trouble are sentences about what stands between the unit and its next certificate.
	Trouble []string

	names           names // that a server certificate must have
	relations       []authorityRelation
	servers, shared []candidate
	// asked is what the unit has asked to be signed; answered has, by leaf, the fingerprint of what answers its next request, and
	// revoked the leaves that the provider has taken back.
	asked    map[tlsfiles.Name]signing.Asked
	answered map[tlsfiles.Name]string
	revoked  []tlsfiles.Name
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

// trust adds certificates of the authority, each once.
func (o *Offer) trust(blocks ...*pem.Block) {
	for _, block := range blocks {
		if text := string(pem.EncodeToMemory(block)); !strings.Contains(o.CA, text) {
			o.CA += text
		}
	}
}

// candidate is one pair that was offered.
type candidate struct {
	leaf *tlsfiles.Leaf
	cert *x509.Certificate
}

// certificatesIn are the certificates of a PEM text; easyrsa puts a description for people before each.
func certificatesIn(text string) []*pem.Block {
	var blocks []*pem.Block
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return blocks
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			block.Headers = nil
			blocks = append(blocks, block)
		}
	}
}

// appendPair appends the pair if it is one: a certificate, and the key that belongs to it.
func appendPair(list []candidate, cert, key string) []candidate {
	blocks := certificatesIn(cert)
	if len(blocks) == 0 {
		return list
	}
	var clean bytes.Buffer
	for _, block := range blocks {
		clean.Write(pem.EncodeToMemory(block))
	}
	keyText := privateKeyIn(key)
	pair, err := tls.X509KeyPair(clean.Bytes(), []byte(keyText))
	if err != nil {
		return list
	}
	return append(list, candidate{leaf: &tlsfiles.Leaf{Certificate: clean.String(), Key: keyText}, cert: pair.Leaf})
}

// privateKeyIn is the private key of a PEM text without what stands around it.
func privateKeyIn(text string) string {
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return ""
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return string(pem.EncodeToMemory(block))
		}
	}
}

// choose decides on the dialect, and for each leaf on one of the pairs that were offered. A provider that has said nothing yet counts
// as classic.
func (o *Offer) choose(now time.Time) {
	o.Provider = v1alpha1.ProviderClassic
	if slices.ContainsFunc(o.relations, func(r authorityRelation) bool { return r.csr }) &&
		!slices.ContainsFunc(o.relations, func(r authorityRelation) bool { return r.classic }) {
		o.Provider = v1alpha1.ProviderCSR
	}
	o.Server = best(o.servers, o.names.sans, now)
	o.Client = best(o.shared, nil, now)
}

// best prefers a pair that has every name, then the newest. Several units of a provider may each answer: all units of ours
// then choose the same, and the same again next time.
func best(list []candidate, needs []string, now time.Time) *tlsfiles.Leaf {
	valid := slices.DeleteFunc(slices.Clone(list), func(c candidate) bool { return now.After(c.cert.NotAfter) })
	if len(valid) == 0 {
		return nil
	}
	rank := func(c candidate) int {
		if covers(namesIn(c.cert), needs) {
			return 1
		}
		return 0
	}
	return slices.MaxFunc(valid, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			a.cert.NotBefore.Compare(b.cert.NotBefore),
			bytes.Compare(fingerprint(a.cert), fingerprint(b.cert)),
		)
	}).leaf
}

func fingerprint(cert *x509.Certificate) []byte {
	sum := sha256.Sum256(cert.Raw)
	return sum[:]
}

// namesIn are the names that a certificate is good for.
func namesIn(cert *x509.Certificate) []string {
	all := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		all = append(all, canonical(ip.String()))
	}
	return all
}

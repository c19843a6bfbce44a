package charm

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/signing"
)

// Keys of the newer tls-certificates protocol, version 1 of the interface: the provider signs requests and never sees a key.
const (
	keySigningRequests = "certificate_signing_requests" // requirer
	keySigned          = "certificates"                 // provider's application
	keyRequestErrors   = "request_errors"
	keyCapabilities    = "capabilities"
)

// signingRequest is one element of certificate_signing_requests.
type signingRequest struct {
	Request string `json:"certificate_signing_request"`
	CA      bool   `json:"ca"`
}

// signed is one element of certificates.
type signed struct {
	Request     string   `json:"certificate_signing_request"`
	Certificate string   `json:"certificate"`
	CA          string   `json:"ca"`
	Chain       []string `json:"chain"`
	Revoked     bool     `json:"revoked"`
}

// refusal is one element of request_errors.
type refusal struct {
	Request string `json:"certificate_signing_request"`
	Error   struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		Reason  string `json:"reason"`
	} `json:"error"`
}

// leaves are the leaves that are asked for, in the order in which they are told of.
func (o *Offer) leaves() []tlsfiles.Name {
	names := []tlsfiles.Name{tlsfiles.Server, tlsfiles.Client}
	for _, c := range o.db {
		names = append(names, c.leaf())
	}
	return names
}

// isCSRProvider recognises the newer protocol by what the provider's application has written.
func isCSRProvider(application map[string]string) bool {
	for _, key := range []string{keySigned, keyCapabilities, keyRequestErrors} {
		if application[key] != "" {
			return true
		}
	}
	return false
}

// addSigned adds what a provider of the newer protocol has signed for the unit.
func (o *Offer) addSigned(application map[string]string) {
	var answers []signed
	var refusals []refusal
	if err := readList(application[keySigned], &answers); err != nil {
		o.trouble("What %s offers cannot be read: %v.", o.Application, err)
	}
	if err := readList(application[keyRequestErrors], &refusals); err != nil {
		o.trouble("What %s says of its refusals cannot be read: %v.", o.Application, err)
	}
	o.addController(answers, refusals)
	for _, name := range o.leaves() {
		asked := o.asked[name]
		for _, request := range asked.Standing() {
			for _, answer := range answers {
				if same(answer.Request, request) {
					o.addAnswer(name, asked, request, answer)
				}
			}
			for _, r := range refusals {
				if same(r.Request, request) {
					o.trouble("%s refuses to sign the %s certificate: %s.", o.Application, name, r.text())
				}
			}
		}
	}
}

func (o *Offer) addAnswer(name tlsfiles.Name, asked signing.Asked, request string, answer signed) {
	chain := slices.Concat(certificatesIn(answer.CA), certificatesIn(strings.Join(answer.Chain, "\n")))
	o.trust(slices.DeleteFunc(chain, func(b *pem.Block) bool { return !isAuthority(b) })...)
	if answer.Revoked {
		if request == asked.Newest() {
			o.revoked = append(o.revoked, name)
			o.trouble("%s has revoked the %s certificate.", o.Application, name)
		}
		return
	}
	pair := appendPair(nil, withChain(answer), asked.Key)
	if len(pair) == 0 {
		o.trouble("The %s certificate that %s offers is not one for the unit's key.", name, o.Application)
		return
	}
	if request == asked.Next {
		o.answered[name] = tlsfiles.Fingerprint(pair[0].cert)
	}
	switch name {
	case tlsfiles.Server:
		o.servers = append(o.servers, pair...)
	case tlsfiles.Client:
		o.shared = append(o.shared, pair...)
	default:
		o.dbOffers[name] = append(o.dbOffers[name], pair...)
	}
}

// withChain is the certificate with what peers need to verify it, which may come in either order: neither itself again nor a root,
// which they have.
func withChain(answer signed) string {
	leaf := certificatesIn(answer.Certificate)
	out := answer.Certificate + "\n"
	for _, block := range certificatesIn(strings.Join(answer.Chain, "\n")) {
		cert, err := x509.ParseCertificate(block.Bytes)
		itself := len(leaf) > 0 && bytes.Equal(block.Bytes, leaf[0].Bytes)
		if err != nil || itself || bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			continue
		}
		out += string(pem.EncodeToMemory(block))
	}
	return out
}

func isAuthority(block *pem.Block) bool {
	cert, err := x509.ParseCertificate(block.Bytes)
	return err == nil && cert.IsCA
}

func readList(text string, into any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("it is not a list as the protocol has it: %w", err)
	}
	return nil
}

func (r refusal) text() string {
	for _, text := range []string{r.Error.Message, r.Error.Reason, r.Error.Name} {
		if text = strings.TrimRight(strings.Join(strings.Fields(text), " "), "."); text != "" {
			return text
		}
	}
	return "it gives no reason"
}

// same says that two texts are the same request: providers and their libraries differ in the space around it.
func same(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }

// follow is what is to be asked for a leaf from now on, given the one on disk: a request anew when there is none, when it lacks a
// name, and when the certificate is to be renewed. One that has no answer yet is waited for.
func (o *Offer) follow(name tlsfiles.Name, unit string, have *x509.Certificate, now time.Time) (signing.Asked, error) {
	asked := o.asked[name]
	if asked.Next != "" && have != nil && o.answered[name] == tlsfiles.Fingerprint(have) {
		asked = asked.Answered()
	}
	subject := o.subject(name, unit)
	if subject.CommonName == "" {
		return asked, nil // no address is known yet
	}
	newest := asked.Newest()
	switch {
	case newest == "", !covers(canonicalAll(signing.NamesIn(newest)), subject.Names):
		return asked.Ask(subject)
	case asked.Next != "":
		return asked, nil
	case slices.Contains(o.revoked, name), have != nil && asked.Fits(have) && due(have, now):
		return asked.Ask(subject)
	}
	return asked, nil
}

// subject is what the leaf should be good for. A client certificate tells only whose it is.
func (o *Offer) subject(name tlsfiles.Name, unit string) signing.Subject {
	if name == tlsfiles.Client {
		return signing.Subject{CommonName: dashed(unit), Names: []string{dashed(unit)}}
	}
	for _, c := range o.db {
		if name == c.leaf() {
			return signing.Subject{CommonName: c.common, Names: []string{c.common}}
		}
	}
	return signing.Subject{CommonName: o.names.common, Names: o.names.sans}
}

func canonicalAll(names []string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = canonical(n)
	}
	return all
}

// askSigning is what the unit's databag of a relation in the newer protocol should hold.
func (o *Offer) askSigning() string {
	var standing []string
	for _, name := range o.leaves() {
		standing = append(standing, o.asked[name].Standing()...)
	}
	return signingRequests(standing)
}

// signingRequests are requests as a databag holds them; empty if there are none.
func signingRequests(requests []string) string {
	if len(requests) == 0 {
		return ""
	}
	list := make([]signingRequest, len(requests))
	for i, request := range requests {
		list[i].Request = strings.TrimSpace(request)
	}
	text, _ := json.Marshal(list) // strings and booleans always encode
	return string(text)
}

package charm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/printable"
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

// signingSource is what a provider of the newer protocol has signed for the unit.
func (o *Offer) signingSource(relation, name string, application map[string]string, now time.Time) *source {
	s := newSource(relation, name, "", v1alpha1.ProviderCSR)
	var answers []signed
	var refusals []refusal
	if err := readList(application[keySigned], &answers); err != nil {
		s.say("What %s offers cannot be read: %v.", name, err)
	}
	if err := readList(application[keyRequestErrors], &refusals); err != nil {
		s.say("What %s says of its refusals cannot be read: %v.", name, err)
	}
	s.addController(o.forController, answers, refusals)
	for _, name := range o.leaves() {
		asked := o.asked[name]
		for _, request := range asked.Standing() {
			for _, answer := range answers {
				if same(answer.Request, request) {
					s.addAnswer(name, asked, request, answer, now)
				}
			}
			for _, r := range refusals {
				if same(r.Request, request) && request == asked.Newest() {
					s.refused[name] = r.text()
				}
				if same(r.Request, request) {
					s.say("%s refuses to sign the %s certificate: %s.", s.application, name, r.text())
				}
			}
		}
	}
	return s
}

func (s *source) addAnswer(name tlsfiles.Name, asked pki.Asked, request string, answer signed, now time.Time) {
	certs, _ := readCertificates(answer.CA + "\n" + strings.Join(answer.Chain, "\n"))
	for _, c := range certs {
		if c.IsCA {
			s.authorities = pki.Union(s.authorities, c)
		}
	}
	if answer.Revoked {
		if request == asked.Newest() {
			s.revoked = append(s.revoked, name)
			s.say("%s has revoked the %s certificate.", s.application, name)
		}
		return
	}
	pair, ok := pairOf(withChain(answer), asked.Key)
	if !ok {
		s.say("The %s certificate that %s offers is not one for the unit's key.", name, s.application)
		return
	}
	if request == asked.Next {
		s.answered[name] = pki.Fingerprint(pair.cert)
	}
	role := name
	if name != tlsfiles.Server {
		role = tlsfiles.Client
	}
	what := fmt.Sprintf("the %s certificate", name)
	list := s.leaf(nil, role, fields{what, "the key of " + what}, pair.leaf.Certificate, asked.Key, now)
	switch name {
	case tlsfiles.Server:
		s.servers = append(s.servers, list...)
	case tlsfiles.Client:
		s.shared = append(s.shared, list...)
	default:
		s.clients[name] = append(s.clients[name], list...)
	}
}

// withChain is the certificate with what peers need to verify it, which may come in either order: neither itself again nor a root,
// which they have.
func withChain(answer signed) string {
	leaf, _ := readCertificates(answer.Certificate)
	out := answer.Certificate + "\n"
	chain, _ := readCertificates(strings.Join(answer.Chain, "\n"))
	for _, cert := range chain {
		if len(leaf) > 0 && cert.Equal(leaf[0]) || bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			continue
		}
		out += pki.Encode(cert)
	}
	return out
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
		if text = strings.TrimRight(printable.Line(text, printable.Reason), "."); text != "" {
			return text
		}
	}
	return "it gives no reason"
}

// same says that two texts are the same request: providers and their libraries differ in the space around it.
func same(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }

// follow is what is to be asked for a leaf from now on, given the one on disk: a request anew when there is none, when it lacks a
// name, and when the certificate is to be renewed. One that has no answer yet is waited for.
func (o *Offer) follow(name tlsfiles.Name, unit string, have tlsfiles.Held, now time.Time) (pki.Asked, error) {
	asked := o.asked[name]
	if asked.Next != "" && have.Certificate != nil && o.answered[name] == pki.Fingerprint(have.Certificate) {
		asked = asked.Answered()
	}
	if name == tlsfiles.Server {
		asked = o.without(asked)
	}
	subject := o.subject(name, unit)
	if name == tlsfiles.Server && o.gaveUp(asked) {
		subject.Names = o.names.needed
	}
	if subject.CommonName == "" {
		return asked, nil // no address is known yet
	}
	newest := asked.Newest()
	switch {
	case newest == "", !covers(canonicalAll(pki.NamesIn(newest)), subject.Names):
		return asked.Ask(subject)
	case asked.Next != "" && o.gaveUp(asked) && o.names.asks(newest):
		// It would stay refused.
		return asked.Ask(subject)
	case asked.Next != "":
		return asked, nil
	case slices.Contains(o.revoked, name):
		return asked.Ask(subject)
	}
	if why := o.due(have, now); why != "" && why != asked.For && asked.Fits(have.Certificate) {
		asked.For, asked.Refused, asked.Reason = why, "", "" // what was refused once is asked for again
		return asked.Ask(o.subject(name, unit))
	}
	return asked, nil
}

// without remembers that the provider refuses to sign the names that are beside those that are needed: a request with needed ones alone
// is better than none. What is refused without any such name is no business of theirs.
func (o *Offer) without(asked pki.Asked) pki.Asked {
	if why := o.refused[tlsfiles.Server]; why != "" && !o.gaveUp(asked) && o.names.asks(asked.Newest()) {
		asked.Refused, asked.Reason = strings.Join(o.names.extra, " "), why
	}
	return asked
}

// gaveUp says that the provider has refused to sign these very names beside those that are needed.
func (o *Offer) gaveUp(asked pki.Asked) bool {
	return asked.Refused != "" && asked.Refused == strings.Join(o.names.extra, " ")
}

// asks says that a request has one of the names that are not needed.
func (n names) asks(request string) bool {
	has := canonicalAll(pki.NamesIn(request))
	return slices.ContainsFunc(n.extra, func(name string) bool { return slices.Contains(has, name) })
}

// subject is what the leaf should be good for. A client certificate tells only whose it is.
func (o *Offer) subject(name tlsfiles.Name, unit string) pki.Subject {
	if name == tlsfiles.Client {
		return pki.Subject{CommonName: dashed(unit), Names: []string{dashed(unit)}}
	}
	for _, c := range o.db {
		if name == c.leaf() {
			return pki.Subject{CommonName: c.common, Names: []string{c.common}}
		}
	}
	return pki.Subject{CommonName: o.names.common, Names: o.names.sans}
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

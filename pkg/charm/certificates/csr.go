package certificates

import (
	"bytes"
	"encoding/json"
	"fmt"
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
func (w wants) signingSource(relation, name string, application map[string]string, now time.Time) *source {
	s := newSource(relation, name, "", v1alpha1.ProviderCSR)
	var answers []signed
	var refusals []refusal
	if err := readList(application[keySigned], &answers); err != nil {
		s.say("What %s offers cannot be read: %v.", name, err)
	}
	if err := readList(application[keyRequestErrors], &refusals); err != nil {
		s.say("What %s says of its refusals cannot be read: %v.", name, err)
	}
	s.addController(w.controller, answers, refusals)
	for _, name := range w.leaves() {
		asked := w.asked[name]
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
	certs, _ := pki.Readable(answer.CA + "\n" + strings.Join(answer.Chain, "\n"))
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
	leaf, _ := pki.Readable(answer.Certificate)
	out := answer.Certificate + "\n"
	chain, _ := pki.Readable(strings.Join(answer.Chain, "\n"))
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

package certificates

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

// Keys of the classic certificates relation. The requirer's are the first, legacy request: one certificate for the unit.
const (
	keyUnitName           = "unit_name"
	keyCommonName         = "common_name"
	keySANs               = "sans"
	keyCertificateName    = "certificate_name"
	keyClientCertRequests = "client_cert_requests"
	keyCA                 = "ca"
	keyChain              = "chain"
	keyClientCert         = "client.cert"
	keyClientKey          = "client.key"
)

// Keys of our own in the unit's databag: what a renewal was asked for last. A provider that does not
// answer is not asked again with each hook, and what is asked and that it was are committed together.
const (
	keyServerRenewal = "jujuetcd-server-renewal-of"
	keyClientRenewal = "jujuetcd-client-renewal-of"
)

// classicKeys are all that a unit may have asked for in the classic dialect.
var classicKeys = []string{
	keyUnitName, keyCommonName, keySANs, keyCertificateName, keyClientCertRequests, keyServerRenewal, keyClientRenewal,
	keyDBRequests,
}

// request is what must change in the unit's own databag so that it asks for a certificate with these names; nothing if what
// it asks for has all of them. A request that stands is not touched: each change makes the provider issue anew.
func request(bag map[string]string, unit string, n names) map[string]string {
	if n.common == "" {
		return nil
	}
	asked := askedFor(bag)
	common := bag[keyCommonName]
	if common != "" && bag[keyUnitName] == munged(unit) && bag[keyCertificateName] != "" && covers(asked, n.sans) {
		return nil
	}
	// The common name stays as long as the address is ours: a provider tells requests apart by it.
	if common == "" || !slices.Contains(n.sans, canonical(common)) {
		common = n.common
	}
	return dispatch.Changes(bag, map[string]string{
		keyUnitName:        munged(unit),
		keyCommonName:      common,
		keySANs:            list(n.sans),
		keyCertificateName: munged(unit),
	})
}

// renewal is what must change so that a provider, who issues anew only for other names, does so for the same ones: the unit's own
// dashed name is among them, or not, in turn. It is asked for once for each reason: see pki.Due.
func renewal(bag map[string]string, unit, why string) map[string]string {
	if why == "" || bag[keySANs] == "" || bag[keyServerRenewal] == why {
		return nil
	}
	return map[string]string{
		keySANs:          list(toggled(askedFor(bag), dashed(unit))),
		keyServerRenewal: why,
	}
}

// clientRenewal asks for a client certificate of the unit's own when the one in use, which may be the provider's for all, is due. Other
// client requests are left as they are.
func clientRenewal(bag map[string]string, unit, why string) map[string]string {
	if why == "" || bag[keyClientRenewal] == why {
		return nil
	}
	asked := clientRequests(bag)
	mine := asked[dashed(unit)]
	// It needs no name: the second one only makes the request another.
	mine.SANs = toggled(append(mine.SANs, dashed(unit)), "client."+dashed(unit))
	asked[dashed(unit)] = mine
	return map[string]string{
		keyClientCertRequests: encodeRequests(asked),
		keyClientRenewal:      why,
	}
}

// clientRequest is one entry of client_cert_requests.
type clientRequest struct {
	SANs []string `json:"sans"`
}

// clientRequests are the client certificates that the unit asks for, by common name; what cannot be read asks for nothing.
func clientRequests(bag map[string]string) map[string]clientRequest {
	return readMap[clientRequest](bag[keyClientCertRequests])
}

// readMap reads a map that may be written into; what cannot be read, null among it, is an empty one.
func readMap[T any](text string) map[string]T {
	var read map[string]T
	if json.Unmarshal([]byte(text), &read) != nil || read == nil {
		return map[string]T{}
	}
	return read
}

func encodeRequests(asked map[string]clientRequest) string {
	text, _ := json.Marshal(asked) // strings always encode, and maps in order
	return string(text)
}

func list(names []string) string {
	text, _ := json.Marshal(names) // a list of strings always encodes
	return string(text)
}

// askedFor are the names that the unit's standing request has.
func askedFor(bag map[string]string) []string {
	var asked []string
	// A request that cannot be read asks for nothing, and is written anew.
	_ = json.Unmarshal([]byte(bag[keySANs]), &asked)
	if common := bag[keyCommonName]; common != "" {
		asked = append(asked, common)
	}
	for i := range asked {
		asked[i] = canonical(asked[i])
	}
	return asked
}

// classicSource is what one unit of a classic provider offers. common is the name that we asked for: an answer to a request
// with another name stands beside the first answer, under that name.
func (w wants) classicSource(relation, application, provider string, bag map[string]string, unit, common string, now time.Time) *source {
	s := newSource(relation, application, provider, v1alpha1.ProviderClassic)
	for _, key := range []string{keyCA, keyChain} {
		s.trust(key, bag[key])
	}
	m := munged(unit)
	cert, key := m+".server.cert", m+".server.key"
	s.servers = s.leaf(s.servers, tlsfiles.Server, fields{cert, key}, bag[cert], bag[key], now)
	s.servers = s.processed(s.servers, tlsfiles.Server, m+".processed_requests", bag, common, now)
	s.shared = s.leaf(s.shared, tlsfiles.Client, fields{keyClientCert, keyClientKey}, bag[keyClientCert], bag[keyClientKey], now)
	s.shared = s.processed(s.shared, tlsfiles.Client, m+".processed_client_requests", bag, dashed(unit), now)
	for _, c := range w.clients {
		s.clients[c.leaf()] = s.processed(nil, tlsfiles.Client, m+".processed_client_requests", bag, c.common, now)
	}
	return s
}

// processed appends a classic provider's answer of that common name.
func (s *source) processed(list []candidate, name tlsfiles.Name, field string, bag map[string]string, common string, now time.Time) []candidate {
	if bag[field] == "" {
		return list
	}
	var answers map[string]struct{ Cert, Key string }
	if json.Unmarshal([]byte(bag[field]), &answers) != nil {
		s.faults[name] = append(s.faults[name], s.unusable(field+" is no JSON of certificates and keys by common name"))
		return list
	}
	answer := answers[common]
	return s.leaf(list, name, fields{field + " of " + common + " (cert)", field + " of " + common + " (key)"}, answer.Cert, answer.Key, now)
}

// askClassic is what must change in the unit's databag of a relation in the classic dialect.
func (o *Offer) askClassic(bag map[string]string, unit string, have held, now time.Time) map[string]string {
	diff := request(bag, unit, o.wants.names)
	if len(diff) == 0 {
		diff = map[string]string{}
		maps.Copy(diff, renewal(bag, unit, o.due(have.server, now)))
	}
	maps.Copy(diff, clientRenewal(bag, unit, o.due(have.client, now)))
	o.askDBClassic(bag, diff, now)
	return diff
}

package charm

import (
	"crypto/x509"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
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

// munged is the unit's name as the classic relation writes it: etcd_0.
func munged(unit string) string { return strings.ReplaceAll(unit, "/", "_") }

// dashed is the unit's name as a DNS name: etcd-0.
func dashed(unit string) string { return strings.ReplaceAll(unit, "/", "-") }

// names are what the unit's server certificate must be good for.
type names struct {
	// common is the public address, as certificates of this charm have always had it.
	common string
	// sans are all of them, sorted, the common name among them.
	sans []string
	// needed are those of sans without which there is no certificate, and extra the others.
	needed, extra []string
}

// with are the names with others beside them, which a certificate should have, too, if the provider signs them.
func (n names) with(extra ...string) names {
	n.needed = n.sans
	for _, name := range extra {
		if name = canonical(name); name != "" && !slices.Contains(n.needed, name) && !slices.Contains(n.extra, name) {
			n.extra = append(n.extra, name)
		}
	}
	slices.Sort(n.extra)
	n.sans = slices.Sorted(slices.Values(slices.Concat(n.needed, n.extra)))
	return n
}

// namesOf collects a unit's own names, with what its own programs call it; empty ones are left out. ::1 is one of these only where
// the unit has no IPv4 address, so that certificates of all others stay as they are.
func namesOf(public string, own ...string) names {
	n := names{common: public}
	local := []string{public, "127.0.0.1"}
	if slices.ContainsFunc(own, isIPv6) && !slices.ContainsFunc(own, isIPv4) && !isIPv4(public) {
		local = append(local, "::1")
	}
	for _, name := range append(local, own...) {
		if name != "" {
			n.sans = append(n.sans, canonical(name))
		}
	}
	slices.Sort(n.sans)
	n.sans = slices.Compact(n.sans)
	return n
}

func isIPv4(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().Is4()
}

func isIPv6(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().Is6()
}

// canonical writes an address as certificates do, so that two spellings of one address are the same.
func canonical(name string) string {
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return name
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

// due says that a certificate should be renewed, and what for; empty if it need not be.
func (o *Offer) due(have tlsfiles.Held, now time.Time) string {
	if have.Certificate == nil {
		return ""
	}
	if o.replaced && len(o.trusted) > 0 && tlsfiles.Verify(tlsfiles.Client, []*x509.Certificate{have.Certificate}, o.trusted, now) != nil {
		return "replaced by " + pki.Fingerprint(o.trusted[0])
	}
	return pki.Due(have.Certificate, have.Authority, o.authorities, now)
}

// toggled is a list with the name, or without it if it has it; sorted, each once.
func toggled(names []string, name string) []string {
	without := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
	if len(without) == len(names) {
		without = append(without, name)
	}
	slices.Sort(without)
	return slices.Compact(without)
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

func covers(have, need []string) bool {
	return !slices.ContainsFunc(need, func(name string) bool { return !slices.Contains(have, name) })
}

// classicSource is what one unit of a classic provider offers. common is the name that we asked for: an answer to a request
// with another name stands beside the first answer, under that name.
func (o *Offer) classicSource(relation, application, provider string, bag map[string]string, unit, common string, now time.Time) *source {
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
	for _, c := range o.db {
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
func (o *Offer) askClassic(bag map[string]string, unit string, have leaves, now time.Time) map[string]string {
	diff := request(bag, unit, o.names)
	if len(diff) == 0 {
		diff = map[string]string{}
		maps.Copy(diff, renewal(bag, unit, o.due(have.server, now)))
	}
	maps.Copy(diff, clientRenewal(bag, unit, o.due(have.client, now)))
	o.askDBClassic(bag, diff, now)
	return diff
}

package charm

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Keys of the classic certificates relation. The requirer's are the first, legacy request: one certificate for the unit.
const (
	keyUnitName        = "unit_name"
	keyCommonName      = "common_name"
	keySANs            = "sans"
	keyCertificateName = "certificate_name"
	keyCA              = "ca"
	keyChain           = "chain"
	keyClientCert      = "client.cert"
	keyClientKey       = "client.key"
)

// munged is the unit's name as the classic relation writes it: etcd_0.
func munged(unit string) string { return strings.ReplaceAll(unit, "/", "_") }

// names are what the unit's server certificate must be good for.
type names struct {
	// common is the public address, as certificates of this charm have always had it.
	common string
	// sans are all of them, sorted, the common name among them.
	sans []string
}

// namesOf collects a unit's own names, with what its own programs call it; empty ones are left out. ::1 is one of these only where
// the unit has no IPv4 address, so that certificates of all others stay as they are.
func namesOf(public string, own ...string) names {
	n := names{common: public}
	local := []string{public, "127.0.0.1"}
	if slices.ContainsFunc(own, isIPv6) && !slices.ContainsFunc(append(own, public), isIPv4) {
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
	sans, _ := json.Marshal(n.sans) // a list of strings always encodes
	want := map[string]string{
		keyUnitName:        munged(unit),
		keyCommonName:      common,
		keySANs:            string(sans),
		keyCertificateName: munged(unit),
	}
	return changes(bag, want)
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

// changes are the keys of want whose value in bag is another.
func changes(bag, want map[string]string) map[string]string {
	diff := map[string]string{}
	for key, value := range want {
		if bag[key] != value {
			diff[key] = value
		}
	}
	return diff
}

// offers reads the relation to a certificate authority: what is offered, and what is left to ask for. extra are names beside
// the unit's own. It writes nothing.
func (a *Agent) offers(ctx context.Context, n network, extra []string) (Offer, error) {
	var offer Offer
	ids, err := a.relations(ctx, "certificates")
	if err != nil || len(ids) == 0 {
		return offer, err
	}
	public, err := a.tools.PublicAddress(ctx)
	if err != nil && ctx.Err() != nil {
		return offer, err
	}
	// Where a cloud has no public addresses, the tool fails.
	public = cmp.Or(public, n.addresses.Client)
	need := namesOf(public, slices.Concat([]string{a.hostname}, n.ingress, extra)...)
	offer.needs = need.sans
	offer.requests = map[string]map[string]string{}
	for _, id := range ids {
		mine, err := a.tools.Relation(ctx, id, a.env.Unit)
		if err != nil {
			return offer, err
		}
		common := mine[keyCommonName]
		if diff := request(mine, a.env.Unit, need); len(diff) > 0 {
			offer.requests[id] = diff
			common = cmp.Or(diff[keyCommonName], common)
		}
		if err := a.collectOffer(ctx, &offer, id, common); err != nil {
			return offer, fmt.Errorf("cannot read what relation %s offers: %w", id, err)
		}
	}
	offer.choose(a.now())
	return offer, nil
}

// ask writes what is left to ask for into the unit's databag.
func (a *Agent) ask(ctx context.Context, offer Offer) error {
	for _, id := range slices.Sorted(maps.Keys(offer.requests)) {
		if err := a.tools.SetRelation(ctx, id, offer.requests[id]); err != nil {
			return err
		}
		a.log.Info("Asked for a server certificate", "relation", id, "names", strings.Join(offer.needs, " "))
	}
	return nil
}

// collectOffer adds what the other end of one relation offers.
func (a *Agent) collectOffer(ctx context.Context, offer *Offer, id, common string) error {
	provider, err := a.tools.RelationApplication(ctx, id)
	if err != nil {
		return err
	}
	offer.Application = provider
	units, err := a.tools.RelationUnits(ctx, id)
	if err != nil {
		return err
	}
	for _, unit := range units {
		bag, err := a.tools.Relation(ctx, id, unit)
		if err != nil {
			return err
		}
		offer.addClassic(bag, munged(a.env.Unit), common)
	}
	if offer.classic {
		return nil
	}
	bag, err := a.tools.ApplicationRelation(ctx, id, provider)
	if err != nil {
		return err
	}
	offer.csr = offer.csr || isCSRProvider(bag)
	return nil
}

// isCSRProvider recognises the newer protocol of tls-certificates, in which the provider signs requests and never sees a key.
func isCSRProvider(application map[string]string) bool {
	for _, key := range []string{"certificates", "capabilities", "request_errors"} {
		if application[key] != "" {
			return true
		}
	}
	return false
}

package observe

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
)

// offer is what one authority offers: a unit of a classic provider, or one that signs requests.
type offer struct {
	relation int
	// unit is the provider's; empty for one that signs requests, which our own units report.
	unit string
	// application is the provider's name, empty if an agent of before reports it.
	application string
	// credentials are what a classic provider gives to every requirer, as far as it does; of
	// another there is the CA.
	credentials world.Credentials
	// chain are further certificates of the authority.
	chain string
	signs bool
}

// readProvider takes what each unit of a classic provider offers. Every unit of ours sees the same.
func (d *databags) readProvider(r jujuapi.RelationData) {
	for name, unit := range r.Units {
		bag := unit.Data
		if bag["ca"] == "" || slices.ContainsFunc(d.classic, func(o offer) bool { return o.relation == r.RelationID && o.unit == name }) {
			continue
		}
		application, _, _ := strings.Cut(name, "/")
		o := offer{relation: r.RelationID, unit: name, application: application, chain: bag["chain"]}
		o.credentials.CA = bag["ca"]
		if bag["client.cert"] != "" && bag["client.key"] != "" {
			o.credentials.Cert, o.credentials.Key = bag["client.cert"], bag["client.key"]
		}
		d.classic = append(d.classic, o)
	}
}

// offers are all that is offered, in an order that is the same from look to look: what classic
// providers write, and what our units report of others.
func (d *databags) offers() []offer {
	all := slices.Clone(d.classic)
	units := slices.SortedFunc(maps.Keys(d.facts), func(a, b string) int { return cmp.Compare(unitNumber(a), unitNumber(b)) })
	for _, unit := range units {
		c := d.facts[unit].Certificates
		if c.OfferedCA == "" || len(d.classic) > 0 && c.Provider == v1alpha1.ProviderClassic {
			continue
		}
		all = append(all, offer{
			application: c.From, credentials: world.Credentials{CA: c.OfferedCA}, signs: c.Provider == v1alpha1.ProviderCSR,
		})
	}
	return all
}

// authorities are all that are offered, by application, those among them that units have set aside.
func (d *databags) authorities() []observation.AuthorityOffer {
	var all []observation.AuthorityOffer
	add := func(application, bundle string) {
		o := observation.AuthorityOffer{Application: application, Bundle: offer{credentials: world.Credentials{CA: bundle}}.bundle()}
		if o.Bundle != "" && !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	for _, o := range d.offers() {
		add(o.application, o.bundle())
	}
	units := slices.SortedFunc(maps.Keys(d.facts), func(a, b string) int { return cmp.Compare(unitNumber(a), unitNumber(b)) })
	for _, unit := range units {
		unused := d.facts[unit].Certificates.UnusedCA
		for _, application := range slices.Sorted(maps.Keys(unused)) {
			add(application, unused[application])
		}
	}
	return all
}

// chosen is the offer that counts; ok is false where there is none. Who is trusted decides, whoever
// else is related, and then the first that is whole: so that the connection does not change from
// look to look. trusted are fingerprints.
func (d *databags) chosen(trusted []string) (best offer, ok bool) {
	rank := func(o offer) int {
		bundle, r := o.bundle(), 0
		if slices.ContainsFunc(pki.Fingerprints(bundle), func(f string) bool { return slices.Contains(trusted, f) }) {
			r += 4
		}
		if bundle != "" {
			r += 2
		}
		if o.signs || o.credentials.Cert != "" {
			r++
		}
		return r
	}
	highest := -1
	for _, o := range d.offers() {
		if r := rank(o); r > highest {
			best, highest = o, r
		}
	}
	return best, highest >= 0
}

// trusted are the fingerprints of what all units with a member trust; before there is one, of what
// any unit does.
func (d *databags) trusted() []string {
	if trusted, known := d.members(); known {
		return trusted
	}
	var units []string
	for _, facts := range d.facts {
		units = append(units, facts.Certificates.CA...)
	}
	return units
}

// members are the fingerprints of what all units with a member trust; !known before there is one.
func (d *databags) members() (trusted []string, known bool) {
	var members [][]string
	for _, facts := range d.facts {
		if facts.Member.Present {
			members = append(members, facts.Trusts())
		}
	}
	return planner.TrustedByAll(members)
}

// signs says that a unit has found its provider to be one that signs requests.
func (d *databags) signs() bool {
	for _, facts := range d.facts {
		if facts.Certificates.Provider == v1alpha1.ProviderCSR {
			return true
		}
	}
	return false
}

// unused are those that units have set aside, as long as they are related.
func (d *databags) unused(related []string) []string {
	var all []string
	for _, facts := range d.facts {
		for _, name := range facts.Certificates.Unused {
			if application, _, _ := strings.Cut(name, "/"); slices.Contains(related, application) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bundle is all that servers may be verified with, without the text that easyrsa writes between
// certificates, and each certificate once: the units' desired state holds it, which must not change
// with its layout. One that cannot be read, which units would refuse the whole of it for, is left
// out.
func (o offer) bundle() string {
	all, _ := pki.Readable(o.credentials.CA + "\n" + o.chain)
	return pki.Encode(pki.Union(nil, all...)...)
}

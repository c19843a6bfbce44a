package certificates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine/requests"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// Machine is what is needed of the unit's machine; a *machine.Machine is one, whose methods say
// more.
type Machine interface {
	WriteLeaves(server, client *tlsfiles.Leaf, addresses v1alpha1.UnitAddresses) ([]string, error)
	Leaves() (server, client tlsfiles.Held, err error)
	Bundle() (string, error)
	Requests() requests.Store
	Served(ctx context.Context) error
	Prove(ctx context.Context, server, client *tlsfiles.Leaf) error
}

// Desk is where a unit asks authorities, in one dispatch. All of its fields must be set.
type Desk struct {
	Run     *dispatch.Run
	Machine Machine
	// Hostname is what programs on the machine call it.
	Hostname string
}

// relation is one to a certificate authority. Which of the two dialects of the endpoint its other
// end speaks is known only when it has written something; until then the unit asks in both, because
// a provider of either leaves alone what it does not know, and one that waits to be asked would
// otherwise wait for ever.
type relation struct {
	id string
	// mine is the unit's own databag.
	mine         map[string]string
	classic, csr bool
	// aside says that it is asked for nothing: another authority is in use.
	aside bool
}

// Offers reads the relations to certificate authorities: what is offered, and what was asked. The
// spec has names beside the unit's own, the controller's requests, and whether clients have
// certificates of their own. It writes nothing.
func (d *Desk) Offers(ctx context.Context, n dispatch.Network, spec v1alpha1.TLSSpec) (*Offer, error) {
	o := &Offer{replaced: len(spec.Leaves) > 0, wants: wants{controller: spec.ControllerRequests, asked: map[tlsfiles.Name]pki.Asked{}}}
	bundle, err := d.Machine.Bundle()
	if err != nil {
		return nil, err
	}
	bundled, _ := pki.Readable(cmp.Or(spec.CABundle, bundle))
	o.trusted = pki.Among(bundled, spec.Leaves)
	if o.wants.clients, err = d.clients(ctx, spec); err != nil {
		return nil, err
	}
	ids, err := d.Run.Relations(ctx, v1alpha1.EndpointCertificates)
	if err != nil || len(ids) == 0 {
		return o, err
	}
	if o.wants.names, err = d.names(ctx, n, spec); err != nil {
		return nil, err
	}
	d.recall(o)
	slices.SortFunc(ids, byNumber)
	var sources []*source
	for _, id := range ids {
		r, found, err := d.read(ctx, o.wants, id)
		if err != nil {
			return nil, fmt.Errorf("cannot read what relation %s offers: %w", id, err)
		}
		o.relations, sources = append(o.relations, r), append(sources, found...)
	}
	o.take(choose(sources, o.trusted, o.wants.names.sans, d.Run.Now()))
	if err := d.withheld(o); err != nil {
		return nil, err
	}
	aside := func(id string) bool { return slices.Contains(o.aside, id) }
	if len(spec.Next) > 0 {
		// Those that come next are asked, too.
		next := choose(sources, pki.Among(bundled, spec.Next), o.wants.names.sans, d.Run.Now())
		o.NextServer, o.NextClient = next.Server, next.Client
		aside = func(id string) bool { return slices.Contains(o.aside, id) && slices.Contains(next.aside, id) }
	}
	for i, r := range o.relations {
		o.relations[i].aside = aside(r.id)
	}
	return o, nil
}

// names are those that the unit's server certificate should be good for.
func (d *Desk) names(ctx context.Context, n dispatch.Network, spec v1alpha1.TLSSpec) (names, error) {
	public, err := d.Run.Tools.PublicAddress(ctx)
	if err != nil && ctx.Err() != nil {
		return names{}, err
	}
	// Where a cloud has no public addresses, the tool fails.
	public = cmp.Or(public, n.Addresses.Client)
	return namesOf(public, slices.Concat([]string{d.Hostname}, n.Ingress)...).with(spec.ExtraSANs...), nil
}

// recall adds what the unit has asked to be signed, and says what is wrong with it.
func (d *Desk) recall(o *Offer) {
	for _, name := range o.wants.leaves() {
		asked, err := d.Machine.Requests().Load(name)
		if err != nil {
			// Nothing is asked in the place of what may still be good: neither its key nor its
			// request is given up.
			o.trouble("%s", sentence(err))
			o.wants.unreadable = true
			continue
		}
		o.wants.asked[name] = asked
	}
	if asked := o.wants.asked[tlsfiles.Server]; o.wants.gaveUp(asked) {
		o.trouble("The certificate authority refuses to sign a server certificate that is good for %s, too (%s): it was asked for one without.",
			asked.Refused, asked.Reason)
	}
}

// read is one relation, and what its other end offers.
func (d *Desk) read(ctx context.Context, w wants, id string) (r relation, found []*source, err error) {
	r.id = id
	if r.mine, err = d.Run.Tools.Relation(ctx, id, d.Run.Env.Unit); err != nil {
		return r, nil, err
	}
	common := r.mine[keyCommonName]
	if diff := request(r.mine, d.Run.Env.Unit, w.names); diff[keyCommonName] != "" {
		common = diff[keyCommonName]
	}
	provider, err := d.Run.Tools.RelationApplication(ctx, id)
	if err != nil {
		return r, nil, err
	}
	units, err := d.Run.Tools.RelationUnits(ctx, id)
	if err != nil {
		return r, nil, err
	}
	slices.SortFunc(units, byNumber)
	for _, unit := range units {
		bag, err := d.Run.Tools.Relation(ctx, id, unit)
		if err != nil {
			return r, nil, err
		}
		if bag[keyCA] != "" {
			r.classic = true
			found = append(found, w.classicSource(id, provider, unit, bag, d.Run.Env.Unit, common, d.Run.Now()))
		}
	}
	if r.classic {
		return r, found, nil
	}
	bag, err := d.Run.Tools.ApplicationRelation(ctx, id, provider)
	if err != nil {
		return r, nil, err
	}
	if r.csr = isCSRProvider(bag); r.csr {
		found = append(found, w.signingSource(id, provider, bag, d.Run.Now()))
	}
	return r, found, nil
}

// byNumber orders units, and relations, by their numbers: easyrsa/9 comes before easyrsa/10, and
// db:9 before db:10.
func byNumber(a, b string) int {
	number := func(name string) int {
		n, _ := strconv.Atoi(name[strings.LastIndexAny(name, "/:")+1:])
		return n
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b))
}

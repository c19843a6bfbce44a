package charm

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/printable"
)

// authorityRelation is one relation to a certificate authority. Which of the two dialects of the endpoint its other end speaks is
// known only when it has written something; until then the unit asks in both, because a provider of either leaves alone what it does
// not know, and one that waits to be asked would otherwise wait for ever.
type authorityRelation struct {
	id string
	// mine is the unit's own databag.
	mine         map[string]string
	classic, csr bool
	// aside says that it is asked for nothing: another authority is in use.
	aside bool
}

// leaves are the certificates on disk; empty where there is none.
type leaves struct{ server, client tlsfiles.Held }

// offers reads the relations to certificate authorities: what is offered, and what was asked. The spec has names beside the unit's own,
// the controller's requests, and whether clients have certificates of their own. It writes nothing.
func (a *Agent) offers(ctx context.Context, n dispatch.Network, spec v1alpha1.TLSSpec) (Offer, error) {
	offer := Offer{
		asked: map[tlsfiles.Name]pki.Asked{}, answered: map[tlsfiles.Name]string{}, refused: map[tlsfiles.Name]string{},
		dbOffers: map[tlsfiles.Name][]candidate{}, forController: spec.ControllerRequests,
	}
	bundle, err := a.machine.Bundle()
	if err != nil {
		return offer, err
	}
	told, _ := readCertificates(cmp.Or(spec.CABundle, bundle))
	offer.trusted, offer.replaced, offer.onDisk = pki.Among(told, spec.Leaves), len(spec.Leaves) > 0, bundle
	if offer.db, err = a.dbClients(ctx, spec); err != nil {
		return offer, err
	}
	ids, err := a.run.Relations(ctx, v1alpha1.EndpointCertificates)
	if err != nil || len(ids) == 0 {
		return offer, err
	}
	public, err := a.run.Tools.PublicAddress(ctx)
	if err != nil && ctx.Err() != nil {
		return offer, err
	}
	// Where a cloud has no public addresses, the tool fails.
	public = cmp.Or(public, n.Addresses.Client)
	offer.names = namesOf(public, slices.Concat([]string{a.hostname}, n.Ingress)...).with(spec.ExtraSANs...)
	for _, name := range offer.leaves() {
		asked, err := a.machine.Requests().Load(name)
		if err != nil {
			// Nothing is asked in the place of what may still be good: neither its key nor its request is given up.
			offer.trouble("%s", sentence(err))
			offer.unreadable = true
			continue
		}
		offer.asked[name] = asked
	}
	if asked := offer.asked[tlsfiles.Server]; offer.gaveUp(asked) {
		offer.trouble("The certificate authority refuses to sign a server certificate that is good for %s, too (%s): it was asked for one without.",
			asked.Refused, asked.Reason)
	}
	slices.SortFunc(ids, byNumber)
	for _, id := range ids {
		r, err := a.readAuthority(ctx, &offer, id)
		if err != nil {
			return offer, fmt.Errorf("cannot read what relation %s offers: %w", id, err)
		}
		offer.relations = append(offer.relations, r)
	}
	offer.choose(a.run.Now())
	if len(spec.Next) > 0 {
		offer.chooseNext(pki.Among(told, spec.Next), a.run.Now())
	}
	return offer, nil
}

// readAuthority adds what the other end of one relation offers.
func (a *Agent) readAuthority(ctx context.Context, offer *Offer, id string) (authorityRelation, error) {
	r := authorityRelation{id: id}
	var err error
	if r.mine, err = a.run.Tools.Relation(ctx, id, a.run.Env.Unit); err != nil {
		return r, err
	}
	common := r.mine[keyCommonName]
	if diff := request(r.mine, a.run.Env.Unit, offer.names); diff[keyCommonName] != "" {
		common = diff[keyCommonName]
	}
	provider, err := a.run.Tools.RelationApplication(ctx, id)
	if err != nil {
		return r, err
	}
	units, err := a.run.Tools.RelationUnits(ctx, id)
	if err != nil {
		return r, err
	}
	slices.SortFunc(units, byNumber)
	for _, unit := range units {
		bag, err := a.run.Tools.Relation(ctx, id, unit)
		if err != nil {
			return r, err
		}
		if bag[keyCA] != "" {
			r.classic = true
			offer.sources = append(offer.sources, offer.classicSource(id, provider, unit, bag, a.run.Env.Unit, common, a.run.Now()))
		}
	}
	if r.classic {
		return r, nil
	}
	bag, err := a.run.Tools.ApplicationRelation(ctx, id, provider)
	if err != nil {
		return r, err
	}
	if r.csr = isCSRProvider(bag); r.csr {
		offer.sources = append(offer.sources, offer.signingSource(id, provider, bag, a.run.Now()))
	}
	return r, nil
}

// byNumber orders units, and relations, by their numbers: easyrsa/9 comes before easyrsa/10, and db:9 before db:10.
func byNumber(a, b string) int {
	number := func(name string) int {
		n, _ := strconv.Atoi(name[strings.LastIndexAny(name, "/:")+1:])
		return n
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b))
}

// settle puts leaves that have arrived in their place, proves that etcd serves a new one, and asks for what is missing or due. What
// stands in the way is added to the offer's trouble. written names files that were put in their place already.
func (a *Agent) settle(ctx context.Context, offer *Offer, addresses v1alpha1.UnitAddresses, written []string) error {
	more, err := a.machine.WriteLeaves(offer.Server, offer.Client, addresses)
	if err != nil {
		a.run.Log.Error(err, "Left the certificates on disk as they were")
		for _, err := range single(err) {
			offer.trouble("%s", sentence(err))
		}
	}
	if len(more) > 0 {
		a.run.Log.Info("Wrote certificates", "files", more)
	}
	isNew := slices.ContainsFunc(slices.Concat(written, more), func(path string) bool { return strings.HasSuffix(path, "/server.crt") })
	if isNew || a.run.Env.Name == "update-status" {
		if err := a.machine.Served(ctx); err != nil {
			a.run.Log.Error(err, "etcd does not serve the certificate on disk")
			offer.unserved = sentence(err)
		}
	}
	if err := a.ask(ctx, offer); err != nil {
		return err
	}
	if err := a.machine.Prove(ctx, offer.NextServer, offer.NextClient); err != nil {
		a.run.Log.Info("Left something to be proven", "why", err.Error()) // whoever replaces the authority waits for it
	}
	return a.forget(offer)
}

// ask writes into the unit's databags what is missing or due. A key is on disk before anybody hears of its request.
func (a *Agent) ask(ctx context.Context, offer *Offer) error {
	if len(offer.relations) == 0 {
		return nil
	}
	server, client, err := a.machine.Leaves()
	if err != nil {
		return err
	}
	have := leaves{server: server, client: client}
	if slices.ContainsFunc(offer.relations, func(r authorityRelation) bool { return !r.classic && !r.aside }) {
		if err := a.remember(offer, have); err != nil {
			return err
		}
	}
	for _, r := range offer.relations {
		if r.aside {
			continue
		}
		want := map[string]string{}
		switch {
		case r.classic:
			want[keySigningRequests] = ""
		case !offer.unreadable:
			want[keySigningRequests] = offer.askSigning()
		}
		if r.csr {
			for _, key := range classicKeys {
				want[key] = ""
			}
		} else {
			maps.Copy(want, offer.askClassic(r.mine, a.run.Env.Unit, have, a.run.Now()))
		}
		diff := dispatch.Changes(r.mine, want)
		if len(diff) == 0 {
			continue
		}
		if err := a.run.Tools.SetRelation(ctx, r.id, diff); err != nil {
			return err
		}
		a.run.Log.Info("Asked for certificates", "relation", r.id, "names", strings.Join(offer.names.sans, " "),
			"keys", slices.Sorted(maps.Keys(diff)))
	}
	return nil
}

// remember keeps what is asked to be signed from now on.
func (a *Agent) remember(offer *Offer, have leaves) error {
	inUse := map[tlsfiles.Name]tlsfiles.Held{tlsfiles.Server: have.server, tlsfiles.Client: have.client}
	for _, c := range offer.db {
		inUse[c.leaf()] = offer.using(c)
	}
	for name, have := range inUse {
		if _, known := offer.asked[name]; !known {
			continue
		}
		next, err := offer.follow(name, a.run.Env.Unit, have, a.run.Now())
		if err != nil {
			return err
		}
		if next == offer.asked[name] {
			continue
		}
		if err := a.machine.Requests().Save(name, next); err != nil {
			return err
		}
		offer.asked[name] = next
	}
	return nil
}

// single are the errors that one was joined of: each is a sentence of its own.
func single(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// sentence is an error as a status tells it.
func sentence(err error) string {
	text := printable.Line(err.Error(), printable.Status)
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + strings.TrimRight(text[1:], ".") + "."
}

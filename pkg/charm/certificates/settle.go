package certificates

import (
	"context"
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/printable"
)

// held are the unit's own leaves on disk; empty where there is none.
type held struct{ server, client tlsfiles.Held }

// Settle puts leaves that have arrived in their place, proves that etcd serves a new one, and asks
// for what is missing or due. What stands in the way is added to the offer's trouble. written names
// files that were put in their place already.
func (d *Desk) Settle(ctx context.Context, offer *Offer, addresses v1alpha1.UnitAddresses, written []string) error {
	more, err := d.Machine.WriteLeaves(offer.Server, offer.Client, addresses)
	if err != nil {
		d.Run.Log.Error(err, "Left the certificates on disk as they were")
		for _, err := range single(err) {
			offer.trouble("%s", sentence(err))
		}
	}
	if len(more) > 0 {
		d.Run.Log.Info("Wrote certificates", "files", more)
	}
	isNew := slices.ContainsFunc(slices.Concat(written, more), func(path string) bool { return strings.HasSuffix(path, "/server.crt") })
	if isNew || d.Run.Env.Name == "update-status" {
		if err := d.Machine.Served(ctx); err != nil {
			d.Run.Log.Error(err, "etcd does not serve the certificate on disk")
			offer.Unserved = sentence(err)
		}
	}
	if err := d.ask(ctx, offer); err != nil {
		return err
	}
	if err := d.Machine.Prove(ctx, offer.NextServer, offer.NextClient); err != nil {
		d.Run.Log.Info("Left something to be proven", "why", err.Error()) // whoever replaces the authority waits for it
	}
	return d.forget(offer)
}

// ask writes into the unit's databags what is missing or due. A key is on disk before anybody hears
// of its request.
func (d *Desk) ask(ctx context.Context, offer *Offer) error {
	if len(offer.relations) == 0 {
		return nil
	}
	server, client, err := d.Machine.Leaves()
	if err != nil {
		return err
	}
	have := held{server: server, client: client}
	if slices.ContainsFunc(offer.relations, func(r relation) bool { return !r.classic && !r.aside }) {
		if err := d.remember(offer, have); err != nil {
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
		case !offer.wants.unreadable:
			want[keySigningRequests] = offer.wants.requests()
		}
		if r.csr {
			for _, key := range classicKeys {
				want[key] = ""
			}
		} else {
			maps.Copy(want, offer.askClassic(r.mine, d.Run.Env.Unit, have, d.Run.Now()))
		}
		diff := dispatch.Changes(r.mine, want)
		if len(diff) == 0 {
			continue
		}
		if err := d.Run.Tools.SetRelation(ctx, r.id, diff); err != nil {
			return err
		}
		d.Run.Log.Info("Asked for certificates", "relation", r.id, "names", strings.Join(offer.wants.names.sans, " "),
			"keys", slices.Sorted(maps.Keys(diff)))
	}
	return nil
}

// remember keeps what is asked to be signed from now on.
func (d *Desk) remember(offer *Offer, have held) error {
	inUse := map[tlsfiles.Name]tlsfiles.Held{tlsfiles.Server: have.server, tlsfiles.Client: have.client}
	for _, c := range offer.wants.clients {
		inUse[c.leaf()] = offer.using(c)
	}
	for name, have := range inUse {
		if _, known := offer.wants.asked[name]; !known {
			continue
		}
		next, err := offer.follow(name, d.Run.Env.Unit, have, d.Run.Now())
		if err != nil {
			return err
		}
		if next == offer.wants.asked[name] {
			continue
		}
		if err := d.Machine.Requests().Save(name, next); err != nil {
			return err
		}
		offer.wants.asked[name] = next
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

// sentence is an error as a status reports it.
func sentence(err error) string {
	text := printable.Line(err.Error(), printable.Status)
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + strings.TrimRight(text[1:], ".") + "."
}

package certificates

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// Where the policy asks for it, each relation db has a client certificate of its own, which names
// the application at the other end. What was published last stands in that relation's databag, and
// stays there until a better one has arrived: a client's key is never withdrawn while another is
// awaited. Until the first has, and wherever a provider does not answer, a client has the shared
// one.

// Keys of the relations db and proxy, in which clients are handed a certificate. What was handed
// out last is read back there.
const (
	KeyClientCertificate = "client_cert"
	KeyClientKey         = "client_key"
)

// keyDBRequests is a key of our own in the unit's databag of a classic provider: by the common name
// of each client certificate that was asked for a relation db, what a renewal was asked for last.
const keyDBRequests = "jujuetcd-db-requests"

// commonNameLimit is RFC 5280's ub-common-name, in characters.
const commonNameLimit = 64

// client is a relation db that is to have a certificate of its own.
type client struct {
	relation string
	// common is the common name: the application and the relation's number.
	common string
	// have is the own certificate that the relation's databag holds, with its key; nil as long as
	// it holds another.
	have *candidate
}

// dbLeaf begins the names under which keys and requests of clients are kept.
const dbLeaf = "db-"

// leaf is the name under which the key and the requests of a client are kept.
func (c client) leaf() tlsfiles.Name { return tlsfiles.Name(dbLeaf + c.common) }

// using is the certificate in use, empty if it is not one of the client's own.
func (o *Offer) using(c client) tlsfiles.Held {
	if c.have == nil {
		return tlsfiles.Held{}
	}
	chain, _ := pki.Readable(c.have.leaf.Certificate)
	return tlsfiles.Held{Certificate: c.have.cert, Authority: pki.Authority(chain, o.trusted)}
}

// clients are the relations that are to have certificates of their own.
func (d *Desk) clients(ctx context.Context, spec v1alpha1.TLSSpec) ([]client, error) {
	if !spec.OwnClientCertificates {
		return nil, nil
	}
	ids, err := d.Run.Relations(ctx, v1alpha1.EndpointDB)
	if err != nil {
		return nil, err
	}
	var clients []client
	for _, id := range ids {
		application, err := d.Run.Tools.RelationApplication(ctx, id)
		if err != nil {
			return nil, err
		}
		bag, err := d.Run.Tools.Relation(ctx, id, d.Run.Env.Unit)
		if err != nil {
			return nil, err
		}
		c := client{relation: id, common: dbCommonName(application, id)}
		if pair, ok := pairOf(bag[KeyClientCertificate], bag[KeyClientKey]); ok && pair.cert.Subject.CommonName == c.common {
			c.have = &pair
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// forget removes the keys and requests of clients that are gone, or that are to have the shared
// certificate again. What was asked for them is in no databag any more by then. A relation's number
// never comes again, so that nobody will ask for them.
func (d *Desk) forget(offer *Offer) error {
	store := d.Machine.Requests()
	names, err := store.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(string(name), dbLeaf) || slices.Contains(offer.wants.leaves(), name) {
			continue
		}
		if err := store.Remove(name); err != nil {
			return err
		}
		d.Run.Log.Info("Removed a client's key and request", "name", name)
	}
	return nil
}

// dbCommonName names a client by its application and the relation's number, as long as a common
// name may be.
func dbCommonName(application, relation string) string {
	_, number, _ := strings.Cut(relation, ":")
	return application[:min(len(application), commonNameLimit-len(number)-1)] + "-" + number
}

// CredentialsFor are what the client of a relation is handed: the newest of its own that members
// accept, and else the shared one.
func (o *Offer) CredentialsFor(relation string, shared machine.Credentials, now time.Time) machine.Credentials {
	i := slices.IndexFunc(o.wants.clients, func(c client) bool { return c.relation == relation })
	if i < 0 {
		return shared
	}
	candidates := slices.Clone(o.forClients[o.wants.clients[i].leaf()])
	if have := o.wants.clients[i].have; have != nil {
		candidates = append(candidates, *have)
	}
	candidates = slices.DeleteFunc(candidates, func(c candidate) bool { return !accepted(c, shared.CA, now) })
	own := best(candidates, nil)
	if own == nil {
		return shared
	}
	return machine.Credentials{CA: shared.CA, Certificate: own.Certificate, Key: own.Key}
}

// accepted says that etcd lets in who shows the certificate: it verifies against the bundle that
// members have.
func accepted(c candidate, bundle string, now time.Time) bool {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(bundle))
	between.AppendCertsFromPEM([]byte(c.leaf.Certificate))
	_, err := c.cert.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

// askDBClassic adds to diff, which is what else changes in the unit's databag, what is asked for
// relations db, and takes back what was for those that are gone. Other client requests are left as
// they are.
func (o *Offer) askDBClassic(bag, diff map[string]string, now time.Time) {
	ours := readMap[string](bag[keyDBRequests]) // what cannot be read is asked anew
	text, changed := diff[keyClientCertRequests]
	if !changed {
		text = bag[keyClientCertRequests]
	}
	asked := clientRequests(map[string]string{keyClientCertRequests: text})
	before := encodeRequests(asked)
	for common := range ours {
		if !slices.ContainsFunc(o.wants.clients, func(c client) bool { return c.common == common }) {
			delete(ours, common)
			delete(asked, common)
		}
	}
	for _, c := range o.wants.clients {
		why := o.due(o.using(c), now)
		request, there := asked[c.common]
		switch {
		case !there:
			asked[c.common], ours[c.common] = clientRequest{SANs: []string{c.common}}, ""
		case why != "" && ours[c.common] != why:
			// A provider issues anew only for other names.
			asked[c.common] = clientRequest{SANs: toggled(request.SANs, "client."+c.common)}
			ours[c.common] = why
		}
	}
	if after := encodeRequests(asked); after != before {
		diff[keyClientCertRequests] = after
		if len(asked) == 0 {
			diff[keyClientCertRequests] = ""
		}
	}
	mark := ""
	if len(ours) > 0 {
		marks, _ := json.Marshal(ours) // strings always encode, and maps in order
		mark = string(marks)
	}
	if mark != bag[keyDBRequests] {
		diff[keyDBRequests] = mark
	}
}

package charm

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine"
)

// Keys of the relations db, version 2 of the interface etcd, and proxy, of etcd-proxy, beside those
// of a client's certificate.
const (
	keyClientCA         = "client_ca"
	keyConnectionString = "connection_string"
	keyVersion          = "version"
	keyCluster          = "cluster"
)

// keyClientAddress is the one key that units of the charm before this one read in each other's peer
// databag: a cluster may run both for as long as its upgrade takes. It stands there while the
// unit's own member is published to clients: a unit that joins or leaves publishes the others.
const keyClientAddress = "db-ingress-address"

// answers are how each endpoint that clients relate to is answered; without members all values are
// empty.
var answers = []struct {
	endpoint string
	answer   func(id string, c v1alpha1.ClientsSpec, with machine.Credentials) map[string]string
}{
	{v1alpha1.EndpointDB, func(id string, c v1alpha1.ClientsSpec, with machine.Credentials) map[string]string {
		if own, there := c.Relations[id]; there {
			c.Endpoints = own
		}
		return map[string]string{
			keyClientCA: with.CA, certificates.KeyClientCertificate: with.Certificate, certificates.KeyClientKey: with.Key,
			keyConnectionString: strings.Join(slices.Sorted(slices.Values(c.Endpoints)), ","), keyVersion: c.Version,
		}
	}},
	{v1alpha1.EndpointProxy, func(_ string, c v1alpha1.ClientsSpec, with machine.Credentials) map[string]string {
		members := make([]string, len(c.Cluster))
		for i, m := range c.Cluster {
			members[i] = m.Name + "=" + m.PeerURL
		}
		return map[string]string{
			keyClientCA: with.CA, certificates.KeyClientCertificate: with.Certificate, certificates.KeyClientKey: with.Key,
			keyCluster: strings.Join(members, ","),
		}
	}},
}

// answerClients publishes to each relation with clients how to reach the cluster, or takes it back,
// from the spec that was applied last. A databag is complete or empty.
func (a *Agent) answerClients(ctx context.Context, last *v1alpha1.EtcdUnitSpec, offer *certificates.Offer) error {
	for _, endpoint := range answers {
		ids, err := a.run.Relations(ctx, endpoint.endpoint)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			continue
		}
		published, with, err := a.publishable(last)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := a.answer(ctx, id, endpoint.answer(id, published, offer.CredentialsFor(id, with, a.run.Now()))); err != nil {
				return err
			}
		}
	}
	return nil
}

// publishable is what clients may be given, and what lets them in: both, or nothing.
func (a *Agent) publishable(last *v1alpha1.EtcdUnitSpec) (v1alpha1.ClientsSpec, machine.Credentials, error) {
	if last == nil || len(last.Clients.Endpoints) == 0 {
		return v1alpha1.ClientsSpec{}, machine.Credentials{}, nil
	}
	shared, err := a.machine.ClientCredentials()
	if shared.CA == "" {
		// The bundle comes to the disk with the snap: clients need not wait for that.
		shared.CA = last.TLS.CABundle
	}
	if err != nil || !complete(shared) {
		return v1alpha1.ClientsSpec{}, machine.Credentials{}, err
	}
	return last.Clients, shared, nil
}

// answer writes into the unit's databag of a relation what differs.
func (a *Agent) answer(ctx context.Context, id string, answer map[string]string) error {
	bag, err := a.run.Tools.Relation(ctx, id, a.run.Env.Unit)
	if err != nil {
		return err
	}
	diff := dispatch.Changes(bag, answer)
	if len(diff) == 0 {
		return nil
	}
	if err := a.run.Tools.SetRelation(ctx, id, diff); err != nil {
		return err
	}
	a.run.Log.Info("Answered clients", "relation", id, "keys", slices.Sorted(maps.Keys(diff)))
	return nil
}

// publishedByLeaver is what a unit that goes publishes to clients until its relation with them
// departs: the others, so that who reads its databag alone is neither without an etcd nor sent to
// one that ends. The last of all has no others, and goes on publishing itself.
func (a *Agent) publishedByLeaver(ctx context.Context, last *v1alpha1.EtcdUnitSpec, own v1alpha1.UnitAddresses) *v1alpha1.EtcdUnitSpec {
	if last == nil || !a.leaving(ctx) {
		return last
	}
	shorter := *last
	shorter.Clients.Endpoints = elsewhere(last.Clients.Endpoints, own.Client)
	if len(shorter.Clients.Endpoints) == 0 {
		return last
	}
	shorter.Clients.Relations = map[string][]string{}
	for id, list := range last.Clients.Relations {
		shorter.Clients.Relations[id] = elsewhere(elsewhere(list, own.Client), own.Relations[id])
	}
	shorter.Clients.Cluster = slices.DeleteFunc(slices.Clone(last.Clients.Cluster), func(m v1alpha1.NamedMember) bool { return m.Name == last.Etcd.Name })
	return &shorter
}

// leaving says that Juju removes this unit, as far as a hook that is about the end of a relation
// shows it: those come first.
func (a *Agent) leaving(ctx context.Context) bool {
	if a.run.Env.Departing != "" || a.run.Env.Breaking() == "" {
		return a.run.Env.Departing == a.run.Env.Unit
	}
	states, err := a.run.Tools.GoalStates(ctx)
	if err != nil {
		a.run.Log.Error(err, "Took this unit for staying")
	}
	return states[a.run.Env.Unit] == "dying" || states[a.run.Env.Unit] == "dead"
}

// elsewhere are the URLs that are not at the address.
func elsewhere(urls []string, address string) []string {
	return slices.DeleteFunc(slices.Clone(urls), func(text string) bool { return at(text, address) })
}

// at says that the URL is at the address.
func at(text, address string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Hostname() == address
}

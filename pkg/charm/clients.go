package charm

import (
	"context"
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
)

// Keys of the relations db, version 2 of the interface etcd, and proxy, of etcd-proxy.
const (
	keyClientCA         = "client_ca"
	keyClientCertOfDB   = "client_cert"
	keyClientKeyOfDB    = "client_key"
	keyConnectionString = "connection_string"
	keyVersion          = "version"
	keyCluster          = "cluster"
)

// keyClientAddress is the one key that units of the charm before this one read in each other's peer databag: a cluster may run
// both for as long as its upgrade takes.
const keyClientAddress = "db-ingress-address"

// answers are how each endpoint that clients relate to is answered; without members all values are empty.
var answers = []struct {
	endpoint string
	answer   func(id string, c v1alpha1.ClientsSpec, with machine.Credentials) map[string]string
}{
	{v1alpha1.EndpointDB, func(id string, c v1alpha1.ClientsSpec, with machine.Credentials) map[string]string {
		if own, there := c.Relations[id]; there {
			c.Endpoints = own
		}
		return map[string]string{
			keyClientCA: with.CA, keyClientCertOfDB: with.Certificate, keyClientKeyOfDB: with.Key,
			keyConnectionString: strings.Join(slices.Sorted(slices.Values(c.Endpoints)), ","), keyVersion: c.Version,
		}
	}},
	{v1alpha1.EndpointProxy, func(_ string, c v1alpha1.ClientsSpec, with machine.Credentials) map[string]string {
		members := make([]string, len(c.Cluster))
		for i, m := range c.Cluster {
			members[i] = m.Name + "=" + m.PeerURL
		}
		return map[string]string{
			keyClientCA: with.CA, keyClientCertOfDB: with.Certificate, keyClientKeyOfDB: with.Key,
			keyCluster: strings.Join(members, ","),
		}
	}},
}

// answerClients tells each relation with clients how to reach the cluster, or takes it back, from the spec that was applied last.
// A databag is complete or empty.
func (a *Agent) answerClients(ctx context.Context, last *v1alpha1.EtcdUnitSpec, offer *Offer) error {
	for _, endpoint := range answers {
		ids, err := a.relations(ctx, endpoint.endpoint)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			continue
		}
		told, with, err := a.tellable(last)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := a.answer(ctx, id, endpoint.answer(id, told, offer.credentialsFor(id, with, a.now()))); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellable is what clients may be told, and what lets them in: both, or nothing.
func (a *Agent) tellable(last *v1alpha1.EtcdUnitSpec) (v1alpha1.ClientsSpec, machine.Credentials, error) {
	if last == nil || len(last.Clients.Endpoints) == 0 {
		return v1alpha1.ClientsSpec{}, machine.Credentials{}, nil
	}
	shared, err := a.machine.ClientCredentials()
	if err != nil || !complete(shared) {
		return v1alpha1.ClientsSpec{}, machine.Credentials{}, err
	}
	return last.Clients, shared, nil
}

// answer writes into the unit's databag of a relation what differs.
func (a *Agent) answer(ctx context.Context, id string, answer map[string]string) error {
	bag, err := a.tools.Relation(ctx, id, a.env.Unit)
	if err != nil {
		return err
	}
	diff := changes(bag, answer)
	if len(diff) == 0 {
		return nil
	}
	if err := a.tools.SetRelation(ctx, id, diff); err != nil {
		return err
	}
	a.log.Info("Answered clients", "relation", id, "keys", slices.Sorted(maps.Keys(diff)))
	return nil
}

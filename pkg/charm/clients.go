package charm

import (
	"context"
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Keys of the db relation, version 2 of the interface etcd.
const (
	keyClientCA         = "client_ca"
	keyClientCertOfDB   = "client_cert"
	keyClientKeyOfDB    = "client_key"
	keyConnectionString = "connection_string"
	keyVersion          = "version"
)

// answerClients tells each db relation how to reach the cluster, or takes it back, from the spec that was applied last.
func (a *Agent) answerClients(ctx context.Context, last *v1alpha1.EtcdUnitSpec) error {
	ids, err := a.relations(ctx, "db")
	if err != nil || len(ids) == 0 {
		return err
	}
	answer := map[string]string{
		keyClientCA: "", keyClientCertOfDB: "", keyClientKeyOfDB: "", keyConnectionString: "", keyVersion: "",
	}
	if last != nil && len(last.Clients.Endpoints) > 0 {
		shared, err := a.machine.ClientCredentials()
		if err != nil {
			return err
		}
		if complete(shared) {
			answer[keyClientCA] = shared.CA
			answer[keyClientCertOfDB] = shared.Certificate
			answer[keyClientKeyOfDB] = shared.Key
			answer[keyConnectionString] = strings.Join(slices.Sorted(slices.Values(last.Clients.Endpoints)), ",")
			answer[keyVersion] = last.Clients.Version
		}
	}
	for _, id := range ids {
		bag, err := a.tools.Relation(ctx, id, a.env.Unit)
		if err != nil {
			return err
		}
		diff := changes(bag, answer)
		if len(diff) == 0 {
			continue
		}
		if err := a.tools.SetRelation(ctx, id, diff); err != nil {
			return err
		}
		a.log.Info("Answered clients", "relation", id, "keys", slices.Sorted(maps.Keys(diff)))
	}
	return nil
}

package charm

import (
	"context"
	"encoding/json"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// complete adds to the machine's facts what only the charm knows.
func complete(facts v1alpha1.UnitFacts, addresses v1alpha1.UnitAddresses, offer Offer) v1alpha1.UnitFacts {
	facts.Protocol = v1alpha1.Protocol
	facts.Addresses = addresses
	facts.Certificates.Provider = offer.Provider
	facts.Certificates.OfferedCA = offer.CA
	return facts
}

// publish writes the facts into the peer databag if they are not there already, because each write runs a hook on every
// peer. With another etcd version in them it sets the workload version too.
func (a *Agent) publish(ctx context.Context, facts v1alpha1.UnitFacts) error {
	id, err := a.peers(ctx)
	if err != nil || id == "" {
		return err
	}
	text, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("cannot encode the unit's facts: %w", err)
	}
	bag, err := a.tools.Relation(ctx, id, a.env.Unit)
	if err != nil {
		return err
	}
	before := bag[v1alpha1.FactsKey]
	if before == string(text) {
		return nil
	}
	var published v1alpha1.UnitFacts
	// What cannot be read, for example from another version of the agent, counts as nothing published.
	_ = json.Unmarshal([]byte(before), &published)
	if v := version(facts); v != "" && v != version(published) {
		if err := a.tools.SetVersion(ctx, v); err != nil {
			return err
		}
	}
	return a.tools.SetRelation(ctx, id, map[string]string{v1alpha1.FactsKey: string(text)})
}

// version is etcd's version as the snap has it.
func version(facts v1alpha1.UnitFacts) string {
	if facts.Snap == nil {
		return ""
	}
	return facts.Snap.Version
}

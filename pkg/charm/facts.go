package charm

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
)

// published are the facts as Juju has them.
type published struct {
	relation string // empty before Juju has made the peer relation, and after it is gone
	bag      map[string]string
	text     string
	facts    v1alpha1.UnitFacts
}

func (a *Agent) published(ctx context.Context) (published, error) {
	var p published
	id, err := a.peers(ctx)
	if err != nil || id == "" {
		return p, err
	}
	bag, err := a.tools.Relation(ctx, id, a.env.Unit)
	if err != nil {
		return p, err
	}
	p.relation, p.bag, p.text = id, bag, bag[v1alpha1.FactsKey]
	// What cannot be read, for example from another version of the agent, counts as nothing published.
	_ = json.Unmarshal([]byte(p.text), &p.facts)
	return p, nil
}

// tell adds to the machine's facts what only the charm knows. What was applied last stays what is published: only a
// reconcile that has come to its end says anew what is applied, see mark. So does what a person has asked for last.
func (p published) tell(facts v1alpha1.UnitFacts, addresses v1alpha1.UnitAddresses, offer Offer) v1alpha1.UnitFacts {
	facts.Protocol = v1alpha1.Protocol
	facts.Addresses = addresses
	facts.Certificates.Provider = offer.Provider
	facts.Certificates.OfferedCA, facts.Certificates.From, facts.Certificates.Unused = offer.CA, "", offer.Unused
	if offer.CA != "" {
		facts.Certificates.From = offer.Application
	}
	facts.Certificates.UnusedCA, facts.Certificates.TrustedCA = offer.unusedCA, ""
	if disk, _ := readCertificates(offer.onDisk); len(disk) > 0 {
		if offered, _ := readCertificates(offer.CA); !slices.EqualFunc(disk, offered, (*x509.Certificate).Equal) {
			facts.Certificates.TrustedCA = pki.Encode(disk...)
		}
	}
	facts.Certificates.Controller = offer.controller
	facts.Certificates.Trouble = strings.Join(offer.Trouble, " ")
	facts.Applied, facts.Refused, facts.Request = p.facts.Applied, p.facts.Refused, p.facts.Request
	if facts.Taken != nil {
		facts.Refused = nil
		facts.Applied = nil // what was applied before that was known is not on this unit's machine
	}
	return facts
}

// mark says in the facts that a spec is applied. One that was applied before keeps its mark: to write it again would run a
// hook on every peer.
func (p published) mark(facts v1alpha1.UnitFacts, spec *v1alpha1.EtcdUnitSpec, action int64) v1alpha1.UnitFacts {
	hash := spec.Delivery.Hash
	if hash == "" {
		hash = spec.Hash()
	}
	if p.facts.Applied == nil || p.facts.Applied.Hash != hash {
		facts.Applied = &v1alpha1.AppliedFacts{
			Hash: hash, Epoch: spec.Delivery.Epoch.Number, Action: action, Clients: spec.Clients.Endpoints, Options: spec.Options,
			ExtraSANs: spec.TLS.ExtraSANs,
		}
	}
	return facts
}

// differ says that the facts are not those that are published.
func (p published) differ(facts v1alpha1.UnitFacts) bool { return p.text != encode(facts) }

func encode(facts v1alpha1.UnitFacts) string {
	// The types hold only strings, numbers, booleans, times and slices of them: they always encode.
	text, _ := json.Marshal(facts)
	return string(text)
}

// publish writes the facts into the peer databag if they are not there already, because each write runs a hook on every
// peer. With another etcd version in them it sets the workload version too. Beside the facts stands where clients find the unit,
// for as long as clients are told of the cluster; what the charm before this one has left there stays until something is applied.
func (a *Agent) publish(ctx context.Context, p published, facts v1alpha1.UnitFacts) error {
	if p.relation == "" {
		return nil
	}
	want := map[string]string{v1alpha1.FactsKey: encode(facts)}
	if facts.Applied != nil {
		want[keyClientAddress] = ""
		if slices.ContainsFunc(facts.Applied.Clients, func(url string) bool { return at(url, facts.Addresses.Client) }) {
			want[keyClientAddress] = facts.Addresses.Client
		}
	}
	diff := changes(p.bag, want)
	if len(diff) == 0 {
		return nil
	}
	if v := version(facts); v != "" && v != version(p.facts) {
		if err := a.tools.SetVersion(ctx, v); err != nil {
			return err
		}
	}
	return a.tools.SetRelation(ctx, p.relation, diff)
}

// version is etcd's version as the snap has it.
func version(facts v1alpha1.UnitFacts) string {
	if facts.Snap == nil {
		return ""
	}
	return facts.Snap.Version
}

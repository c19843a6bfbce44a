package charm

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/pki"
)

// withCharmFacts adds to the machine's facts what only the charm knows; bundle is what is trusted
// on disk. What was applied last stays what is published: only a reconcile that has come to its end
// says anew what is applied, see mark. So does what a person has asked for last.
func withCharmFacts(p dispatch.Published, facts v1alpha1.UnitFacts, addresses v1alpha1.UnitAddresses, offer *certificates.Offer, bundle string) v1alpha1.UnitFacts {
	facts.Protocol = v1alpha1.Protocol
	facts.Addresses = addresses
	facts.Certificates.Provider = offer.Provider
	facts.Certificates.OfferedCA, facts.Certificates.From, facts.Certificates.Unused = offer.CA, "", offer.Unused
	if offer.CA != "" {
		facts.Certificates.From = offer.Application
	}
	facts.Certificates.UnusedCA, facts.Certificates.TrustedCA = offer.UnusedCA, ""
	if disk, _ := pki.Readable(bundle); len(disk) > 0 {
		if offered, _ := pki.Readable(offer.CA); !slices.EqualFunc(disk, offered, (*x509.Certificate).Equal) {
			facts.Certificates.TrustedCA = pki.Encode(disk...)
		}
	}
	facts.Certificates.Controller = offer.Controller
	facts.Certificates.Trouble = strings.Join(offer.Trouble, " ")
	facts.Applied, facts.Refused, facts.Request = p.Facts.Applied, p.Facts.Refused, p.Facts.Request
	if facts.Taken != nil {
		facts.Refused = nil
		facts.Applied = nil // what was applied before that was known is not on this unit's machine
	}
	return facts
}

// mark says in the facts that a spec is applied. One that was applied before keeps its mark: to
// write it again would run a hook on every peer.
func mark(p dispatch.Published, facts v1alpha1.UnitFacts, spec *v1alpha1.EtcdUnitSpec, action int64) v1alpha1.UnitFacts {
	hash := spec.Delivery.Hash
	if hash == "" {
		hash = spec.Hash()
	}
	if p.Facts.Applied == nil || p.Facts.Applied.Hash != hash {
		facts.Applied = &v1alpha1.AppliedFacts{
			Hash: hash, Epoch: spec.Delivery.Epoch.Number, Action: action, Clients: spec.Clients.Endpoints, Options: spec.Options,
			ExtraSANs: spec.TLS.ExtraSANs, Leaves: spec.TLS.Leaves,
		}
	}
	return facts
}

// publish writes the facts into the peer databag. Beside them stands where clients find the unit,
// for as long as the cluster is published to clients; what the charm before this one has left there
// stays until something is applied.
func (a *Agent) publish(ctx context.Context, p dispatch.Published, facts v1alpha1.UnitFacts) error {
	beside := map[string]string{}
	if facts.Applied != nil {
		beside[keyClientAddress] = ""
		if slices.ContainsFunc(facts.Applied.Clients, func(url string) bool { return at(url, facts.Addresses.Client) }) {
			beside[keyClientAddress] = facts.Addresses.Client
		}
	}
	return a.run.Publish(ctx, p, facts, beside)
}

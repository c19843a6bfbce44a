package charm

import (
	"context"
	"encoding/pem"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// With a provider that signs requests, the controller has a client certificate of its own, whose key stays with it. Its request stands
// in the application's databag of the relation: there it outlives a change of Juju's leader, who alone can write it, and a provider that
// has a person approve requests sees it once.

// addController takes the answers to the controller's requests.
func (o *Offer) addController(answers []signed, refusals []refusal) {
	for _, request := range o.forController {
		for _, answer := range answers {
			if !same(answer.Request, request) || answer.Revoked || len(certificatesIn(answer.Certificate)) == 0 {
				continue
			}
			var clean strings.Builder
			for _, block := range certificatesIn(withChain(answer)) {
				clean.Write(pem.EncodeToMemory(block))
			}
			o.controller = append(o.controller, v1alpha1.SignedRequest{Request: request, Certificate: clean.String()})
		}
		for _, r := range refusals {
			if same(r.Request, request) {
				o.trouble("%s refuses to sign the controller's certificate: %s.", o.Application, r.text())
			}
		}
	}
}

// askForController puts the controller's requests before providers that sign, and takes back what stood there before. Only Juju's
// leader can.
func (a *Agent) askForController(ctx context.Context, offer Offer, leader bool) error {
	if !leader || offer.Provider != v1alpha1.ProviderCSR {
		return nil
	}
	want := signingRequests(offer.forController)
	for _, r := range offer.relations {
		if !r.csr {
			continue
		}
		bag, err := a.tools.ApplicationRelation(ctx, r.id, a.env.Application())
		if err != nil {
			return err
		}
		if bag[keySigningRequests] == want {
			continue
		}
		if err := a.tools.SetApplicationRelation(ctx, r.id, map[string]string{keySigningRequests: want}); err != nil {
			return err
		}
		a.log.Info("Asked for the controller's certificate", "relation", r.id, "requests", len(offer.forController))
	}
	return nil
}

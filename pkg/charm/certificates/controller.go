package certificates

import (
	"context"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
)

// With a provider that signs requests, the controller has a client certificate of its own, whose key stays with it. Its request stands
// in the application's databag of the relation: there it outlives a change of Juju's leader, who alone can write it, and a provider that
// has a person approve requests sees it once.

// addController takes the answers to the controller's requests.
func (s *source) addController(requests []string, answers []signed, refusals []refusal) {
	for _, request := range requests {
		for _, answer := range answers {
			certs, _ := pki.Readable(withChain(answer))
			if !same(answer.Request, request) || answer.Revoked || len(certs) == 0 {
				continue
			}
			s.controller = append(s.controller, v1alpha1.SignedRequest{Request: request, Certificate: pki.Encode(certs...)})
		}
		for _, r := range refusals {
			if same(r.Request, request) {
				s.say("%s refuses to sign the controller's certificate: %s.", s.application, r.text())
			}
		}
	}
}

// AskForController puts the controller's requests before providers that sign, and takes back what stood there before. Only Juju's
// leader can.
func (d *Desk) AskForController(ctx context.Context, offer *Offer, leader bool) error {
	if !leader {
		return nil
	}
	want := signingRequests(offer.wants.controller)
	for _, r := range offer.relations {
		if !r.csr || r.aside {
			continue
		}
		bag, err := d.Run.Tools.ApplicationRelation(ctx, r.id, d.Run.Env.Application())
		if err != nil {
			return err
		}
		if bag[keySigningRequests] == want {
			continue
		}
		if err := d.Run.Tools.SetApplicationRelation(ctx, r.id, map[string]string{keySigningRequests: want}); err != nil {
			return err
		}
		d.Run.Log.Info("Asked for the controller's certificate", "relation", r.id, "requests", len(offer.wants.controller))
	}
	return nil
}

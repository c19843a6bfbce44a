package charm

import (
	"context"
	"errors"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/actions"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
)

// hook runs any hook but stop: all look at the same things, so that none has to come first and none
// may be missed.
//
//  1. end a restore whose agent has died, and clear away what a restore drill has left
//  2. put certificates that have come in their place, and ask for those that are missing or due
//  3. publish facts
//  4. answer the db relation, Prometheus and Grafana from what was applied last
//  5. give Nagios its checks, or take them away
//  6. ask for a store, and follow its secret
//  7. mark the latch, if no unit stays
//  8. say how the unit is
func (a *Agent) hook(ctx context.Context) error {
	if a.run.Env.Name == "remove" {
		return nil
	}
	last, err := a.machine.Last()
	if err != nil {
		// What was applied is not forgotten because it cannot be read: neither facts nor clients
		// may hear of a fresh unit.
		a.run.Log.Error(err, "Left everything as it was")
		return a.show(ctx, v1alpha1.StatusText{State: etcdops.Blocked, Message: "The unit's record is damaged: " + err.Error()})
	}
	if err := a.endRestore(ctx); err != nil {
		return err
	}
	if err := errors.Join(a.machine.ClearDrill(), a.machine.ClearRestore(ctx)); err != nil {
		// It takes room, and holds nothing up.
		a.run.Log.Error(err, "Left it for the next hook")
	}
	n, err := a.run.Network(ctx)
	if err != nil {
		return err
	}
	var tls v1alpha1.TLSSpec
	if last != nil {
		tls = last.TLS
	}
	offer, err := a.desk().Offers(ctx, n, tls)
	if err != nil {
		return err
	}
	if err := a.desk().Settle(ctx, offer, n.Addresses, nil); err != nil {
		return err
	}
	facts, err := a.machine.Facts(ctx)
	if err != nil {
		a.run.Log.Error(err, "Published no facts")
	} else {
		p, err := a.run.Published(ctx)
		if err != nil {
			return err
		}
		bundle, err := a.machine.Bundle()
		if err != nil {
			return err
		}
		all := withCharmFacts(p, facts, n.Addresses, offer, bundle)
		if a.run.Env.Name == "update-status" {
			// Seldom enough: it is read from etcd's log.
			all.Refused = a.machine.Refused(ctx)
		}
		if err := a.publish(ctx, p, all); err != nil {
			return err
		}
	}
	if err := a.answerClients(ctx, a.publishedByLeaver(ctx, last, n.Addresses), offer); err != nil {
		return err
	}
	if err := a.answerMonitors(ctx, last); err != nil {
		return err
	}
	if err := a.answerNagios(ctx); err != nil {
		return err
	}
	if err := a.run.AskForStore(ctx); err != nil {
		return err
	}
	if err := a.followSecret(ctx); err != nil {
		return err
	}
	if err := a.end(ctx, last); err != nil {
		return err
	}
	if facts.Taken != nil {
		return a.show(ctx, v1alpha1.StatusText{State: etcdops.Blocked, Message: machine.Occupied(facts.Taken, a.run.Env.ModelUUID)})
	}
	return a.showStatus(ctx, last, facts.Certificates, offer)
}

// followSecret reads the new revision of the secret that a store's credentials are in, so that whoever
// gives it may remove the older ones: what is stored reads it anew in any case.
func (a *Agent) followSecret(ctx context.Context) error {
	id := hooktool.SecretID(a.run.Env.Secret)
	if a.run.Env.Name != "secret-changed" || id == "" {
		return nil
	}
	provider, err := actions.StoreProvider(ctx, a.run)
	if err != nil || hooktool.SecretID(provider.SecretURI()) != id {
		return err
	}
	if _, err := provider.Secret(provider.SecretURI()); err != nil {
		// It is told where something is to be stored.
		a.run.Log.Error(err, "Cannot read the secret of the relation s3-credentials")
	}
	return nil
}

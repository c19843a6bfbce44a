package charm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/actions"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot/store"
)

// reconcile is the action of the same name: one delivery of the daemon. Its outcome is in the
// result; the task itself fails only where the agent could not carry it to an outcome, and then
// Juju commits nothing of it.
func (a *Agent) reconcile(ctx context.Context) error {
	desired, err := a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterDesired)
	if err != nil {
		return err
	}
	status, err := a.deliver(ctx, desired)
	if err != nil {
		return err
	}
	clock := metav1.NewMicroTime(a.run.Now())
	status.Clock = &clock
	text, err := json.Marshal(status)
	if err != nil {
		return fmt.Errorf("cannot encode the result: %w", err)
	}
	return a.report(ctx, text)
}

// report hands over the result. A hook tool takes no argument as long as a result may be that says
// what others have written; what an action prints becomes a result, too, of any length.
func (a *Agent) report(ctx context.Context, text []byte) error {
	if len(v1alpha1.ResultStatus)+len(text) <= hooktool.MaxResult {
		return a.run.Tools.SetActionResult(ctx, v1alpha1.ResultStatus, string(text))
	}
	if _, err := a.out.Write(text); err != nil {
		return fmt.Errorf("cannot print the result: %w", err)
	}
	return nil
}

// deliver judges a delivery and carries it out:
//
//  1. whether it is for this unit, and its change of the latch can be granted
//  2. the machine, which judges the rest before it acts
//  3. the latch
//  4. certificates and clients
//  5. status of unit and application
//  6. facts and ports
//
// Steps 3 to 6 are left out of a refused delivery, and of one with ops, which are done in step 2.
// Of one that brings words only the machine keeps the words, the latch takes a claim, and the
// status is set: nothing else is looked at.
func (a *Agent) deliver(ctx context.Context, desired string) (v1alpha1.EtcdUnitStatus, error) {
	var spec v1alpha1.EtcdUnitSpec
	if err := json.Unmarshal([]byte(desired), &spec); err != nil {
		return refused(v1alpha1.ReasonBadSpec, fmt.Errorf("cannot read the parameter %s: %w", v1alpha1.ParameterDesired, err)), nil
	}
	if spec.Unit != a.run.Env.Unit || spec.ModelUUID != a.run.Env.ModelUUID {
		return refused(v1alpha1.ReasonOtherUnit, fmt.Errorf("cannot apply a spec for unit %q of model %q: this is %s of model %s",
			spec.Unit, spec.ModelUUID, a.run.Env.Unit, a.run.Env.ModelUUID)), nil
	}
	peers, err := a.run.Peers(ctx)
	if err != nil {
		return v1alpha1.EtcdUnitStatus{}, err
	}
	if peers == "" {
		return v1alpha1.EtcdUnitStatus{}, errors.New("cannot read the cluster's latch: there is no peer relation")
	}
	latch, err := a.run.LatchBag(ctx, peers)
	if err != nil {
		return v1alpha1.EtcdUnitStatus{}, err
	}
	leader, err := a.run.Tools.IsLeader(ctx)
	if err != nil {
		return v1alpha1.EtcdUnitStatus{}, err
	}
	grant, reason, err := judgeLatch(latch, &spec, leader)
	if err != nil {
		return refused(reason, err), nil
	}
	if spec.Delivery.WordsOnly {
		return a.takeWords(ctx, &spec, grant, peers, leader)
	}
	if len(spec.Ops) > 0 {
		// They concern etcd alone: neither the machine nor Juju is to be changed.
		return a.machine.Apply(ctx, &spec, machine.Situation{Latch: grant.judged, Leader: leader, Action: a.run.Env.Action}), nil
	}
	return a.carryOut(ctx, &spec, grant, peers, leader)
}

// carryOut is deliver from step 2 on, for a delivery of a whole desired state.
func (a *Agent) carryOut(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, grant grant, peers string, leader bool) (v1alpha1.EtcdUnitStatus, error) {
	n, err := a.run.Network(ctx)
	if err != nil {
		return v1alpha1.EtcdUnitStatus{}, err
	}
	offer, err := a.desk().Offers(ctx, n, spec.TLS)
	if err != nil {
		return v1alpha1.EtcdUnitStatus{}, err
	}
	p, err := a.run.Published(ctx)
	if err != nil {
		return v1alpha1.EtcdUnitStatus{}, err
	}
	status := a.machine.Apply(ctx, spec, machine.Situation{
		Latch:     grant.judged,
		Leader:    leader,
		Action:    a.run.Env.Action,
		Addresses: n.Addresses,
		Server:    offer.Server,
		Client:    offer.Client,
		SnapFile:  func(ctx context.Context) string { return a.run.Tools.Resource(ctx, machine.SnapName) },
		Store:     func(ctx context.Context) (store.Provider, error) { return actions.StoreProvider(ctx, a.run) },
	})
	if status.Outcome != v1alpha1.OutcomeRefused {
		if err := a.desk().Settle(ctx, offer, n.Addresses, status.Changed); err != nil {
			return status, err
		}
		if err := a.desk().AskForController(ctx, offer, leader); err != nil {
			return status, err
		}
	}
	bundle, err := a.machine.Bundle()
	if err != nil {
		return status, err
	}
	if status.Facts != nil && status.Outcome != v1alpha1.OutcomeRefused && len(spec.TLS.Leaves)+len(spec.TLS.Next) > 0 {
		facts, err := a.machine.Facts(ctx) // with what has been proven since
		if err != nil {
			return status, err
		}
		status.Facts = &facts
	}
	if status.Facts != nil {
		facts := withCharmFacts(p, *status.Facts, n.Addresses, offer, bundle)
		status.Facts = &facts
	}
	if status.Outcome == v1alpha1.OutcomeRefused {
		return status, nil
	}
	if len(grant.writes) > 0 {
		if err := a.run.Tools.SetApplicationRelation(ctx, peers, grant.writes); err != nil {
			return status, err
		}
	}
	if err := a.answerClients(ctx, spec, offer); err != nil {
		return status, err
	}
	if err := a.answerMonitors(ctx, spec); err != nil {
		return status, err
	}
	word := spec.Status
	if !a.triesNextChannel(ctx, status) {
		word = notStarted(word, status)
	}
	if err := a.showWord(ctx, word, leader); err != nil {
		return status, err
	}
	return a.conclude(ctx, spec, p, status)
}

// conclude publishes the facts and sets the ports. Ports come last and alone: one that another
// application of the machine has open fails the whole commit of a task that Juju then shows as
// completed. While anything else waits for that commit, the delivery is in progress, and the next
// one of the same spec sets the ports. Only the mark that the spec is applied shares their fate:
// without the ports it is not.
//
// A delivery that writes the latch leaves ports alone, and does not ask to be repeated.
func (a *Agent) conclude(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, p dispatch.Published, status v1alpha1.EtcdUnitStatus) (v1alpha1.EtcdUnitStatus, error) {
	if status.Facts == nil {
		return status, nil
	}
	due := portChange{}
	if status.Outcome == v1alpha1.OutcomeApplied {
		var err error
		if due, err = a.portsDue(ctx, spec); err != nil {
			return status, err
		}
	}
	switch {
	case status.Outcome != v1alpha1.OutcomeApplied, !due.none() && spec.Latch != nil:
		return status, a.publish(ctx, p, *status.Facts)
	case !due.none() && (a.run.Tools.Pending() > 0 || p.Differ(*status.Facts)):
		status.Outcome = v1alpha1.OutcomeInProgress
		status.Message = "The machine is as it should be; ports are set by the next delivery, alone."
		return status, a.publish(ctx, p, *status.Facts)
	}
	facts := mark(p, *status.Facts, spec, a.run.Env.Action)
	status.Facts = &facts
	if err := a.publish(ctx, p, facts); err != nil {
		return status, err
	}
	done, err := a.setPorts(ctx, due)
	status.Changed = append(status.Changed, done...)
	return status, err
}

func refused(reason string, err error) v1alpha1.EtcdUnitStatus {
	return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeRefused, Reason: reason, Message: err.Error()}
}

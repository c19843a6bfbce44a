package planner

import (
	"fmt"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// permit is what every act passes last: nothing blind, nothing while another disruption may run,
// nothing before its time, nothing before the claim. It returns the step, the claim that has to
// come first, or a Wait.
func (in *steps) permit(s Step) Step {
	if s.Kind == StepClaim {
		return s
	}
	// An exposure is what ends a blindness.
	if len(in.Blind) > 0 && s.Kind != StepUpdate && s.Kind != StepExpose {
		return wait("Cannot %s before everything can be seen: %s", s.Kind.verb(), in.Blind[0])
	}
	if s.Disruptive() {
		if w, held := in.disturbed(s); held {
			return w
		}
		if w, held := in.beside(s); held {
			return w
		}
	}
	if at := in.History.NotBefore[s.Key()]; in.Now.Before(at) {
		return wait("Cannot %s yet: it has failed %s in a row.", s.Kind.verb(),
			times(in.History.Attempts[s.Key()])).until(at)
	}
	if !in.claimed() {
		return in.claim(fmt.Sprintf("The epoch is claimed before the first act, which is to %s.", s.Kind.verb()))
	}
	return s
}

// disturbed waits while a delivery may still stop or reset a member.
func (in *steps) disturbed(s Step) (Step, bool) {
	for _, u := range in.Units {
		if u.Task.MayDisturb(in.Now.Add(min(0, u.Ahead()))) { // a unit whose clock is behind may begin so much later
			return wait("Cannot %s while %s may still run on %s.", s.Kind.verb(), u.Task, u.Name), true
		}
	}
	return Step{}, false
}

// claim is the step that claims the epoch.
func (in *steps) claim(reason string) Step {
	return in.latchStep(StepClaim, reason, in.nextEpoch(), v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: in.Latch.Epoch}})
}

// latchStep has the Juju leader's unit write the latch. The delivery asks for nothing else: it
// neither starts nor stops.
func (in *steps) latchStep(kind StepKind, reason string, epoch v1alpha1.Epoch, request v1alpha1.LatchRequest) Step {
	leader, ok := in.leader()
	newer := request.Rebirth != nil || request.Ending != nil || len(request.Handled) > 0
	newest := request.Journal != nil || len(request.Stamps) > 0
	if ok && (newer && !knowsEnding(leader) || newest && leader.Facts != nil && leader.Facts.Protocol < v1alpha1.ProtocolProcedures) {
		return wait("Only %s, Juju's leader, can write the cluster's latch, and its agent is older than this daemon: refresh the charm.",
			leader.Name).person()
	}
	if !ok {
		return wait("Juju has no leader for %s, and only the leader can write the cluster's latch.", in.Application)
	}
	if why, until := in.blocked(leader); why != "" {
		return wait("Only %s, Juju's leader, can write the cluster's latch, and %s.", leader.Name, why).until(until)
	}
	if taken(leader) && kind != StepClaim {
		return wait("Only %s, Juju's leader, can write the cluster's latch, and its machine is not its own: remove it.", leader.Name).person()
	}
	d := in.delivery(leader, in.atRest(leader))
	if kind == StepClaim && in.uncertain(leader) {
		if !in.hears(leader) {
			return wait("Only %s, Juju's leader, can write the cluster's latch, and it is not known what is on its machine.", leader.Name)
		}
		d = in.wordsTo(leader, v1alpha1.StatusSpec{})
	}
	d.Spec.Delivery.Epoch = epoch
	d.Spec.Latch = &request
	return Step{Kind: kind, Reason: reason, Units: []observation.Delivery{d}}
}

// uncertain says that it is not known what is on the unit's machine: the data of a member that is
// none of this cluster's, or was one, or what another unit has there. A claim must neither start
// that, nor stop it, nor set it aside.
func (in *steps) uncertain(u observation.Unit) bool {
	m := u.Facts.Member
	switch _, member := in.member[u.Name]; {
	case taken(u):
		return true
	case !hasData(u):
		return begun(u)
	case in.Latch.ClusterID == "":
		_, seed := in.Latch.Seeds.Contains(u.Name)
		return !seed
	default:
		return m.ClusterID != in.Latch.ClusterID || !member && in.Etcd.Listed
	}
}

// deliverTo is a step for those of the units that can take a delivery now, or a Wait that says why
// none of them can.
func (in *steps) deliverTo(kind StepKind, reason string, units []observation.Unit, spec func(observation.Unit) v1alpha1.EtcdUnitSpec) Step {
	step := Step{Kind: kind, Reason: reason}
	var why []string
	var until time.Time
	for _, u := range units {
		text, at := in.blocked(u)
		if text == "" {
			step.Units = append(step.Units, in.delivery(u, spec(u)))
			continue
		}
		why = append(why, text)
		if !at.IsZero() && (until.IsZero() || at.Before(until)) {
			until = at
		}
	}
	if len(step.Units) == 0 {
		return wait("%s But %s.", reason, strings.Join(why, "; ")).until(until)
	}
	return step
}

// delivery addresses a spec: who sends it, and what it takes for granted. The actor adds NotAfter.
func (in *desired) delivery(u observation.Unit, spec v1alpha1.EtcdUnitSpec) observation.Delivery {
	spec.Delivery = v1alpha1.Delivery{
		Protocol: v1alpha1.Protocol, Epoch: in.epoch(), ExpectClusterID: in.Latch.ClusterID, Under: spec.Delivery.Under,
	}
	spec.Delivery.Orphans = in.orphans(u)
	if spec.NeedsPhase() {
		spec.Delivery.Endpoints = in.Etcd.Places() // where the lock is taken
	}
	m, member := in.member[u.Name]
	switch {
	case spec.Etcd.Restore != nil: // whose data is there changes meanwhile
	case member && hasData(u):
		spec.Delivery.ExpectMemberID = m.ID.String()
	case !member && in.listsOurs() && (hasData(u) || in.begun(u)) && !u.Dying:
		spec.Delivery.AllowReset = true
		spec.Delivery.Endpoints = in.Etcd.Places()
		for _, m := range in.Etcd.Members {
			spec.Delivery.Members = append(spec.Delivery.Members, m.ID.String())
		}
	}
	return observation.Delivery{Unit: u.Name, Spec: spec}
}

// listsOurs says that the member list which is seen is the latched cluster's. While a snapshot is
// restored it may be the restored one's, of which nobody is removed who is not in it.
func (in *roster) listsOurs() bool {
	return in.Latch.ClusterID != "" && in.Etcd.Listed && in.Etcd.ClusterID.String() == in.Latch.ClusterID
}

// wordsTo is a delivery that brings the unit nothing but these words.
func (in *steps) wordsTo(u observation.Unit, s v1alpha1.StatusSpec) observation.Delivery {
	return observation.Delivery{Unit: u.Name, Spec: v1alpha1.EtcdUnitSpec{
		Unit: u.Name, Application: in.Application, ModelUUID: in.ModelUUID, Status: s,
		Delivery: v1alpha1.Delivery{Protocol: v1alpha1.Protocol, Epoch: in.epoch(), WordsOnly: true},
	}}
}

// hears says that the unit can take words now: its agent knows such deliveries, and nothing else is
// on its way to it. The pause after a delivery that failed is none for the application's words,
// which may be about that very failure. The unit shows that itself.
func (in *steps) hears(u observation.Unit) bool {
	if u.Facts == nil || u.Facts.Protocol < v1alpha1.ProtocolWords {
		return false
	}
	return in.unreachable(u) == "" && (u.LastWords == nil || !in.Now.Before(u.LastWords.NotBefore))
}

// wait is a Wait with a sentence.
func wait(format string, args ...any) Step {
	return Step{Kind: StepWait, Reason: fmt.Sprintf(format, args...)}
}

func (s Step) until(t time.Time) Step {
	s.Until = t
	return s
}

func (s Step) person() Step {
	s.Person = true
	return s
}

func times(n int) string {
	if n <= 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

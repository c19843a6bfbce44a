package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// check looks at one concern. It answers with an act, with a Wait, or with nothing (false).
type check struct {
	name string
	next func(*input) (Step, bool)
	// gate: a Wait of this check holds back everything after it.
	gate bool
	// calm: what this check does disturbs nobody, so that it may go on while an earlier check waits.
	calm bool
	// yields: a Wait of this check is told, but holds back nothing: what comes after may be what it waits for.
	yields bool
}

// checks are asked in this order.
var checks = []check{
	{name: "paused", next: paused, gate: true},
	{name: "nobody", next: nobody, gate: true},
	{name: "blind", next: blind, gate: true},
	{name: "standby", next: standby, gate: true},
	{name: "take-over", next: takeOver, gate: true},
	{name: "journal", next: unknownJournal, gate: true},
	{name: "exposure", next: expose, yields: true},
	{name: "closed", next: closed, gate: true},
	{name: "identity", next: identity, gate: true},
	{name: "endings", next: endings, yields: true},
	{name: "lost data", next: lostData},
	{name: "no quorum", next: noQuorum},
	{name: "change under way", next: finishChange},
	{name: "wiped member", next: wiped},
	{name: "half moved members", next: halfMoved},
	{name: "leaving units", next: leaving, yields: true},
	{name: "stale members", next: stale},
	{name: "occupied machines", next: clearMachines, yields: true},
	{name: "birth", next: birth, gate: true},
	{name: "preparation", next: prepareJoiners, calm: true},
	{name: "updates", next: update, calm: true},
	{name: "moved members", next: moved},
	{name: "growth", next: grow},
	{name: "restarts", next: restart},
	{name: "requests", next: requests, calm: true},
	{name: "procedures", next: proceed, calm: true},
}

// Next returns the one step that brings the cluster closer to what is wanted. False means that there is nothing to do and
// nothing to wait for. A step of kind Wait is not an act: its Reason says what is waited for, its Until when to look again
// at the latest (zero: when the world changes), and Person that only a person can end it.
//
// A Wait may have Words: deliveries that only tell why, and are handed out while it lasts.
func Next(o observation.Observation) (Step, bool) {
	in := newInput(o)
	step, gate, ok := in.decide()
	if ok && step.Kind == StepWait {
		step.Words = in.tell(step, gate)
	}
	return step, ok
}

// decide asks the checks. gate says that the Wait is one that holds back everything.
func (in *input) decide() (next Step, gate, ok bool) {
	var told *Step
	held := false
	for _, c := range checks {
		if held && !c.calm {
			continue
		}
		step, ok := c.next(in)
		if !ok {
			continue
		}
		if step.Kind != StepWait {
			step = in.permit(step)
		}
		if step.Kind != StepWait || c.gate {
			return step, c.gate, true
		}
		if told == nil {
			told = &step
		}
		held = held || !c.yields && !c.calm
	}
	if told == nil {
		return Step{}, false, false
	}
	return *told, false, true
}

// permit is what every act passes last: nothing blind, nothing while another disruption may run, nothing before its time,
// nothing before the claim. It returns the step, the claim that has to come first, or a Wait.
func (in *input) permit(s Step) Step {
	if s.Kind == StepClaim {
		return s
	}
	// An exposure is what ends a blindness.
	if len(in.Blind) > 0 && s.Kind != StepUpdate && s.Kind != StepExpose {
		return wait("Cannot %s before everything can be seen: %s", s.Kind.verb(), in.Blind[0])
	}
	if s.Disruptive() {
		for _, u := range in.Units {
			if u.Task.MayDisturb(in.Now.Add(min(0, u.Ahead()))) { // a unit whose clock is behind may begin so much later
				return wait("Cannot %s while %s may still run on %s.", s.Kind.verb(), u.Task, u.Name)
			}
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

func times(n int) string {
	if n <= 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// claimed says that this process holds the epoch.
func (in *input) claimed() bool {
	e := in.Latch.Epoch
	return e != nil && e.Holder == in.Self && e.Number == in.Claimed && in.Claimed != 0
}

// claim is the step that claims the epoch.
func (in *input) claim(reason string) Step {
	return in.latchStep(StepClaim, reason, in.nextEpoch(), v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: in.Latch.Epoch}})
}

// nextEpoch is the epoch that this process would claim.
func (in *input) nextEpoch() v1alpha1.Epoch {
	next := v1alpha1.Epoch{Number: 1, Holder: in.Self}
	if in.Latch.Epoch != nil {
		next.Number = in.Latch.Epoch.Number + 1
	}
	return next
}

// latchStep has the Juju leader's unit write the latch. The delivery asks for nothing else: it neither starts nor stops.
func (in *input) latchStep(kind StepKind, reason string, epoch v1alpha1.Epoch, request v1alpha1.LatchRequest) Step {
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

// uncertain says that it is not known what is on the unit's machine: the data of a member that is none of this cluster's, or was one, or
// what another unit has there.
// A claim must neither start that, nor stop it, nor set it aside.
func (in *input) uncertain(u observation.Unit) bool {
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

// deliverTo is a step for those of the units that can take a delivery now, or a Wait that says why none of them can.
func (in *input) deliverTo(kind StepKind, reason string, units []observation.Unit, spec func(observation.Unit) v1alpha1.EtcdUnitSpec) Step {
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

// names lists units for people.
func names(units []observation.Unit) string {
	list := make([]string, len(units))
	for i, u := range units {
		list[i] = u.Name
	}
	return strings.Join(list, ", ")
}

func filter(units []observation.Unit, keep func(observation.Unit) bool) []observation.Unit {
	return slices.DeleteFunc(slices.Clone(units), func(u observation.Unit) bool { return !keep(u) })
}

// verb says what a step of this kind does.
func (k StepKind) verb() string {
	if c, ok := changes[k]; ok {
		return c.verb
	}
	switch k {
	case StepClaim:
		return "claim the epoch"
	case StepPrepare:
		return "prepare units"
	case StepLatchSeeds:
		return "latch the seeds"
	case StepLatchCluster:
		return "latch the cluster ID"
	case StepLatchEnding:
		return "latch whether the cluster ends"
	case StepAnswer:
		return "answer a request"
	case StepJournal:
		return "write the journal"
	case StepStamp:
		return "stamp the cluster"
	case StepStart:
		return "start members"
	case StepExpose:
		return "expose etcd"
	case StepUpdate:
		return "update units"
	case StepRestart:
		return "restart a member"
	}
	return "wait"
}

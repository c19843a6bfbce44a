package planner

import (
	"slices"
	"strings"

	"jujuetcd.io/pkg/reconcile/observation"
)

// check looks at one concern. It answers with an act, with a Wait, or with nothing (false).
type check struct {
	name string
	next func(*Situation) (Step, bool)
	// gate: a Wait of this check holds back everything after it.
	gate bool
	// calm: what this check does disturbs nobody, so that it may go on while an earlier check waits.
	calm bool
	// sole: it is asked, too, while a phase is sole, in which etcd is stopped or may be another one.
	sole bool
	// yields: a Wait of this check is reported, but holds back nothing: what comes after may be what it waits for.
	yields bool
}

// checks are asked in this order.
var checks = []check{
	{name: "paused", next: paused, gate: true, sole: true},
	{name: "nobody", next: nobody, gate: true, sole: true},
	{name: "blind", next: blind, gate: true, sole: true},
	{name: "standby", next: (*Situation).standby, gate: true, sole: true},
	{name: "take-over", next: takeOver, gate: true, sole: true},
	{name: "journal", next: unknownJournal, gate: true, sole: true},
	{name: "exposure", next: expose, yields: true},
	{name: "closed", next: closed, gate: true},
	{name: "identity", next: (*Situation).identity, gate: true},
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
	{name: "updates", next: (*Situation).update, calm: true},
	{name: "moved members", next: moved},
	{name: "defragmentations", next: defragment, yields: true},
	{name: "growth", next: grow},
	{name: "restarts", next: restart},
	{name: "alarms", next: alarms, calm: true},
	{name: "snapshots", next: snapshots, calm: true},
	{name: "drills", next: rehearsal},
	{name: "requests", next: requests, calm: true, sole: true},
	{name: "procedures", next: proceed, calm: true, sole: true},
}

// Next returns the one step that brings the cluster closer to what is wanted. False means that there is nothing to do and
// nothing to wait for. A step of kind Wait is not an act: its Reason says what is waited for, its Until when to look again
// at the latest (zero: when the world changes), and Person that only a person can end it.
//
// A Wait may have Words: deliveries that only say why, and are handed out while it lasts.
func (in *Situation) Next() (Step, bool) {
	d := in.decided()
	step := d.step
	if d.pending && step.Kind == StepWait {
		step.Words = in.wordsOf(step, d.gate)
	}
	return step, d.pending
}

// decision is what the checks have answered. gate says that the Wait is one that holds back everything.
type decision struct {
	step          Step
	gate, pending bool
}

func (in *Situation) decided() decision {
	if in.decision == nil {
		step, gate, pending := in.decide()
		in.decision = &decision{step, gate, pending}
	}
	return *in.decision
}

// decide asks the checks.
func (in *Situation) decide() (next Step, gate, ok bool) {
	var first *Step
	held := false
	for _, c := range checks {
		if held && !c.calm || !c.sole && in.sole() {
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
		if first == nil {
			first = &step
		}
		held = held || !c.yields && !c.calm
	}
	if first == nil {
		return Step{}, false, false
	}
	return *first, false, true
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
	case StepDefragment:
		return "defragment a database"
	case StepHalt:
		return "halt members"
	case StepSnapshot:
		return "take a snapshot"
	case StepDrill:
		return "try a restore"
	}
	return "wait"
}

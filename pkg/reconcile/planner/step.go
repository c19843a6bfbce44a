package planner

import (
	"slices"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// StepKind names what a step does.
type StepKind string

// Steps. Those that are changes in etcd stand with them, in change.go.
const (
	// StepWait: nothing can be done before Until, or before the world changes.
	StepWait StepKind = "Wait"
	// StepClaim: claim the epoch, through the Juju leader's unit, before the first act.
	StepClaim StepKind = "ClaimEpoch"
	// StepPrepare: snap, TLS and files on units that have no member yet; nothing is started.
	StepPrepare StepKind = "PrepareUnits"
	// StepLatchSeeds and StepLatchCluster write the latch through the Juju leader's unit.
	StepLatchSeeds   StepKind = "LatchSeeds"
	StepLatchCluster StepKind = "LatchClusterID"
	// StepLatchEnding marks the latch of a cluster of which no unit stays, or takes the mark back;
	// StepAnswer writes into it that a person's request was seen to, which is all that is done for
	// it.
	StepLatchEnding StepKind = "LatchEnding"
	StepAnswer      StepKind = "AnswerRequest"
	// StepJournal writes an entry of the latch's journal, and StepStamp a stamp.
	StepJournal StepKind = "WriteJournal"
	StepStamp   StepKind = "Stamp"
	// StepStart: start etcd on units whose Initial is set.
	StepStart StepKind = "StartMembers"
	// StepHalt: stop members on purpose, for a phase of a procedure.
	StepHalt StepKind = "HaltMembers"
	// StepExpose: open etcd's port to us, where the policy allows it.
	StepExpose StepKind = "Expose"
	// StepUpdate: what needs no restart on running members: status, ports, clients' endpoints,
	// files that etcd reloads.
	StepUpdate StepKind = "UpdateUnits"
	// StepRestart: restart one member with its new configuration, behind the guard.
	StepRestart StepKind = "RestartMember"
	// StepDefragment: have one member defragment its database, behind the guard; it serves nobody
	// meanwhile.
	StepDefragment StepKind = "DefragmentMember"
	// StepSnapshot: have a unit take the snapshot of a schedule.
	StepSnapshot StepKind = "TakeSnapshot"
	// StepDrill: have a unit restore a snapshot for a trial, beside its member.
	StepDrill StepKind = "TryRestore"
)

// Step is one thing to do, with its reason. Exactly the fields that its kind needs are set.
type Step struct {
	Kind StepKind
	// Reason is a sentence for people: why now.
	Reason string
	// Units are the deliveries of a unit step; they go out at once.
	Units []observation.Delivery
	// Change is what a membership step does in etcd. Member and Unit are whom that, or a restart,
	// is about: the name that it has for people, and under which its attempts are counted.
	Change etcdops.Change
	Member etcdops.MemberID
	Unit   string
	// TakesBack is why Remove takes back a member that has not come to vote: its unit goes to the
	// end of the row, for JoinPause.
	TakesBack string
	// CIDRs are what Expose adds.
	CIDRs []string
	// Until is when a Wait is over at the latest; zero means when the world changes.
	Until time.Time
	// Person says that a Wait is over only when a person acts.
	Person bool
	// Words are handed out while a Wait lasts: deliveries that say why, and touch nothing. They are
	// no part of what is planned.
	Words []observation.Delivery
}

// Disruptive says that the step changes membership, stops a member, or has it stand still.
func (s Step) Disruptive() bool {
	halts := func(d observation.Delivery) bool { return d.Spec.NeedsPhase() }
	return s.Kind == StepRestart || s.Kind == StepDefragment || changes[s.Kind].disruptive || slices.ContainsFunc(s.Units, halts)
}

// Key names the step for counting attempts: its kind, and the member or unit it is about.
func (s Step) Key() string {
	switch {
	case s.Member != 0:
		return string(s.Kind) + " " + s.Member.String()
	case s.Unit != "":
		return string(s.Kind) + " " + s.Unit
	}
	return string(s.Kind)
}

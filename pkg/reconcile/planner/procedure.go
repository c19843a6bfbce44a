package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// A procedure is an operation of several phases. A phase says what units should be meanwhile; the
// ordinary checks bring them there, with their order, guards and waits; a gate proves that the
// phase is over. So a procedure has no loop, no retry and no second way to deliver. Which phase it
// is in stands in the latch's journal, and in nobody's memory: another daemon goes on where this
// one ended.

// procedure is one kind of operation: one row of procedures, in a file of its own.
type procedure struct {
	name string
	// action is the charm's that asks for it. begin says what the entry has to remember, or, with a
	// sentence, why there is nothing to begin and nothing to wait for. It is asked only where every
	// agent can take part.
	action string
	begin  func(in *journal, r v1alpha1.Request) (notes map[string]string, refusal string)
	// protocol is the first whose agents can take part.
	protocol int
	// restarts says that members are restarted one after the other: neither of two would be.
	restarts bool
	// urgent says that it may begin where nothing is settled, and puts aside what is under way.
	urgent bool
	// subjects are the units that it is about: without one of them nothing is ever proven. nil
	// where it is about none.
	subjects func(e v1alpha1.JournalEntry) []string
	phases   []phase
	// back is the way back, phase by phase, each with the name of the one that it undoes, and
	// mayBack why there is none (any more); empty where there is one.
	back    []phase
	mayBack func(in *journal, e v1alpha1.JournalEntry) (refusal string)
}

// phase is what holds until its gate is proven.
type phase struct {
	name string
	// spec changes what a unit should be meanwhile.
	spec func(in *journal, e v1alpha1.JournalEntry, u observation.Unit, s *v1alpha1.EtcdUnitSpec)
	// gate is what is still to be proven, as a sentence; empty if nothing is.
	gate func(in *journal, e v1alpha1.JournalEntry) string
	// rests says that a person has to go on when the gate is proven, and then is what for.
	rests bool
	then  string
	// full says that no unit joins meanwhile.
	full bool
	// sole says that etcd is stopped, or may be another one, meanwhile: the checks that judge
	// members by what etcd says are silent, and the phase hands out itself what units should be.
	sole bool
	// words are what is so when the gate is proven, in a status.
	words string
	// reborn is the identity that is latched with the write that leaves the phase forwards.
	reborn func(in *journal, e v1alpha1.JournalEntry) *v1alpha1.Rebirth
}

// procedures are all that this version knows. It is a function: a table would be initialized before
// the functions that reach it.
func procedures() []procedure { return append([]procedure{rotateCA(), restoreSnapshot()}, drills...) }

// drills are procedures that tests add, to hold the frame to what no operation asks of it yet.
var drills []procedure

// underway is an entry of the journal with what it means.
type underway struct {
	entry v1alpha1.JournalEntry
	of    procedure
	phase
	// next is the phase that follows; nil if this is the last.
	next *phase
}

// readJournal is what is under way; !ok if an entry is none that this version knows.
func readJournal(l v1alpha1.Latch) (all []underway, ok bool) {
	entries, err := l.Entries()
	if err != nil {
		return nil, false
	}
	for _, e := range entries {
		i := slices.IndexFunc(procedures(), func(p procedure) bool { return p.name == e.Procedure })
		if i < 0 {
			return nil, false
		}
		r := underway{entry: e, of: procedures()[i]}
		phases := r.of.phases
		if e.Back {
			phases = r.of.back
		}
		at := slices.IndexFunc(phases, func(p phase) bool { return p.name == e.Phase })
		if at < 0 {
			return nil, false
		}
		if r.phase = phases[at]; at+1 < len(phases) {
			r.next = &phases[at+1]
		}
		all = append(all, r)
	}
	return all, true
}

// underProcedures applies what the phases under way want of a unit, the one that began first first.
func (in *journal) underProcedures(u observation.Unit, s *v1alpha1.EtcdUnitSpec) {
	for _, r := range in.underway {
		if r.phase.spec == nil {
			continue
		}
		halted := s.NeedsPhase()
		if r.phase.spec(in, r.entry, u, s); s.NeedsPhase() && !halted {
			s.Delivery.Under = r.entry.At()
		}
	}
}

// top is what is worked on: what has begun last, until it is over. Those below it rest, or were put
// aside.
func (in *journal) top() (underway, bool) {
	if len(in.underway) == 0 {
		return underway{}, false
	}
	return in.underway[len(in.underway)-1], true
}

// sole says that the checks that judge members by what etcd says are silent now.
func (in *journal) sole() bool {
	r, ok := in.top()
	return ok && r.phase.sole
}

// proceed is the last of the checks: a phase whose gate is proven is followed by the next one, or
// by a person's word.
func proceed(in *Situation) (Step, bool) {
	if r, ok := in.top(); ok {
		if r.entry.Since.After(in.Now.Add(clocksAlike)) {
			return in.journalStep(r, in.entered(r.entry, r.entry.Phase, r.entry.Back),
				fmt.Sprintf("%s of task %s entered phase %s in the future: its time begins anew.", r.of.name, r.entry.ID, r.entry.Phase), nil), true
		}
		if step, due := in.bereft(r); due {
			return step, true
		}
		if step, due := in.handOut(r); due {
			return step, true
		}
		switch why := r.proven(in.journal); {
		case why != "":
			if units := in.owingProof(); len(units) > 0 {
				return in.deliverTo(StepUpdate, in.differences(units), units, in.specOf), true
			}
			return wait("%s of task %s goes on until %s: %s.", r.of.name, r.entry.ID, r.words, strings.TrimRight(why, ".")).
				until(in.Now.Add(proofPause)), true
		case !r.rests:
			step := in.journalStep(r, in.after(r), fmt.Sprintf("%s of task %s: phase %s is over.", r.of.name, r.entry.ID, r.entry.Phase), nil)
			if r.phase.reborn != nil && step.Kind == StepJournal {
				step.Units[0].Spec.Latch.Rebirth = r.phase.reborn(in.journal, r.entry)
			}
			return step, true
		default:
			return wait("%s", r.resting(in.Application)).person(), true
		}
	}
	return Step{}, false
}

// bereft takes the way back where a unit that the procedure is about has vanished, or waits for a
// person where there is none.
func (in *orders) bereft(r underway) (Step, bool) {
	if r.of.subjects == nil || r.entry.Back {
		return Step{}, false
	}
	for _, name := range r.of.subjects(r.entry) {
		if slices.ContainsFunc(in.Units, func(u observation.Unit) bool { return u.Name == name }) {
			continue
		}
		reason := fmt.Sprintf("%s of task %s is about %s, which Juju does not show any more", r.of.name, r.entry.ID, name)
		if why := r.of.mayBack(in.journal, r.entry); why != "" {
			return wait("%s, and it cannot go back: %s.", reason, why).person(), true
		}
		return in.journalStep(r, in.entered(r.entry, r.entry.Phase, true), reason+": it goes back.", nil), true
	}
	return Step{}, false
}

// outOfReach says that nothing can be handed to the unit, for as long as nobody knows: what that means
// for a sole phase is its gate's business.
func outOfReach(u observation.Unit) bool { return u.Lost || u.Failed }

// handOut hands out what units should be in a sole phase, in which no other check does.
func (in *steps) handOut(r underway) (Step, bool) {
	if !r.phase.sole {
		return Step{}, false
	}
	old := filter(in.alive(), func(u observation.Unit) bool { return u.Facts != nil && !taken(u) && !outOfReach(u) && !in.applied(u) })
	if len(old) == 0 {
		return Step{}, false
	}
	step := in.deliverTo(StepUpdate, in.differences(old), old, in.specOf)
	if step.Kind != StepWait && step.Disruptive() {
		step.Kind, step.Reason = StepHalt, fmt.Sprintf("%s of task %s: phase %s halts members.", r.of.name, r.entry.ID, r.entry.Phase)
		if slices.ContainsFunc(step.Units, func(d observation.Delivery) bool { return d.Spec.Etcd.Restore != nil }) {
			step.Reason = fmt.Sprintf("%s of task %s: phase %s changes whose data is in place.", r.of.name, r.entry.ID, r.entry.Phase)
		}
	}
	return step, true
}

// soaked is the gate of a phase that has to last: for that long nothing has happened to the
// members, as far as this daemon has looked.
func soaked(long time.Duration) func(in *journal, e v1alpha1.JournalEntry) string {
	return func(in *journal, e v1alpha1.JournalEntry) string {
		since := e.Since.Time
		for _, at := range []time.Time{in.History.StableSince, in.History.LastChange} {
			if at.After(since) {
				since = at
			}
		}
		if in.History.StableSince.IsZero() {
			return "not every voter is healthy under one leader"
		}
		if end := since.Add(long); in.Now.Before(end) {
			return "the members have to be left alone until " + end.UTC().Format(time.TimeOnly)
		}
		return ""
	}
}

// proofPause is how long is waited before a unit is asked again for what it has to prove, and
// before all is looked at again: a proof fails where etcd has only come up, the unit's next hook
// may be minutes away, and Juju does not report every databag that is written.
const proofPause = 10 * time.Second

// owingProof are the units that have applied what they should be, and have not proven what they
// should.
func (in *desired) owingProof() []observation.Unit {
	return filter(in.alive(), func(u observation.Unit) bool {
		m, member := in.member[u.Name]
		if !member || !in.serving(m) || u.Facts == nil || u.Facts.RestartPending || !in.applied(u) || proves(u, in.specOf(u).TLS) {
			return false
		}
		why, _ := in.blocked(u)
		return why == "" && (u.Last == nil || !in.Now.Before(u.Last.At.Add(proofPause)))
	})
}

// proves says that the unit has proven all that it should.
func proves(u observation.Unit, want v1alpha1.TLSSpec) bool {
	proof := v1alpha1.ProofFacts{}
	if p := u.Facts.Certificates.Proof; p != nil {
		proof = *p
	}
	return slices.Equal(proof.Serves, want.Leaves) && slices.Equal(proof.Accepts, want.Next)
}

// proven is the gate, and that clients have heard what changes for them.
func (r underway) proven(in *journal) string {
	if why := r.gate(in, r.entry); why != "" {
		return why
	}
	if step, due := in.awaitClients(r.news(), fmt.Sprintf("what %s changes for them", r.of.name)); due {
		return step.Reason
	}
	return ""
}

// news is the key under which it is remembered when clients were informed of what the phase changes
// for them.
func (r underway) news() string { return fmt.Sprintf("%s %s %s", r.of.name, r.entry.ID, r.entry.Phase) }

// resting is what a person has to do before it goes on.
func (r underway) resting(application string) string {
	return fmt.Sprintf("%s of task %s waits for you (%s): %s, then run: juju run %s/leader proceed", r.of.name, r.entry.ID, r.words, r.then, application)
}

// after is the entry in its next phase; nil where there is none.
func (in *journal) after(r underway) *v1alpha1.JournalEntry {
	if r.next == nil {
		return nil
	}
	return in.entered(r.entry, r.next.name, r.entry.Back)
}

// entered is the entry in another phase.
func (in *journal) entered(e v1alpha1.JournalEntry, phase string, back bool) *v1alpha1.JournalEntry {
	next := *e.DeepCopy()
	next.Phase, next.Back, next.Since = phase, back, metav1.NewTime(in.Now.UTC().Truncate(time.Second))
	return &next
}

// journalStep writes the entry of a procedure, and with it that a request was seen to. A phase that
// halts members is left when no halt may still run: the unit reads the latch once, when it begins.
func (in *orders) journalStep(r underway, to *v1alpha1.JournalEntry, reason string, handled map[string]int64) Step {
	if r.phase.sole {
		if w, held := in.disturbed(Step{Kind: StepJournal}); held {
			return w
		}
	}
	return in.latchStep(StepJournal, reason, in.epoch(), v1alpha1.LatchRequest{Handled: handled,
		Journal: &v1alpha1.JournalRequest{ID: r.entry.ID, From: r.entry.Seq, To: to}})
}

// passedOver says that the unit would join, and is handed nothing because of what is under way.
func (in *journal) passedOver(u observation.Unit) bool {
	_, member := in.member[u.Name]
	return !member && in.holdsJoiners()
}

// holdsJoiners says that a unit that would join is held up by what is under way.
func (in *journal) holdsJoiners() bool {
	return slices.ContainsFunc(in.underway, func(r underway) bool { return r.full })
}

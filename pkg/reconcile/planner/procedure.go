package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// A procedure is an operation of several phases. A phase says what units should be meanwhile; the ordinary checks bring them there, with
// their order, guards and waits; a gate proves that the phase is over. So a procedure has no loop, no retry and no second way to deliver.
// Which phase it is in stands in the latch's journal, and in nobody's memory: another daemon goes on where this one ended.

// procedure is one kind of operation: one row of procedures, in a file of its own.
type procedure struct {
	name string
	// action is the charm's that asks for it. begin says what the entry has to remember, or, with a sentence, why there is nothing to begin
	// and nothing to wait for. It is asked only where every agent can take part.
	action string
	begin  func(in *input, r v1alpha1.Request) (notes map[string]string, refusal string)
	phases []phase
	// back is the way back, phase by phase, each with the name of the one that it undoes, and mayBack why there is none (any more); empty where there is one.
	back    []phase
	mayBack func(in *input, e v1alpha1.JournalEntry) (refusal string)
}

// phase is what holds until its gate is proven.
type phase struct {
	name string
	// spec changes what a unit should be meanwhile.
	spec func(in *input, e v1alpha1.JournalEntry, u observation.Unit, s *v1alpha1.EtcdUnitSpec)
	// gate is what is still to be proven, as a sentence; empty if nothing is.
	gate func(in *input, e v1alpha1.JournalEntry) string
	// rests says that a person has to go on when the gate is proven, and then is what for.
	rests bool
	then  string
	// full says that no unit joins meanwhile.
	full bool
	// words are what is so when the gate is proven, in a status.
	words string
}

// procedures are all that this version knows. It is a function: a table would be initialized before the functions that reach it.
func procedures() []procedure { return []procedure{rotateCA()} }

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
func (in *input) underProcedures(u observation.Unit, s *v1alpha1.EtcdUnitSpec) {
	for _, r := range in.journal {
		if r.phase.spec != nil {
			r.phase.spec(in, r.entry, u, s)
		}
	}
}

// proceed is the last of the checks: a phase whose gate is proven is followed by the next one, or by a person's word.
func proceed(in *input) (Step, bool) {
	for _, r := range slices.Backward(in.journal) {
		switch why := r.proven(in); {
		case why != "":
			if units := in.owingProof(); len(units) > 0 {
				return in.deliverTo(StepUpdate, in.differences(units), units, in.specOf), true
			}
			return wait("%s of task %s goes on until %s: %s.", r.of.name, r.entry.ID, r.words, strings.TrimRight(why, ".")).
				until(in.Now.Add(proofPause)), true
		case !r.rests:
			return in.journalStep(r, in.after(r), fmt.Sprintf("%s of task %s: phase %s is over.", r.of.name, r.entry.ID, r.entry.Phase), nil), true
		default:
			return wait("%s", r.resting(in.Application)).person(), true
		}
	}
	return Step{}, false
}

// proofPause is how long is waited before a unit is asked again for what it has to prove, and before all is looked at again: a proof fails
// where etcd has only come up, the unit's next hook may be minutes away, and Juju does not tell of every databag that is written.
const proofPause = 10 * time.Second

// owingProof are the units that have applied what they should be, and have not proven what they were told to.
func (in *input) owingProof() []observation.Unit {
	return filter(in.alive(), func(u observation.Unit) bool {
		m, member := in.member[u.Name]
		if !member || !in.serving(m) || u.Facts == nil || u.Facts.RestartPending || !in.applied(u) || proves(u, in.specOf(u).TLS) {
			return false
		}
		why, _ := in.blocked(u)
		return why == "" && (u.Last == nil || !in.Now.Before(u.Last.At.Add(proofPause)))
	})
}

// proves says that the unit has proven all that it was told to.
func proves(u observation.Unit, want v1alpha1.TLSSpec) bool {
	proof := v1alpha1.ProofFacts{}
	if p := u.Facts.Certificates.Proof; p != nil {
		proof = *p
	}
	return slices.Equal(proof.Serves, want.Leaves) && slices.Equal(proof.Accepts, want.Next)
}

// proven is the gate, and that clients have heard what changes for them.
func (r underway) proven(in *input) string {
	if why := r.gate(in, r.entry); why != "" {
		return why
	}
	if step, due := in.unheard(r.news(), fmt.Sprintf("what %s changes for them", r.of.name)); due {
		return step.Reason
	}
	return ""
}

// news is the key under which it is remembered when clients were told what the phase changes for them.
func (r underway) news() string { return fmt.Sprintf("%s %s %s", r.of.name, r.entry.ID, r.entry.Phase) }

// resting is what a person has to do before it goes on.
func (r underway) resting(application string) string {
	return fmt.Sprintf("%s of task %s waits for you (%s): %s, then run: juju run %s/leader proceed", r.of.name, r.entry.ID, r.words, r.then, application)
}

// after is the entry in its next phase; nil where there is none.
func (in *input) after(r underway) *v1alpha1.JournalEntry {
	if r.next == nil {
		return nil
	}
	return in.entered(r.entry, r.next.name, r.entry.Back)
}

// entered is the entry in another phase.
func (in *input) entered(e v1alpha1.JournalEntry, phase string, back bool) *v1alpha1.JournalEntry {
	next := *e.DeepCopy()
	next.Phase, next.Back, next.Since = phase, back, metav1.NewTime(in.Now.UTC().Truncate(time.Second))
	return &next
}

// journalStep writes the entry of a procedure, and with it that a request was seen to.
func (in *input) journalStep(r underway, to *v1alpha1.JournalEntry, reason string, handled map[string]int64) Step {
	return in.latchStep(StepJournal, reason, in.epoch(), v1alpha1.LatchRequest{Handled: handled,
		Journal: &v1alpha1.JournalRequest{ID: r.entry.ID, From: r.entry.Seq, To: to}})
}

// asking is a request that nobody has seen to yet.
type asking struct {
	unit    string
	request v1alpha1.Request
}

func (a asking) String() string {
	return fmt.Sprintf("Task %d of %s (%s)", a.request.Task, a.unit, a.request.Kind)
}

// askings are the requests of persons that concern a cluster that goes on, in Juju's order.
func (in *input) askings() []asking {
	var all []asking
	for _, u := range in.Units {
		if u.Facts == nil || u.Facts.Request == nil || u.Facts.Request.Task <= in.Latch.Handled[u.Name] || u.Facts.Request.Kind == v1alpha1.ActionBeginAnew {
			continue
		}
		all = append(all, asking{u.Name, *u.Facts.Request})
	}
	slices.SortFunc(all, func(a, b asking) int { return cmp.Compare(a.request.Task, b.request.Task) })
	return all
}

// requests sees to what persons have asked for, one at a time. What cannot be begun yet is told, and holds back nothing.
func requests(in *input) (Step, bool) {
	if in.Latch.ClusterID == "" || in.ended != nil {
		return Step{}, false
	}
	var told *Step
	for _, a := range in.askings() {
		step, ok := in.answer(a)
		switch {
		case !ok:
			continue
		case step.Kind != StepWait:
			return step, true
		case told == nil:
			told = &step
		}
	}
	if told != nil {
		return *told, true
	}
	return Step{}, false
}

// answer is what a request leads to: its procedure, another phase of one, a stamp, or that it is marked as seen to.
func (in *input) answer(a asking) (Step, bool) {
	handled := map[string]int64{a.unit: a.request.Task}
	unheeded := func(why string) Step { return in.dismissed(a, handled, why) }
	if why := in.heldUp(a); why != "" {
		return wait("%s", why).person(), true
	}
	switch a.request.Kind {
	case v1alpha1.ActionRestart:
		return in.stampStep(a, handled, v1alpha1.StampRestart), true
	case v1alpha1.ActionProceed, v1alpha1.ActionGoBack:
		r, ok := in.subject(a.request)
		if !ok {
			return unheeded("what it was asked for is over"), true
		}
		if a.request.Kind == v1alpha1.ActionGoBack {
			return in.goBack(a, r, unheeded), true
		}
		if !r.rests {
			return unheeded("it goes on by itself"), true
		}
		if why := r.proven(in); why != "" {
			return wait("%s takes effect later: %s.", a, strings.TrimRight(why, ".")), true
		}
		return in.journalStep(r, in.after(r), fmt.Sprintf("%s: phase %s is over.", a, r.entry.Phase), handled), true
	}
	p, _ := begunBy(a.request.Kind)
	return in.begin(p, a, handled, unheeded), true
}

// begunBy is the procedure that an action begins.
func begunBy(action string) (procedure, bool) {
	i := slices.IndexFunc(procedures(), func(p procedure) bool { return p.action == action })
	if i < 0 {
		return procedure{}, false
	}
	return procedures()[i], true
}

// heldUp is what a person has to do before the request can be seen to, as a sentence; empty if there is nothing. It is part of the
// application's words, so it must not ask for a step, which has those words in it.
func (in *input) heldUp(a asking) string {
	_, begins := begunBy(a.request.Kind)
	switch old := in.olderThan(v1alpha1.ProtocolProcedures); {
	case a.request.Kind == v1alpha1.ActionProceed, a.request.Kind == v1alpha1.ActionGoBack:
		return ""
	case !begins && a.request.Kind != v1alpha1.ActionRestart:
		return fmt.Sprintf("%s is not known to this version: a newer one sees to it.", a)
	case old != "":
		return fmt.Sprintf("%s waits for the agent of %s, which is older than this daemon: refresh the charm.", a, old)
	case begins && in.Etcd.Listed && len(in.Etcd.Voters()) == 2:
		// Neither of the two would be restarted, and while a phase is full no third one joins.
		return fmt.Sprintf("%s waits for a third member, because a restart of one of two stops the cluster: add a unit.", a)
	}
	return ""
}

// dismissed marks a request as seen to that leads to nothing. Why is told by the step, in the plan and in the events.
func (in *input) dismissed(a asking, handled map[string]int64, why string) Step {
	return in.latchStep(StepAnswer, fmt.Sprintf("%s changes nothing: %s.", a, why), in.epoch(), v1alpha1.LatchRequest{Handled: handled})
}

// stampStep raises a stamp to the number of the task that asks for it.
func (in *input) stampStep(a asking, handled map[string]int64, stamp string) Step {
	return in.latchStep(StepStamp, fmt.Sprintf("%s asks for a rolling %s.", a, stamp), in.epoch(),
		v1alpha1.LatchRequest{Handled: handled, Stamps: map[string]int64{stamp: a.request.Task}})
}

// begin begins a procedure, in a cluster that nothing else changes. Whether members are healthy is the gates' business: one that is down
// is waited for there.
func (in *input) begin(p procedure, a asking, handled map[string]int64, unheeded func(string) Step) Step {
	for _, r := range in.journal {
		if r.of.name == p.name {
			return unheeded(fmt.Sprintf("%s of task %s is under way", p.name, r.entry.ID))
		}
		return wait("%s waits for %s of task %s.", a, r.of.name, r.entry.ID)
	}
	if !in.Etcd.Listed {
		return wait("%s waits for a quorum.", a)
	}
	for _, m := range in.Etcd.Members {
		if u, ok := in.unitOf(m); m.Learner || !m.Started() || !ok || u.Dying {
			return wait("%s waits until %s is a member that stays, or none.", a, label(m))
		}
	}
	notes, refusal := p.begin(in, a.request)
	if refusal != "" {
		return unheeded(refusal)
	}
	e := v1alpha1.JournalEntry{Procedure: p.name, ID: strconv.FormatInt(a.request.Task, 10), Notes: notes}
	return in.journalStep(underway{entry: e}, in.entered(e, p.phases[0].name, false), fmt.Sprintf("%s begins %s.", a, p.name), handled)
}

// goBack takes the way back from where a procedure is.
func (in *input) goBack(a asking, r underway, unheeded func(string) Step) Step {
	if r.entry.Back {
		return unheeded("it goes back already")
	}
	if why := r.of.mayBack(in, r.entry); why != "" {
		return unheeded(why)
	}
	// A phase of the way back has the name of the one that it undoes: those that undo what was never begun are passed over.
	return in.journalStep(r, in.entered(r.entry, r.entry.Phase, true), fmt.Sprintf("%s goes back from phase %s.", a, r.entry.Phase),
		map[string]int64{a.unit: a.request.Task})
}

// subject is the procedure, in its phase, that a person's word was for.
func (in *input) subject(request v1alpha1.Request) (underway, bool) {
	i := slices.IndexFunc(in.journal, func(r underway) bool { return request.Subject == r.entry.Moment() })
	if i < 0 {
		return underway{}, false
	}
	return in.journal[i], true
}

// olderThan is a unit whose agent does not know what came with a protocol; empty if all do.
func (in *input) olderThan(protocol int) string {
	for _, u := range in.Units {
		if u.Facts != nil && u.Facts.Protocol < protocol {
			return u.Name
		}
	}
	return ""
}

// procedural tells what is under way, or rests, and what a person has asked for that waits for a person.
func (in *input) procedural() etcdops.Notice {
	var texts []string
	for _, r := range in.journal {
		switch {
		case r.rests && r.proven(in) == "":
			texts = append(texts, r.resting(in.Application))
		default:
			texts = append(texts, fmt.Sprintf("%s of task %s is under way, until %s", r.of.name, r.entry.ID, r.words))
		}
	}
	if in.Latch.ClusterID != "" && in.ended == nil {
		for _, a := range in.askings() {
			if why := in.heldUp(a); why != "" {
				texts = append(texts, strings.TrimRight(why, "."))
			}
		}
	}
	return etcdops.Notice{Text: strings.Join(texts, "; ")}
}

// passedOver says that the unit would join, and is handed nothing because of what is under way.
func (in *input) passedOver(u observation.Unit) bool {
	_, member := in.member[u.Name]
	return !member && in.holdsJoiners()
}

// holdsJoiners says that a unit that would join is held up by what is under way.
func (in *input) holdsJoiners() bool {
	return slices.ContainsFunc(in.journal, func(r underway) bool { return r.full })
}

package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// noteAside is where an entry remembers on top of what it has begun: what is put aside meanwhile,
// or rests.
const noteAside = "on top of"

// asking is a request that nobody has seen to yet.
type asking struct {
	unit    string
	request v1alpha1.Request
}

func (a asking) String() string {
	return fmt.Sprintf("Task %d of %s (%s)", a.request.Task, a.unit, a.request.Kind)
}

// askings are the requests of persons that concern a cluster that goes on, in Juju's order.
func (in *journal) askings() []asking {
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

// requests sees to what persons have asked for, one at a time. What cannot be begun yet is
// reported, and holds back nothing.
func requests(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || in.ended != nil {
		return Step{}, false
	}
	var first *Step
	for _, a := range in.askings() {
		step := in.answer(a)
		if step.Kind != StepWait {
			return step, true
		}
		if first == nil {
			first = &step
		}
	}
	if first != nil {
		return *first, true
	}
	return Step{}, false
}

// answer is what a request leads to: its procedure, another phase of one, a stamp, or that it is
// marked as seen to.
func (in *orders) answer(a asking) Step {
	handled := map[string]int64{a.unit: a.request.Task}
	unheeded := func(why string) Step { return in.dismissed(a, handled, why) }
	if why := in.heldUp(a); why != "" {
		return wait("%s", why).person()
	}
	switch a.request.Kind {
	case v1alpha1.ActionProceed, v1alpha1.ActionGoBack:
		r, ok := in.subject(a.request)
		if !ok {
			return unheeded("what it was asked for is over")
		}
		if a.request.Kind == v1alpha1.ActionGoBack {
			return in.goBack(a, r, unheeded)
		}
		if !r.rests {
			return unheeded("it goes on by itself")
		}
		if top, _ := in.top(); top.entry.ID != r.entry.ID {
			return wait("%s takes effect when %s of task %s is over.", a, top.of.name, top.entry.ID)
		}
		if why := r.proven(in.journal); why != "" {
			return wait("%s takes effect later: %s.", a, strings.TrimRight(why, "."))
		}
		return in.journalStep(r, in.after(r), fmt.Sprintf("%s: phase %s is over.", a, r.entry.Phase), handled)
	}
	if s, ok := raisedBy(a.request.Kind); ok {
		return in.raise(s, a, handled)
	}
	p, _ := begunBy(a.request.Kind)
	return in.begin(p, a, handled, unheeded)
}

// begunBy is the procedure that an action begins.
func begunBy(action string) (procedure, bool) {
	i := slices.IndexFunc(procedures(), func(p procedure) bool { return p.action == action })
	if i < 0 {
		return procedure{}, false
	}
	return procedures()[i], true
}

// heldUp is what a person has to do before the request can be seen to, as a sentence; empty if
// there is nothing. It is part of the application's words, so it must not ask for a step, which has
// those words in it.
func (in *journal) heldUp(a asking) string {
	p, begins := begunBy(a.request.Kind)
	s, raises := raisedBy(a.request.Kind)
	switch old := in.olderThan(max(p.protocol, s.protocol, v1alpha1.ProtocolProcedures)); {
	case a.request.Kind == v1alpha1.ActionProceed, a.request.Kind == v1alpha1.ActionGoBack:
		return ""
	case !begins && !raises:
		return fmt.Sprintf("%s is not known to this version: a newer one sees to it.", a)
	case old != "":
		return fmt.Sprintf("%s waits for the agent of %s, which is older than this daemon: refresh the charm.", a, old)
	case p.restarts && in.Etcd.Listed && len(in.Etcd.Voters()) == 2:
		// Neither of the two would be restarted, and while a phase is full no third one joins.
		return fmt.Sprintf("%s waits for a third member, because a restart of one of two stops the cluster: add a unit.", a)
	}
	return ""
}

// dismissed marks a request as seen to that leads to nothing. Why is said by the step, in the plan
// and in the events.
func (in *orders) dismissed(a asking, handled map[string]int64, why string) Step {
	return in.latchStep(StepAnswer, fmt.Sprintf("%s changes nothing: %s.", a, why), in.epoch(), v1alpha1.LatchRequest{Handled: handled})
}

// begin begins a procedure, in a cluster that nothing else changes. Whether members are healthy is
// the gates' business: one that is down is waited for there.
func (in *orders) begin(p procedure, a asking, handled map[string]int64, unheeded func(string) Step) Step {
	for _, r := range in.underway {
		if r.of.name == p.name {
			return unheeded(fmt.Sprintf("%s of task %s is under way", p.name, r.entry.ID))
		}
		if !p.urgent && (!r.rests || r.proven(in.journal) != "") {
			return wait("%s waits for %s of task %s.", a, r.of.name, r.entry.ID)
		}
	}
	if !in.Etcd.Listed && !p.urgent {
		return wait("%s waits for a quorum.", a)
	}
	for _, m := range in.Etcd.Members {
		if u, ok := in.unitOf(m); !p.urgent && (m.Learner || !m.Started() || !ok || u.Dying) {
			return wait("%s waits until %s is a member that stays, or none.", a, label(m))
		}
	}
	notes, refusal := p.begin(in.journal, a.request)
	if refusal != "" {
		return unheeded(refusal)
	}
	snapshot, without, due := in.before(a)
	if due {
		return snapshot
	}
	if without != "" {
		notes = maps.Clone(notes)
		if notes == nil {
			notes = map[string]string{}
		}
		notes[noteWithout] = without
	}
	if len(in.underway) > 0 {
		notes = maps.Clone(notes)
		if notes == nil {
			notes = map[string]string{}
		}
		notes[noteAside] = in.underway[len(in.underway)-1].entry.Moment()
	}
	e := v1alpha1.JournalEntry{Procedure: p.name, ID: strconv.FormatInt(a.request.Task, 10), Notes: notes}
	return in.journalStep(underway{entry: e}, in.entered(e, p.phases[0].name, false), fmt.Sprintf("%s begins %s.", a, p.name), handled)
}

// goBack takes the way back from where a procedure is.
func (in *orders) goBack(a asking, r underway, unheeded func(string) Step) Step {
	if r.entry.Back {
		return unheeded("it goes back already")
	}
	if why := r.of.mayBack(in.journal, r.entry); why != "" {
		return unheeded(why)
	}
	// A phase of the way back has the name of the one that it undoes: those that undo what was
	// never begun are passed over.
	return in.journalStep(r, in.entered(r.entry, r.entry.Phase, true), fmt.Sprintf("%s goes back from phase %s.", a, r.entry.Phase),
		map[string]int64{a.unit: a.request.Task})
}

// subject is the procedure, in its phase, that a person's word was for.
func (in *journal) subject(request v1alpha1.Request) (underway, bool) {
	i := slices.IndexFunc(in.underway, func(r underway) bool { return request.Subject == r.entry.Moment() })
	if i < 0 {
		return underway{}, false
	}
	return in.underway[i], true
}

// olderThan is a unit whose agent does not know what came with a protocol; empty if all do.
func (in *roster) olderThan(protocol int) string {
	for _, u := range in.Units {
		if u.Facts != nil && u.Facts.Protocol < protocol {
			return u.Name
		}
	}
	return ""
}

package planner

import (
	"fmt"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// procedureStatuses say what is under way, for a person who asks: more than a line of juju status
// has room for.
func (in *report) procedureStatuses() []v1alpha1.ProcedureStatus {
	entries, err := in.Latch.Entries()
	if err != nil {
		return nil // the plan begins with it
	}
	known := map[string]underway{}
	for _, r := range in.underway {
		known[r.entry.ID] = r
	}
	var all []v1alpha1.ProcedureStatus
	for _, e := range entries {
		s := v1alpha1.ProcedureStatus{Name: e.Procedure, ID: e.ID, Phase: e.Phase, Back: e.Back, Since: e.Since, WaitsForPerson: true,
			Message: "Nothing is done for it: a newer daemon has written the journal. Go on with that version."}
		if r, ok := known[e.ID]; ok {
			s.Message, s.WaitsForPerson = r.shown(in.journal)
		}
		all = append(all, s)
	}
	return all
}

// shown is where a procedure is: what the gate waits for, or what a person has to do, and whether
// it is that; and the way back.
func (r underway) shown(in *journal) (message string, person bool) {
	switch why := r.proven(in); {
	case why != "":
		message = fmt.Sprintf("It goes on until %s: %s.", r.words, strings.TrimRight(why, "."))
	case r.rests:
		message = fmt.Sprintf("%s %s, then run: juju run %s/leader proceed.", sentence(r.words), strings.TrimRight(sentence(r.then), "."), in.Application)
		person = true
	default:
		message = sentence(r.words)
	}
	if !r.entry.Back && r.of.mayBack(in, r.entry) == "" {
		message += fmt.Sprintf(" The way back is: juju run %s/leader go-back.", in.Application)
	}
	return message, person
}

package planner

import (
	"fmt"
	"strings"

	"jujuetcd.io/pkg/etcdops"
)

// stoppedWords are those of a unit in a sole phase: that its member is down is meant. They are the same
// from one phase to the next, so that words alone cost no deliveries.
func (r underway) stoppedWords() etcdops.Words {
	return etcdops.Words{State: etcdops.Maintenance, Message: fmt.Sprintf("stopped for %s of task %s", r.of.name, r.entry.ID)}
}

// soleWords are the application's in a sole phase: what is waited for is not how etcd is.
func (in *words) soleWords() etcdops.Words {
	r, _ := in.top()
	text := fmt.Sprintf("%s of task %s is under way, until %s", r.of.name, r.entry.ID, r.words)
	if why := r.proven(in.journal); why != "" {
		text += ": " + strings.TrimRight(why, ".")
	}
	return etcdops.Words{State: etcdops.Maintenance, Message: text}
}

// restsNow says that what is under way waits for a person.
func (r underway) restsNow(in *journal) bool { return r.rests && r.proven(in) == "" }

// awaited is what waits for a person. It stands before all else that there is to tell, which may be
// more than a line of juju status holds.
func (in *journal) awaited() etcdops.Notice {
	var texts []string
	for _, r := range in.underway {
		if r.restsNow(in) {
			texts = append(texts, r.resting(in.Application))
		}
	}
	return etcdops.Notice{Text: strings.Join(texts, "; ")}
}

// procedural says what is under way, and what a person has asked for that waits for a person.
func (in *journal) procedural() etcdops.Notice {
	var texts []string
	for _, r := range in.underway {
		if !r.restsNow(in) {
			texts = append(texts, fmt.Sprintf("%s of task %s is under way, until %s", r.of.name, r.entry.ID, r.words))
		}
		if why := r.entry.Notes[noteWithout]; why != "" {
			texts = append(texts, fmt.Sprintf("no snapshot was taken before %s of task %s: %s", r.of.name, r.entry.ID, why))
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

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

package planner

import (
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/etcdops"
)

// paused: the policy says that nothing is to be done.
func paused(in *Situation) (Step, bool) {
	if !in.Policy.Paused {
		return Step{}, false
	}
	return wait("The cluster is paused by its policy.").person(), true
}

// blind: without the latch nothing is known for certain. Other blind spots are judged by permit.
func blind(in *Situation) (Step, bool) {
	if in.LatchRead {
		return Step{}, false
	}
	if len(in.Blind) == 0 {
		return wait("No unit of %s has entered the peer relation yet, which holds the cluster's latch.", in.Application), true
	}
	return wait("The cluster's latch was not read: %s.", strings.Join(in.Blind, "; ")), true
}

// standby: another daemon, or a newer process of this one, holds the epoch. TakeOver is honoured
// once: a process that has been superseded does not claim again, so that two daemons do not take
// turns.
func (in *roster) standby() (Step, bool) {
	e := in.Latch.Epoch
	switch {
	case e == nil || in.claimed():
		return Step{}, false
	case e.Holder != in.Self && (!in.TakeOver || in.Claimed != 0):
		return wait("Another daemon (%s) leads this cluster since epoch %d; start this one with --take-over to replace it.",
			e.Holder, e.Number).person(), true
	case e.Holder == in.Self && in.Claimed != 0 && e.Number > in.Claimed:
		return wait("A newer process of this daemon leads this cluster since epoch %d.", e.Number).person(), true
	}
	return Step{}, false
}

// takeOver: who was told to replace the daemon that leads does so at once, though there may be
// nothing to do for long: until then the other one would go on, and nobody could see who leads.
func takeOver(in *Situation) (Step, bool) {
	e := in.Latch.Epoch
	if e == nil || e.Holder == in.Self || !in.TakeOver || in.Claimed != 0 {
		return Step{}, false
	}
	return in.claim(fmt.Sprintf("Another daemon (%s) leads this cluster since epoch %d, and this one was told to take over.",
		e.Holder, e.Number)), true
}

// unknownJournal: a daemon that knows more than this one has begun something with this cluster.
// What units should be meanwhile is known to it alone.
func unknownJournal(in *Situation) (Step, bool) {
	if _, ok := readJournal(in.Latch); ok {
		return Step{}, false
	}
	return wait("The cluster's journal has an entry that this version does not know: a newer daemon has begun a procedure. Nothing is done; " +
		"go on with that version.").person(), true
}

// closed: etcd cannot be reached from here, and no unit has reported how it is. Nothing is
// concluded from that, and nobody's status reports it: the units' own looks do.
func closed(in *Situation) (Step, bool) {
	if !in.unseen() {
		return Step{}, false
	}
	if in.doorless() {
		if step, due := in.handRequests(); due {
			return step, true
		}
		return wait("%s.", in.doorlessWords().Message), true
	}
	return wait("The client port of the units cannot be reached from here, and no unit has told yet how etcd is."), true
}

// nobody: there is no unit to do anything on, or none that stays. The last unit, and an application
// that is being removed, leave without a guard: there is nothing left to guard.
func nobody(in *Situation) (Step, bool) {
	switch {
	case in.ApplicationDying:
		return wait("Juju is removing the application."), true
	case len(in.alive()) == 0 && len(in.Units) == 0:
		return wait("The application has no units.").person(), true
	case len(in.alive()) == 0:
		if step, ok := in.last(); ok {
			return step, true
		}
		return wait("Juju is removing the last units: there is nothing left to guard."), true
	}
	return Step{}, false
}

// identity: one cluster ID, and the latched one. Anything else freezes the cluster until a person
// has looked.
func (in *roster) identity() (Step, bool) {
	ids := map[string]string{}
	order := []string{}
	replaced := in.replaced()
	note := func(id, where string) {
		if _, ok := ids[id]; id != "" && !ok && !slices.Contains(replaced, id) {
			ids[id] = where
			order = append(order, id)
		}
	}
	note(in.Latch.ClusterID, "the latch")
	for _, u := range in.Units {
		if hasData(u) {
			note(u.Facts.Member.ClusterID, "the data of "+u.Name)
		}
	}
	for _, id := range in.Etcd.ClusterIDs() {
		note(id.String(), endpointOf(in.Etcd, id))
	}
	if len(order) < 2 {
		return Step{}, false
	}
	return wait("Two different clusters are seen: %s by %s, and %s by %s. Nothing is done until a person has looked.",
		order[0], ids[order[0]], order[1], ids[order[1]]).person(), true
}

func endpointOf(v etcdops.View, id etcdops.ClusterID) string {
	found := ""
	for url, h := range v.Health {
		if h.ClusterID == id && (found == "" || url < found) {
			found = url
		}
	}
	if found == "" {
		return "the member list"
	}
	return found
}

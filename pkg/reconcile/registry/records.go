package registry

import (
	"slices"
	"strings"
	"time"
)

// Record is something that has happened with a cluster: a step with its reason, a delivery's end, what is waited for, a change
// of phase, trouble with Juju.
type Record struct {
	// At is when it happened last, First when it first did; Count is how often it did.
	At    time.Time `json:"at"`
	First time.Time `json:"first"`
	Count int       `json:"count"`
	// Kind is one of the kinds below.
	Kind string `json:"kind"`
	// Object is the cluster's name, a unit, several units, or a member.
	Object string `json:"object"`
	// Reason is a step's kind, an outcome, a phase; Message is a sentence for people.
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
}

// Kinds of records.
const (
	RecordStep       = "Step"       // was begun
	RecordStepDone   = "StepDone"   // a change of membership is made
	RecordStepFailed = "StepFailed" // it was not
	RecordDelivery   = "Delivery"   // a delivery to a unit has ended
	RecordWaiting    = "Waiting"    // nothing can be done before something else happens
	RecordSettled    = "Settled"    // there is nothing left to do
	RecordPhase      = "Phase"      // it has changed
	RecordJuju       = "Juju"       // it cannot be worked with, or can again
)

// maxRecords is how many are kept of a cluster.
const maxRecords = 64

// Note files what has happened with a cluster. What is like an earlier record is counted there; the oldest ones are dropped.
func (r *Registry) Note(cluster Ref, n Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n.At = r.now()
	n.First, n.Count = n.At, 1
	list := r.records[cluster]
	alike := func(o Record) bool {
		return o.Kind == n.Kind && o.Object == n.Object && o.Reason == n.Reason && o.Message == n.Message
	}
	if i := slices.IndexFunc(list, alike); i >= 0 {
		n.First, n.Count = list[i].First, list[i].Count+1
		list = slices.Delete(list, i, i+1)
	}
	list = append(list, n)
	r.records[cluster] = list[max(0, len(list)-maxRecords):]
}

// Records are copies of what has happened with the cluster or the unit, oldest first.
func (r *Registry) Records(ref Ref) []Record {
	application, _, unit := strings.Cut(ref.Name, "/")
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.records[Ref{ref.Model, application}])
	if !unit {
		return list
	}
	return slices.DeleteFunc(list, func(n Record) bool { return !slices.Contains(strings.Split(n.Object, ", "), ref.Name) })
}

package v1alpha1

import (
	"fmt"
	"maps"
	"reflect"
)

// Ending marks the latch of a cluster of which Juju keeps no unit: what units come after it may
// begin anew. It is written while the last ones leave, because nobody can tell afterwards whether
// they were removed or are only not seen.
type Ending struct {
	// ClusterID and Token are the latched ones; the mark counts for no other cluster. Before a
	// quorum has reported the ID it is empty.
	ClusterID string `json:"clusterID,omitempty"`
	Token     string `json:"token,omitempty"`
	// Endpoints are the client URLs where its members were last: one that still answers is no
	// cluster that has ended.
	Endpoints []string `json:"endpoints,omitempty"`
}

// EndingRequest marks the latch, or takes the mark back. It is granted only for the cluster that is
// latched.
type EndingRequest struct {
	Ending `json:",inline"`
	// Stays takes the mark back: a unit that stays is a member.
	Stays bool `json:"stays,omitempty"`
}

// Request is what a person has asked for by an action of a unit that needs more than this unit: the
// daemon does it, and says in the latch (handled) which task of which unit was the last that it has
// seen to.
type Request struct {
	// Task is Juju's number of the action.
	Task int64 `json:"task"`
	// Kind is the action, and Subject what it is to be done with.
	Kind    string `json:"kind"`
	Subject string `json:"subject,omitempty"`
}

// Ends says that the latched cluster is marked as one of which no unit stays.
func (l Latch) Ends() bool {
	return l.Ending != nil && l.Ending.ClusterID == l.ClusterID && l.Ending.Token == l.Token()
}

// Token is that of the latched seeds; empty where there are none, as in a cluster that was taken
// over.
func (l Latch) Token() string {
	if l.Seeds == nil {
		return ""
	}
	return l.Seeds.Token
}

// marked is the latch with the mark, or without it.
func (l Latch) marked(r EndingRequest) (Latch, error) {
	if r.ClusterID != l.ClusterID || r.Token != l.Token() {
		return l, fmt.Errorf("cannot latch whether cluster %q ends: %q is latched", r.ClusterID, l.ClusterID)
	}
	l.Ending = nil
	if !r.Stays {
		l.Ending = r.Ending.DeepCopy()
	}
	return l, nil
}

// handle is the latch with the tasks that have been seen to; no number goes down.
func (l Latch) handle(tasks map[string]int64) Latch {
	l.Handled = raised(l.Handled, tasks)
	return l
}

// raised are the numbers with those that are higher than before; none goes down.
func raised(have, to map[string]int64) map[string]int64 {
	all := maps.Clone(have)
	if all == nil {
		all = map[string]int64{}
	}
	for name, number := range to {
		all[name] = max(all[name], number)
	}
	return all
}

// OnlyClaims says that the request asks for nothing but the epoch.
func (r LatchRequest) OnlyClaims() bool { return reflect.DeepEqual(r, LatchRequest{Claim: r.Claim}) }

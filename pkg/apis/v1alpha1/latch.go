package v1alpha1

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Keys of the peer relation's application databag.
const (
	LatchSeedsKey     = "seeds"
	LatchClusterIDKey = "cluster-id"
	LatchEpochKey     = "epoch"
	LatchJournalKey   = "journal"
)

// Latch is what a cluster remembers of itself: which members it was born from, its identity, and which daemon leads it. Only
// the Juju leader's unit can write it, in a reconcile that asks for it; every unit and the daemon read it.
type Latch struct {
	Seeds     *Seeds   `json:"seeds,omitempty"`
	ClusterID string   `json:"clusterID,omitempty"`
	Epoch     *Epoch   `json:"epoch,omitempty"`
	Journal   *Journal `json:"journal,omitempty"`
}

// Seeds are the members of the one static bootstrap.
type Seeds struct {
	Token   string `json:"token"`
	Members []Seed `json:"members"`
}

// Seed is one member of the static bootstrap.
type Seed struct {
	Unit    string `json:"unit"`
	Name    string `json:"name"`
	PeerURL string `json:"peerURL"`
}

// Epoch orders daemons, and the runs of one daemon.
type Epoch struct {
	Number int64 `json:"number"`
	// Holder is the daemon's stable identity.
	Holder string `json:"holder"`
}

// Journal holds only what looking at the world cannot tell afterwards.
type Journal struct {
	// Phase names the procedure under way, such as restore; empty means none.
	Phase string `json:"phase,omitempty"`
}

// LatchRequest asks for changes of the latch. A refused part refuses the whole delivery, and a delivery that is refused for
// another reason writes no part; with every other outcome, Failed among them, the latch is written.
type LatchRequest struct {
	// Claim sets the epoch to the delivery's, if it still is From.
	Claim *EpochClaim `json:"claim,omitempty"`
	// Seeds and ClusterID are written if absent; the same value again is a success, another one is refused.
	Seeds     *Seeds `json:"seeds,omitempty"`
	ClusterID string `json:"clusterID,omitempty"`
}

// EpochClaim is a compare-and-set on the epoch: From is what the daemon saw (nil: none).
type EpochClaim struct {
	From *Epoch `json:"from,omitempty"`
}

// Equal reports whether two seeds are the same, order included.
func (s *Seeds) Equal(o *Seeds) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.Token == o.Token && slices.Equal(s.Members, o.Members)
}

// Contains returns the seed of the unit.
func (s *Seeds) Contains(unit string) (Seed, bool) {
	if s == nil {
		return Seed{}, false
	}
	i := slices.IndexFunc(s.Members, func(m Seed) bool { return m.Unit == unit })
	if i < 0 {
		return Seed{}, false
	}
	return s.Members[i], true
}

// LatchFromDatabag reads the latch from the application databag. All faults are reported at once; a key that does not
// decode is left out of the result, and the caller must not act on a latch that came with an error.
func LatchFromDatabag(bag map[string]string) (Latch, error) {
	var l Latch
	var faults []error
	decode := func(key string, into any) bool {
		text := bag[key]
		if text == "" {
			return false
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			faults = append(faults, fmt.Errorf("cannot read %q of the cluster's latch: %w", key, err))
			return false
		}
		return true
	}
	if s := new(Seeds); decode(LatchSeedsKey, s) {
		l.Seeds = s
	}
	if e := new(Epoch); decode(LatchEpochKey, e) {
		l.Epoch = e
	}
	if j := new(Journal); decode(LatchJournalKey, j) {
		l.Journal = j
	}
	l.ClusterID = bag[LatchClusterIDKey]
	return l, errors.Join(faults...)
}

// Databag is the latch as the application databag holds it: only keys that are set.
func (l Latch) Databag() (map[string]string, error) {
	bag := map[string]string{}
	encode := func(key string, v any) error {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("cannot encode %q of the latch: %w", key, err)
		}
		bag[key] = string(text)
		return nil
	}
	var faults []error
	if l.Seeds != nil {
		faults = append(faults, encode(LatchSeedsKey, l.Seeds))
	}
	if l.Epoch != nil {
		faults = append(faults, encode(LatchEpochKey, l.Epoch))
	}
	if l.Journal != nil {
		faults = append(faults, encode(LatchJournalKey, l.Journal))
	}
	if l.ClusterID != "" {
		bag[LatchClusterIDKey] = l.ClusterID
	}
	return bag, errors.Join(faults...)
}

// Apply returns the latch after the request, or why the request cannot be granted. epoch is the delivery's. It is the one
// rule that the agent writes by and the simulation holds against.
func (l Latch) Apply(r LatchRequest, epoch Epoch) (Latch, error) {
	if r.Claim != nil {
		switch {
		case (l.Epoch == nil) != (r.Claim.From == nil), l.Epoch != nil && *l.Epoch != *r.Claim.From:
			return l, fmt.Errorf("cannot claim epoch %d: the latch has %s, the claim expects %s",
				epoch.Number, l.Epoch, r.Claim.From)
		case l.Epoch != nil && epoch.Number <= l.Epoch.Number:
			return l, fmt.Errorf("cannot claim epoch %d: it is not newer than %s", epoch.Number, l.Epoch)
		}
		l.Epoch = &epoch
	}
	if r.Seeds != nil {
		if l.Seeds != nil && !l.Seeds.Equal(r.Seeds) {
			return l, errors.New("cannot latch seeds: other seeds are latched")
		}
		l.Seeds = r.Seeds
	}
	if r.ClusterID != "" {
		if l.ClusterID != "" && l.ClusterID != r.ClusterID {
			return l, fmt.Errorf("cannot latch cluster ID %s: %s is latched", r.ClusterID, l.ClusterID)
		}
		l.ClusterID = r.ClusterID
	}
	return l, nil
}

// String tells the epoch's number and holder; nil is "none".
func (e *Epoch) String() string {
	if e == nil {
		return "none"
	}
	return fmt.Sprintf("%d of %s", e.Number, e.Holder)
}

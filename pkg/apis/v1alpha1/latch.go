package v1alpha1

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Latch is what a cluster remembers of itself: which members it was born from, its identity, and
// which daemon leads it. Only the Juju leader's unit can write it, in a reconcile that asks for it;
// every unit and the daemon read it.
type Latch struct {
	Seeds     *Seeds `json:"seeds,omitempty"`
	ClusterID string `json:"clusterID,omitempty"`
	Epoch     *Epoch `json:"epoch,omitempty"`
	// Journal is the text of the key as it stands there, whatever it says: who does not know it
	// must not refuse for it, and must not act beside it (see Entries).
	Journal string `json:"journal,omitempty"`
	// Ending marks a cluster of which no unit stays.
	Ending *Ending `json:"ending,omitempty"`
	// Handled is, by unit, the last request of a person's that was seen to.
	Handled map[string]int64 `json:"handled,omitempty"`
	// Stamps are, by what they are of, the tasks of the requests that raised them last: see
	// StampRestart.
	Stamps map[string]int64 `json:"stamps,omitempty"`
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

// LatchRequest asks for changes of the latch. A refused part refuses the whole delivery, and a
// delivery that is refused for another reason writes no part; with every other outcome, Failed
// among them, the latch is written.
type LatchRequest struct {
	// Claim sets the epoch to the delivery's, if it still is From.
	Claim *EpochClaim `json:"claim,omitempty"`
	// Seeds and ClusterID are written if absent; the same value again is a success, another one is
	// refused.
	Seeds     *Seeds `json:"seeds,omitempty"`
	ClusterID string `json:"clusterID,omitempty"`
	// Rebirth gives the cluster another identity; Seeds and ClusterID are unset beside it.
	Rebirth *Rebirth `json:"rebirth,omitempty"`
	// Ending marks the latch as that of a cluster which ends, or takes the mark back.
	Ending *EndingRequest `json:"ending,omitempty"`
	// Handled are, by unit, the tasks of requests that are seen to by this delivery.
	Handled map[string]int64 `json:"handled,omitempty"`
	// Journal writes one entry of the journal, and Stamps raises stamps.
	Journal *JournalRequest  `json:"journal,omitempty"`
	Stamps  map[string]int64 `json:"stamps,omitempty"`
}

// Rebirth is a compare-and-set on the cluster's identity: what the latch has must be FromSeeds and
// From, and becomes Seeds and To. Asked for again after it was granted it is a success, and takes
// nothing back that has been latched since.
type Rebirth struct {
	// FromSeeds and From are the seeds and the cluster ID that the daemon saw; nil and empty where
	// there were none.
	FromSeeds *Seeds `json:"fromSeeds,omitempty"`
	From      string `json:"from,omitempty"`
	// Seeds are the new ones; their token is another than the old ones', so that no old member
	// finds them.
	Seeds *Seeds `json:"seeds"`
	// To is the new cluster ID, other than From; empty while no quorum has reported it.
	To string `json:"to,omitempty"`
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

// LatchFromDatabag reads the latch from the application databag. All faults are reported at once; a
// key that does not decode is left out of the result, and the caller must not act on a latch that
// came with an error.
func LatchFromDatabag(bag map[string]string) (Latch, error) {
	var l Latch
	var faults []error
	decode := func(key string, into any) bool {
		text := bag[key]
		if text == "" {
			return false
		}
		err := json.Unmarshal([]byte(text), into)
		if err == nil && strings.TrimSpace(text) == "null" {
			err = errors.New("it is null") // which is neither absent nor a value
		}
		if err != nil {
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
	if e := new(Ending); decode(LatchEndingKey, e) {
		l.Ending = e
	}
	decode(LatchHandledKey, &l.Handled)
	decode(LatchStampsKey, &l.Stamps)
	l.ClusterID, l.Journal = bag[LatchClusterIDKey], bag[LatchJournalKey]
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
	if l.Ending != nil {
		faults = append(faults, encode(LatchEndingKey, l.Ending))
	}
	if len(l.Handled) > 0 {
		faults = append(faults, encode(LatchHandledKey, l.Handled))
	}
	if len(l.Stamps) > 0 {
		faults = append(faults, encode(LatchStampsKey, l.Stamps))
	}
	if l.ClusterID != "" {
		bag[LatchClusterIDKey] = l.ClusterID
	}
	if l.Journal != "" {
		bag[LatchJournalKey] = l.Journal
	}
	return bag, errors.Join(faults...)
}

// Apply returns the latch after the request, or why the request cannot be granted. epoch is the
// delivery's. It is the one rule that the agent writes by and the simulation holds against.
func (l Latch) Apply(r LatchRequest, epoch Epoch) (Latch, error) {
	if r.Claim != nil {
		switch {
		case (l.Epoch == nil) != (r.Claim.From == nil), l.Epoch != nil && *l.Epoch != *r.Claim.From:
			return l, fmt.Errorf("cannot claim epoch %d: the latch has %s, the claim expects %s",
				epoch.Number, l.Epoch, r.Claim.From)
		case l.Epoch != nil && epoch.Number <= l.Epoch.Number:
			return l, fmt.Errorf("cannot claim epoch %d: it is not newer than %s", epoch.Number, l.Epoch)
		case epoch.Number > l.Epoch.number()+MaxClaimStep:
			return l, fmt.Errorf("cannot claim epoch %d: the latch has %s, and a claim may go up by %d", epoch.Number, l.Epoch, MaxClaimStep)
		}
		l.Epoch = &epoch
	}
	if r.Ending != nil {
		var err error
		if l, err = l.marked(*r.Ending); err != nil {
			return l, err
		}
	}
	if r.Journal != nil {
		var err error
		if l, err = l.written(*r.Journal); err != nil {
			return l, err
		}
	}
	if len(r.Handled) > 0 {
		l = l.handle(r.Handled)
	}
	if len(r.Stamps) > 0 {
		l = l.stamped(r.Stamps)
	}
	if r.Rebirth != nil {
		if r.Seeds != nil || r.ClusterID != "" {
			return l, errors.New("cannot latch a new identity: seeds or a cluster ID are asked for beside it")
		}
		return l.reborn(*r.Rebirth)
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

// reborn is the latch with the new identity.
func (l Latch) reborn(r Rebirth) (Latch, error) {
	switch {
	case r.Seeds == nil || r.Seeds.Token == "" || len(r.Seeds.Members) == 0:
		return l, errors.New("cannot latch a new identity: it has no seeds")
	case r.FromSeeds != nil && r.FromSeeds.Token == r.Seeds.Token, r.To != "" && r.To == r.From:
		return l, errors.New("cannot latch a new identity: it is the old one")
	case l.Seeds.Equal(r.Seeds) && (r.To == "" || r.To == l.ClusterID):
		return l, nil // granted before
	case l.ClusterID != r.From:
		return l, fmt.Errorf("cannot latch a new identity in place of cluster %q: %q is latched", r.From, l.ClusterID)
	case !l.Seeds.Equal(r.FromSeeds):
		return l, errors.New("cannot latch a new identity: other seeds are latched than it is to replace")
	}
	l.Seeds, l.ClusterID, l.Ending = r.Seeds, r.To, nil
	return l, nil
}

// Writes are the keys of the databag that lead from the latch before a granted request to the one
// after it; an empty value takes a key away. What the request does not name is not among them, so
// that it stays as it is, byte for byte: another version may have written more into it than this
// one can read.
func (r LatchRequest) Writes(before, after Latch) (map[string]string, error) {
	bag, err := after.Databag()
	if err != nil {
		return nil, err
	}
	writes := map[string]string{}
	if r.Claim != nil && (before.Epoch == nil || *before.Epoch != *after.Epoch) {
		writes[LatchEpochKey] = bag[LatchEpochKey]
	}
	if (r.Seeds != nil || r.Rebirth != nil) && !before.Seeds.Equal(after.Seeds) {
		writes[LatchSeedsKey] = bag[LatchSeedsKey]
	}
	if (r.ClusterID != "" || r.Rebirth != nil) && before.ClusterID != after.ClusterID {
		writes[LatchClusterIDKey] = bag[LatchClusterIDKey]
	}
	if r.Ending != nil || r.Rebirth != nil && after.Ending == nil && before.Ending != nil {
		writes[LatchEndingKey] = bag[LatchEndingKey]
	}
	if len(r.Handled) > 0 {
		writes[LatchHandledKey] = bag[LatchHandledKey]
	}
	if r.Journal != nil && before.Journal != after.Journal {
		writes[LatchJournalKey] = bag[LatchJournalKey]
	}
	if len(r.Stamps) > 0 {
		writes[LatchStampsKey] = bag[LatchStampsKey]
	}
	return writes, nil
}

// number is the epoch's number; zero for none.
func (e *Epoch) number() int64 {
	if e == nil {
		return 0
	}
	return e.Number
}

// String reports the epoch's number and holder; nil is "none".
func (e *Epoch) String() string {
	if e == nil {
		return "none"
	}
	return fmt.Sprintf("%d of %s", e.Number, e.Holder)
}

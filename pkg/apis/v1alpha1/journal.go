package v1alpha1

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// JournalEntry is one procedure that is under way: an operation of several phases. It holds only what the world cannot tell.
type JournalEntry struct {
	// Procedure names the operation, and Phase where in it, or, if Back, where on its way back.
	Procedure string `json:"procedure"`
	Phase     string `json:"phase"`
	Back      bool   `json:"back,omitempty"`
	// ID is that of the request which began it: Juju's number of the task.
	ID string `json:"id"`
	// Seq counts the writes of the entry, from 1.
	Seq int64 `json:"seq"`
	// Since is when the phase began, by the daemon's clock.
	Since metav1.Time `json:"since"`
	// Notes are what the procedure has to remember: never a secret.
	Notes map[string]string `json:"notes,omitempty"`
}

// JournalRequest is a compare-and-set on one entry: what the journal has under ID must have the sequence number From, or not be there if that
// is zero, and becomes To, with the next number; nil takes the entry away. The same target again is a success.
type JournalRequest struct {
	ID   string        `json:"id"`
	From int64         `json:"from,omitempty"`
	To   *JournalEntry `json:"to,omitempty"`
}

// Entries are the procedures under way, the one that began first in front. An entry that this version cannot read is an error: a newer daemon
// has begun it.
func (l Latch) Entries() ([]JournalEntry, error) {
	texts, err := l.journal()
	if err != nil {
		return nil, err
	}
	var entries []JournalEntry
	for _, text := range texts {
		var e JournalEntry
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&e); err != nil || e.ID == "" || e.Procedure == "" {
			return nil, fmt.Errorf("cannot read an entry of the cluster's journal: %.80s", text)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// journal are the texts of the entries.
func (l Latch) journal() ([]json.RawMessage, error) {
	switch strings.TrimSpace(l.Journal) {
	case "", "null", "{}":
		return nil, nil
	}
	var texts []json.RawMessage
	if err := json.Unmarshal([]byte(l.Journal), &texts); err != nil {
		return nil, fmt.Errorf("cannot read the cluster's journal: %w", err)
	}
	return texts, nil
}

// written is the latch with the entry as the request wants it. The other entries stay as they are, byte for byte.
func (l Latch) written(r JournalRequest) (Latch, error) {
	texts, err := l.journal()
	if err != nil {
		return l, err
	}
	if r.ID == "" || r.To != nil && r.To.ID != r.ID {
		return l, errors.New("cannot write the journal: the entry has no ID, or another one")
	}
	i := slices.IndexFunc(texts, func(text json.RawMessage) bool {
		var e struct{ ID string }
		return json.Unmarshal(text, &e) == nil && e.ID == r.ID
	})
	var have JournalEntry
	if i >= 0 {
		if err := json.Unmarshal(texts[i], &have); err != nil {
			return l, fmt.Errorf("cannot read entry %s of the cluster's journal: %w", r.ID, err)
		}
	}
	switch {
	case i < 0 && r.To == nil:
		return l, nil // ended before
	case have.Seq != r.From:
		if r.To != nil && have.same(*r.To) && have.Seq == r.From+1 {
			return l, nil // written before
		}
		return l, fmt.Errorf("cannot write entry %s of the journal: it has number %d, and the request expects %d", r.ID, have.Seq, r.From)
	case r.To == nil:
		texts = slices.Delete(texts, i, i+1)
	default:
		to := *r.To.DeepCopy()
		to.Seq = r.From + 1
		text, err := json.Marshal(to)
		if err != nil {
			return l, fmt.Errorf("cannot encode entry %s of the journal: %w", r.ID, err)
		}
		if i < 0 {
			texts = append(texts, text)
		} else {
			texts[i] = text
		}
	}
	l.Journal = ""
	if len(texts) > 0 {
		text, err := json.Marshal(texts)
		if err != nil {
			return l, fmt.Errorf("cannot encode the cluster's journal: %w", err)
		}
		l.Journal = string(text)
	}
	return l, nil
}

// Moment names the entry in its phase: what a person's word is for, so that it counts for no later one.
func (e JournalEntry) Moment() string {
	if e.Back {
		return e.ID + "/back/" + e.Phase
	}
	return e.ID + "/" + e.Phase
}

// same says that two entries differ at most in their numbers.
func (e JournalEntry) same(o JournalEntry) bool {
	e.Seq, e.Since = o.Seq, o.Since
	return reflect.DeepEqual(e, o)
}

// stamped is the latch with the stamps of a request; a stamp's number does not go down.
func (l Latch) stamped(stamps map[string]int64) Latch {
	l.Stamps = raised(l.Stamps, stamps)
	return l
}

// StampRestart is the stamp of the rolling restart: every member whose process was started under an older one is restarted.
const StampRestart = "restart"

// StampDefrag is the stamp of a defragmentation: every member that has not done it since defragments its database.
const StampDefrag = "defrag"

// StampV2 is the stamp of the v2 API of one cluster: all its members serve it once the stamp is raised, by a restore of v2 keys. A cluster
// that takes its place, such as one that is restored from v3 keys, has none of those keys, and does not serve it.
func StampV2(clusterID string) string { return "v2/" + clusterID }

// LastMinorV2 is the last minor of etcd 3 that has the v2 API.
const LastMinorV2 = 5

// V2 says that the latched cluster serves the v2 API, which ends with etcd 3.5.
func (l Latch) V2() bool { return l.ClusterID != "" && l.Stamps[StampV2(l.ClusterID)] > 0 }

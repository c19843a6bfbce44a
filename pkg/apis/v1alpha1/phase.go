package v1alpha1

import (
	"encoding/json"
	"errors"
	"fmt"
)

// JournalPhase is one entry of the journal in one of its phases.
type JournalPhase struct {
	// ID is the entry's.
	ID string `json:"id"`
	// Phase is where in its procedure it is, or, if Back, where on its way back.
	Phase string `json:"phase"`
	Back  bool   `json:"back,omitempty"`
}

// At is the phase that the entry is in.
func (e JournalEntry) At() *JournalPhase {
	return &JournalPhase{ID: e.ID, Phase: e.Phase, Back: e.Back}
}

func (p JournalPhase) String() string {
	if p.Back {
		return fmt.Sprintf("%q on its way back", p.Phase)
	}
	return fmt.Sprintf("%q", p.Phase)
}

// NeedsPhase says that what is desired is permitted by a phase of a procedure alone: no guard of a
// single member could allow it. Delivery.Under names the phase.
func (s *EtcdUnitSpec) NeedsPhase() bool {
	return s.Service.State == ServiceHalted || s.Etcd.Restore != nil
}

// Permits says why nothing may be done under the phase; nil if the journal has that very entry, in
// that very phase and direction. Of the entries only what tells phases apart is read: a newer
// daemon may write more into them, and this one's agents carry its procedures out all the same.
func (l Latch) Permits(p *JournalPhase) error {
	if p == nil || p.ID == "" || p.Phase == "" {
		return errors.New("it was sent under no procedure's phase")
	}
	texts, err := l.journal()
	if err != nil {
		return err
	}
	var found []JournalPhase
	for _, text := range texts {
		var e JournalPhase
		if err := json.Unmarshal(text, &e); err != nil {
			return fmt.Errorf("cannot read an entry of the cluster's journal: %.80s", text)
		}
		if e.ID == p.ID {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 0:
		return fmt.Errorf("procedure %s, under which it was sent, is not under way", p.ID)
	case len(found) > 1:
		return fmt.Errorf("the cluster's journal has %d entries of procedure %s", len(found), p.ID)
	case found[0] != *p:
		return fmt.Errorf("procedure %s is in phase %s, and it was sent in phase %s", p.ID, found[0], p)
	}
	return nil
}

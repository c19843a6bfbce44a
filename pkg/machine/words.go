package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/durable"
)

// deliveredWords is what a delivery that brought words only has left: the words, and when they
// came, as the record reports it of a machine. It is no part of the record, which such a delivery
// must not touch: the machine may be another unit's, or hold what nobody knows.
type deliveredWords struct {
	Epoch  v1alpha1.Epoch      `json:"epoch"`
	Action int64               `json:"action"`
	Status v1alpha1.StatusSpec `json:"status"`
}

func (m *Machine) wordsPath() string { return filepath.Join(m.stateDir(), "told.json") }

func (m *Machine) loadWords() (deliveredWords, error) {
	var t deliveredWords
	text, err := os.ReadFile(m.wordsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return deliveredWords{}, fmt.Errorf("cannot read what the unit was told: %w", err)
	}
	return t, nil
}

// TakeWords takes in a delivery that brings words only: the unit keeps them, and shows them until
// the next delivery. Nothing else on the machine is touched.
func (m *Machine) TakeWords(_ context.Context, spec *v1alpha1.EtcdUnitSpec, s Situation) v1alpha1.EtcdUnitStatus {
	end := func(outcome v1alpha1.Outcome, reason, message string) v1alpha1.EtcdUnitStatus {
		return v1alpha1.EtcdUnitStatus{Outcome: outcome, Reason: reason, Message: message}
	}
	record, _, err := m.records(false)
	if err != nil {
		return end(v1alpha1.OutcomeFailed, v1alpha1.ReasonMachine, err.Error())
	}
	before, err := m.loadWords()
	if err != nil {
		m.log.Error(err, "Forgot what was told before") // the new words take their place
	}
	seen := Seen{Now: m.o.Now(), Unit: m.o.Unit, ModelUUID: m.o.ModelUUID, Record: record}
	if before.Epoch == spec.Delivery.Epoch {
		seen.Record.Epoch, seen.Record.Action = latest(record.Epoch, record.Action, before)
	}
	if r := AdmitWords(spec, s, seen); r != nil {
		return end(v1alpha1.OutcomeRefused, r.Reason, r.Message)
	}
	text, err := json.Marshal(deliveredWords{Epoch: spec.Delivery.Epoch, Action: s.Action, Status: spec.Status})
	if err == nil {
		err = m.disk.MkdirAll(m.stateDir(), 0o700)
	}
	if err == nil {
		_, err = m.disk.Write(durable.File{Path: m.wordsPath(), Data: text, Mode: 0o600})
	}
	if err != nil {
		return end(v1alpha1.OutcomeFailed, v1alpha1.ReasonMachine, fmt.Sprintf("cannot keep what the unit is told: %v", err))
	}
	return end(v1alpha1.OutcomeApplied, "", "")
}

// latest is what was delivered last within an epoch: a machine, or words.
func latest(epoch v1alpha1.Epoch, action int64, t deliveredWords) (v1alpha1.Epoch, int64) {
	if t.Epoch.Number > epoch.Number || t.Epoch == epoch && t.Action > action {
		return t.Epoch, t.Action
	}
	return epoch, action
}

// DeliveredWords are the words that came since anything was applied; nil if none were.
func (m *Machine) DeliveredWords() (*v1alpha1.StatusSpec, error) {
	record, _, err := m.records(false)
	if err != nil {
		return nil, err
	}
	t, err := m.loadWords()
	if err != nil || t.Action == 0 {
		return nil, err
	}
	if epoch, action := latest(record.Epoch, record.Action, t); epoch != t.Epoch || action != t.Action {
		return nil, nil
	}
	return &t.Status, nil
}

// AdmitWords says why a delivery that brings words only must be refused; nil if it may be taken. It
// is pure. Whose data is on the machine is not asked: that may be what the words are about.
func AdmitWords(spec *v1alpha1.EtcdUnitSpec, s Situation, seen Seen) *Refusal {
	for _, check := range []func(*v1alpha1.EtcdUnitSpec, Situation, Seen) *Refusal{
		admitAddress, admitWords, admitTime, admitEpoch, admitLatch,
	} {
		if r := check(spec, s, seen); r != nil {
			return r
		}
	}
	return nil
}

// admitWords holds the delivery against what one with words only may ask for.
func admitWords(spec *v1alpha1.EtcdUnitSpec, _ Situation, _ Seen) *Refusal {
	var faults []error
	if spec.Delivery.Epoch.Number < 1 || spec.Delivery.Epoch.Holder == "" {
		faults = append(faults, errors.New("delivery.epoch must have a number and a holder"))
	}
	if spec.Delivery.NotAfter.IsZero() {
		faults = append(faults, errors.New("delivery.notAfter must be set"))
	}
	if l := spec.Latch; l != nil && !l.OnlyClaims() {
		faults = append(faults, errors.New("latch may hold a claim only, with delivery.wordsOnly"))
	}
	if len(spec.Ops) > 0 {
		faults = append(faults, errors.New("ops must be unset with delivery.wordsOnly"))
	}
	if err := errors.Join(faults...); err != nil {
		return refuse(v1alpha1.ReasonBadSpec, "cannot tell the words: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

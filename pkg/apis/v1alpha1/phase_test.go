package v1alpha1_test

import (
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// TestAPhasePermitsWhileTheEntryIsInIt goes with an entry from its beginning to its end: what was
// sent under one phase is permitted in that one, and in no other.
func TestAPhasePermitsWhileTheEntryIsInIt(t *testing.T) {
	l := v1alpha1.Latch{Journal: `[{"procedure":"CA rotation","phase":"stop","id":"7","seq":3,"later":{"x":1}}]`}
	steps := []*v1alpha1.JournalEntry{
		{Procedure: "restore", ID: "9", Phase: "stop"}, {Procedure: "restore", ID: "9", Phase: "begin"},
		{Procedure: "restore", ID: "9", Phase: "stop", Back: true}, nil,
	}
	allows := func(when string, p *v1alpha1.JournalPhase, want bool) {
		t.Helper()
		if err := l.Permits(p); (err == nil) != want {
			t.Errorf("%s, under %+v: %v, want it to be permitted: %t; %s", when, p, err, want, l.Journal)
		}
	}
	for i, to := range steps {
		for _, e := range steps[:3] {
			allows("before it is written", e.At(), i > 0 && *e.At() == *steps[i-1].At())
		}
		var err error
		l, err = l.Apply(v1alpha1.LatchRequest{Journal: &v1alpha1.JournalRequest{ID: "9", From: int64(i), To: to}}, epoch1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range steps[:3] {
			allows("after it is written", e.At(), to != nil && *e.At() == *to.At())
		}
		allows("of another procedure", &v1alpha1.JournalPhase{ID: "7", Phase: "stop"}, true)
		allows("under nothing", nil, false)
	}
	for journal, p := range map[string]v1alpha1.JournalPhase{
		"":                               {ID: "9", Phase: "stop"},
		"null":                           {ID: "9", Phase: "stop"},
		`[{"phase":"stop"}]`:             {Phase: "stop"},
		`[{"id":"9"}]`:                   {ID: "9"},
		`[null,{"id":"9","phase":"go"}]`: {ID: "9", Phase: "stop"},
		`[7,{"id":"9","phase":"stop"}]`:  {ID: "9", Phase: "stop"},
		`{"id":"9","phase":"stop"}`:      {ID: "9", Phase: "stop"},
		`[{"id":"9","phase":"stop"},{"id":"9","phase":"stop"}]`: {ID: "9", Phase: "stop"},
	} {
		l.Journal = journal
		allows("odd", &p, false)
	}
}

// The phase is no part of the desired state, and the state is: a unit that was handed the same
// again has it, and one that is to be halted has not.
func TestAHaltIsDesiredAndItsPhaseIsNot(t *testing.T) {
	var s v1alpha1.EtcdUnitSpec
	s.Service.State = v1alpha1.ServiceRunning
	runs := s.Hash()
	if s.NeedsPhase() {
		t.Error("what runs needs a phase")
	}
	s.Service.State = v1alpha1.ServiceHalted
	halted := s.Hash()
	s.Delivery.Under = &v1alpha1.JournalPhase{ID: "9", Phase: "stop"}
	if halted == runs || s.Hash() != halted || !s.NeedsPhase() {
		t.Errorf("runs %s, halted %s, under a phase %s, needs one: %t", runs, halted, s.Hash(), s.NeedsPhase())
	}
	s.Service.State, s.Etcd.Restore = v1alpha1.ServiceRunning, &v1alpha1.RestoreSpec{ID: "9"}
	if s.Hash() == runs || !s.NeedsPhase() {
		t.Error("a restore needs no phase")
	}
	over := s
	if over.Etcd.Restore = nil; s.ReadAtStart().Config != over.ReadAtStart().Config {
		t.Error("etcd is to be restarted when a restore is over")
	}
	if back := (v1alpha1.JournalPhase{Phase: "stop", Back: true}); !strings.Contains(back.String(), "on its way back") {
		t.Errorf("shown as %s", back)
	}
}

package simulation

import (
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// halt stops etcd and disables it, if the delivery says so: the journal permits it, or
// machine.Admit has refused it.
func (a *Agent) halt(spec *v1alpha1.EtcdUnitSpec) {
	if spec.Service.State != v1alpha1.ServiceHalted {
		return
	}
	a.sim.judgeHalt(a, spec)
	if a.process.up {
		a.sim.judgeOwn(a, "stops")
	}
	a.halted = true
	a.stop()
}

// judgeHalt is asked when a member is about to be halted.
func (s *Sim) judgeHalt(a *Agent, spec *v1alpha1.EtcdUnitSpec) {
	under := spec.Delivery.Under
	entries, err := a.unit.app.latch.Entries()
	if err != nil || under == nil || !slices.ContainsFunc(entries, func(e v1alpha1.JournalEntry) bool { return *e.At() == *under }) {
		s.violate("M7: %s is halted under %+v, and the journal is %q (%v)", a.unit.Name, under, a.unit.app.latch.Journal, err)
	}
}

// WriteJournal puts an entry into the application's journal, as a daemon of another version does:
// beside one of a procedure that it does not know the daemon does nothing.
func (s *Sim) WriteJournal(e v1alpha1.JournalEntry) { s.journal(e.ID, &e) }

// EndJournal takes the entry away.
func (s *Sim) EndJournal(id string) { s.journal(id, nil) }

func (s *Sim) journal(id string, to *v1alpha1.JournalEntry) {
	entries, err := s.latch.Entries()
	if err != nil {
		s.violate("the journal cannot be read: %v", err)
	}
	r := v1alpha1.LatchRequest{Journal: &v1alpha1.JournalRequest{ID: id, To: to}}
	for _, e := range entries {
		if e.ID == id {
			r.Journal.From = e.Seq
		}
	}
	next, err := s.latch.Apply(r, *s.latch.Epoch)
	if err != nil {
		s.violate("the journal cannot be written: %v", err)
		return
	}
	s.commitLatch(s.App, next, r)
}

// forgeHalt queues a delivery that halts the unit's member and must not.
func (s *Sim) forgeHalt(u *Unit, spec v1alpha1.EtcdUnitSpec, what Forged) bool {
	spec.Service.State = v1alpha1.ServiceHalted
	entries, err := u.app.latch.Entries()
	if err != nil || len(entries) == 0 && (what == HaltInOtherPhase || what == HaltOnWayBack) {
		return false
	}
	switch what {
	case HaltEnded:
		spec.Delivery.Under = &v1alpha1.JournalPhase{ID: "1", Phase: "stop"}
	case HaltInOtherPhase:
		spec.Delivery.Under = entries[0].At()
		spec.Delivery.Under.Phase += " the members"
	case HaltOnWayBack:
		spec.Delivery.Under = entries[0].At()
		spec.Delivery.Under.Back = !entries[0].Back
	}
	s.queue(u, spec)
	return true
}

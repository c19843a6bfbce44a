package planner

import (
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// What stands between a unit and its first delivery would be nowhere in juju status: a status comes
// with a delivery. So the reason of a Wait is reported by itself, in deliveries that bring words
// and touch nothing (v1alpha1.Delivery.WordsOnly).

// reportAfter is how long the same reason must stand before it is reported, unless only a person
// can end it: most waits of a birth are over within two polls of Juju (5 s each), and each word
// costs an action.
const reportAfter = 10 * time.Second

// longestWords bounds a reported sentence, in bytes: juju status shows one line a unit.
const longestWords = 300

// Held is what stands between the cluster and its next step, as a sentence; empty if nothing does.
// Who observes remembers since when it is the same.
func (in *Situation) Held() string {
	d := in.decided()
	if !d.pending || d.step.Kind != StepWait {
		return ""
	}
	return d.step.Reason
}

// wordsOf are the deliveries that say why nothing else is delivered. gate says that the wait holds
// back the updates of members, too, so that the application's status would stay what it was.
func (in *held) wordsOf(held Step, gate bool) []observation.Delivery {
	lasts := held.Person || in.History.Held.Reason == held.Reason && !in.Now.Before(in.History.Held.Since.Add(reportAfter))
	if !lasts || !in.LatchRead || in.ledByOthers() || in.ApplicationDying || len(in.alive()) == 0 {
		return nil
	}
	words := etcdops.HeldWords(held.Reason, held.Person, longestWords)
	var due []observation.Delivery
	for _, u := range in.alive() {
		if d, yes := in.wordsFor(u, text(words), held.Person, gate); yes {
			due = append(due, d)
		}
	}
	if len(due) == 0 || in.claimed() {
		return due
	}
	return in.claimInWords(due)
}

// ledByOthers says that another daemon, or a newer process of this one, says it.
func (in *held) ledByOthers() bool {
	_, others := in.standby()
	return others
}

// wordsFor is what is to be reported to the unit, if that is news to it.
func (in *held) wordsFor(u observation.Unit, words v1alpha1.StatusText, person, gate bool) (observation.Delivery, bool) {
	if !in.hears(u) {
		return observation.Delivery{}, false
	}
	var s v1alpha1.StatusSpec
	if in.awaitsFirst(u, person) && !in.speaksForItself(u) && !in.Now.Before(in.again(u)) {
		s.Unit = words
	}
	if u.Leader {
		s.Application = in.applicationHeld(u, words, person, gate)
	}
	news := s.Unit.State != "" && s.Unit != u.Shown || s.Application != nil && *s.Application != in.ApplicationStatus
	d := in.wordsTo(u, s)
	if !news || in.reported(u, d) {
		return observation.Delivery{}, false
	}
	return d, true
}

// awaitsFirst says that the unit shows nothing that a delivery brought, or nothing that is true any
// more: it was handed nothing yet, or its cluster is not born, and is held up.
func (in *held) awaitsFirst(u observation.Unit, person bool) bool {
	switch {
	case u.Facts.Applied == nil:
		return true
	case in.Latch.ClusterID != "":
		return false
	}
	return in.Latch.Seeds == nil || person
}

// speaksForItself says that the unit shows by itself what it lacks: what its certificate authority
// has yet to give, or a machine.
func (in *held) speaksForItself(u observation.Unit) bool {
	return taken(u) || !in.CA.Related || u.Facts.Certificates.Trouble != "" || etcdops.IsAboutAuthority(etcdops.Words(u.Shown))
}

// applicationHeld is the application's status while the cluster is held up; nil if an ordinary
// delivery brings it.
func (in *held) applicationHeld(leader observation.Unit, words v1alpha1.StatusText, person, gate bool) *v1alpha1.StatusText {
	switch {
	case in.Latch.ClusterID == "" && (in.Latch.Seeds == nil || person):
		// Before it is set for the first time Juju shows one of the units'.
		derived := slices.ContainsFunc(in.Units, func(u observation.Unit) bool { return u.Shown == in.ApplicationStatus })
		if derived && in.speaksForItself(leader) {
			return nil
		}
		return &words
	case in.Latch.ClusterID == "" || !gate && leader.Facts.Applied != nil && !in.passedOver(leader):
		return nil
	case !gate:
		// Whoever leads a cluster that has lost its members was handed nothing, and is handed
		// nothing: what the last one said would stay.
		sum := text(in.applicationWords())
		sum.Message = etcdops.OneLine(sum.Message, longestWords)
		return &sum
	case in.unseen():
		closed := text(in.applicationUnderAuthority(in.closedWords()))
		return &closed
	case in.Policy.Paused:
		// A pause is no trouble of etcd's, which goes on being looked at.
		paused := text(etcdops.WithNotices(in.applicationWords(), etcdops.Notice{Text: words.Message}))
		paused.Message = etcdops.OneLine(paused.Message, longestWords)
		return &paused
	}
	return &words
}

// reported says that the unit has taken these very words, so that what Juju shows is on its way, or
// is what the unit sees itself.
func (in *held) reported(u observation.Unit, d observation.Delivery) bool {
	return u.LastWords != nil && u.LastWords.Outcome == v1alpha1.OutcomeApplied && u.LastWords.Hash == d.Spec.Hash() && in.Now.Before(u.LastWords.At.Add(shownAgain))
}

// claimInWords claims the epoch, which comes before the first word as before every act, in a
// delivery that touches no machine: what is on the leader's may be what the words are about.
func (in *held) claimInWords(due []observation.Delivery) []observation.Delivery {
	leader, known := in.leader()
	if !known || !in.hears(leader) {
		return nil
	}
	d := in.wordsTo(leader, v1alpha1.StatusSpec{})
	if i := slices.IndexFunc(due, func(d observation.Delivery) bool { return d.Unit == leader.Name }); i >= 0 {
		d = due[i]
	}
	d.Spec.Delivery.Epoch = in.nextEpoch()
	d.Spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: in.Latch.Epoch}}
	return []observation.Delivery{d}
}

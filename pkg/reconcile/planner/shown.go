package planner

import (
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// shownGrace is how long a member has to serve before that is reported to its unit again: two polls
// of Juju (5 s each), so that a word that is on its way is seen first.
const shownGrace = 10 * time.Second

// shownAgain is how often at most the application's status is reported to the leader again: Juju's
// own interval of update-status.
const shownAgain = 5 * time.Minute

// statusDrifts are the units of which Juju shows an old word although they have applied the right
// one. A machine that boots is such a case: its first hook finds that etcd does not serve yet and
// says so, and the word that the unit was handed before the power went is the one that it should
// show now, so that its hash shows no difference.
func (in *desired) statusDrifts(u observation.Unit) bool {
	if !in.canShow(u) {
		return false
	}
	if in.clockIsOld(u) {
		return true
	}
	want := in.statusOf(u)
	return in.showsOldIllness(u, want.Unit) || want.Application != nil && in.showsOldSum(u, *want.Application)
}

// showsOldIllness says that the unit is shown ill while its member serves. It is handed the right
// words once for each time that the member has begun to serve: what the unit sees by itself later
// is its own truth, and is not argued with.
func (in *desired) showsOldIllness(u observation.Unit, want v1alpha1.StatusText) bool {
	due, ill := in.shownIll(u, want)
	return ill && !in.Now.Before(due) && (u.Last == nil || u.Last.At.Before(due))
}

// shownIll says that the unit is shown ill while its member serves, and from when on that is
// reported.
func (in *desired) shownIll(u observation.Unit, want v1alpha1.StatusText) (due time.Time, ill bool) {
	if etcdops.IsAboutTrouble(etcdops.Words(want)) || !etcdops.IsAboutTrouble(etcdops.Words(u.Shown)) {
		return time.Time{}, false
	}
	since := in.History.ServesSince[in.servesAt(u)]
	return since.Add(shownGrace), !since.IsZero()
}

// showsOldSum says that the application's status is another than what Juju's leader has applied:
// another unit led meanwhile, and reported what was then.
func (in *desired) showsOldSum(u observation.Unit, want v1alpha1.StatusText) bool {
	shown := in.ApplicationStatus
	// What was reported in words alone, while everything was held up, ends with that.
	inWords := u.Last != nil && u.LastWords != nil && u.LastWords.At.After(u.Last.At)
	return shown != want && shown.State != "" && (u.Last == nil || inWords || !in.Now.Before(u.Last.At.Add(shownAgain)))
}

package planner

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Clocks. A unit judges by its own clock whether a delivery is late, so that one that is off by
// minutes refuses what stops or starts its etcd for ever. That is reported, with whose clock it is.

const (
	// clocksAlike is how far clocks may be apart and be off alike: what a measure may be wrong by,
	// twice.
	clocksAlike = time.Minute
	// triesBeforeWords is how many deliveries in a row have to fail before that is reported: one or
	// two fail with a restart of an agent.
	triesBeforeWords = 3
)

// ourClockIsOff says that all units are off alike, and there are several: then the wrong clock is
// this daemon's.
func (in *roster) ourClockIsOff() (time.Duration, bool) {
	var first time.Duration
	n := 0
	for _, u := range in.alive() {
		switch {
		case u.Clock == nil:
			continue
		case !u.ClockIsOff():
			return 0, false
		case n == 0:
			first = u.Ahead()
		case (u.Ahead() - first).Abs() > clocksAlike:
			return 0, false
		}
		n++
	}
	return -first, n > 1
}

// clocks are sentences on clocks that are off.
func (in *words) clocks() []string {
	if ahead, ours := in.ourClockIsOff(); ours {
		return []string{fmt.Sprintf("The clock of the jujuetcd controller's machine is %s those of all units: set it; until then they refuse what stops or starts etcd.", apart(ahead))}
	}
	off := filter(in.alive(), observation.Unit.ClockIsOff)
	switch len(off) {
	case 0:
		return nil
	case 1:
		return []string{fmt.Sprintf("The clock of %s is %s the jujuetcd controller's: set it; until then the unit refuses what stops or starts its etcd.", off[0].Name, apart(off[0].Ahead()))}
	}
	// By how much is in each unit's own line.
	return []string{fmt.Sprintf("The clocks of %s are off by minutes: set them; until then these units refuse what stops or starts their etcd.", names(off))}
}

// clockNotice is what the unit shows of its clock beside health.
func (in *words) clockNotice(u observation.Unit) string {
	if _, ours := in.ourClockIsOff(); ours || !u.ClockIsOff() {
		return ""
	}
	return fmt.Sprintf("the clock of this machine is %s the jujuetcd controller's", apart(u.Ahead()))
}

// apart is a difference in whole minutes, with its direction.
func apart(ahead time.Duration) string {
	minutes, way := ahead.Abs().Round(time.Minute)/time.Minute, "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	return fmt.Sprintf("%d min %s", minutes, way)
}

// clockIsOld says that the unit's clock was off when it was looked at last, and that this is a
// while ago: only a delivery says when it is right again.
func (in *desired) clockIsOld(u observation.Unit) bool {
	return u.ClockIsOff() && !in.Now.Before(u.Clock.At.Add(shownAgain))
}

// taskNumber is in what Juju says of a task, and would make the same sentence another one each
// time.
var taskNumber = regexp.MustCompile(`\b(task) \d+`)

// undelivered are sentences on units that have not taken what they were handed, again and again.
func (in *words) undelivered() []string {
	var all []string
	for _, u := range in.alive() {
		r := u.Last
		if r == nil || r.Failures < triesBeforeWords || u.ClockIsOff() {
			continue
		}
		switch {
		case r.Outcome == v1alpha1.OutcomeApplied, r.Outcome == v1alpha1.OutcomeInProgress,
			r.Reason == v1alpha1.ReasonQuorumGuard, r.Reason == v1alpha1.ReasonLocked, r.Reason == v1alpha1.ReasonSnapInProgress:
			continue // under way, or waits for the others
		case r.Reason == v1alpha1.ReasonLate:
			all = append(all, fmt.Sprintf("%s refuses deliveries as late: its agent is busy for minutes, or its clock is off.", u.Name))
		default:
			why := taskNumber.ReplaceAllString(ending(*r), "$1")
			all = append(all, fmt.Sprintf("Deliveries to %s fail again and again: the last was %s.", u.Name, etcdops.OneLine(strings.TrimRight(why, "."), 160)))
		}
	}
	return all
}

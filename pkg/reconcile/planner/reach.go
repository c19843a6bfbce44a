package planner

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// blocked says why a unit cannot take a delivery now; empty means that it can. until is when that
// may be over by itself.
func (in *reach) blocked(u observation.Unit) (why string, until time.Time) {
	if why := in.unreachable(u); why != "" {
		return why, time.Time{}
	}
	if in.Now.Before(in.again(u)) {
		return fmt.Sprintf("the last delivery to %s was %s", u.Name, ending(*u.Last)), u.Last.NotBefore
	}
	return "", time.Time{}
}

// unreachable is why nothing at all can be delivered to the unit now, words included; empty if
// something can.
func (in *reach) unreachable(u observation.Unit) string {
	// What disturbs goes before, however long it takes: a delivery would wait behind it, and be
	// about what was there before.
	task := cmp.Or(u.Task, u.Disturbing())
	switch {
	case u.Dead:
		return u.Name + " has run its last hook"
	case !u.Provisioned:
		return u.Name + " is not provisioned yet"
	case u.Lost:
		return "Juju has lost contact with " + u.Name
	case u.Failed:
		return "a hook of " + u.Name + " has failed"
	case u.Facts == nil:
		return u.Name + " has not published facts yet"
	case task != nil && task.Running:
		return fmt.Sprintf("%s runs on %s", task, u.Name)
	case task != nil:
		return fmt.Sprintf("%s is pending on %s", task, u.Name)
	}
	return ""
}

// again is when the unit may be delivered to after how its last delivery has ended. What was in
// progress then, and has had its member begin to serve since, is asked after at once: the growing
// pauses are for as long as nothing is to be seen from here.
func (in *reach) again(u observation.Unit) time.Time {
	if u.Last == nil {
		return time.Time{}
	}
	if u.Last.Outcome == v1alpha1.OutcomeInProgress && u.Facts != nil && in.History.ServesSince[in.servesAt(u)].After(u.Last.At) {
		return time.Time{}
	}
	return u.Last.NotBefore
}

// ending says how a delivery ended, as part of a sentence.
func ending(r observation.Result) string {
	var text string
	switch r.Outcome {
	case v1alpha1.OutcomeApplied:
		return "applied"
	case v1alpha1.OutcomeInProgress:
		text = "begun and is in progress"
	case v1alpha1.OutcomeRefused:
		text = "refused"
	default:
		text = "not carried out"
	}
	switch {
	case r.Message != "":
		return text + ": " + strings.TrimRight(r.Message, ".")
	case r.Reason != "":
		return text + ": " + r.Reason
	}
	return text
}

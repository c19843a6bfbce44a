package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// A schedule of snapshots needs no memory: its times follow from the clock, and units publish for
// which of them they have taken one, or tried to. Whichever daemon looks asks for the same one, and
// for each time at most one is taken. Times that have passed while nobody looked are made up once.

// retries are when a snapshot is asked for again that could not be taken, after the time that it is
// for, on another unit if there is one; and after the last of them each retryEvery.
var retries = []time.Duration{2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute}

const retryEvery = time.Hour

// overdueGrace is how long after the second time that was missed in a row that is reported: an
// attempt takes up to v1alpha1.LongestScheduled, and the first retry comes after two minutes. It is one
// of retries, when who plans looks again.
const overdueGrace = 5 * time.Minute

// aheadGrace is by how much the clock of a daemon before this one may have been ahead. What was
// taken for a later time is of a clock that was wrong, and says nothing of whether one is due.
const aheadGrace = 5 * time.Minute

// timetable is the schedule of snapshots, and how far it is kept.
type timetable struct {
	*roster
	beat
}

// beat is where a schedule is.
type beat struct {
	of v1alpha1.Schedule
	// tick is the last time of the schedule; zero without one. attempt is the how manieth it is that
	// what it is for may be asked for, and retry when the next one comes.
	tick    time.Time
	attempt int32
	retry   time.Time
}

// schedule reads the policy, which was checked when it was read from its file.
func (in *roster) schedule() *timetable {
	return &timetable{in, in.beats(in.Policy.Snapshots.Schedule)}
}

// beats is where a schedule is now; the zero value without a cluster.
func (in *roster) beats(words string) beat {
	var b beat
	of, err := v1alpha1.ParseSchedule(words)
	if err != nil || in.Latch.ClusterID == "" {
		return b
	}
	b.of = of
	if b.tick = of.Last(in.Now); b.tick.IsZero() {
		return b
	}
	passed := in.Now.Sub(b.tick)
	for _, after := range retries {
		if passed < after {
			b.retry = b.tick.Add(after)
			return b
		}
		b.attempt++
	}
	hours := (passed - retries[len(retries)-1]) / retryEvery
	b.attempt += int32(hours)
	b.retry = b.tick.Add(retries[len(retries)-1] + (hours+1)*retryEvery)
	return b
}

// reportedAt is when it is reported that nothing follows what was done for a time: when two times have
// passed.
func (b beat) reportedAt(id string) time.Time {
	at, _ := v1alpha1.ParseTick(id)
	second := b.of.Next(b.of.Next(at))
	if second.IsZero() {
		return second
	}
	return second.Add(overdueGrace)
}

// newest is the snapshot of the latest time that any unit has taken, of those that are there, if
// asked so; nil if there is none.
func (in *timetable) newest(there bool) *v1alpha1.TakenSnapshot {
	return in.latest(func(s *v1alpha1.TakenSnapshot) bool { return !there || !s.Missing })
}

// kept is the one of the latest time for which nothing is to be done any more: with a store it is in
// there.
func (in *timetable) kept() *v1alpha1.TakenSnapshot {
	stored := in.store() != nil
	return in.latest(func(s *v1alpha1.TakenSnapshot) bool { return !stored || s.Stored != "" })
}

func (in *timetable) latest(counts func(*v1alpha1.TakenSnapshot) bool) *v1alpha1.TakenSnapshot {
	var best *v1alpha1.TakenSnapshot
	for _, u := range in.Units {
		if u.Facts == nil || u.Facts.Snapshots == nil || u.Facts.Snapshots.Last == nil {
			continue
		}
		last := u.Facts.Snapshots.Last
		at, known := v1alpha1.ParseTick(last.ID)
		if known && !at.After(in.Now.Add(aheadGrace)) && counts(last) && (best == nil || last.ID > best.ID) {
			best = last
		}
	}
	return best
}

// due says that there is no snapshot of the last time of the schedule yet.
func (in *timetable) due() bool {
	last := in.kept()
	return !in.tick.IsZero() && (last == nil || last.ID < v1alpha1.TickID(in.tick))
}

// failed is the last attempt that any unit has reported a fault of, and which unit that is; false if
// none, or if one was taken since.
func (in *timetable) failed() (tried v1alpha1.TriedSnapshot, by string, yes bool) {
	last := in.kept()
	for _, u := range in.Units {
		if u.Facts == nil || u.Facts.Snapshots == nil || u.Facts.Snapshots.Tried.Fault == "" {
			continue
		}
		t := u.Facts.Snapshots.Tried
		if last != nil && t.ID < last.ID || by != "" && cmp.Or(cmp.Compare(t.ID, tried.ID), cmp.Compare(t.Attempt, tried.Attempt)) <= 0 {
			continue
		}
		tried, by = t, u.Name
	}
	return tried, by, by != ""
}

// takers are the units that can be asked for a snapshot: members that vote and serve, the one that
// was asked the longest ago first, so that they do not all lie on one machine; not the leader, which
// has more to do, if there is another.
func (in *timetable) takers() []observation.Unit {
	units := filter(in.alive(), func(u observation.Unit) bool {
		m, member := in.member[u.Name]
		return member && in.canShow(u) && hasData(u) && in.serving(m) && u.Facts.Protocol >= in.scheduleProtocol()
	})
	leads := func(u observation.Unit) bool { return in.member[u.Name].ID == in.Etcd.Leader() }
	if len(units) > 1 {
		units = slices.DeleteFunc(units, leads)
	}
	slices.SortStableFunc(units, func(a, b observation.Unit) int { return cmp.Compare(lastTaken(a), lastTaken(b)) })
	return units
}

// lastTaken is the time of the unit's last snapshot; empty if there is none.
func lastTaken(u observation.Unit) string {
	if u.Facts.Snapshots == nil || u.Facts.Snapshots.Last == nil {
		return ""
	}
	return u.Facts.Snapshots.Last.ID
}

// overdue is why the schedule was not kept at two times in a row; empty if it was. Where none was
// ever taken nobody knows since when there is a schedule: then it is what two attempts say.
func (in *timetable) overdue() string {
	if in.tick.IsZero() {
		return ""
	}
	last := in.kept()
	tried, by, failed := in.failed()
	old := in.olderThan(in.scheduleProtocol())
	done := "taken"
	if in.store() != nil {
		done = "stored"
	}
	why := "none could be asked for"
	switch {
	case failed && (last == nil || tried.ID > last.ID):
		why = by + ": " + strings.TrimRight(tried.Fault, ".")
	case old != "" && len(in.takers()) == 0:
		why = "the agent of " + old + " is older than this daemon: refresh the charm"
	}
	if last == nil {
		if failed && tried.Attempt > 0 || old != "" && len(in.takers()) == 0 {
			return "No snapshot of the schedule could be " + done + " yet: " + why
		}
		return ""
	}
	if at := in.reportedAt(last.ID); at.IsZero() || in.Now.Before(at) {
		return ""
	}
	at, _ := v1alpha1.ParseTick(last.ID)
	return fmt.Sprintf("No snapshot of the schedule was %s since %s: %s", done, at.Format(time.RFC3339), why)
}

// wakes are when the schedule changes what is to be done, or reported.
func (in *timetable) wakes() []time.Time {
	if in.tick.IsZero() {
		return nil
	}
	times := []time.Time{in.of.Next(in.Now)}
	if in.due() {
		times = append(times, in.retry)
	}
	return times
}

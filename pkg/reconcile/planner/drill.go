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

// Restore drills follow a timetable as snapshots do: see timetable.go. A drill reads what the schedule has taken, and
// touches no data; but it needs room and time of a machine, so it is only for a cluster at rest.

// rehearsals is the timetable of restore drills, and how far it is kept.
type rehearsals struct {
	*timetable
	drill beat
}

// rehearse reads the policy. Without a schedule there is nothing to try.
func (in *roster) rehearse(schedule *timetable) *rehearsals {
	if schedule.tick.IsZero() {
		return &rehearsals{timetable: schedule}
	}
	return &rehearsals{schedule, in.beats(in.Policy.Snapshots.Drill)}
}

// drillsStore says that what is in the store is tried, and not what is on the units' disks.
func (in *rehearsals) drillsStore() bool { return in.drillFrom() == v1alpha1.DrillFromStore }

func (in *rehearsals) drillFrom() string {
	return cmp.Or(in.Policy.Snapshots.DrillFrom, v1alpha1.DrillFromUnit)
}

// newestStored is the snapshot of the latest time that is in the store, whoever has put it there.
func (in *rehearsals) newestStored() *v1alpha1.TakenSnapshot {
	return in.latest(func(s *v1alpha1.TakenSnapshot) bool { return s.Stored != "" })
}

// drillProtocol is what an agent must know to be asked for a drill.
func (in *rehearsals) drillProtocol() int {
	// An older agent would try what is on its disk, and that would pass for what was asked for.
	if in.drillsStore() {
		return v1alpha1.ProtocolDrillStored
	}
	return v1alpha1.ProtocolDrill
}

// lastDrill is the drill of the latest time that went well on any unit, of what is to be tried; nil if there is none.
func (in *rehearsals) lastDrill() *v1alpha1.DoneDrill {
	var best *v1alpha1.DoneDrill
	for _, u := range in.Units {
		if u.Facts == nil || u.Facts.Drill == nil || u.Facts.Drill.Last == nil {
			continue
		}
		last := u.Facts.Drill.Last
		at, known := v1alpha1.ParseTick(last.ID)
		if known && last.From() == in.drillFrom() && !at.After(in.Now.Add(aheadGrace)) && (best == nil || last.ID > best.ID) {
			best = last
		}
	}
	return best
}

// drillDue says that none has gone well for the last time.
func (in *rehearsals) drillDue() bool {
	last := in.lastDrill()
	return !in.drill.tick.IsZero() && (last == nil || last.ID < v1alpha1.TickID(in.drill.tick))
}

// failedDrill is the last attempt that a unit has reported a fault of, and which unit that is; false if none, or if
// one has gone well since.
func (in *rehearsals) failedDrill() (tried v1alpha1.TriedSnapshot, by string, yes bool) {
	last := in.lastDrill()
	for _, u := range in.Units {
		if u.Facts == nil || u.Facts.Drill == nil || u.Facts.Drill.Tried.Fault == "" {
			continue
		}
		t := u.Facts.Drill.Tried
		at, known := v1alpha1.ParseTick(t.ID)
		switch {
		case !known || u.Facts.Drill.TriedFrom() != in.drillFrom() || at.After(in.Now.Add(aheadGrace)) || last != nil && t.ID <= last.ID:
		case by != "" && cmp.Or(cmp.Compare(t.ID, tried.ID), cmp.Compare(t.Attempt, tried.Attempt)) <= 0:
		default:
			tried, by = t, u.Name
		}
	}
	return tried, by, by != ""
}

// drillers are the units that can be asked: voters that serve and have a snapshot of the schedule, the newest first;
// not the leader, which has more to do, if there is another. What is in the store any of them can try, those first that
// have taken none, or an older one: it must be of use where it was not taken.
func (in *rehearsals) drillers() []observation.Unit {
	stored := in.drillsStore()
	if stored && (in.store() == nil || in.newestStored() == nil) {
		return nil
	}
	units := filter(in.alive(), func(u observation.Unit) bool {
		m, member := in.member[u.Name]
		return member && in.canShow(u) && hasData(u) && in.serving(m) && u.Facts.Protocol >= in.drillProtocol() &&
			(stored || u.Facts.Snapshots != nil && u.Facts.Snapshots.Last != nil && !u.Facts.Snapshots.Last.Missing)
	})
	if len(units) > 1 {
		units = slices.DeleteFunc(units, func(u observation.Unit) bool { return in.member[u.Name].ID == in.Etcd.Leader() })
	}
	slices.SortStableFunc(units, func(a, b observation.Unit) int {
		if stored {
			a, b = b, a
		}
		return cmp.Compare(lastTaken(b), lastTaken(a))
	})
	return units
}

// drillFails is that the last drill has failed, or that there was none at two times in a row; empty if neither is so.
func (in *rehearsals) drillFails() string {
	if in.drill.tick.IsZero() {
		return ""
	}
	if tried, by, failed := in.failedDrill(); failed {
		at, _ := v1alpha1.ParseTick(tried.ID)
		of := at.Format(time.RFC3339)
		if in.drillsStore() {
			of += " from the store"
		}
		return fmt.Sprintf("The restore drill of %s has failed: %s: %s", of, by, strings.TrimRight(tried.Fault, "."))
	}
	why, forEver := in.noDrill()
	last := in.lastDrill()
	if last == nil {
		// Nobody knows since when there is a timetable.
		if forEver {
			return "No restore drill could be done yet: " + why
		}
		return ""
	}
	if at := in.drill.reportedAt(last.ID); at.IsZero() || in.Now.Before(at) {
		return ""
	}
	at, _ := v1alpha1.ParseTick(last.ID)
	return fmt.Sprintf("No restore drill was done since %s: %s", at.Format(time.RFC3339), why)
}

// noDrill is why none is done, and whether that passes by itself.
func (in *rehearsals) noDrill() (why string, forEver bool) {
	old := in.olderThan(in.drillProtocol())
	switch {
	case in.drillsStore() && in.store() == nil:
		return "there is no store: relate the application by s3-credentials, or name one in spec.snapshots.store", true
	case len(in.drillers()) > 0:
	case old != "":
		return "the agent of " + old + " is older than this daemon: refresh the charm", true
	case in.drillsStore() && in.newestStored() == nil:
		return "there is no snapshot of the schedule in the store", false
	case !in.drillsStore() && in.newest(true) == nil:
		return "there is no snapshot of the schedule", false
	}
	return "none could be asked for", false
}

// drillWakes are when the timetable changes what is to be done, or reported.
func (in *rehearsals) drillWakes() []time.Time {
	if in.drill.tick.IsZero() {
		return nil
	}
	times := []time.Time{in.drill.of.Next(in.Now)}
	if in.drillDue() {
		times = append(times, in.drill.retry)
	}
	return times
}

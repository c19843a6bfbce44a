package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// A machine carries one member. A unit that finds its machine to be another's publishes nothing but that, and takes no delivery: it is
// neither born, nor prepared, nor added, until the machine is its own. What a unit has left there that is gone is cleared.

// goneGrace is how long Juju must not have shown a unit before what it has left is touched: facts may be younger than what Juju was asked
// for before (5 s), and name a unit that has only just been added.
const goneGrace = 30 * time.Second

// taken says that the unit's machine is another's.
func taken(u observation.Unit) bool { return u.Facts != nil && u.Facts.Taken != nil }

// Elsewhere says that what answers at the unit's addresses is another cluster's than the latched one, or may be: it is not asked.
func Elsewhere(o observation.Observation, u observation.Unit) bool {
	if !taken(u) {
		return false
	}
	data := u.Facts.Taken.Data
	return data == nil || o.Latch.ClusterID == "" || data.ClusterID != o.Latch.ClusterID
}

// orphans are the units that have left something on u's machine, if all whom it may belong to are gone; else nil.
func (in *machines) orphans(u observation.Unit) *v1alpha1.Orphans {
	if !taken(u) || len(u.Facts.Taken.Units) == 0 {
		return nil
	}
	orphans := &v1alpha1.Orphans{Whole: true}
	for _, r := range u.Facts.Taken.Units {
		gone, known := in.History.Gone[r.Unit]
		if !known || r.ModelUUID != "" && r.ModelUUID != in.ModelUUID || in.Now.Before(gone.Since.Add(goneGrace)) {
			return nil
		}
		orphans.Units = append(orphans.Units, r)
		orphans.Whole = orphans.Whole && (gone.Whole || in.former(r, u.Facts.Taken.Data))
	}
	if !u.Facts.Taken.ClearedBy(orphans) {
		return nil
	}
	return orphans
}

// former says that a unit was of an application that had this one's name before: a latch dies with its application, and that cluster is
// not in ours. A latch that names the cluster is that of an application which only has no unit of it any more.
func (in *machines) former(r v1alpha1.UnitRef, data *v1alpha1.LeftData) bool {
	if r.Application() != in.Application || !in.LatchRead || data == nil || in.Latch.ClusterID == "" && in.Latch.Seeds != nil {
		return false
	}
	return data.ClusterID != in.Latch.ClusterID
}

// clearable says that u's machine may be cleared of what has been left there, as far as can be seen from here: the unit asks the cluster
// of that member itself.
func (in *machines) clearable(u observation.Unit) bool {
	orphans := in.orphans(u)
	if orphans == nil || u.Facts.Addresses.Peer == "" || u.Facts.Addresses.Client == "" {
		return false
	}
	data := u.Facts.Taken.Data
	if data == nil || orphans.Whole || data.ClusterID != in.Latch.ClusterID {
		return true
	}
	return in.Etcd.Listed && !in.listed(data.MemberID)
}

// listed says that the member list has a member with this ID.
func (in *roster) listed(text string) bool {
	id, err := etcdops.ParseMemberID(text)
	_, there := in.Etcd.Member(id)
	return err == nil && there
}

// clearMachines has units clear their machines of what others have left there that are gone.
func clearMachines(in *Situation) (Step, bool) {
	due := filter(in.alive(), func(u observation.Unit) bool { return in.clearable(u) && !in.cleared(u) })
	if len(due) > 0 {
		return in.deliverTo(StepPrepare, fmt.Sprintf("%s: what units have left there that are gone is set aside.", names(due)), due, in.specOf), true
	}
	var until time.Time
	for _, u := range filter(in.alive(), taken) {
		for _, r := range u.Facts.Taken.Units {
			if gone, known := in.History.Gone[r.Unit]; known && in.Now.Before(gone.Since.Add(goneGrace)) {
				until = gone.Since.Add(goneGrace)
			}
		}
	}
	if until.IsZero() {
		return Step{}, false
	}
	return wait("A machine is another unit's that Juju does not show any more.").until(until), true
}

// cleared says that the unit has just done so, and its facts are on their way.
func (in *machines) cleared(u observation.Unit) bool {
	return u.Last != nil && u.Last.Outcome == v1alpha1.OutcomeApplied && in.Now.Before(u.Last.At.Add(appliedGrace))
}

// inTheWay is the unit that waits for the machine of a member whose own unit is gone. Such members go one at a time: the next one when
// the unit has taken the place of the one before.
func (in *machines) inTheWay(m etcdops.Member) (observation.Unit, bool) {
	alive := in.alive()
	if len(in.joiners()) > 0 || slices.ContainsFunc(alive, in.clearable) {
		return observation.Unit{}, false
	}
	i := slices.IndexFunc(alive, func(u observation.Unit) bool {
		return in.orphans(u) != nil && u.Facts.Taken.Data != nil && u.Facts.Taken.Data.MemberID == m.ID.String()
	})
	if i < 0 {
		return observation.Unit{}, false
	}
	return alive[i], true
}

// occupied is a sentence, without its end, on whose the unit's machine is.
func (in *machines) occupied(u observation.Unit) string {
	t := u.Facts.Taken
	o := etcdops.Occupant{Runs: t.Runs}
	for _, r := range t.Units {
		o.Units = append(o.Units, etcdops.UnitOf(r.Unit, cmp.Or(r.ModelUUID, in.ModelUUID) == in.ModelUUID))
	}
	if t.Data != nil {
		o.Dir, o.Cluster = t.Data.Dir, t.Data.ClusterID
	}
	return etcdops.OccupiedWords(o).Message
}

// occupiedMachines are sentences on the machines that only a person can make a unit's own, or that could not be cleared.
func (in *machines) occupiedMachines() []string {
	var all []string
	for _, u := range filter(in.alive(), taken) {
		switch refused := u.Last != nil && u.Last.Reason == v1alpha1.ReasonTaken; {
		case refused:
			all = append(all, fmt.Sprintf("%s: %s.", u.Name, strings.TrimRight(u.Last.Message, ".")))
		case !in.clearable(u):
			all = append(all, fmt.Sprintf("%s: %s.", u.Name, in.occupied(u)))
		}
	}
	return all
}

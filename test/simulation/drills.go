package simulation

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// Invariants of a timetable of restore drills:
//
//	D1  one is asked for only while every member that is seen is healthy and nothing disturbs, of a unit that has a
//	    snapshot, and nothing disturbs beside one
//	D2  a drill changes nothing but what the unit tells of it: members, data and processes stay
//	D3  in the end the timetable is kept, or it is reported that it is not (judged by the tests)

// DrillsFail lets no drill go well any more, or again.
func (s *Sim) DrillsFail(fail bool) { s.scheduled.drillsFail = fail }

// drill is the agent's work for a timetable of drills.
func (a *Agent) drill(spec *v1alpha1.EtcdUnitSpec) {
	order, s := spec.Delivery.Drill, a.sim
	if order == nil {
		return
	}
	done := v1alpha1.DrillFacts{}
	if a.record.Drill != nil {
		done = *a.record.Drill
	}
	if done.Last != nil && done.Last.ID == order.ID && done.Last.From() == order.From() ||
		done.Tried.FailedAt(order.ID, order.Attempt) && done.TriedFrom() == order.From() {
		return
	}
	done.Tried, done.TriedStored = v1alpha1.TriedSnapshot{ID: order.ID, Attempt: order.Attempt}, order.Stored
	switch taken := a.record.Snapshots; {
	case taken == nil || taken.Last == nil:
		done.Tried.Fault = "there is no snapshot"
	case s.scheduled.drillsFail || s.scheduled.rng.IntN(8) == 0:
		done.Tried.Fault = "what was restored has another hash"
	default:
		done.Last = &v1alpha1.DoneDrill{ID: order.ID, Unit: a.unit.Name, Snapshot: "snapshot", Stored: order.Stored, Tick: taken.Last.ID, Time: metav1.NewTime(a.now())}
		s.counts.Drills++
	}
	a.record.Drill = &done
	s.say("    %s: drill of %s, attempt %d: %q", a.unit.Name, order.ID, order.Attempt, done.Tried.Fault)
}

// judgeDrill is asked at a decision to do one.
func (d *Daemon) judgeDrill(obs observation.Observation, step planner.Step) {
	d.judgeScheduled(obs, step)
	for _, m := range obs.Etcd.Members {
		if !obs.Etcd.HealthOf(m).Serves {
			d.sim.violate("D1: a drill while member %s does not serve", m.Name)
		}
	}
	for _, u := range obs.Units {
		if u.Name == step.Unit && (u.Facts == nil || u.Facts.Snapshots == nil || u.Facts.Snapshots.Last == nil) {
			d.sim.violate("D1: a drill on %s, which has no snapshot", u.Name)
		}
	}
}

// KeepsDrills says why neither a drill of one of the last two times that count has gone well on a unit that is there, nor
// its absence was reported; empty if one is so.
func (s *Sim) KeepsDrills() string {
	of, err := v1alpha1.ParseSchedule(s.cfg.Drill)
	if err != nil || s.cfg.Drill == "" {
		return ""
	}
	before := s.secondLast(of)
	tried := false
	for _, u := range s.Units() {
		r := u.agent.record.Drill
		if tried = tried || r != nil; r != nil && r.Last != nil && r.Last.ID >= before {
			return ""
		}
	}
	if !tried && s.NeedsAPerson() {
		return "" // nobody who is there tells since when there is a timetable, and none can be done
	}
	if text := s.ApplicationStatus(); !strings.Contains(text, "estore drill") && !strings.Contains(text, "No snapshot of the schedule") {
		return fmt.Sprintf("no drill since %s, and %q is reported", before, text)
	}
	return ""
}

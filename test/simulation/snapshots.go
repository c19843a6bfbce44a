package simulation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// Invariants of a schedule of snapshots:
//
//	S1  for each time one is taken: not again once a unit that is still there has published it, while
//	    nobody sets the daemon's clock
//	S2  none is asked for beside what stops or changes members, and nothing does that beside one
//	S3  in the end the schedule is kept, or it is reported that it is not (judged by the tests)

// schedule is what the world knows of a schedule.
type schedule struct {
	// rng draws how long snapshots take, and which fail, so that a world without them is the same.
	rng *rand.Rand
	// taken is, by time, who has published that it has taken it, and when.
	taken map[string]publication
	// full: the disks of all machines have no room for a snapshot.
	full bool
	// drillsFail: no drill goes well.
	drillsFail bool
}

type publication struct {
	unit *Unit
	at   time.Time
}

// policy is that of the clusters of the world.
func (s *Sim) policy() v1alpha1.EtcdClusterSpec {
	var policy v1alpha1.EtcdClusterSpec
	policy.Snapshots.Schedule, policy.Snapshots.Drill = s.cfg.Schedule, s.cfg.Drill
	policy.SetDefaults()
	return policy
}

// DisksFull lets no snapshot be taken any more, or again.
func (s *Sim) DisksFull(full bool) { s.scheduled.full = full }

// runs is how long the task runs.
func (a *Agent) runs(t *task) time.Duration {
	takes := a.sim.between(200*time.Millisecond, 500*time.Millisecond)
	if reads(t) {
		takes += time.Duration(a.sim.scheduled.rng.Int64N(int64(v1alpha1.LongestScheduled)))
	}
	return takes
}

// snapshot is the agent's work for a schedule.
func (a *Agent) snapshot(spec *v1alpha1.EtcdUnitSpec) {
	order, s := spec.Delivery.Snapshot, a.sim
	if order == nil {
		return
	}
	done := v1alpha1.SnapshotFacts{}
	if a.record.Snapshots != nil {
		done = *a.record.Snapshots
	}
	if done.Last != nil && done.Last.ID == order.ID || done.Tried.FailedAt(order.ID, order.Attempt) {
		return
	}
	done.Tried = v1alpha1.TriedSnapshot{ID: order.ID, Attempt: order.Attempt}
	c, m := a.membership()
	switch {
	case m == nil || !c.quorum():
		done.Tried.Fault = "no member serves"
	case s.scheduled.full || s.scheduled.rng.IntN(8) == 0:
		done.Tried.Fault = "the disk of this machine is full"
	default:
		s.judgeSnapshot(a, order)
		done.Last = &v1alpha1.TakenSnapshot{ID: order.ID, Unit: a.unit.Name, Path: "/snapshot", Time: metav1.NewTime(a.now()), Size: 1}
		s.counts.SnapshotsTaken++
	}
	a.record.Snapshots = &done
	s.say("    %s: snapshot of %s, attempt %d: %q", a.unit.Name, order.ID, order.Attempt, done.Tried.Fault)
}

// judgeSnapshot is asked when one is taken.
func (s *Sim) judgeSnapshot(a *Agent, order *v1alpha1.SnapshotOrder) {
	key := a.unit.app.name + " " + order.ID
	if had, known := s.scheduled.taken[key]; known && had.unit != a.unit && s.known(had.unit) && s.clockSet.IsZero() {
		s.violate("S1: %s takes the snapshot of %s, which %s has published at %s", a.unit.Name, order.ID, had.unit.Name, had.at.Format(time.TimeOnly))
	}
}

// publishedSnapshot is asked when facts are published.
func (s *Sim) publishedSnapshot(a *Agent, f v1alpha1.UnitFacts) {
	if f.Snapshots == nil || f.Snapshots.Last == nil {
		return
	}
	key := a.unit.app.name + " " + f.Snapshots.Last.ID
	if _, known := s.scheduled.taken[key]; !known {
		s.scheduled.taken[key] = publication{a.unit, s.now}
	}
}

// reads says that the delivery takes a snapshot, or tries one.
func reads(t *task) bool { return t.spec.Delivery.Snapshot != nil || t.spec.Delivery.Drill != nil }

// judgeBesideSnapshot is asked when a delivery is queued while another is not final. A reset is of
// what a unit without a member has left: no snapshot is taken there, and a joiner need not wait for
// that of another unit.
func (s *Sim) judgeBesideSnapshot(t, o *task) {
	together := t.unit == o.unit
	disturbs := func(t *task) bool {
		return disrupts(t) || t.spec.Delivery.AllowReset && together || t.spec.NeedsPhase()
	}
	if over := o.enqueued.Add(v1alpha1.DeliveryTTL + v1alpha1.LongestRun); !s.now.Before(over) || !s.known(o.unit) {
		return // it would be refused as late, or has gone with its unit
	}
	if reads(t) && disturbs(o) || reads(o) && disturbs(t) {
		s.violate("S2: tasks %d and %d are under way at once, and one is a snapshot or a drill", t.id, o.id)
	}
}

// judgeScheduled is asked at a decision to take one: see judgeDisruption, which it is held to as well.
func (d *Daemon) judgeScheduled(obs observation.Observation, step planner.Step) {
	d.judgeDisruption(obs, step)
	if len(step.Units) != 1 || step.Units[0].Spec.Delivery.AllowRestart || step.Units[0].Spec.Delivery.AllowReset {
		d.sim.violate("S2: %+v", step)
	}
}

// reportedWithin is how long after a second time that was missed the report of it has reached Juju: the five minutes that are
// promised, and a task that an agent takes up late.
const reportedWithin = 6 * time.Minute

// secondLast is the earlier one of the last two times of the schedule that, if both were missed, have been reported.
func (s *Sim) secondLast(of v1alpha1.Schedule) string {
	return v1alpha1.TickID(of.Last(of.Last(s.now.Add(-reportedWithin)).Add(-time.Second)))
}

// KeepsSchedule says why neither a snapshot of one of the last two times that count has been published by a unit that is
// there, nor its absence reported; empty if one is so.
func (s *Sim) KeepsSchedule() string {
	of, err := v1alpha1.ParseSchedule(s.cfg.Schedule)
	if err != nil || s.cfg.Schedule == "" {
		return ""
	}
	before := s.secondLast(of)
	for _, u := range s.Units() {
		if r := u.agent.record.Snapshots; r != nil && r.Last != nil && r.Last.ID >= before {
			return ""
		}
	}
	if text := s.ApplicationStatus(); !strings.Contains(text, "No snapshot of the schedule") {
		return fmt.Sprintf("none was taken since %s, and %q is reported", before, text)
	}
	return ""
}

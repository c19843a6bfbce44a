package simulation

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// Invariants of a decision, judged by what was observed, whatever comes of it:
//
//	P1  a decision is a function of the observation, and leaves it as it was
//	P2  a plan begins with what is done, and ends
//	P3  while anything could not be read nothing is done but to say so, to hand out what cannot
//	    harm, and to claim; and nothing before the claim
//	P4  nothing is tried again before its pause is over
//	P5  members are restarted, and defragment, one at a time, and the leader last
//	P6  a member is added only to a cluster that has been stable
//	P7  who is only given words is given nothing that touches his machine, and who runs a member
//	    beside others is told of one of them
//	P8  nothing that disturbs begins beside what a person runs, or a unit is at; and nothing waits
//	    behind it

const (
	// proveEvery is how often P1 is judged: it costs a second decision.
	proveEvery = 16
	// longestPlan is more steps than anything has needed, and as many as a plan has at most: one
	// that goes round in a circle has no fewer.
	longestPlan = 64
	// stableFor is the policy's default of growth.stable, which no world changes. It stands here as
	// a figure, so that the planner is not judged by its own.
	stableFor = 5 * time.Second
)

// decide is the next step, judged.
func (d *Daemon) decide(obs observation.Observation) (planner.Step, bool) {
	d.decisions++
	prove := d.decisions%proveEvery == 0
	var before []byte // from before the decision: what it changes once, it does not change again
	if prove {
		before = d.written(obs)
	}
	step, ok := planner.Next(obs)
	d.judgeDecision(obs, step, ok)
	if prove {
		d.judgeFunction(obs, before, step, ok)
	}
	return step, ok
}

// judgeDecision is asked at each decision.
func (d *Daemon) judgeDecision(obs observation.Observation, step planner.Step, ok bool) {
	d.judgePlan(obs, step, ok)
	if !ok {
		return
	}
	d.judgeUnread(obs, step)
	d.judgeDeliveries(obs, step)
	if obs.Now.Before(obs.History.NotBefore[step.Key()]) {
		d.sim.violate("P4: %s before its time", step.Key())
	}
	if step.Disruptive() {
		d.judgeDisruption(obs, step)
	}
	switch step.Kind {
	case planner.StepSnapshot:
		d.judgeScheduled(obs, step)
	case planner.StepDrill:
		d.judgeDrill(obs, step)
	case planner.StepAddLearner:
		if h := obs.History; h.StableSince.IsZero() || obs.Now.Sub(h.StableSince) < stableFor || obs.Now.Sub(h.LastChange) < stableFor {
			d.sim.violate("P6: a member is added to a cluster that is stable since %s and was changed at %s", h.StableSince, h.LastChange)
		}
	case planner.StepRestart:
		d.judgeTurn(obs, step)
	case planner.StepDefragment:
		d.judgeLast(obs, step)
	}
}

func (d *Daemon) judgePlan(obs observation.Observation, step planner.Step, ok bool) {
	s := d.sim
	plan := planner.Plan(obs)
	if ok != (len(plan) > 0) || ok && !reflect.DeepEqual(plan[0], step) {
		s.violate("P2: the plan does not begin with what is done")
	}
	if len(plan) >= longestPlan {
		s.violate("P2: a plan of %d steps", len(plan))
	}
	if ok && step.Kind != planner.StepWait && s.onPlan != nil {
		var steps []string
		for _, p := range plan {
			if p.Kind != planner.StepWait {
				steps = append(steps, actText(p, d.app.name))
			}
		}
		s.onPlan(steps, len(s.acts))
	}
}

// judgeFunction is told what the observation was before the first question: since then it was asked
// for the step and for the plan.
func (d *Daemon) judgeFunction(obs observation.Observation, before []byte, step planner.Step, ok bool) {
	again, okAgain := planner.Next(obs)
	planner.Status(obs)
	if ok != okAgain || !reflect.DeepEqual(step, again) {
		d.sim.violate("P1: %s %q, and asked again %s %q", step.Key(), step.Reason, again.Key(), again.Reason)
	}
	if !bytes.Equal(before, d.written(obs)) {
		d.sim.violate("P1: the observation was changed")
	}
}

// written is the observation as text.
func (d *Daemon) written(obs observation.Observation) []byte {
	text, err := json.Marshal(obs)
	if err != nil {
		d.sim.violate("P1: the observation is no text: %v", err)
	}
	return text
}

// harmless are the steps that are made though something could not be read.
var harmless = []planner.StepKind{planner.StepWait, planner.StepUpdate, planner.StepClaim, planner.StepExpose}

func (d *Daemon) judgeUnread(obs observation.Observation, step planner.Step) {
	if len(obs.Blind) > 0 && !slices.Contains(harmless, step.Kind) || step.Disruptive() && (len(obs.Blind) > 0 || !obs.LatchRead) {
		d.sim.violate("P3: %s, and could not read: %v, latch read: %t", step.Kind, obs.Blind, obs.LatchRead)
	}
	if e := obs.Latch.Epoch; step.Kind != planner.StepWait && step.Kind != planner.StepClaim && step.Kind != planner.StepExpose &&
		(e == nil || e.Holder != d.self || e.Number != obs.Claimed) {
		d.sim.violate("P3: %s before the claim: the latch has %v, claimed is %d", step.Kind, e, obs.Claimed)
	}
}

// servesSince says that what the delivery was at has ended well since: the member serves that did not.
func servesSince(obs observation.Observation, u observation.Unit, last observation.Result) bool {
	m := memberOf(obs, u)
	return last.Outcome == v1alpha1.OutcomeInProgress && m != nil &&
		slices.ContainsFunc(m.ClientURLs, func(url string) bool { return obs.History.ServesSince[url].After(last.At) })
}

func (d *Daemon) judgeDeliveries(obs observation.Observation, step planner.Step) {
	s := d.sim
	for _, delivery := range slices.Concat(step.Units, step.Words) {
		u := seen(obs, delivery.Unit)
		if u == nil {
			s.violate("%s for %s, which Juju does not show", step.Kind, delivery.Unit)
			continue
		}
		spec, last := delivery.Spec, u.Last
		if spec.Delivery.WordsOnly {
			last = u.LastWords // words have a pause of their own
			if spec.Service.State != "" || spec.Etcd.Name != "" || spec.Delivery.AllowRestart || spec.Delivery.AllowDefrag ||
				spec.Delivery.AllowReset {
				s.violate("P7: %s is handed words, and a machine with them", u.Name)
			}
		}
		if last != nil && obs.Now.Before(last.NotBefore) && !servesSince(obs, *u, *last) {
			s.violate("P4: a delivery to %s before its time", u.Name)
		}
		for _, t := range u.Others {
			if t.Name != v1alpha1.ActionHealth {
				s.violate("P8: a delivery to %s waits behind task %d (%s)", u.Name, t.ID, t.Name)
			}
		}
		if spec.Service.State == v1alpha1.ServiceRunning && spec.Etcd.Initial == nil && !spec.Delivery.WordsOnly && others(obs, u) && !knowsAnother(spec) {
			s.violate("P7: %s runs a member and is told of no other, so that it could not learn of its own removal", u.Name)
		}
	}
}

// others says that the member list has a started voter of another unit, and that unit stays.
func others(obs observation.Observation, u *observation.Unit) bool {
	return obs.Etcd.Listed && slices.ContainsFunc(obs.Units, func(o observation.Unit) bool {
		m := memberOf(obs, o)
		return o.Name != u.Name && !o.Dying && m != nil && !m.Learner && len(m.ClientURLs) > 0
	})
}

func knowsAnother(spec v1alpha1.EtcdUnitSpec) bool {
	return slices.ContainsFunc(slices.Concat(spec.Clients.Endpoints, spec.Clients.Members), func(url string) bool {
		return !slices.Contains(spec.Etcd.AdvertiseClientURLs, url)
	})
}

func (d *Daemon) judgeDisruption(obs observation.Observation, step planner.Step) {
	s := d.sim
	if !s.cfg.Closed { // else time passes while a unit looks, after the tasks were read
		s.judgeBeside(d.app, "it is planned to "+string(step.Kind))
	}
	for _, u := range obs.Units {
		if u.Facts != nil && u.Facts.Busy != nil {
			s.violate("P8: %s while %s is busy", step.Kind, u.Name)
		}
	}
	for _, t := range s.juju.tasks {
		if s.clockSetSince(d, t) {
			continue
		}
		if t.unit.app == d.app && !t.status.Final() && s.known(t.unit) && (disrupts(t) || t.spec.Delivery.AllowReset || reads(t)) && !t.hold &&
			s.now.Before(t.enqueued.Add(v1alpha1.DeliveryTTL+v1alpha1.LongestRun)) {
			s.violate("I4: %s while task %d may still disturb %s", step.Kind, t.id, t.unit.Name)
		}
	}
}

// judgeTurn: one member is restarted, and the leader when nobody else waits for it. Members that
// move to another port come before those that stay, whoever leads.
func (d *Daemon) judgeTurn(obs observation.Observation, step planner.Step) {
	if len(step.Units) != 1 {
		d.sim.violate("P5: %d restarts at once", len(step.Units))
		return
	}
	u := seen(obs, step.Units[0].Unit)
	m := memberOf(obs, *u)
	if m == nil || m.ID != obs.Etcd.Leader() || len(obs.Etcd.HealthyVoters()) < 2 || moves(*u, step.Units[0].Spec.Etcd) {
		return
	}
	for _, o := range obs.Units {
		due := o.Name != u.Name && !o.Dying && !o.Lost && !o.Failed && o.Task == nil && len(o.Others) == 0 && o.Facts != nil && o.Facts.RestartPending
		if due && memberOf(obs, o) != nil && (o.Last == nil || !obs.Now.Before(o.Last.NotBefore)) {
			d.sim.violate("P5: the leader %s is restarted before %s", u.Name, o.Name)
		}
	}
}

// moves says that the unit's process is to serve clients, or peers, elsewhere than it does.
func moves(u observation.Unit, to v1alpha1.EtcdSpec) bool {
	r := u.Facts.Running
	return r != nil && (!slices.Contains(to.AdvertiseClientURLs, r.ClientURL) || !slices.Contains(to.AdvertisePeerURLs, r.PeerURL))
}

func seen(obs observation.Observation, unit string) *observation.Unit {
	i := slices.IndexFunc(obs.Units, func(u observation.Unit) bool { return u.Name == unit })
	if i < 0 {
		return nil
	}
	return &obs.Units[i]
}

func memberOf(obs observation.Observation, u observation.Unit) *etcdops.Member {
	if u.Facts == nil {
		return nil
	}
	i := slices.IndexFunc(obs.Etcd.Members, func(m etcdops.Member) bool { return m.ID.String() == u.Facts.Member.MemberID })
	if i < 0 {
		return nil
	}
	return &obs.Etcd.Members[i]
}

// actText is a step as Act reports it.
func actText(s planner.Step, application string) string {
	return string(s.Kind) + " " + s.Target(application)
}

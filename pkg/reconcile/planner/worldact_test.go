package planner_test

import (
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// act does a step, and judges it.
func (w *world) act(o observation.Observation, s planner.Step) {
	if s.Kind == planner.StepWait {
		w.handOut(o, s.Words)
		return
	}
	w.say("%s %s: %s", s.Kind, s.Target("etcd"), s.Reason)
	if w.now.Before(w.memory.NotBefore[s.Key()]) {
		w.violate("%s before its time", s.Key())
	}
	if s.Kind != planner.StepClaim && (w.latch.Epoch == nil || w.latch.Epoch.Holder != w.self || w.latch.Epoch.Number != o.Claimed) {
		w.violate("%s before the claim", s.Kind)
	}
	if s.Disruptive() {
		w.judgeDisruption(o, s)
	}
	if c := s.Change; c != nil && c.Subject() != 0 && c.Subject() != s.Member {
		w.violate("%s is about member %s, and changes %s", s.Key(), s.Member, c.Subject())
	}
	switch s.Kind {
	case planner.StepAddLearner, planner.StepPromote, planner.StepRemove, planner.StepMoveLeader:
		if !w.change(s) {
			w.memory.Attempts[s.Key()]++
			w.memory.NotBefore[s.Key()] = w.now.Add(5 * time.Second)
			return
		}
		delete(w.memory.Attempts, s.Key())
		delete(w.memory.NotBefore, s.Key())
		switch key := planner.JoinKey(s.Unit); {
		case s.TakesBack != "":
			w.memory.Attempts[key]++
			w.memory.NotBefore[key] = w.now.Add(planner.JoinPause(w.memory.Attempts[key]))
		case s.Kind == planner.StepPromote:
			delete(w.memory.Attempts, key)
			delete(w.memory.NotBefore, key)
		}
		return
	case planner.StepNudge:
		w.memory.NotBefore[s.Key()] = w.now.Add(30 * time.Second)
		return
	}
	w.handOut(o, s.Units)
}

func (w *world) handOut(o observation.Observation, deliveries []observation.Delivery) {
	for _, d := range deliveries {
		u := w.unitNamed(d.Unit)
		if claim := d.Spec.Latch != nil && d.Spec.Latch.Claim != nil; !claim && (w.latch.Epoch == nil || w.latch.Epoch.Holder != w.self || w.latch.Epoch.Number != o.Claimed) {
			w.violate("a delivery to %s before the claim", u.name)
		}
		if u.task != nil {
			w.violate("a second delivery to %s", u.name)
			continue
		}
		if u.disturbed() {
			w.violate("a delivery to %s waits behind task %d (%s)", u.name, u.person.ID, u.person.Name)
		}
		before := u.last
		if d.Spec.Delivery.WordsOnly {
			before = u.heard // words have a pause of their own
		}
		if before != nil && w.now.Before(before.NotBefore) {
			w.violate("a delivery to %s before its time", u.name)
		}
		if i := d.Spec.Etcd.Initial; i != nil && i.State == v1alpha1.InitialNew {
			if _, seed := w.latch.Seeds.Contains(u.name); !seed || w.latch.ClusterID != "" {
				w.violate("new is handed to %s while the latch is %+v", u.name, w.latch)
			}
		}
		if d.Spec.Delivery.WordsOnly && (d.Spec.Service.State != "" || d.Spec.Etcd.Name != "" || d.Spec.Delivery.AllowRestart || d.Spec.Delivery.AllowReset) {
			w.violate("%s is handed words, and a machine with them", u.name)
		}
		if w.othersVote(o, u) && d.Spec.Service.State == v1alpha1.ServiceRunning && d.Spec.Etcd.Initial == nil && !knowsAnother(d.Spec) {
			w.violate("%s runs a member and is handed no other, so that it could not learn of its own removal", u.name)
		}
		w.tasks++
		u.delivery = d
		u.task = &observation.Task{ID: w.tasks, Enqueued: w.now, Ours: true, Deadline: w.now.Add(v1alpha1.DeliveryTTL),
			Harmless: !d.Spec.Delivery.AllowRestart && !d.Spec.Delivery.AllowReset}
	}
}

// othersVote says that the observation's member list has a started voter of another unit, and that
// unit stays.
func (w *world) othersVote(o observation.Observation, u *unit) bool {
	return o.Etcd.Listed && slices.ContainsFunc(w.units, func(other *unit) bool {
		m := w.member(other.data)
		return other != u && !other.dying && m != nil && !m.learner && len(m.client) > 0
	})
}

func knowsAnother(s v1alpha1.EtcdUnitSpec) bool {
	return slices.ContainsFunc(slices.Concat(s.Clients.Endpoints, s.Clients.Members), func(url string) bool {
		return !slices.Contains(s.Etcd.AdvertiseClientURLs, url)
	})
}

func (w *world) unitFor(m *member) *unit {
	i := slices.IndexFunc(w.units, func(u *unit) bool { return peerURL(u) == m.peer })
	if i < 0 {
		return nil
	}
	return w.units[i]
}

// change is etcd's part: false means that it refused.
func (w *world) change(s planner.Step) bool {
	if !w.quorum() {
		return false
	}
	all, up := w.voters()
	switch change := s.Change.(type) {
	case etcdops.AddLearner:
		if up < all {
			return false
		}
		w.members = append(w.members, &member{id: w.memberID(change.PeerURL), peer: change.PeerURL, learner: true})
	case etcdops.Promote:
		m := w.member(change.Member)
		if m == nil || !m.caught || !w.runs(m) {
			return false
		}
		m.learner = false
	case etcdops.Remove:
		w.members = slices.DeleteFunc(w.members, func(m *member) bool { return m.id == change.Member })
	case etcdops.MoveLeader:
		if m := w.member(change.To); m == nil || m.learner || !w.runs(m) {
			return false
		}
		w.leader = change.To
	default:
		w.violate("a step %s that changes %v", s.Kind, s.Change)
	}
	return true
}

// run carries out the unit's pending task. The rules are the agent's.
func (w *world) run(u *unit) {
	t, d := u.task, u.delivery
	u.task = nil
	outcome, reason := w.carryOut(u, d.Spec, t)
	w.say("  %s: %s %s", u.name, outcome, reason)
	if !t.Ours {
		return
	}
	if d.Spec.Delivery.WordsOnly {
		if outcome == v1alpha1.OutcomeApplied && d.Spec.Latch != nil {
			w.claimed = d.Spec.Delivery.Epoch.Number
		}
		u.heard = &observation.Result{Task: t.ID, Hash: d.Spec.Hash(), At: w.now, Outcome: outcome, Reason: reason}
		if outcome != v1alpha1.OutcomeApplied {
			u.heard.NotBefore = w.now.Add(10 * time.Second)
		}
		return
	}
	r := &observation.Result{Task: t.ID, Hash: d.Spec.Hash(), At: w.now, Outcome: outcome, Reason: reason, Message: reason, Published: u.endpoints}
	if outcome != v1alpha1.OutcomeApplied {
		if u.last != nil {
			r.Failures = u.last.Failures
		}
		r.Failures++
		r.NotBefore = w.now.Add(min(5*time.Second<<r.Failures, 2*time.Minute))
	} else if d.Spec.Latch != nil && d.Spec.Latch.Claim != nil {
		w.claimed = d.Spec.Delivery.Epoch.Number
	}
	u.last = r
}

func (w *world) carryOut(u *unit, s v1alpha1.EtcdUnitSpec, t *observation.Task) (v1alpha1.Outcome, string) {
	refuse := func(reason string) (v1alpha1.Outcome, string) { return v1alpha1.OutcomeRefused, reason }
	e := s.Delivery.Epoch
	claim := s.Latch != nil && s.Latch.Claim != nil
	switch {
	case w.now.After(t.Enqueued.Add(v1alpha1.DeliveryTTL)):
		return refuse(v1alpha1.ReasonLate)
	case !claim && w.latch.Epoch != nil && e.Number < w.latch.Epoch.Number:
		return refuse(v1alpha1.ReasonOlderEpoch)
	case s.Delivery.ExpectMemberID != "" && u.data != 0 && s.Delivery.ExpectMemberID != u.data.String():
		return refuse(v1alpha1.ReasonOtherMember)
	}
	if s.Latch != nil {
		if !u.leader {
			return refuse(v1alpha1.ReasonNotLeader)
		}
		latch, err := w.latch.Apply(*s.Latch, e)
		if err != nil {
			return refuse(v1alpha1.ReasonLatchDiffers)
		}
		if !w.latch.Seeds.Equal(latch.Seeds) && w.latch.Seeds != nil {
			w.bornAnew()
		}
		w.latch = latch
	}
	if s.Delivery.WordsOnly {
		if s.Status.Unit.State != "" {
			u.shown = s.Status.Unit
		}
		return v1alpha1.OutcomeApplied, ""
	}
	if w.outlived(u) {
		u.started, u.startedNew = false, false
	}
	if i := s.Etcd.Initial; i != nil && u.data == 0 {
		if u.started || u.startedNew {
			w.violate("%s is to be started without data, and had some", u.name)
			return refuse(v1alpha1.ReasonDataLost)
		}
		if i.State == v1alpha1.InitialNew && w.latch.ClusterID != "" {
			return refuse(v1alpha1.ReasonNotSeed) // handed out in time, run too late
		}
	}
	reset := s.Delivery.AllowReset && (u.data == 0 || !slices.Contains(s.Delivery.Members, u.data.String()))
	if reset && (u.started || u.startedNew || u.data != 0) {
		u.data, u.started, u.startedNew, u.up = 0, false, false, false
	}
	w.publish(u, s)
	u.snap = true
	if u.taken && u.data == 0 {
		return v1alpha1.OutcomeFailed, v1alpha1.ReasonPortInUse
	}
	if u.applied != s.Hash() {
		u.applied = s.Hash()
	}
	u.next = planner.PortOf(s.Etcd.AdvertiseClientURLs[0])
	u.pending = u.pending || u.up && u.next != u.port
	if s.Service.State == v1alpha1.ServiceRunning {
		w.start(u, s.Etcd.Initial)
	}
	if s.Delivery.AllowRestart && u.pending {
		all, up := w.voters()
		if all > 1 && u.up && up-1 < etcdops.Quorum(all) {
			return refuse(v1alpha1.ReasonQuorumGuard)
		}
		u.up = false
		u.comeUp()
	}
	return v1alpha1.OutcomeApplied, ""
}

// publish writes what the unit publishes to its clients.
func (w *world) publish(u *unit, s v1alpha1.EtcdUnitSpec) {
	if w.latch.ClusterID != "" && len(s.Clients.Endpoints) == 0 && s.Latch == nil {
		w.violate("%s is handed no etcd for its clients", u.name)
	}
	for _, url := range u.endpoints {
		if !slices.Contains(s.Clients.Endpoints, url) {
			u.dropped[url] = w.now
		}
	}
	for _, url := range s.Clients.Endpoints {
		if len(u.endpoints) > 0 && !slices.Contains(u.endpoints, url) {
			u.gained[url] = w.now
		}
	}
	u.endpoints = s.Clients.Endpoints
}

// outlived says that what was begun on the unit is of a cluster that was given up.
func (w *world) outlived(u *unit) bool {
	return u.data == 0 && w.latch.Seeds != nil && u.token != "" && u.token != w.latch.Seeds.Token
}

// bornAnew is asked when other seeds take the place of the latched ones.
func (w *world) bornAnew() {
	for _, u := range w.units {
		if u.data != 0 {
			w.violate("seeds are born anew while %s has data", u.name)
		}
	}
	w.members, w.born, w.leader = nil, 0, 0
}

func (w *world) start(u *unit, i *v1alpha1.InitialCluster) {
	if u.data != 0 {
		u.comeUp()
		return
	}
	if i == nil || u.started || u.startedNew {
		return
	}
	u.started, u.token = true, i.Token
	if i.State == v1alpha1.InitialNew {
		u.startedNew = true
		if len(w.members) == 0 {
			w.born++
			for _, m := range i.Members {
				w.members = append(w.members, &member{id: w.memberID(m.PeerURL), name: m.Name, peer: m.PeerURL})
			}
		}
	}
	for _, m := range w.members {
		if m.peer == peerURL(u) {
			if m.reported {
				w.violate("%s starts empty under the identity %s that has run before", u.name, m.id)
			}
			u.data = m.id
			u.comeUp()
		}
	}
}

package planner_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/planner"
)

// world is the smallest model of Juju and etcd in which a planner can be right or wrong: deliveries are carried out by rules
// of their own, and every act is judged when it happens. test/simulation has the fuller one, with the real actor.
type world struct {
	rng    *rand.Rand
	now    time.Time
	units  []*unit
	next   int
	latch  v1alpha1.Latch
	ca     bool
	client bool

	members []*member
	leader  etcdops.MemberID
	born    int

	self    string
	claimed int64
	memory  planner.History
	list    string
	tasks   int64

	clients []*client
	notices map[string]planner.Notice
	untold  map[string]time.Time
	// excused: since a unit began to leave, there was another one that could not tell its clients.
	excused map[string]bool

	// violations are what must never happen; log is what did, for people.
	violations []string
	log        []string
}

type unit struct {
	name                      string
	number                    int
	dying, leader             bool
	provisioned, lost, failed bool
	certificate               bool
	firstSeen                 time.Time
	published                 bool
	snap                      bool
	applied                   string
	data                      etcdops.MemberID // zero: none
	started, startedNew       bool
	up                        bool
	pending                   bool
	task                      *planner.Task
	delivery                  planner.Delivery
	told                      []string             // clients' endpoints
	dropped                   map[string]time.Time // when an endpoint was last taken out of them
	last                      *planner.Result
}

// client is a unit of another application that is told where etcd serves.
type client struct {
	name   string
	unseen bool
	idle   bool
	since  time.Time
}

type member struct {
	id      etcdops.MemberID
	name    string
	peer    string
	client  string
	learner bool
	caught  bool
	// reported: it has published where it serves, so it has had data.
	reported bool
}

const clusterID = etcdops.ClusterID(0xc1)

func newWorld(rng *rand.Rand) *world {
	w := &world{rng: rng, now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), ca: true, client: true, self: "daemon-a",
		excused: map[string]bool{}}
	w.restartDaemon()
	return w
}

func (w *world) say(format string, args ...any) {
	w.log = append(w.log, w.now.Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

func (w *world) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
	w.say("VIOLATION "+format, args...)
}

func (w *world) addUnit() *unit {
	u := &unit{name: fmt.Sprintf("etcd/%d", w.next), number: w.next, firstSeen: w.now, provisioned: true, certificate: true,
		published: true, dropped: map[string]time.Time{}}
	w.next++
	w.units = append(w.units, u)
	w.elect()
	return u
}

// elect makes the first unit that Juju can reach its leader, if there is none.
func (w *world) elect() {
	if slices.ContainsFunc(w.units, func(u *unit) bool { return u.leader && !u.lost }) {
		return
	}
	for _, u := range w.units {
		u.leader = false
	}
	for _, u := range w.units {
		if u.provisioned && !u.lost && !u.dying {
			u.leader = true
			return
		}
	}
}

func (w *world) restartDaemon() {
	w.claimed = 0
	w.memory = planner.History{
		Progress: map[etcdops.MemberID]time.Time{}, UnhealthySince: map[string]time.Time{},
		Attempts: map[string]int{}, NotBefore: map[string]time.Time{}, LastChange: w.now,
	}
	w.list = ""
	w.notices, w.untold = map[string]planner.Notice{}, map[string]time.Time{}
	for _, u := range w.units {
		u.last = nil
		u.firstSeen = w.now
		if u.task != nil {
			u.task.Ours, u.task.Harmless, u.task.Deadline = false, false, time.Time{}
		}
	}
}

func (w *world) unitNamed(name string) *unit {
	i := slices.IndexFunc(w.units, func(u *unit) bool { return u.name == name })
	if i < 0 {
		return nil
	}
	return w.units[i]
}

func (w *world) member(id etcdops.MemberID) *member {
	i := slices.IndexFunc(w.members, func(m *member) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	return w.members[i]
}

func (w *world) host(m *member) *unit {
	i := slices.IndexFunc(w.units, func(u *unit) bool { return u.data == m.id })
	if i < 0 {
		return nil
	}
	return w.units[i]
}

func (w *world) runs(m *member) bool {
	u := w.host(m)
	return u != nil && u.up
}

func (w *world) voters() (all, up int) {
	for _, m := range w.members {
		if !m.learner {
			all++
			if w.runs(m) {
				up++
			}
		}
	}
	return all, up
}

func (w *world) quorum() bool {
	all, up := w.voters()
	return all > 0 && up >= etcdops.Quorum(all)
}

func address(u *unit) string   { return fmt.Sprintf("10.0.0.%d", u.number+1) }
func clientURL(u *unit) string { return "https://" + address(u) + ":2379" }
func peerURL(u *unit) string   { return "https://" + address(u) + ":2380" }

// tick lets processes, leadership and history go on by one instant.
func (w *world) tick() {
	for _, u := range w.units {
		if u.data != 0 && w.member(u.data) == nil && len(w.members) > 0 && w.quorum() {
			u.up = false // a removed member stops by itself
		}
	}
	if m := w.member(w.leader); m == nil || !w.runs(m) || m.learner {
		w.leader = 0
		for _, m := range w.members {
			if !m.learner && w.runs(m) {
				w.leader = m.id
				break
			}
		}
	}
	if !w.quorum() {
		return
	}
	for _, m := range w.members {
		if u := w.host(m); u != nil && u.up {
			m.name, m.client, m.reported = etcdops.MemberName(u.name), clientURL(u), true
			m.caught = true
		}
	}
}

// observe is what a daemon sees now; it also keeps the daemon's history.
func (w *world) observe() planner.Observation {
	o := planner.Observation{
		Now: w.now, ModelName: "demo", ModelUUID: "uuid", Application: "etcd", Self: w.self, Claimed: w.claimed,
		Options: planner.DefaultOptions(), PeerRelationID: 1, Latch: w.latch, LatchRead: len(w.units) > 0,
		CA: planner.CertificateAuthority{Related: w.ca, Application: "easyrsa", ClientCertificate: w.client},
	}
	if w.ca {
		o.CA.Bundle = "bundle"
	}
	o.Policy.SetDefaults()
	o.Etcd = w.view()
	for _, u := range w.units {
		p := planner.Unit{
			Name: u.name, Number: u.number, Dying: u.dying, Leader: u.leader, Provisioned: u.provisioned, Lost: u.lost,
			Failed: u.failed, FirstSeen: u.firstSeen, Last: u.last,
		}
		if u.task != nil {
			t := *u.task
			p.Task = &t
		}
		if u.published && u.provisioned {
			p.Facts = w.facts(u)
		}
		o.Units = append(o.Units, p)
	}
	w.remember(o.Etcd)
	o.History = w.memory
	o.History.UnhealthySince = maps.Clone(w.memory.UnhealthySince)
	o.History.Attempts = maps.Clone(w.memory.Attempts)
	o.History.NotBefore = maps.Clone(w.memory.NotBefore)
	for _, c := range w.clients {
		o.Clients = append(o.Clients, planner.Client{Name: c.name, Unseen: c.unseen, Idle: c.idle, Since: c.since})
	}
	w.notice(o)
	o.History.Notices = maps.Clone(w.notices)
	return o
}

// notice remembers when clients were told of units that leave.
func (w *world) notice(o planner.Observation) {
	told := planner.ClientsTold(o)
	for _, u := range w.units {
		_, known := w.notices[u.name]
		switch {
		case !u.dying || known || len(w.clients) == 0:
		case !told:
			w.untold[u.name] = w.now
		default:
			after, seen := w.untold[u.name]
			if !seen {
				after = w.now
			}
			w.notices[u.name] = planner.Notice{At: w.now, After: after}
		}
	}
}

// excuse notes for each unit that leaves whether another one cannot tell its clients now.
func (w *world) excuse() {
	mute := slices.ContainsFunc(w.units, func(u *unit) bool {
		return !u.dying && u.data != 0 && (u.lost || u.failed || !u.published || u.last != nil && w.now.Before(u.last.NotBefore) ||
			u.task != nil && (u.task.Deadline.IsZero() || w.now.After(u.task.Deadline)))
	})
	for _, u := range w.units {
		if u.dying && mute {
			w.excused[u.name] = true
		}
	}
}

// judgeFarewell: a member that serves does not go before clients' hooks have run since they were told, or 30 s are over.
func (w *world) judgeFarewell(m *member) {
	leaving := w.host(m)
	if len(w.clients) == 0 || m.learner || leaving == nil || !leaving.dying || !leaving.up || w.excused[leaving.name] {
		return
	}
	var last time.Time
	for _, u := range w.units {
		if o := w.member(u.data); u.dying || o == nil || o.learner || o.name == "" {
			continue
		}
		if slices.Contains(u.told, m.client) {
			w.violate("%s is removed before %s has told its clients", m.name, u.name)
		}
		if at := u.dropped[m.client]; at.After(last) {
			last = at
		}
	}
	for _, c := range w.clients {
		if w.now.Sub(last) < 30*time.Second && (c.unseen || !c.idle || !c.since.After(last)) {
			w.violate("%s is removed %s after clients were told, and %s has not run its hooks", m.name, w.now.Sub(last), c.name)
		}
	}
}

func (w *world) facts(u *unit) *v1alpha1.UnitFacts {
	f := &v1alpha1.UnitFacts{
		Protocol:  v1alpha1.Protocol,
		Addresses: v1alpha1.UnitAddresses{Peer: address(u), PeerBind: address(u), Client: address(u), ClientBind: address(u)},
		Member:    v1alpha1.MemberFacts{Present: u.data != 0, Started: u.started, StartedNew: u.startedNew},
	}
	if u.data != 0 {
		f.Member.MemberID, f.Member.ClusterID = u.data.String(), clusterID.String()
	}
	if u.certificate {
		f.Certificates.Server = &v1alpha1.LeafFacts{Fingerprint: "f"}
	}
	if u.snap {
		f.Snap = &v1alpha1.SnapFacts{Version: "3.6.16", Channel: "3.6/stable"}
	}
	if u.applied != "" {
		f.Applied = &v1alpha1.AppliedFacts{Hash: u.applied, Clients: u.told}
	}
	f.RestartPending = u.pending && u.data != 0
	return f
}

func (w *world) view() etcdops.View {
	v := etcdops.View{At: w.now, Health: map[string]etcdops.EndpointHealth{}, Listed: w.quorum()}
	for _, u := range w.units {
		if u.published && u.provisioned {
			v.Health[clientURL(u)] = etcdops.EndpointHealth{Endpoint: clientURL(u), At: w.now, Fault: etcdops.FaultRefused}
		}
	}
	for _, m := range w.members {
		if v.Listed {
			e := etcdops.Member{ID: m.id, Name: m.name, PeerURLs: []string{m.peer}, Learner: m.learner}
			if m.client != "" {
				e.ClientURLs = []string{m.client}
				v.Health[m.client] = etcdops.EndpointHealth{Endpoint: m.client, At: w.now, Fault: etcdops.FaultRefused}
			}
			v.Members = append(v.Members, e)
		}
	}
	for _, u := range w.units {
		if u.data == 0 || !u.up {
			continue
		}
		m := w.member(u.data)
		h := etcdops.EndpointHealth{
			Endpoint: clientURL(u), At: w.now, Answered: true, ClusterID: clusterID, MemberID: u.data, RaftIndex: 10000, AppliedIndex: 10000,
		}
		switch {
		case m == nil || !v.Listed:
			h.Fault = etcdops.FaultNoLeader
		default:
			h.Serves, h.Learner, h.Leader = true, m.learner, w.leader
			if m.learner && !m.caught {
				h.AppliedIndex = 0
			}
		}
		v.Health[clientURL(u)] = h
	}
	if v.Listed {
		v.ClusterID = clusterID
	} else {
		v.Err = "no leader"
	}
	return v
}

func (w *world) remember(v etcdops.View) {
	list := fmt.Sprint(len(v.Members))
	for _, m := range v.Members {
		list += fmt.Sprint(m.ID, m.Learner, m.Name)
	}
	if v.Listed && list != w.list {
		w.list, w.memory.LastChange = list, w.now
	}
	healthy := v.Listed && len(v.HealthyVoters()) == len(v.Voters()) && v.Leader() != 0
	switch {
	case !healthy:
		w.memory.StableSince = time.Time{}
	case w.memory.StableSince.IsZero():
		w.memory.StableSince = w.now
	}
	for url, h := range v.Health {
		switch _, known := w.memory.UnhealthySince[url]; {
		case h.Serves:
			delete(w.memory.UnhealthySince, url)
		case !known:
			w.memory.UnhealthySince[url] = w.now
		}
	}
}

// act does a step, and judges it.
func (w *world) act(o planner.Observation, s planner.Step) {
	if s.Kind == planner.StepWait {
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
	switch s.Kind {
	case planner.StepAddLearner, planner.StepPromote, planner.StepRemove, planner.StepMoveLeader:
		if !w.change(s) {
			w.memory.Attempts[s.Key()]++
			w.memory.NotBefore[s.Key()] = w.now.Add(5 * time.Second)
			return
		}
		delete(w.memory.Attempts, s.Key())
		delete(w.memory.NotBefore, s.Key())
		return
	}
	for _, d := range s.Units {
		u := w.unitNamed(d.Unit)
		if u.task != nil {
			w.violate("a second delivery to %s", u.name)
			continue
		}
		if u.last != nil && w.now.Before(u.last.NotBefore) {
			w.violate("a delivery to %s before its time", u.name)
		}
		if i := d.Spec.Etcd.Initial; i != nil && i.State == v1alpha1.InitialNew {
			if _, seed := w.latch.Seeds.Contains(u.name); !seed || w.latch.ClusterID != "" {
				w.violate("new is handed to %s while the latch is %+v", u.name, w.latch)
			}
		}
		w.tasks++
		u.delivery = d
		u.task = &planner.Task{ID: w.tasks, Enqueued: w.now, Ours: true, Deadline: w.now.Add(planner.DeliveryTTL),
			Harmless: !d.Spec.Delivery.AllowRestart && !d.Spec.Delivery.AllowReset}
	}
}

func (w *world) judgeDisruption(o planner.Observation, s planner.Step) {
	if len(o.Blind) > 0 || !o.LatchRead {
		w.violate("%s while blind", s.Kind)
	}
	for _, u := range w.units {
		if t := u.task; t != nil && !t.Harmless && w.now.Before(t.Enqueued.Add(planner.DeliveryTTL+planner.LongestRun)) {
			w.violate("%s while task %d may still disturb %s", s.Kind, t.ID, u.name)
		}
	}
	all, up := w.voters()
	switch s.Kind {
	case planner.StepAddLearner:
		if up < all {
			w.violate("a learner is added while a voter is down")
		}
		for _, m := range w.members {
			if m.learner || m.name == "" {
				w.violate("a second change: %s is not finished", m.id)
			}
		}
		if w.now.Sub(w.memory.StableSince) < 5*time.Second || w.now.Sub(w.memory.LastChange) < 5*time.Second {
			w.violate("a learner is added to a cluster that is not stable yet")
		}
	case planner.StepRemove:
		m := w.member(s.Member)
		if m == nil || m.learner {
			return
		}
		w.judgeFarewell(m)
		if w.runs(m) {
			up--
		}
		if up < etcdops.Quorum(all-1) || all == 1 {
			w.violate("removing %s leaves %d of %d voters", m.name, up, all-1)
		}
		if u := w.unitFor(m); u != nil && !u.dying && u.data == m.id {
			w.violate("%s is removed, though its unit stays and has its data", m.name)
		}
		if w.runs(m) && w.leader == m.id && all > 1 && w.memory.Attempts["MoveLeader "+m.id.String()] == 0 {
			w.violate("the leader %s is removed before it has handed over", m.name)
		}
	case planner.StepRestart:
		u := w.unitNamed(s.Units[0].Unit)
		if len(s.Units) != 1 {
			w.violate("%d restarts at once", len(s.Units))
		}
		if u.up && all > 1 && up-1 < etcdops.Quorum(all) {
			w.violate("restarting %s leaves %d of %d voters", u.name, up-1, all)
		}
		if m := w.member(u.data); m != nil && m.id == w.leader && up > 1 {
			for _, o := range w.units {
				if o != u && o.pending && o.data != 0 && !o.dying && o.provisioned && o.task == nil && w.member(o.data) != nil {
					w.violate("the leader %s is restarted before %s", u.name, o.name)
				}
			}
		}
	}
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
	switch s.Kind {
	case planner.StepAddLearner:
		if up < all {
			return false
		}
		w.members = append(w.members, &member{id: w.memberID(s.PeerURL), peer: s.PeerURL, learner: true})
	case planner.StepPromote:
		m := w.member(s.Member)
		if m == nil || !m.caught || !w.runs(m) {
			return false
		}
		m.learner = false
	case planner.StepRemove:
		w.members = slices.DeleteFunc(w.members, func(m *member) bool { return m.id == s.Member })
	case planner.StepMoveLeader:
		if m := w.member(s.To); m == nil || m.learner || !w.runs(m) {
			return false
		}
		w.leader = s.To
	}
	return true
}

func (w *world) memberID(text string) etcdops.MemberID {
	h := fnv.New64a()
	fmt.Fprint(h, text, w.now.UnixNano())
	return etcdops.MemberID(h.Sum64() | 1)
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
	r := &planner.Result{Task: t.ID, Hash: d.Spec.Hash(), At: w.now, Outcome: outcome, Reason: reason, Told: u.told}
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

func (w *world) carryOut(u *unit, s v1alpha1.EtcdUnitSpec, t *planner.Task) (v1alpha1.Outcome, string) {
	refuse := func(reason string) (v1alpha1.Outcome, string) { return v1alpha1.OutcomeRefused, reason }
	e := s.Delivery.Epoch
	claim := s.Latch != nil && s.Latch.Claim != nil
	switch {
	case w.now.After(t.Enqueued.Add(planner.DeliveryTTL)):
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
		w.latch = latch
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
	if reset && (u.started || u.data != 0) {
		u.data, u.started, u.startedNew, u.up = 0, false, false, false
	}
	u.snap = true
	if u.applied != s.Hash() {
		u.applied = s.Hash()
	}
	for _, url := range u.told {
		if !slices.Contains(s.Clients.Endpoints, url) {
			u.dropped[url] = w.now
		}
	}
	u.told = s.Clients.Endpoints
	if s.Service.State == v1alpha1.ServiceRunning {
		w.start(u, s.Etcd.Initial)
	}
	if s.Delivery.AllowRestart && u.pending {
		all, up := w.voters()
		if all > 1 && u.up && up-1 < etcdops.Quorum(all) {
			return refuse(v1alpha1.ReasonQuorumGuard)
		}
		u.pending, u.up = false, true
	}
	return v1alpha1.OutcomeApplied, ""
}

func (w *world) start(u *unit, i *v1alpha1.InitialCluster) {
	if u.data != 0 {
		u.up = true
		return
	}
	if i == nil || u.started || u.startedNew {
		return
	}
	u.started = true
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
			u.data, u.up = m.id, true
		}
	}
}

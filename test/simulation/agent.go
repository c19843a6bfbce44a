package simulation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
)

// Agent is a unit's charm on its machine.
type Agent struct {
	*Machine
	unit *Unit

	held  bool
	dies  bool
	loses bool
	// request is what a person has asked for by an action of this unit.
	request   *v1alpha1.Request
	certified bool
	// answered is the address that the authority has signed a certificate for, leaf the one of the
	// certificate on the machine.
	answered, leaf string
	// record is the unit's durable file on the machine, written before anything is done.
	record    *record.Record
	published []string
	// publishedTrust is what was published to clients with that list.
	publishedTrust trust
	// said is the words that came alone since its last delivery.
	said v1alpha1.StatusText
	// busyUntil is when the work ends that its facts tell of.
	busyUntil time.Time
	// waits: it has just had its member begin to defragment, and waits for that.
	waits bool
}

// run lets the agent do something that takes a while, after what it does already. What it writes in
// Juju is committed in the end.
func (a *Agent) run(takes time.Duration, do func()) {
	start := a.sim.now
	if a.freeAt.After(start) {
		start = a.freeAt
	}
	a.freeAt = start.Add(takes)
	a.sim.At(a.freeAt.Sub(a.sim.now), do)
}

// work runs the oldest task that waits for this unit, if it can run one now.
func (a *Agent) work() {
	s, u := a.sim, a.unit
	if !s.known(u) || !u.provisioned || u.lost || u.failed {
		return
	}
	if a.held {
		return
	}
	open := func(t *task) bool { return t.unit == u && !t.status.Final() && !t.hold }
	i := slices.IndexFunc(s.juju.tasks, open)
	if i < 0 || s.juju.tasks[i].status == jujuapi.TaskRunning {
		return
	}
	t := s.juju.tasks[i]
	t.status, t.started = jujuapi.TaskRunning, s.now
	if t.action != "" {
		a.run(t.takes, func() { a.endAction(t) })
		return
	}
	a.run(a.runs(t), func() {
		a.finish(t)
		a.work()
	})
}

func (a *Agent) finish(t *task) {
	a.dies = false
	status, conclude := a.deliver(t.spec, int64(t.id))
	if wait := a.awaitsDefrag(); wait > 0 && conclude != nil && !a.dies {
		a.run(wait, func() {
			a.ended(t, a.defragmented(status), conclude)
			a.work()
		})
		return
	}
	a.ended(t, status, conclude)
}

// ended is the end of a task: conclude, if there is anything to, writes in Juju.
func (a *Agent) ended(t *task, status v1alpha1.EtcdUnitStatus, conclude func(*v1alpha1.EtcdUnitStatus)) {
	s := a.sim
	if conclude != nil && !a.dies {
		conclude(&status)
	}
	if a.dies {
		// Whoever starts in its place finds the task begun, and ends it.
		t.status, t.output = jujuapi.TaskFailed, nil
		s.say("    %s: task %d dies with its agent", a.unit.Name, t.id)
		return
	}
	clock := metav1.NewMicroTime(a.seen().Now)
	status.Clock = &clock
	text, _ := json.Marshal(status)
	t.status, t.output = jujuapi.TaskCompleted, map[string]any{"status": string(text)}
	a.unit.agentSince = s.now
	if status.Outcome == v1alpha1.OutcomeRefused {
		s.counts.Refused[status.Reason]++
	}
	s.say("    %s: task %d %s %s %s", a.unit.Name, t.id, status.Outcome, status.Reason, status.Message)
}

// deliver is the charm's action reconcile. What it writes in Juju comes in the end, which conclude is; nil if it writes nothing.
func (a *Agent) deliver(spec v1alpha1.EtcdUnitSpec, action int64) (status v1alpha1.EtcdUnitStatus, conclude func(*v1alpha1.EtcdUnitStatus)) {
	s := a.sim
	latch := a.unit.app.latch
	if len(spec.Ops) > 0 {
		return a.operate(&spec, machine.Situation{Latch: latch, Leader: a.unit.leader, Action: action}), nil
	}
	next, judged := latch, latch
	if spec.Latch != nil {
		if !a.unit.leader {
			return refused(v1alpha1.ReasonNotLeader, "this unit is not the Juju leader"), nil
		}
		var err error
		if next, err = latch.Apply(*spec.Latch, spec.Delivery.Epoch); err != nil {
			return refused(v1alpha1.ReasonLatchDiffers, err.Error()), nil
		}
		judged.Epoch = next.Epoch
	}
	situation := machine.Situation{Latch: judged, Leader: a.unit.leader, Action: action}
	if spec.Delivery.WordsOnly {
		if r := machine.AdmitWords(&spec, situation, a.seen()); r != nil {
			return refused(r.Reason, r.Message), nil
		}
		if spec.Latch != nil {
			s.commitLatch(a.unit.app, next, *spec.Latch)
		}
		a.said = spec.Status.Unit
		a.showWords(spec.Status)
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied}, nil
	}
	if r := machine.Admit(&spec, situation, a.seen()); r != nil {
		return refused(r.Reason, r.Message), nil
	}
	if err := a.move(&spec); err != nil {
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonTaken, Message: err.Error()}, nil
	}
	a.certificates()
	if !a.certified {
		return refused(v1alpha1.ReasonNoCertificate, "no certificate"), nil
	}
	status = a.apply(&spec, action)
	if status.Outcome == v1alpha1.OutcomeRefused {
		return status, nil
	}
	return status, func(status *v1alpha1.EtcdUnitStatus) {
		if spec.Latch != nil {
			s.commitLatch(a.unit.app, next, *spec.Latch)
		}
		a.publish()
		if status.Outcome == v1alpha1.OutcomeFailed && a.process.data == nil {
			// Why there is no member yet is reported at once: the controller learns of it only now.
			spec.Status.Unit = v1alpha1.StatusText{State: etcdops.Blocked, Message: status.Message}
		}
		a.show(&spec)
		a.publishList(&spec)
		facts := a.facts()
		status.Facts = &facts
	}
}

func refused(reason, message string) v1alpha1.EtcdUnitStatus {
	return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeRefused, Reason: reason, Message: message}
}

// seen is what the agent's own judge needs to know: the judge is the real one.
func (a *Agent) seen() machine.Seen {
	seen := machine.Seen{Mark: a.process.mark, Taken: a.taken(), Now: a.now(), Unit: a.unit.Name, ModelUUID: ModelUUID, Record: *a.record, DataDir: v1alpha1.DataDir}
	if d := a.process.data; d != nil && seen.Taken == nil {
		seen.Present, seen.Member, seen.Cluster = true, d.member.String(), d.cluster
	}
	return seen
}

// apply makes the machine as the spec says.
func (a *Agent) apply(spec *v1alpha1.EtcdUnitSpec, action int64) v1alpha1.EtcdUnitStatus {
	s, r := a.sim, a.record
	hash := spec.Hash()
	if r.Epoch != spec.Delivery.Epoch || r.Hash != hash {
		s.counts.FileWrites++
	}
	s.judgeEpoch(a, spec)
	r.Epoch, r.Action, r.Hash, r.Spec = spec.Delivery.Epoch, action, hash, spec
	a.said = v1alpha1.StatusText{}
	a.remember()
	a.halt(spec)
	a.exchange(spec)
	if spec.Delivery.AllowReset {
		if err := a.reset(spec); err != nil {
			return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonQuorumGuard, Message: err.Error()}
		}
	}
	if a.installed.IsZero() {
		a.installed = s.now.Add(s.cfg.Install)
	}
	if s.now.Before(a.installed) {
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeInProgress, Reason: v1alpha1.ReasonSnapInProgress, Message: "the snap is being installed"}
	}
	if err := a.takeBundle(spec); err != nil {
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonNoCertificate, Message: err.Error()}
	}
	a.takeLeaf()
	config := fmt.Sprintf("%+v", spec.Etcd)
	if i := spec.Etcd.Initial; i != nil {
		config += fmt.Sprintf("%+v", *i)
	}
	a.begin(spec)
	if a.files != config {
		a.files = config
		s.counts.FileWrites++
	}
	reads := spec.ReadAtStart()
	reads.CA = a.bundle
	read := reads
	read.PeerURL = "" // which etcd with data does not read
	running := fmt.Sprint(read, a.bundle)
	a.process.wanted, a.process.next = running, reads
	status := v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied}
	switch {
	case spec.Service.State == v1alpha1.ServiceRunning && !slices.Contains(a.bundle, a.leafOf):
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonNoCertificate, Message: "no certificate that is trusted"}
	case a.squatted && !a.process.up && (a.process.data == nil || spec.Service.State == v1alpha1.ServiceRunning):
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonPortInUse,
			Message: "cannot start etcd: another process listens at " + a.address()}
	case spec.Service.State != v1alpha1.ServiceRunning:
	case !a.process.up:
		a.halted = false
		if reason := a.start(spec); reason != "" {
			return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonStartFailed, Message: reason}
		}
	case a.process.config != running && spec.Delivery.AllowRestart:
		if !s.mayStop(a) {
			return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeRefused, Reason: v1alpha1.ReasonQuorumGuard}
		}
		s.judgeOwn(a, "stops")
		s.judgeStop(a)
		a.restart()
	}
	if why := a.proveRestored(spec); why != "" {
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonStartFailed, Message: why}
	}
	status.RestartPending = a.process.up && a.process.config != running
	if failed := a.defragment(spec); failed != nil {
		return *failed
	}
	a.snapshot(spec)
	a.drill(spec)
	return status
}

// reset sets aside what is left of a member that was removed, if a fresh look says that it was.
func (a *Agent) reset(spec *v1alpha1.EtcdUnitSpec) error {
	id := a.record.Member.MemberID
	if a.process.data != nil {
		id = a.process.data.member.String()
	}
	if id == "" || slices.Contains(spec.Delivery.Members, id) {
		return nil
	}
	if err := a.gone(spec, a.record, cmp.Or(a.unit.app.latch.ClusterID, a.record.Member.ClusterID), id); err != nil {
		return err
	}
	a.sim.judgeAside(a)
	a.setAside()
	a.record.Member = record.Member{}
	a.sim.counts.FileWrites++
	return nil
}

// remember records the member whose data is on the machine.
func (a *Agent) remember() {
	if d := a.process.data; d != nil {
		a.record.Member.Started, a.record.Member.MemberID, a.record.Member.ClusterID = true, d.member.String(), d.cluster
	}
}

// begin records the first start of a member before it, and leaves the mark that is lost with the
// data.
func (a *Agent) begin(spec *v1alpha1.EtcdUnitSpec) {
	i := spec.Etcd.Initial
	if i == nil || a.process.data != nil {
		return
	}
	member := record.Member{Token: i.Token}
	if i.State == v1alpha1.InitialNew {
		member.StartedNew = true
		member.MemberID = etcdops.SeedID(i.Token, spec.Etcd.AdvertisePeerURLs[0]).String()
	}
	if a.record.Member == member {
		return
	}
	if member.StartedNew {
		a.process.mark = i.Token
	}
	a.record.Member, a.record.Defrag = member, record.Defrag{Stamp: spec.Service.DefragStamp}
	a.sim.counts.FileWrites++
}

// lost says that a member was started here, and its data is gone.
func (a *Agent) lost() bool {
	m := a.record.Member
	return a.process.data == nil && (m.Started || m.StartedNew && m.Token != a.process.mark)
}

// facts is what the machine knows now.
func (a *Agent) facts() v1alpha1.UnitFacts {
	address := a.address()
	if taken := a.taken(); taken != nil {
		f := v1alpha1.UnitFacts{Protocol: v1alpha1.Protocol, Taken: taken,
			Addresses: v1alpha1.UnitAddresses{Peer: address, PeerBind: address, Client: address, ClientBind: address}}
		if a.answered != "" {
			f.Certificates.Provider = v1alpha1.ProviderClassic
		}
		return f
	}
	if a.record.Hash != "" {
		a.claim()
		a.remember()
	}
	f := v1alpha1.UnitFacts{
		Protocol:  v1alpha1.Protocol,
		Addresses: v1alpha1.UnitAddresses{Peer: address, PeerBind: address, Client: address, ClientBind: address},
	}
	f.Request, f.Snapshots, f.Drill, f.Restore = a.request, a.record.Snapshots.DeepCopy(), a.record.Drill.DeepCopy(), a.restoreFacts()
	r := a.record.Member
	f.Member = v1alpha1.MemberFacts{Started: r.Started, StartedNew: r.StartedNew && r.Started}
	if d := a.process.data; d != nil {
		f.Member.Present, f.Member.Started, f.Member.MemberID, f.Member.ClusterID = true, true, d.member.String(), d.cluster
	} else if a.lost() {
		f.Member.StartedNew, f.Member.MemberID, f.Member.ClusterID, f.Member.Token = r.StartedNew, r.MemberID, r.ClusterID, r.Token
	}
	if a.certified {
		f.Certificates.Provider = v1alpha1.ProviderClassic
		f.Certificates.Server = &v1alpha1.LeafFacts{Fingerprint: "leaf of " + a.unit.Name + " at " + a.leaf, SANs: []string{a.leaf}}
	}
	a.trustFacts(&f.Certificates)
	if !a.installed.IsZero() && !a.sim.now.Before(a.installed) {
		f.Snap = &v1alpha1.SnapFacts{Revision: "1", Version: "3.6.16", Channel: "3.6/stable"}
	}
	if a.record.Hash != "" {
		f.Applied = &v1alpha1.AppliedFacts{Hash: a.record.Hash, Epoch: a.record.Epoch.Number, Action: a.record.Action}
		if a.record.Spec != nil {
			f.Applied.Clients, f.Applied.Options, f.Applied.Leaves = a.record.Spec.Clients.Endpoints, a.record.Spec.Options, a.record.Spec.TLS.Leaves
		}
	}
	if read := a.process.read; a.process.data != nil && read.ClientURL != "" {
		f.Running = &read
	}
	f.RestartPending = a.process.up && a.process.config != a.process.wanted
	a.defragFacts(&f)
	if a.sim.now.Before(a.busyUntil) {
		f.Busy = &v1alpha1.BusyFacts{ID: "1", Kind: "restore"}
	}
	return f
}

// publish writes the facts into the databag if they have changed: each write runs a hook on every
// peer.
func (a *Agent) publish() {
	a.certificates()
	a.dropStaged()
	f := a.facts()
	text, _ := json.Marshal(f)
	if a.unit.databag == string(text) {
		return
	}
	a.sim.judgeFacts(a, f)
	a.unit.databag = string(text)
	a.sim.publishedSnapshot(a, f)
	a.sim.counts.DatabagWrites++
	for _, u := range a.unit.app.units {
		if u != a.unit && u.provisioned {
			u.agentSince = a.sim.now
			a.sim.counts.Hooks++
		}
	}
}

// show is status and ports, which Juju has only if they differ.
func (a *Agent) show(spec *v1alpha1.EtcdUnitSpec) {
	a.showWords(spec.Status)
	var ports []string
	for _, p := range spec.OpenPorts {
		ports = append(ports, fmt.Sprintf("%d/tcp", p))
	}
	a.unit.ports = ports
}

func (a *Agent) showWords(words v1alpha1.StatusSpec) {
	if words.Unit.State != "" {
		a.set(&a.unit.status, words.Unit)
	}
	if words.Application != nil && a.unit.leader {
		a.set(&a.unit.app.status, *words.Application)
	}
}

// commitLatch is the side effect that everything hangs on.
func (s *Sim) commitLatch(app *App, next v1alpha1.Latch, request v1alpha1.LatchRequest) {
	old, _ := app.latch.Databag()
	bag, _ := next.Databag()
	if fmt.Sprint(old) == fmt.Sprint(bag) {
		return
	}
	s.point("the latch is committed", func() {
		if request.Rebirth != nil && !app.latch.Seeds.Equal(next.Seeds) {
			s.judgeRebirth(app, next.ClusterID)
		} else {
			s.judgeLatch(app.latch, next)
		}
		app.latch = next
		if c := s.clusterOf(next.ClusterID); c != nil {
			c.latched = true
		}
		s.counts.DatabagWrites++
	})
}

package planner

import (
	"hash/fnv"
	"maps"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Predict returns the observation that the step should lead to if everything goes well and nothing
// else happens. The given observation is not changed. It is an expectation, never a substitute for
// looking.
func Predict(o observation.Observation, s Step) observation.Observation { return See(o).predict(s) }

func (in *Situation) predict(s Step) observation.Observation {
	p := &prediction{Observation: clone(in.observed), in: in}
	switch s.Kind {
	case StepClaim:
		// A snap that is missing takes longer than the claim: the unit is prepared with the others.
		leader := p.unit(s.Units[0].Unit)
		snap := leader.Facts.Snap
		p.land(s.Units)
		leader.Facts.Snap = snap
		epoch := s.Units[0].Spec.Delivery.Epoch
		p.Latch.Epoch, p.Claimed = &epoch, epoch.Number
		p.latch(v1alpha1.LatchRequest{Ending: s.Units[0].Spec.Latch.Ending})
	case StepLatchSeeds:
		p.land(s.Units)
		p.latch(*s.Units[0].Spec.Latch)
	case StepLatchEnding, StepAnswer, StepJournal, StepStamp:
		p.land(s.Units)
		p.latch(*s.Units[0].Spec.Latch)
	case StepLatchCluster:
		p.land(s.Units)
		p.Latch.ClusterID = s.Units[0].Spec.Latch.ClusterID
	case StepPrepare, StepUpdate:
		p.land(s.Units)
	case StepStart:
		p.land(s.Units)
		p.start(s.Units)
	case StepSnapshot:
		p.land(s.Units)
		p.taken(s.Units[0])
	case StepDrill:
		p.land(s.Units)
		p.drilled(s.Units[0])
	case StepHalt:
		p.land(s.Units)
		p.halt(s.Units)
		p.restore(s.Units)
	case StepRestart:
		p.land(s.Units)
		for _, d := range s.Units {
			f := p.facts(d.Unit)
			f.RestartPending, f.Running = false, new(d.Spec.ReadAtStart())
			f.Certificates.Proof = proof(d.Spec)
			p.republish(d)
		}
	case StepDefragment:
		p.land(s.Units)
		p.facts(s.Unit).Defragmented = &v1alpha1.DefragFacts{Stamp: s.Units[0].Spec.Service.DefragStamp}
	case StepExpose:
		if p.Exposures == nil {
			p.Exposures = map[string]jujuapi.Exposure{}
		}
		p.Exposures[ExposedEndpoint] = p.Exposures[ExposedEndpoint].With(s.CIDRs...)
	default:
		if c, ok := changes[s.Kind]; ok {
			c.predict(p, s, s.Change.Op())
		}
	}
	p.settle()
	return p.Observation
}

// latch lets the request be granted.
func (p *prediction) latch(r v1alpha1.LatchRequest) {
	if latch, err := p.Latch.Apply(r, p.in.epoch()); err == nil {
		p.Latch = latch
	}
}

type prediction struct {
	observation.Observation
	in *Situation
}

func clone(o observation.Observation) observation.Observation {
	o.Units = slices.Clone(o.Units)
	for i := range o.Units {
		if f := o.Units[i].Facts; f != nil {
			o.Units[i].Facts = f.DeepCopy()
		}
	}
	o.Exposures = maps.Clone(o.Exposures)
	o.Etcd.Members = slices.Clone(o.Etcd.Members)
	o.Etcd.Health = maps.Clone(o.Etcd.Health)
	if o.Etcd.Health == nil {
		o.Etcd.Health = map[string]etcdops.EndpointHealth{}
	}
	o.History.Progress = maps.Clone(o.History.Progress)
	o.History.UnhealthySince = maps.Clone(o.History.UnhealthySince)
	o.History.Attempts = maps.Clone(o.History.Attempts)
	o.History.NotBefore = maps.Clone(o.History.NotBefore)
	o.History.Faults = maps.Clone(o.History.Faults)
	o.History.Notices = maps.Clone(o.History.Notices)
	return o
}

func (p *prediction) unit(name string) *observation.Unit {
	i := slices.IndexFunc(p.Units, func(u observation.Unit) bool { return u.Name == name })
	if i < 0 {
		return &observation.Unit{Facts: &v1alpha1.UnitFacts{}}
	}
	return &p.Units[i]
}

func (p *prediction) facts(unit string) *v1alpha1.UnitFacts { return p.unit(unit).Facts }

// land lets the deliveries be applied.
func (p *prediction) land(deliveries []observation.Delivery) {
	for _, d := range deliveries {
		u := p.unit(d.Unit)
		if s := d.Spec.Status; d.Spec.Delivery.WordsOnly { // such as a claim that comes with them: nothing else is handed
			if s.Unit.State != "" {
				u.Shown = s.Unit
			}
			if s.Application != nil {
				p.ApplicationStatus = *s.Application
			}
			continue
		}
		u.Task, u.Last = nil, nil
		if u.Clock != nil { // the unit's answer shows it again
			u.Clock = &observation.Clock{Ahead: u.Clock.Ahead, At: p.Now}
		}
		if d.Spec.Delivery.Orphans != nil {
			u.Facts.Taken = nil
		}
		hash := d.Spec.Hash()
		if u.Facts.Applied == nil || u.Facts.Applied.Hash != hash {
			if r := u.Facts.Running; r != nil && !r.Same(d.Spec.ReadAtStart()) {
				u.Facts.RestartPending = u.Facts.Member.Present
			}
			if prints := pki.Fingerprints(d.Spec.TLS.CABundle); len(prints) > 0 {
				if u.Facts.Member.Present && len(u.Facts.Certificates.CA) > 0 && !sameAuthorities(prints, u.Facts.Certificates.CA) {
					u.Facts.RestartPending = true
				}
				u.Facts.Certificates.CA = prints
			}
			u.Facts.Applied = &v1alpha1.AppliedFacts{
				Hash: hash, Epoch: d.Spec.Delivery.Epoch.Number, Clients: d.Spec.Clients.Endpoints, Options: d.Spec.Options,
				Leaves: d.Spec.TLS.Leaves,
			}
		}
		if u.Facts.Member.Present && !u.Facts.RestartPending { // also of one that has applied this, and only owes the proof
			u.Facts.Certificates.Proof = proof(d.Spec)
		}
		if u.Facts.Snap == nil {
			u.Facts.Snap = &v1alpha1.SnapFacts{Channel: d.Spec.Snap.Channel}
		}
		if d.Spec.Delivery.AllowReset {
			u.Facts.Member = v1alpha1.MemberFacts{}
		}
		u.Shown = d.Spec.Status.Unit
		u.OpenedPorts = d.Spec.OpenPorts
		if d.Spec.Status.Application != nil {
			p.ApplicationStatus = *d.Spec.Status.Application
		}
	}
}

// proof is what handshakes show where everything has arrived; nil where the unit was handed nothing
// to prove.
func proof(spec v1alpha1.EtcdUnitSpec) *v1alpha1.ProofFacts {
	if len(spec.TLS.Leaves) == 0 && len(spec.TLS.Next) == 0 {
		return nil
	}
	return &v1alpha1.ProofFacts{Serves: spec.TLS.Leaves, Accepts: spec.TLS.Next}
}

// halt lets the members that are to be halted answer no more.
func (p *prediction) halt(deliveries []observation.Delivery) {
	for _, d := range deliveries {
		if m, member := p.in.member[d.Unit]; member && d.Spec.NeedsPhase() {
			p.facts(d.Unit).RestartPending = false
			for _, url := range m.ClientURLs {
				p.Etcd.Health[url] = etcdops.EndpointHealth{Endpoint: url, Fault: etcdops.FaultRefused}
			}
		}
	}
	if len(p.Etcd.HealthyVoters()) < etcdops.Quorum(len(p.Etcd.Voters())) {
		p.Etcd.Listed = false
	}
}

// restore lets what an action has made ready come to its place, and answer, or what was there before.
func (p *prediction) restore(deliveries []observation.Delivery) {
	for _, d := range deliveries {
		f := p.facts(d.Unit)
		want, ready := d.Spec.Etcd.Restore, f.Restore
		if want == nil || ready == nil {
			continue
		}
		if want.Back {
			f.Restore, f.Member.ClusterID = nil, p.Latch.ClusterID
			p.Etcd.Listed, p.Etcd.Members, p.Etcd.ClusterID = false, nil, 0
			continue
		}
		id, err := etcdops.ParseClusterID(ready.ClusterID)
		if err != nil {
			continue
		}
		ready.Done = true
		sole := etcdops.Member{ID: p.newID(ready.PeerURL), Name: ready.Name, PeerURLs: []string{ready.PeerURL}, ClientURLs: d.Spec.Etcd.AdvertiseClientURLs}
		f.Member.ClusterID, f.Member.MemberID = ready.ClusterID, sole.ID.String()
		f.Running, f.RestartPending = new(d.Spec.ReadAtStart()), false
		p.Etcd = etcdops.View{Listed: true, ClusterID: id, Members: []etcdops.Member{sole}, Health: map[string]etcdops.EndpointHealth{}}
		p.answer(sole)
	}
}

// start lets the started members run: seeds are a cluster when a quorum of them runs, a learner has
// caught up.
func (p *prediction) start(deliveries []observation.Delivery) {
	for _, d := range deliveries {
		f := p.facts(d.Unit)
		f.Member.Present, f.Member.Started, f.Running = true, true, new(d.Spec.ReadAtStart())
		if stamp := d.Spec.Service.DefragStamp; stamp != 0 {
			f.Defragmented = &v1alpha1.DefragFacts{Stamp: stamp}
		}
		f.Member.StartedNew = d.Spec.Etcd.Initial != nil && d.Spec.Etcd.Initial.State == v1alpha1.InitialNew
		url := ClientURL(f.Addresses, p.in.opts)
		if f.Member.StartedNew {
			p.Etcd.ClusterID = etcdops.ClusterID(number(d.Spec.Etcd.Initial.Token))
			p.Etcd.Listed = true
			p.Etcd.Members = append(p.Etcd.Members, etcdops.Member{
				ID: p.newID(d.Spec.Etcd.AdvertisePeerURLs[0]), Name: d.Spec.Etcd.Name,
				PeerURLs: d.Spec.Etcd.AdvertisePeerURLs, ClientURLs: []string{url},
			})
		}
		i := slices.IndexFunc(p.Etcd.Members, func(m etcdops.Member) bool {
			return slices.Contains(m.PeerURLs, d.Spec.Etcd.AdvertisePeerURLs[0])
		})
		if i < 0 {
			continue
		}
		m := &p.Etcd.Members[i]
		m.Name, m.ClientURLs = d.Spec.Etcd.Name, []string{url}
		f.Member.MemberID, f.Member.ClusterID = m.ID.String(), p.Etcd.ClusterID.String()
		p.answer(*m)
	}
}

// republish lets a restarted member publish its client URL.
func (p *prediction) republish(d observation.Delivery) {
	m, ok := p.in.member[d.Unit]
	i := slices.IndexFunc(p.Etcd.Members, func(o etcdops.Member) bool { return o.ID == m.ID })
	if !ok || i < 0 || slices.Equal(p.Etcd.Members[i].ClientURLs, d.Spec.Etcd.AdvertiseClientURLs) {
		return
	}
	p.Etcd.Members[i].ClientURLs = d.Spec.Etcd.AdvertiseClientURLs
	p.answer(p.Etcd.Members[i])
}

// answer lets a member be healthy and up to date.
func (p *prediction) answer(m etcdops.Member) {
	var top uint64 = 1
	leader := etcdops.MemberID(0)
	for _, h := range p.Etcd.Health {
		top = max(top, h.RaftIndex)
		if h.Leader != 0 {
			leader = h.Leader
		}
	}
	if leader == 0 {
		leader = m.ID
	}
	for _, url := range m.ClientURLs {
		p.Etcd.Health[url] = etcdops.EndpointHealth{
			Endpoint: url, At: p.Now, Serves: true, Answered: true, ClusterID: p.Etcd.ClusterID, MemberID: m.ID,
			Leader: leader, Learner: m.Learner, RaftIndex: top, AppliedIndex: top,
		}
		delete(p.History.UnhealthySince, url)
	}
}

// taken lets the snapshot be there.
func (p *prediction) taken(d observation.Delivery) {
	order := d.Spec.Delivery.Snapshot
	p.facts(d.Unit).Snapshots = &v1alpha1.SnapshotFacts{
		Last:  &v1alpha1.TakenSnapshot{ID: order.ID, Unit: d.Unit},
		Tried: v1alpha1.TriedSnapshot{ID: order.ID, Attempt: order.Attempt},
	}
}

// drilled lets the drill have gone well.
func (p *prediction) drilled(d observation.Delivery) {
	order := d.Spec.Delivery.Drill
	p.facts(d.Unit).Drill = &v1alpha1.DrillFacts{
		Last:  &v1alpha1.DoneDrill{ID: order.ID, Unit: d.Unit, Stored: order.Stored},
		Tried: v1alpha1.TriedSnapshot{ID: order.ID, Attempt: order.Attempt}, TriedStored: order.Stored,
	}
}

// settle lets the windows of time pass that an undisturbed cluster passes by itself.
func (p *prediction) settle() {
	if p.Etcd.Listed && len(p.Etcd.HealthyVoters()) == len(p.Etcd.Voters()) {
		p.History.StableSince = p.Now.Add(-p.Policy.Growth.Stable.Duration)
		p.History.LastChange = p.History.StableSince
	}
	after := See(p.Observation)
	if !after.ClientsInformed() {
		return
	}
	if p.History.Notices == nil {
		p.History.Notices = map[string]observation.Notice{}
	}
	for _, news := range after.News() {
		p.History.Notices[news] = observation.Notice{At: p.Now.Add(-hookPatience)}
	}
}

// newID is an ID that no member has, the same for the same URL.
func (p *prediction) newID(peerURL string) etcdops.MemberID {
	id := etcdops.MemberID(number(peerURL))
	for {
		if _, taken := p.Etcd.Member(id); !taken && id != 0 {
			return id
		}
		id++
	}
}

func number(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

package planner

import (
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/reconcile/observation"
)

// appliedGrace is how long facts may take to show a delivery that was reported as applied, before
// it is sent again.
const appliedGrace = 30 * time.Second

// Desired is what the unit's machine should be now. It holds nothing volatile: two observations of
// the same situation give the same hash. The zero spec is returned for a unit that is not observed
// or has published no facts.
func (in *Situation) Desired(unit string) v1alpha1.EtcdUnitSpec {
	i := slices.IndexFunc(in.Units, func(u observation.Unit) bool { return u.Name == unit })
	if i < 0 || in.Units[i].Facts == nil {
		return v1alpha1.EtcdUnitSpec{}
	}
	return in.delivery(in.Units[i], in.specOf(in.Units[i])).Spec
}

// Applied says that the unit has reported that it has applied what it should be.
func (in *Situation) Applied(unit string) bool {
	i := slices.IndexFunc(in.Units, func(u observation.Unit) bool { return u.Name == unit })
	return i >= 0 && in.hasApplied(in.Units[i])
}

// hasApplied is Applied, of a unit.
func (in *desired) hasApplied(u observation.Unit) bool {
	return u.Facts != nil && u.Facts.Applied != nil && u.Facts.Applied.Hash == in.hashOf(u)
}

// specOf is the desired state of a unit that has published facts. It is made once: who changes it
// makes a copy of what it points to.
func (in *desired) specOf(u observation.Unit) v1alpha1.EtcdUnitSpec { return in.made(u).spec }

// hashOf is the hash of specOf.
func (in *desired) hashOf(u observation.Unit) string { return in.made(u).hash }

// madeSpec is a spec and its hash.
type madeSpec struct {
	spec v1alpha1.EtcdUnitSpec
	hash string
}

func (in *desired) made(u observation.Unit) madeSpec {
	made, ok := in.specs[u.Name]
	if !ok {
		made.spec = in.makeSpec(u)
		made.hash = made.spec.Hash()
		in.specs[u.Name] = made
	}
	return made
}

func (in *desired) makeSpec(u observation.Unit) v1alpha1.EtcdUnitSpec {
	s := in.base(u)
	if u.Leader {
		s.TLS.ControllerRequests = in.CA.ControllerRequests
	}
	stage := in.stageOf(u)
	if in.Latch.ClusterID != "" && (stage == stageMember || in.exposed()) {
		s.OpenPorts = in.openPorts(u)
	}
	switch stage {
	case stageSeed:
		s.Service.State = v1alpha1.ServiceRunning
		s.Etcd.Initial = in.seedInitial()
	case stageJoin:
		s.Service.State = v1alpha1.ServiceRunning
		s.Etcd.Initial = in.joinInitial()
	case stageMember:
		s.Service.State = v1alpha1.ServiceRunning
	}
	s.Clients = in.clients(u)
	// A member is told of the others as soon as it runs, also before the cluster's latch is
	// written: where else would it ask, once it was removed, whether it has left?
	if in.Latch.ClusterID != "" || stage == stageMember {
		s.Clients.Members = in.watched()
	}
	in.underProcedures(u, &s)
	s.Status = in.statusOf(u)
	return s
}

// atRest is what a unit is handed with a request for the latch: what it should be, but nothing is
// started by it.
func (in *desired) atRest(u observation.Unit) v1alpha1.EtcdUnitSpec {
	s := in.specOf(u)
	if s.Etcd.Initial != nil {
		s.Etcd.Initial = nil
		s.Service.State = v1alpha1.ServiceStopped
	}
	return s
}

// base is what holds in every stage: everything but the start, and nothing runs by it.
func (in *desired) base(u observation.Unit) v1alpha1.EtcdUnitSpec {
	a := u.Facts.Addresses
	heartbeat, election := in.pair()
	options := in.opts
	spec := v1alpha1.EtcdUnitSpec{
		Unit: u.Name, Application: in.Application, ModelUUID: in.ModelUUID,
		Snap: v1alpha1.SnapSpec{Name: v1alpha1.SnapName, Channel: in.channel(u)},
		Etcd: v1alpha1.EtcdSpec{
			Name: etcdops.MemberName(u.Name), DataDir: v1alpha1.DataDir,
			ListenPeerURLs:          []string{in.listenURL(a.PeerBind, a.Peer, in.peerPort(u))},
			ListenClientURLs:        in.listenClientURLs(u),
			AdvertisePeerURLs:       []string{in.peerURL(u)},
			AdvertiseClientURLs:     []string{in.clientURL(u)},
			ListenMetricsURLs:       in.metricsURLs(u),
			HeartbeatIntervalMs:     heartbeat,
			ElectionTimeoutMs:       election,
			SnapshotCount:           in.opts.SnapshotCount,
			QuotaBackendBytes:       in.opts.QuotaBackendBytes,
			MaxRequestBytes:         in.opts.MaxRequestBytes,
			AutoCompactionMode:      in.opts.AutoCompactionMode,
			AutoCompactionRetention: in.opts.AutoCompactionRetention,
			CipherSuites:            in.opts.CipherSuites,
			LogLevel:                in.opts.LogLevel,
			EnableV2:                in.v2For(u),
		},
		TLS: v1alpha1.TLSSpec{
			CABundle: in.bundle(), Leaves: in.leavesFor(u), ExtraSANs: in.extraSANs(u), OwnClientCertificates: in.Policy.Clients.OwnCertificates,
		},
		Service: v1alpha1.ServiceSpec{State: v1alpha1.ServiceStopped},
		Store:   in.storeFor(u), Encryption: in.encryptionFor(u),
		Options: &options,
	}
	in.stamped(&spec)
	return spec
}

// extraSANs are those of the policy, then those of the option, and last the addresses that the
// unit's member comes from.
func (in *addresses) extraSANs(u observation.Unit) []string {
	sans := slices.Clone(in.Policy.Certificates.ExtraSANs)
	for _, san := range in.opts.ExtraSANs {
		if !slices.Contains(sans, san) {
			sans = append(sans, san)
		}
	}
	for _, address := range in.comesFrom(u) {
		if !slices.Contains(sans, address) {
			sans = append(sans, address)
		}
	}
	return sans
}

// applied says that the unit has applied what it should be.
func (in *desired) applied(u observation.Unit) bool {
	if u.Last != nil && u.Last.Hash == in.hashOf(u) {
		switch u.Last.Outcome {
		case v1alpha1.OutcomeApplied:
			if in.Now.Before(u.Last.At.Add(appliedGrace)) {
				return true
			}
		default:
			return false
		}
	}
	return in.hasApplied(u)
}

// onDisk says that the unit has written all that it should be, and only waits for its etcd to answer: which that may not do before the
// others know where it is.
func (in *desired) onDisk(u observation.Unit) bool {
	return u.Last != nil && u.Last.Hash == in.hashOf(u) && u.Last.Outcome == v1alpha1.OutcomeInProgress && u.Last.Reason == v1alpha1.ReasonStartFailed
}

// prepared says that the unit is ready for its first start.
func (in *desired) prepared(u observation.Unit) bool {
	// After a start that failed the machine is looked at again, its ports first, before anybody
	// counts on it.
	failed := u.Last != nil && u.Last.Outcome != v1alpha1.OutcomeApplied
	return in.stageOf(u) == stagePrepare && ready(u) && u.Facts.Snap != nil && !hasData(u) && !in.begun(u) && in.applied(u) && !failed
}

// statusOf is the controller's word on the unit, and on the application where the unit is Juju's
// leader.
func (in *desired) statusOf(u observation.Unit) v1alpha1.StatusSpec {
	if in.doorless() {
		return v1alpha1.StatusSpec{} // who cannot look says nothing of etcd
	}
	s := v1alpha1.StatusSpec{Unit: text(in.unitWords(u)), Notice: in.clockNotice(u)}
	if u.Leader {
		app := text(in.applicationWords())
		s.Application = &app
	}
	return s
}

func text(w etcdops.Words) v1alpha1.StatusText {
	// It is what the unit will show, which cleans and cuts it alike.
	return v1alpha1.StatusText{State: w.State, Message: printable.Line(w.Message, printable.Status)}
}

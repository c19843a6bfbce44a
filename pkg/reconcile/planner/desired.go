package planner

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
)

// appliedGrace is how long facts may take to show a delivery that was reported as applied, before it is sent again.
const appliedGrace = 30 * time.Second

// Desired is what the unit's machine should be now. It holds nothing volatile: two observations of the same situation give
// the same hash. The zero spec is returned for a unit that is not observed or has published no facts.
func Desired(o observation.Observation, unit string) v1alpha1.EtcdUnitSpec {
	in := newInput(o)
	i := slices.IndexFunc(in.Units, func(u observation.Unit) bool { return u.Name == unit })
	if i < 0 || in.Units[i].Facts == nil {
		return v1alpha1.EtcdUnitSpec{}
	}
	return in.delivery(in.Units[i], in.specOf(in.Units[i])).Spec
}

// stage is where a unit is in its life.
type stage int

const (
	stagePrepare stage = iota // no member yet, or none any more
	stageSeed                 // latched as a seed, to be started with state new
	stageJoin                 // in the member list, to be started with state existing
	stageMember               // has data
)

func (in *input) stageOf(u observation.Unit) stage {
	m, member := in.member[u.Name]
	_, seed := in.Latch.Seeds.Contains(u.Name)
	switch {
	case hasData(u) && (member || in.Latch.ClusterID == "" || !in.Etcd.Listed):
		return stageMember
	case member && in.serving(m):
		return stageMember
	case hasData(u), in.begun(u):
		return stagePrepare
	case in.Latch.ClusterID == "" && seed:
		return stageSeed
	case in.Latch.ClusterID != "" && in.Etcd.Listed && member && len(m.ClientURLs) == 0:
		return stageJoin
	}
	return stagePrepare
}

// specOf is the desired state of a unit that has published facts.
func (in *input) specOf(u observation.Unit) v1alpha1.EtcdUnitSpec {
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
	// A member is told of the others as soon as it runs, also before the cluster's latch is written: where else would it ask, once
	// it was removed, whether it has left?
	if in.Latch.ClusterID != "" || stage == stageMember {
		s.Clients.Members = in.watched()
	}
	in.underProcedures(u, &s)
	s.Status = in.statusOf(u)
	return s
}

// openPorts are the port at which the unit's member serves, and the one at which it is to: that is opened before the member moves
// there, and the old one closed when it has.
func (in *input) openPorts(u observation.Unit) []int32 {
	ports := []int32{in.opts.Port, PortOf(in.servesAt(u))}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// atRest is what a unit is handed with a request for the latch: what it should be, but nothing is started by it.
func (in *input) atRest(u observation.Unit) v1alpha1.EtcdUnitSpec {
	s := in.specOf(u)
	if s.Etcd.Initial != nil {
		s.Etcd.Initial = nil
		s.Service.State = v1alpha1.ServiceStopped
	}
	return s
}

// base is what holds in every stage: everything but the start, and nothing runs by it.
func (in *input) base(u observation.Unit) v1alpha1.EtcdUnitSpec {
	a := u.Facts.Addresses
	heartbeat, election := in.pair()
	options := in.opts
	return v1alpha1.EtcdUnitSpec{
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
			AutoCompactionMode:      in.opts.AutoCompactionMode,
			AutoCompactionRetention: in.opts.AutoCompactionRetention,
			CipherSuites:            in.opts.CipherSuites,
			LogLevel:                in.opts.LogLevel,
		},
		TLS: v1alpha1.TLSSpec{
			CABundle: in.bundle(), ExtraSANs: in.extraSANs(u), OwnClientCertificates: in.Policy.Clients.OwnCertificates,
		},
		Service: v1alpha1.ServiceSpec{State: v1alpha1.ServiceStopped, RestartStamp: in.Latch.Stamps[v1alpha1.StampRestart]},
		Options: &options,
	}
}

// extraSANs are those of the policy, then those of the option, and last the addresses that the unit's member comes from.
func (in *input) extraSANs(u observation.Unit) []string {
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

// listenClientURLs are where etcd listens for clients: the one for all, and, if that is wanted, one in clear for those on the
// machine itself.
func (in *input) listenClientURLs(u observation.Unit) []string {
	a := u.Facts.Addresses
	urls := []string{in.listenURL(a.ClientBind, a.Client, in.opts.Port)}
	if in.opts.BindWithInsecureHTTP {
		urls = append([]string{fmt.Sprintf("http://127.0.0.1:%d", options.InsecurePort)}, urls...)
	}
	return urls
}

// metricsURLs are where etcd serves its metrics beside the client port; none if the option is empty.
func (in *input) metricsURLs(u observation.Unit) []string {
	if in.opts.MetricsURL == "" {
		return nil
	}
	host := cmp.Or(u.Facts.Addresses.ClientBind, u.Facts.Addresses.Client)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return []string{strings.Replace(strings.TrimSuffix(in.opts.MetricsURL, "/"), options.AddressPlaceholder, host, 1)}
}

// listenURL binds to all interfaces, of the address' own family, or to the endpoint's bind address.
func (in *input) listenURL(bind, ingress string, port int32) string {
	host := bind
	if host == "" {
		host = ingress
	}
	if in.opts.BindToAllInterfaces {
		v6 := net.ParseIP(ingress) != nil && net.ParseIP(ingress).To4() == nil
		host = "0.0.0.0"
		if v6 {
			host = "::"
		}
	}
	return httpsURL(host, port)
}

func (in *input) seedInitial() *v1alpha1.InitialCluster {
	initial := &v1alpha1.InitialCluster{Token: in.Latch.Seeds.Token, State: v1alpha1.InitialNew}
	for _, s := range in.Latch.Seeds.Members {
		initial.Members = append(initial.Members, v1alpha1.NamedMember{Name: s.Name, PeerURL: s.PeerURL})
	}
	return initial
}

// joinInitial is made from the member list, as etcd compares it with its own; a member without a name has its unit's.
func (in *input) joinInitial() *v1alpha1.InitialCluster {
	initial := &v1alpha1.InitialCluster{State: v1alpha1.InitialExisting}
	if in.Latch.Seeds != nil {
		initial.Token = in.Latch.Seeds.Token
	}
	for _, m := range in.Etcd.Members {
		name := m.Name
		if u, ok := in.unitOf(m); ok && name == "" {
			name = etcdops.MemberName(u.Name)
		}
		if name == "" {
			name = "member-" + m.ID.String()
		}
		for _, url := range m.PeerURLs {
			initial.Members = append(initial.Members, v1alpha1.NamedMember{Name: name, PeerURL: url})
		}
	}
	slices.SortFunc(initial.Members, func(a, b v1alpha1.NamedMember) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.PeerURL, b.PeerURL))
	})
	return initial
}

// delivery addresses a spec: who sends it, and what it takes for granted. The actor adds NotAfter.
func (in *input) delivery(u observation.Unit, spec v1alpha1.EtcdUnitSpec) observation.Delivery {
	spec.Delivery = v1alpha1.Delivery{
		Protocol: v1alpha1.Protocol, Epoch: in.epoch(), ExpectClusterID: in.Latch.ClusterID,
	}
	spec.Delivery.Orphans = in.orphans(u)
	m, member := in.member[u.Name]
	switch {
	case member && hasData(u):
		spec.Delivery.ExpectMemberID = m.ID.String()
	case !member && in.Latch.ClusterID != "" && in.Etcd.Listed && (hasData(u) || in.begun(u)) && !u.Dying:
		spec.Delivery.AllowReset = true
		spec.Delivery.Endpoints = in.Etcd.Places()
		for _, m := range in.Etcd.Members {
			spec.Delivery.Members = append(spec.Delivery.Members, m.ID.String())
		}
	}
	return observation.Delivery{Unit: u.Name, Spec: spec}
}

// applied says that the unit has applied what it should be.
func (in *input) applied(u observation.Unit) bool {
	spec := in.specOf(u)
	hash := spec.Hash()
	if u.Last != nil && u.Last.Hash == hash {
		switch u.Last.Outcome {
		case v1alpha1.OutcomeApplied:
			if in.Now.Before(u.Last.At.Add(appliedGrace)) {
				return true
			}
		default:
			return false
		}
	}
	return u.Facts != nil && u.Facts.Applied != nil && u.Facts.Applied.Hash == hash
}

// prepared says that the unit is ready for its first start.
func (in *input) prepared(u observation.Unit) bool {
	// After a start that failed the machine is looked at again, its ports first, before anybody counts on it.
	failed := u.Last != nil && u.Last.Outcome != v1alpha1.OutcomeApplied
	return in.stageOf(u) == stagePrepare && ready(u) && u.Facts.Snap != nil && !hasData(u) && !in.begun(u) && in.applied(u) && !failed
}

// statusOf is the controller's word on the unit, and on the application where the unit is Juju's leader.
func (in *input) statusOf(u observation.Unit) v1alpha1.StatusSpec {
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

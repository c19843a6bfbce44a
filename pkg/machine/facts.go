package machine

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

// Facts are what is true on the machine, without what only the charm knows (addresses, the relation
// to a certificate authority). Nothing in them changes by itself. If a member's data is seen for
// the first time, that is recorded. Where the machine is another's they say whose, and nothing
// else: see TakenFacts.
func (m *Machine) Facts(ctx context.Context) (v1alpha1.UnitFacts, error) { return m.facts(ctx, true) }

func (m *Machine) facts(ctx context.Context, remember bool) (v1alpha1.UnitFacts, error) {
	facts := v1alpha1.UnitFacts{Protocol: v1alpha1.Protocol, Agent: m.o.Agent}
	t, err := m.tenancy(ctx)
	if err != nil {
		return facts, err
	}
	if t.taken == nil && remember && t.record.Hash != "" {
		// An agent of before has left a record and no owner's file.
		if t.taken, err = m.claim(&t); err != nil {
			return facts, err
		}
	}
	if t.taken != nil {
		facts.Taken = t.taken
		return facts, nil
	}
	r, found := t.record, t.data
	if seen := remembered(r.Member, found); remember && seen != r.Member && r.Hash != "" {
		r.Member = seen
		if err := m.remember(&r); err != nil {
			return facts, err
		}
	}
	if facts.Member, err = m.memberFacts(r, found); err != nil {
		return facts, err
	}
	facts.Restore = stagedFacts(r)
	if facts.Certificates, err = m.tls.Facts(); err != nil {
		return facts, err
	}
	if err := m.defragFacts(&facts, &r, found, remember); err != nil {
		return facts, err
	}
	facts.Snapshots, facts.Drill = m.snapshotFacts(r.Snapshots), r.Drill.DeepCopy()
	facts.MachineAddresses = ownAddresses(m.o.Interfaces())
	snap, err := m.snapd.Snap(ctx, SnapName)
	if err != nil {
		return facts, err
	}
	if snap != nil {
		facts.Snap = &v1alpha1.SnapFacts{
			Revision: snap.Revision, Version: snap.Version, Channel: cmp.Or(snap.TrackingChannel, snap.Channel),
		}
		state, err := m.unit.State(ctx)
		if err != nil {
			return facts, err
		}
		r.Process = withAuthorities(runsWith(r, state, m.bootID()), r.Config, facts.Certificates.CA)
		facts.RestartPending = found.Present && outdated(r)
		if found.Present && !facts.RestartPending && state.Running() {
			facts.Certificates.Proof = proven(r)
		}
		if read := r.Process.Read; found.Present && read.ClientURL != "" {
			facts.Running = &read
		}
	}
	if r.Hash != "" {
		facts.Applied = &v1alpha1.AppliedFacts{Hash: r.Hash, Epoch: r.Epoch.Number, Action: r.Action}
		if r.Spec != nil {
			facts.Applied.Clients, facts.Applied.Options = r.Spec.Clients.Endpoints, r.Spec.Options
			facts.Applied.ExtraSANs, facts.Applied.Leaves = r.Spec.TLS.ExtraSANs, r.Spec.TLS.Leaves
		}
	}
	return facts, nil
}

// memberFacts leaves out that a start with state new was intended, as long as etcd has written
// nothing: such a start can be repeated, and to the controller the unit is one that has not begun.
// Once data has been seen, or is lost before it was, that is reported.
func (m *Machine) memberFacts(r record.Record, d data) (v1alpha1.MemberFacts, error) {
	member := remembered(r.Member, d)
	facts := v1alpha1.MemberFacts{
		Present: d.Present, ClusterID: d.Cluster.String(), MemberID: d.Member.String(),
		Started: member.Started, StartedNew: member.StartedNew && member.Started,
	}
	dir := DataDir
	if r.Spec != nil {
		dir = r.Spec.Etcd.DataDir
	}
	mark, err := datadir.Marked(m.path(dir))
	if err == nil && lost(member, d.Present, mark) {
		facts.StartedNew = member.StartedNew
		facts.ClusterID, facts.MemberID, facts.Token = member.ClusterID, member.MemberID, r.Token()
	}
	return facts, err
}

// WriteLeaves puts leaves that have arrived in their place, and returns the files that it wrote.
// nil stands for a leaf that has not arrived. The server's must be good for the addresses. A leaf
// that fails a check leaves the other one alone. The first leaf claims the machine; where that is
// another's nothing is written.
func (m *Machine) WriteLeaves(server, client *tlsfiles.Leaf, addresses v1alpha1.UnitAddresses) ([]string, error) {
	return m.writeLeaves(server, client, serverNames(addresses))
}

func (m *Machine) writeLeaves(server, client *tlsfiles.Leaf, names []string) ([]string, error) {
	if server == nil && client == nil {
		return nil, nil
	}
	if ours, err := m.ours(); err != nil || !ours {
		return nil, err
	}
	var wrote []string
	var faults []error
	for _, leaf := range []struct {
		name tlsfiles.Name
		leaf *tlsfiles.Leaf
	}{{tlsfiles.Server, server}, {tlsfiles.Client, client}} {
		if leaf.leaf == nil {
			continue
		}
		files, err := m.tls.WriteLeaf(leaf.name, *leaf.leaf, tlsfiles.Check{Now: m.o.Now(), Names: names})
		wrote = append(wrote, files...)
		faults = append(faults, err)
	}
	return wrote, errors.Join(faults...)
}

// Credentials are what a client of etcd needs, all as PEM.
type Credentials struct{ CA, Certificate, Key string }

// String keeps the key out of every log and error.
func (c Credentials) String() string { return "client credentials" }

// GoString does the same for %#v.
func (c Credentials) GoString() string { return "machine.Credentials{}" }

// ClientCredentials are the client certificate on disk, with its key and the CA bundle; empty where
// there is none, or where they are another unit's.
func (m *Machine) ClientCredentials() (Credentials, error) {
	if another, err := m.another(); err != nil || another {
		return Credentials{}, err
	}
	leaf, err := m.tls.Leaf(tlsfiles.Client)
	if err != nil || leaf == nil {
		return Credentials{}, err
	}
	bundle, err := m.tls.BundleText()
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{CA: bundle, Certificate: leaf.Certificate, Key: leaf.Key}, nil
}

// Health asks the unit's own member, and through it all others, with the unit's client certificate.
func (m *Machine) Health(ctx context.Context) (etcdops.EndpointHealth, etcdops.View, error) {
	_, cluster, endpoints, err := m.reach()
	if err != nil {
		return etcdops.EndpointHealth{}, etcdops.View{}, err
	}
	defer cluster.Close()
	view := cluster.Look(ctx, endpoints)
	health, ok := view.Health[endpoints[0]]
	if !ok {
		health = cluster.Check(ctx, endpoints[0])
	}
	return health, view, nil
}

// reach connects with the unit's cluster, whose members may answer at the endpoints: its own first.
// The caller closes it.
func (m *Machine) reach() (r record.Record, cluster Cluster, endpoints []string, err error) {
	if r, err = m.load(); err != nil {
		return r, nil, nil, err
	}
	own := ownURL(r)
	if r.Spec == nil || own == "" {
		return r, nil, nil, errors.New("cannot ask etcd: nothing has been applied to this unit yet")
	}
	cluster, err = m.connect()
	endpoints = append([]string{own}, slices.DeleteFunc(slices.Clone(r.Spec.Clients.Endpoints), func(e string) bool { return e == own })...)
	return r, cluster, endpoints, err
}

// connect dials with the unit's own client certificate.
func (m *Machine) connect() (Cluster, error) {
	config, err := m.tls.ClientConfig()
	if err != nil {
		return nil, err
	}
	return m.o.Connect(config), nil
}

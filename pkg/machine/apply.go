package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/etcdconf"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/service"
	"jujuetcd.io/pkg/machine/snapd"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

// application is one Apply on its way.
type application struct {
	m    *Machine
	spec *v1alpha1.EtcdUnitSpec
	s    Situation

	tenancy
	mark    string
	snap    *snapd.Snap
	version etcdconf.Version
	boot    string

	changed []string
	pending bool
}

// halt ends an Apply before its end.
type halt struct {
	outcome v1alpha1.Outcome
	reason  string
	err     error
}

func (h *halt) Error() string { return h.err.Error() }
func (h *halt) Unwrap() error { return h.err }

func failed(reason string, err error) error {
	return &halt{outcome: v1alpha1.OutcomeFailed, reason: reason, err: err}
}

func inProgress(reason string, err error) error {
	return &halt{outcome: v1alpha1.OutcomeInProgress, reason: reason, err: err}
}

// Apply makes the machine as the spec says, in this order, or refuses and touches nothing:
//
//  1. judge the delivery
//  2. claim the machine, clearing it first of what a unit has left that is gone
//  3. record the delivery
//  4. set aside what is left of a member that the cluster has removed
//  5. snap
//  6. certificates
//  7. configuration
//  8. drop-ins
//  9. service
//
// A delivery with ops does those, and nothing else.
func (m *Machine) Apply(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, s Situation) v1alpha1.EtcdUnitStatus {
	if len(spec.Ops) > 0 {
		return m.operate(ctx, spec, s)
	}
	a := &application{m: m, spec: spec, s: s, boot: m.bootID()}
	m.disk.Did = a.wrote
	defer func() { m.disk.Did = nil }()
	err := a.run(ctx)
	status := v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied, Changed: a.changed, RestartPending: a.pending}
	var h *halt
	var r *Refusal
	if refused, ok := errors.AsType[*snapd.Error](err); ok {
		status.Channels = refused.Releases
	}
	switch {
	case errors.As(err, &r):
		status.Outcome, status.Reason, status.Message = v1alpha1.OutcomeRefused, r.Reason, r.Message
	case errors.As(err, &h):
		status.Outcome, status.Reason, status.Message = h.outcome, h.reason, err.Error()
	case snapd.Is(err, snapd.KindConflict):
		status.Outcome, status.Reason, status.Message = v1alpha1.OutcomeInProgress, v1alpha1.ReasonSnapInProgress, err.Error()
	case err != nil:
		status.Outcome, status.Reason, status.Message = v1alpha1.OutcomeFailed, v1alpha1.ReasonMachine, err.Error()
	}
	if status.Outcome == v1alpha1.OutcomeFailed && fullDisk(err) {
		status.Reason, status.Message = v1alpha1.ReasonDiskFull, diskFull(err).Error()
	}
	// A refusal touches nothing, not even the record of what is seen.
	if facts, err := m.facts(ctx, status.Outcome != v1alpha1.OutcomeRefused); err != nil {
		m.log.Error(err, "Answered without facts")
	} else {
		status.Facts = &facts
	}
	return status
}

func (a *application) run(ctx context.Context) error {
	if err := a.look(ctx); err != nil {
		return err
	}
	if r := Admit(a.spec, a.s, a.seen()); r != nil {
		return r
	}
	reset := mayReset(a.spec, a.seen())
	if err := a.move(ctx); err != nil {
		return err
	}
	if err := a.admitted(); err != nil {
		return err
	}
	steps := []func(context.Context) error{a.install, a.certificates, a.configure, a.dropIns, a.serve}
	if reset {
		steps = append([]func(context.Context) error{a.reset}, steps...)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// look reads what Admit needs.
func (a *application) look(ctx context.Context) error {
	var err error
	if a.tenancy, err = a.m.tenancy(ctx); err != nil {
		return err
	}
	if a.mark, err = datadir.Marked(a.m.path(a.spec.Etcd.DataDir)); err != nil {
		return err
	}
	if a.snap, err = a.m.snapd.Snap(ctx, SnapName); err != nil {
		return err
	}
	if a.snap != nil {
		// A version that cannot be managed is told when the configuration is written: the delivery itself may be right.
		a.version, _ = etcdconf.ParseVersion(a.snap.Version)
	}
	return nil
}

func (a *application) seen() Seen {
	seen := Seen{
		Now: a.m.o.Now(), Unit: a.m.o.Unit, ModelUUID: a.m.o.ModelUUID, Record: a.record, Version: a.version,
		Taken: a.taken,
	}
	if a.taken == nil { // another's data is nothing that this unit's deliveries are held against
		seen.Present, seen.Member, seen.Cluster, seen.DataDir = a.data.Present, a.data.Member.String(), a.data.Cluster.String(), a.data.Dir
		seen.Mark = a.mark
	}
	return seen
}

// admitted records the delivery, before anything is done for it.
func (a *application) admitted() error {
	spec := *a.spec
	spec.Delivery = v1alpha1.Delivery{Protocol: a.spec.Delivery.Protocol, Epoch: a.spec.Delivery.Epoch}
	spec.Latch = nil
	a.record.Epoch, a.record.Action = a.spec.Delivery.Epoch, a.s.Action
	a.record.Hash, a.record.Spec = a.spec.Hash(), &spec
	a.record.Member = remembered(a.record.Member, a.data)
	return a.m.remember(&a.record)
}

// remembered is what is known of the unit's member after a look at its data.
func remembered(m record.Member, d data) record.Member {
	if d.Present {
		m.Started = true
		m.MemberID, m.ClusterID, m.DataDir = d.Member.String(), d.Cluster.String(), d.Dir
	}
	return m
}

// wrote is told of each write to the disk. The record is no change of the machine.
func (a *application) wrote(path string) {
	if !strings.HasPrefix(path, a.m.path(StateDir)) {
		a.changed = append(a.changed, "/"+strings.TrimPrefix(strings.TrimPrefix(path, a.m.o.Root), "/"))
	}
	a.m.effect(path)
}

// did notes something done that is not a write.
func (a *application) did(what string) {
	a.changed = append(a.changed, what)
	a.m.effect(what)
}

// reset sets aside what is left of a removed member, and forgets it; if a fresh look at the cluster says that it is removed. What the
// delivery says of that may be wrong: who sends it may be anybody who may run actions.
func (a *application) reset(ctx context.Context) error {
	if err := a.removed(ctx); err != nil {
		return failed(v1alpha1.ReasonQuorumGuard, err)
	}
	if err := a.stop(ctx); err != nil {
		return err
	}
	to, err := datadir.SetAside(a.m.disk, a.m.path(a.data.Dir), a.m.o.Now())
	if err != nil {
		return err
	}
	a.m.log.Info("Set the data of a removed member aside", "member", a.record.Member.MemberID, "path", to)
	a.record.Member, a.record.Process = record.Member{}, record.Process{}
	if err := a.m.remember(&a.record); err != nil {
		return err
	}
	a.data, err = a.m.inspect(a.record)
	if err == nil && a.data.Present {
		err = fmt.Errorf("cannot go on: there is another member's data in %s", a.data.Dir)
	}
	return err
}

// certificates puts the CA bundle and the leaves that have arrived in their place. Without a bundle in the spec there is
// nothing to trust yet. A configuration that etcd reads only when it starts is changing: see changing.
func (a *application) certificates(ctx context.Context) error {
	if a.spec.TLS.CABundle == "" {
		return nil
	}
	if err := a.changing(ctx); err != nil {
		return err
	}
	server, err := a.usable(tlsfiles.Server, a.s.Server)
	if err != nil {
		return err
	}
	client, err := a.usable(tlsfiles.Client, a.s.Client)
	if err != nil {
		return err
	}
	next := map[tlsfiles.Name]*tlsfiles.Leaf{tlsfiles.Server: server, tlsfiles.Client: client}
	_, err = a.m.tls.WriteBundle(a.spec.TLS.CABundle, a.m.o.Now(), next)
	var untrusted *tlsfiles.UntrustedError
	if errors.As(err, &untrusted) {
		return failed(v1alpha1.ReasonNoCertificate, err)
	}
	if err != nil {
		return err
	}
	if _, err := a.m.writeLeaves(server, client, serverNames(a.s.Addresses)); err != nil {
		return failed(v1alpha1.ReasonNoCertificate, err)
	}
	return nil
}

// usable is the leaf that has arrived if it can be put in its place. One that cannot stands back for the one on disk, which goes on
// serving; the charm tells what is wrong with it. Where there is none on disk, that is what keeps etcd from starting.
func (a *application) usable(name tlsfiles.Name, leaf *tlsfiles.Leaf) (*tlsfiles.Leaf, error) {
	if leaf == nil {
		return nil, nil
	}
	check := tlsfiles.Check{Now: a.m.o.Now(), Names: serverNames(a.s.Addresses)}
	fault := tlsfiles.Usable(name, *leaf, check, a.spec.TLS.CABundle)
	if fault == nil {
		return leaf, nil
	}
	have, err := a.m.tls.Certificate(name)
	if err != nil {
		return nil, err
	}
	if have == nil {
		return nil, failed(v1alpha1.ReasonNoCertificate, fault)
	}
	a.m.log.Error(fault, "Left a certificate as it was", "certificate", name)
	return nil, nil
}

// serverNames are what the unit's server certificate must be good for.
func serverNames(addresses v1alpha1.UnitAddresses) []string {
	return []string{addresses.Peer, addresses.Client}
}

// changing renders the configuration, and if it differs from the one on disk in what etcd reads only when it starts, records
// so before the first of its files is written: what the process runs with is told from this.
func (a *application) changing(ctx context.Context) error {
	_, hash, err := a.render()
	if err != nil || hash == a.record.Config.Hash {
		return err
	}
	now := reads(a.spec)
	state, err := a.m.unit.State(ctx)
	if err != nil {
		return err
	}
	a.process(state)
	a.record.Config = record.Config{Hash: hash, Reads: now}
	return a.m.remember(&a.record)
}

// render returns etcd's configuration, and what identifies it with its CA bundle.
func (a *application) render() (file []byte, hash string, err error) {
	if a.version, err = etcdconf.ParseVersion(a.snap.Version); err != nil {
		return nil, "", failed(v1alpha1.ReasonBadSpec, err)
	}
	conf := a.spec.Etcd
	if a.data.Present {
		conf.Initial = nil
	}
	file, err = etcdconf.Render(conf, paths(), a.version)
	if err != nil {
		return nil, "", failed(v1alpha1.ReasonBadSpec, err)
	}
	bundle := a.spec.TLS.CABundle
	if bundle == "" {
		text, err := os.ReadFile(a.m.tls.Path(tlsfiles.BundleFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, "", fmt.Errorf("cannot read the CA bundle: %w", err)
		}
		bundle = string(text)
	}
	clean, err := tlsfiles.Normalize(bundle)
	if err != nil {
		return nil, "", failed(v1alpha1.ReasonBadSpec, err)
	}
	return file, etcdconf.RestartHash(file, clean, a.spec.Service.RestartStamp), nil
}

// configure writes etcd's configuration. A first start with state new is recorded before the file can be seen by a service.
func (a *application) configure(ctx context.Context) error {
	if !a.data.Present && a.spec.Etcd.Initial == nil {
		// Nothing may be running that could take up a configuration which is not for starting.
		if err := a.stop(ctx); err != nil {
			return err
		}
	}
	file, _, err := a.render()
	if err != nil {
		return err
	}
	if err := a.changing(ctx); err != nil {
		return err
	}
	if err := a.begin(); err != nil {
		return err
	}
	if err := a.m.disk.MkdirAll(a.m.path(CommonDir), 0o755); err != nil {
		return err
	}
	if _, err := a.m.disk.Write(durable.File{Path: a.m.path(ConfigFile), Data: file, Mode: 0o644}); err != nil {
		return err
	}
	a.shell()
	if a.record.Config.Since == 0 {
		a.record.Config.Since, a.record.Config.Boot = monotonic(), a.boot
		return a.m.remember(&a.record)
	}
	return nil
}

// begin records the first start of a member, before it. The mark comes before the record: a record without its mark means that the data
// is lost.
func (a *application) begin() error {
	i := a.spec.Etcd.Initial
	if i == nil || a.data.Present {
		return nil
	}
	member := record.Member{Token: i.Token}
	if i.State == v1alpha1.InitialNew {
		member.StartedNew = true
		for _, m := range i.Members {
			if m.Name == a.spec.Etcd.Name {
				member.MemberID = etcdops.SeedID(i.Token, m.PeerURL).String()
			}
		}
	}
	if a.record.Member == member {
		return nil
	}
	if member.StartedNew {
		if err := datadir.Begin(a.m.disk, a.m.path(a.spec.Etcd.DataDir), i.Token); err != nil {
			return err
		}
		a.mark = i.Token
	}
	a.record.Member = member
	return a.m.remember(&a.record)
}

// dropIns writes the service's drop-ins and has systemd read them.
func (a *application) dropIns(ctx context.Context) error {
	mark := ""
	if a.record.Member.StartedNew {
		mark = datadir.Mark(filepath.Clean(a.spec.Etcd.DataDir))
	}
	want := service.DropIns(datadir.WAL(filepath.Clean(a.data.Dir)), mark, a.record.Member.Started)
	differ, err := a.m.unit.Differ(want)
	if err != nil {
		return err
	}
	if differ && !a.record.Reload {
		a.record.Reload = true
		if err := a.m.remember(&a.record); err != nil {
			return err
		}
	}
	if !a.record.Reload {
		return nil
	}
	if _, err := a.m.unit.WriteDropIns(want); err != nil {
		return err
	}
	if err := a.m.unit.Reload(ctx); err != nil {
		return err
	}
	a.did("systemctl daemon-reload")
	a.record.Reload = false
	return a.m.remember(&a.record)
}

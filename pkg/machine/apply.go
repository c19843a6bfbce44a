package machine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/etcdconf"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/snapd"
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

// early ends an Apply before its end.
type early struct {
	outcome v1alpha1.Outcome
	reason  string
	err     error
}

func (e *early) Error() string { return e.err.Error() }
func (e *early) Unwrap() error { return e.err }

func failed(reason string, err error) error {
	return &early{outcome: v1alpha1.OutcomeFailed, reason: reason, err: err}
}

func inProgress(reason string, err error) error {
	return &early{outcome: v1alpha1.OutcomeInProgress, reason: reason, err: err}
}

// Apply makes the machine as the spec says, in this order, or refuses and touches nothing:
//
//  1. judge the delivery
//  2. claim the machine, clearing it first of what a unit has left that is gone
//  3. record the delivery
//  4. stop a member that is to be halted
//  5. set aside what is left of a member that the cluster has removed, and put in its place what is
//     to be restored
//  6. snap
//  7. certificates
//  8. configuration
//  9. drop-ins
//  10. service
//  11. the database's size
//  12. the snapshot of a schedule, if one is asked for
//  13. a trial of restoring one, if it is asked for
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
	var e *early
	var r *Refusal
	if refused, ok := errors.AsType[*snapd.Error](err); ok {
		status.Channels = refused.Releases
	}
	switch {
	case errors.As(err, &r):
		status.Outcome, status.Reason, status.Message = v1alpha1.OutcomeRefused, r.Reason, r.Message
	case errors.As(err, &e):
		status.Outcome, status.Reason, status.Message = e.outcome, e.reason, err.Error()
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
	steps := []func(context.Context) error{a.halt}
	if reset {
		steps = append(steps, a.reset)
	}
	steps = append(steps, a.exchangeStaged, a.install, a.certificates, a.configure, a.dropIns, a.serve, a.proveStaged, a.defragment, a.scheduled, a.drill)
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
		// A version that cannot be managed is reported when the configuration is written: the
		// delivery itself may be right.
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

// wrote is called after each write to the disk. The record is no change of the machine.
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

// reset sets aside what is left of a removed member, and forgets it; if a fresh look at the cluster
// says that it is removed. What the delivery says of that may be wrong: who sends it may be anybody
// who may run actions.
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

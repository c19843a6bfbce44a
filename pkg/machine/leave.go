package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/owner"
	"jujuetcd.io/pkg/machine/record"
)

// attached is where Juju mounts storage that outlives a machine: what is on it leaves with it.
const attached = "/media/"

// removed says whether the cluster has removed this unit's member: nil, or why that is not certain.
func (a *application) removed(ctx context.Context) error {
	text := ownMember(a.seen())
	id, err := etcdops.ParseMemberID(text)
	if err != nil {
		return err
	}
	cluster := a.s.Latch.ClusterID
	if cluster == "" {
		cluster = a.record.Member.ClusterID
	}
	return a.gone(ctx, a.record, cluster, id)
}

// gone asks the cluster that a record names, with the certificates on this machine, whether a
// member is gone from it.
func (a *application) gone(ctx context.Context, r record.Record, cluster string, member etcdops.MemberID) error {
	id, err := etcdops.ParseClusterID(cluster)
	if err != nil {
		return err
	}
	etcd, err := a.m.connect()
	if err != nil {
		return fmt.Errorf("cannot take member %s for gone: %w", member, err)
	}
	defer etcd.Close()
	endpoints := slices.Clone(a.spec.Delivery.Endpoints)
	if last := r.Spec; last != nil {
		endpoints = slices.Concat(endpoints, last.Clients.Endpoints, last.Clients.Members, last.Etcd.AdvertiseClientURLs)
	}
	slices.Sort(endpoints)
	return etcdops.Gone(etcd.Look(ctx, slices.Compact(endpoints)), id, member)
}

// move makes the machine this unit's, if it is not yet. What a unit has left there that is gone is
// cleared first, if the delivery says so: Admit has seen that it names all whom the machine may
// belong to.
func (a *application) move(ctx context.Context) error {
	if a.taken != nil {
		if err := a.clear(ctx); err != nil {
			return err
		}
		var err error
		if a.data, err = a.m.inspect(a.record); err != nil {
			return err
		}
		a.mark = ""
	}
	taken, err := a.m.claim(&a.tenancy)
	if err != nil {
		return err
	}
	if taken != nil {
		return refuse(v1alpha1.ReasonTaken, "cannot apply a delivery for %s: %s", a.spec.Unit, Occupied(taken, a.spec.ModelUUID))
	}
	a.taken = nil
	return nil
}

// clear stops etcd and sets aside the data and the records that units have left that are gone.
// Their member may go on in a cluster that has others: then it has to be removed from it first.
func (a *application) clear(ctx context.Context) error {
	left := a.taken.Data
	if left != nil {
		if strings.HasPrefix(left.Dir, attached) {
			return failed(v1alpha1.ReasonTaken, fmt.Errorf("cannot clear %s of what %s has left: it is on attached storage; detach it", left.Dir, left.Of.Unit))
		}
		if err := a.missed(ctx, *left); err != nil {
			return failed(v1alpha1.ReasonTaken, fmt.Errorf("cannot clear this machine of what %s has left: %w", left.Of.Unit, err))
		}
	}
	if err := a.stop(ctx); err != nil {
		return err
	}
	// Also what has begun and written nothing yet: the mark of it.
	if err := a.setAside(a.data.Dir); err != nil {
		return err
	}
	for _, r := range a.taken.Units {
		if o, there := a.others[r]; there {
			if err := o.store.SetAside(a.m.o.Now()); err != nil {
				return err
			}
		}
		if err := a.m.owner.GiveUp(owner.Owner(r)); err != nil {
			return err
		}
	}
	return nil
}

// missed says why a member that a unit has left may not be stopped; nil if nobody misses it: its
// application is gone altogether, or its cluster has removed it.
func (a *application) missed(ctx context.Context, left v1alpha1.LeftData) error {
	if a.spec.Delivery.Orphans.Whole {
		return nil
	}
	id, err := etcdops.ParseMemberID(left.MemberID)
	if err != nil {
		return err
	}
	return a.gone(ctx, a.others[*left.Of].record, left.ClusterID, id)
}

func (a *application) setAside(dir string) error {
	to, err := datadir.SetAside(a.m.disk, a.m.path(dir), a.m.o.Now())
	if err == nil && to != "" {
		a.m.log.Info("Set the data of a member aside that is gone", "path", to)
	}
	return err
}

// Leave takes this unit's member off the machine, once the cluster does without it: the service is
// stopped and disabled, the data set aside (on attached storage it stays, and leaves with it), and
// the machine is anybody's again. Where the machine is another's, or what lies in the data
// directory is not what this unit has put there, nothing is stopped. TLS material stays. It may be
// called again.
func (m *Machine) Leave(ctx context.Context) error {
	t, err := m.tenancy(ctx)
	if err != nil {
		return err
	}
	a := &application{m: m, tenancy: t, boot: m.bootID()}
	m.disk.Did = a.wrote
	defer func() { m.disk.Did = nil }()
	if t.taken == nil && (t.claimed || t.record.Hash != "") {
		if err := a.vacate(ctx); err != nil {
			return err
		}
	}
	// The record first: without it and with the owner's file the machine is still known to have
	// been this unit's.
	if _, err := m.disk.Remove(m.wordsPath()); err != nil {
		return err
	}
	if t.record.Hash != "" {
		if err := m.store.SetAside(m.o.Now()); err != nil {
			return err
		}
	}
	return m.owner.GiveUp(owner.Owner(m.self()))
}

// vacate stops etcd, and sets its data aside.
func (a *application) vacate(ctx context.Context) error {
	known := a.record.Member.MemberID
	if a.data.Present && known != "" && known != a.data.Member.String() {
		a.m.log.Info("Left etcd and its data alone, because they are not of this unit's member", "unit", a.m.o.Unit,
			"member", known, "data", a.data.Member.String())
		return nil
	}
	var err error
	if a.snap, err = a.m.snapd.Snap(ctx, SnapName); err != nil {
		return err
	}
	if err := a.stop(ctx); err != nil {
		return err
	}
	if runs, err := a.m.runs(ctx); err != nil || runs {
		return cmp.Or(err, errors.New("cannot leave this machine: etcd's service does not stop"))
	}
	if strings.HasPrefix(a.data.Dir, attached) {
		return nil
	}
	return a.setAside(a.data.Dir)
}

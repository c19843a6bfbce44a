package machine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/record"
)

// What a person has the unit say to its cluster. It needs no daemon, and disturbs none: no member is
// stopped, moved, or taken out.

// Disarm takes NOSPACE alarms of the unit's cluster back, those of members that are gone, too. It
// returns which it took back, and an error if any is left: nothing is disarmed while another alarm is
// active, or while a database is nearly as large as it may be (etcdops.ErrNoRoom), since the next
// write would raise it again.
func (m *Machine) Disarm(ctx context.Context) ([]etcdops.Alarm, error) {
	r, cluster, endpoints, err := m.reach()
	if err != nil {
		return nil, err
	}
	defer cluster.Close()
	view := cluster.Look(ctx, endpoints)
	if err := ownCluster(view, r, "disarm"); err != nil {
		return nil, err
	}
	if view.AlarmsErr != "" {
		return nil, fmt.Errorf("cannot disarm: %s", view.AlarmsErr)
	}
	var done []etcdops.Alarm
	for _, a := range slices.Concat(view.Alarms, view.Stray) {
		if !a.NoSpace() {
			return done, fmt.Errorf("cannot disarm: alarm %s of member %s is active, which no room ends: "+
				"its data differ from the others', and which are right is for a person to see first", a.Kind, a.Member)
		}
	}
	for _, a := range slices.Concat(view.Alarms, view.Stray) {
		change := etcdops.Disarm{Member: a.Member, Quota: cmp.Or(r.Spec.Etcd.QuotaBackendBytes, etcdops.DefaultQuota)}
		hold := etcdops.Hold{Endpoints: endpoints, Holder: m.o.Unit, Purpose: "disarm an alarm", TTL: opLockTTL, Wait: lockWait, Now: m.o.Now,
			Unlocked: etcdops.Unlocked(change)}
		if err := etcdops.Under(ctx, cluster, hold, func(ctx context.Context) error {
			if err := change.Guard(view, etcdops.Limits{}); err != nil {
				return err
			}
			return cluster.Do(ctx, view, change)
		}); err != nil {
			return done, err
		}
		m.log.Info("Disarmed an alarm", "member", a.Member.String(), "alarm", a.Kind)
		done = append(done, a)
	}
	return done, nil
}

// Compact has the unit's cluster forget its history before a revision, zero for the present one, and
// returns it: see etcdops.Pool.Compact.
func (m *Machine) Compact(ctx context.Context, revision int64, physical bool) (at int64, err error) {
	r, cluster, endpoints, err := m.reach()
	if err != nil {
		return 0, err
	}
	defer cluster.Close()
	view := cluster.Look(ctx, endpoints)
	if err := ownCluster(view, r, "compact"); err != nil {
		return 0, err
	}
	at, err = cluster.Compact(ctx, view, revision, physical)
	if err == nil {
		m.log.Info("Compacted", "revision", at, "physical", physical)
	}
	return at, err
}

// ownCluster says why the cluster that answers is not to be changed: it shows no current list, or
// the unit's member is another's.
func ownCluster(v etcdops.View, r record.Record, verb string) error {
	switch own := r.Member.ClusterID; {
	case !v.Listed:
		return fmt.Errorf("cannot %s: no member serves (%s)", verb, v.Err)
	case own != "" && own != v.ClusterID.String():
		return fmt.Errorf("cannot %s: cluster %s answers, and this unit's member is of %s", verb, v.ClusterID, own)
	}
	return nil
}

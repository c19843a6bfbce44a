package machine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// haltLockTTL is how long the lock of a halt outlives its holder. The member that takes the quorum
// with it cannot give the lock back: it lies in the data, and its lease goes on when members are
// started again. So it is short; a stop that outlives its agent disturbs nobody who has the lock
// after it.
const haltLockTTL = 15 * time.Second

// admitPhase wants what a phase of a procedure alone permits to be sent under the one that the
// committed latch has now. For a halt there is no other guard: the others are stopped, too, so no
// quorum could be asked for.
func admitPhase(spec *v1alpha1.EtcdUnitSpec, s Situation, _ Seen) *Refusal {
	if !spec.NeedsPhase() {
		return nil
	}
	if err := s.Latch.Permits(spec.Delivery.Under); err != nil {
		what := "halt etcd"
		if spec.Etcd.Restore != nil {
			what = "restore"
		}
		return refuse(v1alpha1.ReasonOtherPhase, "cannot %s on %s: %v", what, spec.Unit, err)
	}
	return nil
}

// halt stops the member that is to be halted, now and at the next boot: nothing starts it but a
// delivery that wants it to run. Admit has seen that the journal permits it.
//
// Whoever changes the cluster now is waited for: it is stopped under the cluster's lock, and while
// snapd is not at the snap. Where no quorum answers nobody can hold the lock, and nobody can change
// anything.
func (a *application) halt(ctx context.Context) error {
	if a.spec.Service.State != v1alpha1.ServiceHalted {
		return nil
	}
	if off, err := a.off(ctx); err != nil || off {
		return err
	}
	doing, err := a.m.snapd.InProgress(ctx, SnapName)
	if err != nil {
		return err
	}
	if len(doing) > 0 {
		return inProgress(v1alpha1.ReasonSnapInProgress, fmt.Errorf("cannot halt etcd yet: snapd is at work: %s", doing[0].Progress()))
	}
	if err := a.haltLocked(ctx); err != nil {
		return err
	}
	off, err := a.off(ctx)
	if err == nil && !off {
		err = errors.New("cannot halt etcd: its service does not stop")
	}
	return err
}

// haltLocked stops the service under the cluster's lock; without it where nobody can hold that.
func (a *application) haltLocked(ctx context.Context) error {
	cluster, err := a.m.connect()
	if err != nil {
		a.m.log.Error(err, "Halts etcd without the cluster's lock, because there is nothing to ask the cluster with")
		return a.stop(ctx)
	}
	defer cluster.Close()
	endpoints := a.endpoints()
	begun := false
	err = etcdops.Under(ctx, cluster, a.hold(endpoints, "halt "+a.spec.Unit, haltLockTTL), func(context.Context) error {
		// It is watched with the caller's context: the lock may be lost with the quorum meanwhile.
		begun = true
		return a.stop(ctx)
	})
	switch {
	case begun:
		return err
	case errors.Is(err, etcdops.ErrLocked), lockable(cluster.Look(ctx, endpoints)):
		return failed(v1alpha1.ReasonLocked, fmt.Errorf("cannot halt etcd: %w", err))
	}
	// Nothing else ends what a machine has slept over, and the journal may have gone on meanwhile.
	if late := admitTime(a.spec, a.s, a.seen()); late != nil {
		return failed(late.Reason, errors.New(late.Message))
	}
	a.m.log.Info("Halts etcd without the cluster's lock, which nobody can hold now", "why", err.Error())
	return a.stop(ctx)
}

// lockable says that somebody may hold the cluster's lock: a quorum answers, and takes writes. With
// an alarm it takes none.
func lockable(v etcdops.View) bool { return v.Listed && len(v.Alarms) == 0 && v.AlarmsErr == "" }

// endpoints are where the cluster may answer, the unit's own member last: it is the one that stops.
func (a *application) endpoints() []string {
	own := ownURL(a.record)
	others := slices.Concat(a.spec.Clients.Endpoints, a.spec.Delivery.Endpoints, a.spec.Etcd.AdvertiseClientURLs)
	slices.Sort(others)
	return append(slices.DeleteFunc(slices.Compact(others), func(url string) bool { return url == own }), own)
}

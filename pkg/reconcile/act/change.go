package act

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
)

// LockTTL is how long the lock key outlives a daemon that was killed with it.
const LockTTL = 15 * time.Second

// changeLocked does one membership step:
//
//  1. the latch's epoch is read again and must be ours;
//  2. the lock key is taken (etcdops.Under), unless the change is one for when nobody can take it;
//     losing it cancels what follows, and so does its lease's time to live, by the clock;
//  3. the epoch is read once more: who has it now cannot change etcd before we are done, and who had it before us is refused;
//     etcd is looked at again, and the same guard that the planner asked is asked again;
//  4. the change is made, unless the look shows that it is there already;
//  5. etcd is looked at once more: the member list says what has happened, whatever the answer was;
//  6. the lock is given back.
func (a *Actor) changeLocked(ctx context.Context, obs observation.Observation, step planner.Step) error {
	etcd := a.cfg.Etcd()
	if etcd == nil {
		return errors.New("there is no connection to etcd")
	}
	if err := a.ownEpoch(ctx, obs); err != nil {
		return err
	}
	endpoints := obs.Etcd.Places()
	hold := etcdops.Hold{Endpoints: endpoints, Holder: "jujuetcd " + a.cfg.Self, Purpose: string(step.Kind), TTL: LockTTL, Now: a.cfg.Now,
		Unlocked: etcdops.Unlocked(step.Change)}
	return etcd.Under(ctx, hold, func(held context.Context) error {
		if err := a.ownEpoch(held, obs); err != nil {
			return err
		}
		return a.guarded(held, etcd, endpoints, obs, step)
	})
}

func (a *Actor) guarded(ctx context.Context, etcd world.Etcd, endpoints []string, obs observation.Observation, step planner.Step) error {
	before := etcd.Look(ctx, endpoints)
	if step.Change.Done(before) {
		return nil
	}
	if err := step.Change.Guard(before, etcdops.Limits{Lag: obs.Policy.Growth.LagLimit}); err != nil {
		return fmt.Errorf("%w: %w", ErrGuard, err)
	}
	if err := etcdops.Fenced(ctx); err != nil {
		return err
	}
	a.cfg.Memory.Touch()
	err := etcd.Do(ctx, before, step.Change)
	if err == nil {
		return nil
	}
	if after := etcd.Look(ctx, endpoints); step.Change.Done(after) {
		return nil
	}
	return err
}

// ownEpoch reads the latch again: between the observation and now another daemon may have claimed the cluster.
func (a *Actor) ownEpoch(ctx context.Context, obs observation.Observation) error {
	units, err := a.cfg.Juju.UnitsInfo(ctx, a.cfg.Application)
	if err != nil {
		return fmt.Errorf("the latch cannot be read: %w", err)
	}
	latch, found, err := readLatch(units)
	switch {
	case err != nil:
		return err
	case !found:
		return errors.New("no unit shows the latch")
	case !holds(latch.Epoch, obs):
		a.cfg.Memory.Touch()
		return fmt.Errorf("the latch has epoch %s: %w", latch.Epoch, ErrFenced)
	}
	return nil
}

func readLatch(units []jujuapi.UnitInfo) (v1alpha1.Latch, bool, error) {
	for _, u := range units {
		for _, r := range u.RelationData {
			if r.ApplicationTooLarge > 0 {
				continue
			}
			if r.Endpoint == v1alpha1.EndpointCluster {
				latch, err := v1alpha1.LatchFromDatabag(r.ApplicationData)
				return latch, true, err
			}
		}
	}
	return v1alpha1.Latch{}, false, nil
}

// holds says that the epoch is the one that this process has claimed.
func holds(e *v1alpha1.Epoch, obs observation.Observation) bool {
	return e != nil && obs.Claimed > 0 && e.Number == obs.Claimed && e.Holder == obs.Self
}

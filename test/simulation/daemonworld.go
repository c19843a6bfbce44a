package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/world"
)

// Snapshot implements world.Juju.
func (d *Daemon) Snapshot(context.Context) (*jujuapi.Model, error) {
	if d.dead {
		return nil, errDead
	}
	d.sim.counts.Snapshots++
	return d.sim.juju.snapshot(d.now()), nil
}

// The reads of Juju may come at once from several goroutines: they change nothing but a count, under the observer's wait.

// UnitsInfo implements world.Juju.
func (d *Daemon) UnitsInfo(context.Context, string) ([]jujuapi.UnitInfo, error) {
	if d.dead {
		return nil, errDead
	}
	d.sim.counts.Reads++
	if err := d.sim.refuses(UnreadUnits); err != nil {
		return nil, err
	}
	return d.app.unitsInfo()
}

// Options implements world.Juju.
func (d *Daemon) Options(context.Context, string) (map[string]jujuapi.Option, error) {
	if d.dead {
		return nil, errDead
	}
	return d.app.options, nil
}

// Tasks implements world.Juju.
func (d *Daemon) Tasks(context.Context, string) ([]jujuapi.Task, error) {
	if d.dead {
		return nil, errDead
	}
	if err := d.sim.refuses(UnreadTasks); err != nil {
		return nil, err
	}
	return d.sim.juju.pending(d.app.name), nil
}

// Task implements world.Juju.
func (d *Daemon) Task(_ context.Context, id string) (jujuapi.Task, error) {
	if d.dead {
		return jujuapi.Task{}, errDead
	}
	d.sim.counts.Reads++
	t, err := d.sim.juju.task(id)
	if err != nil {
		return jujuapi.Task{}, err
	}
	return t.shown(true), nil
}

// Enqueue implements world.Juju.
func (d *Daemon) Enqueue(_ context.Context, unit, action string, params map[string]any) (jujuapi.Task, error) {
	var queued jujuapi.Task
	err := d.effect("enqueue on "+unit, func() error {
		t, err := d.sim.juju.enqueue(unit, action, params)
		if err != nil {
			return err
		}
		d.sim.counts.Actions++
		queued = t.shown(false)
		return nil
	})
	return queued, err
}

// ExposeTo implements world.Juju: the simulated network is open, and nobody has reason to.
func (d *Daemon) ExposeTo(context.Context, string, string, []string) error {
	d.sim.violate("the daemon exposes etcd in an open network")
	return nil
}

// Look implements world.Etcd.
func (d *Daemon) Look(_ context.Context, endpoints []string) etcdops.View {
	if d.dead {
		return etcdops.View{Err: errDead.Error()}
	}
	d.sim.counts.Looks++
	if d.sim.cfg.Closed {
		return d.sim.silence(endpoints, d.now())
	}
	return d.shut(d.sim.view(endpoints, d.now()))
}

// Do implements world.Etcd.
func (d *Daemon) Do(_ context.Context, v etcdops.View, change etcdops.Change) error {
	op := change.Op()
	name := fmt.Sprintf("%s %s%s", change.Kind(), op.Member, op.PeerURL)
	return d.effect(name, func() error {
		s := d.sim
		c := s.clusterOf(v.ClusterID.String())
		if c == nil {
			return errors.New("no such cluster")
		}
		if c.lease == nil || c.lease != d.lock || s.now.After(c.lease.expires) {
			s.violate("%s without the lock key", name)
		}
		s.counts.Changes++
		s.judgeBeside(d.app, name)
		err := c.do(change)
		s.judgeMembers(c)
		return err
	})
}

// Close implements world.Etcd.
func (d *Daemon) Close() {}

// lease is the lock key while it is there.
type lease struct {
	daemon  *Daemon
	cluster *cluster
	expires time.Time
	lost    chan struct{}
}

// Under implements world.Etcd.
func (d *Daemon) Under(ctx context.Context, h etcdops.Hold, do func(context.Context) error) error {
	return etcdops.Under(ctx, d, h, do)
}

// Lock implements etcdops.Locker.
func (d *Daemon) Lock(_ context.Context, endpoints []string, _ string, _ time.Duration, _ ...etcdops.LockOption) (*etcdops.Lock, error) {
	var got *lease
	err := d.effect("lock", func() error {
		s := d.sim
		c := s.clusterOf(s.view(endpoints, d.now()).ClusterID.String())
		switch {
		case c == nil:
			return errors.New("etcdserver: request timed out")
		case c.lease != nil && s.now.Before(c.lease.expires):
			return etcdops.ErrLocked
		}
		got = &lease{daemon: d, cluster: c, expires: s.now.Add(time.Hour), lost: make(chan struct{})}
		c.lease, d.lock = got, got
		return nil
	})
	if err != nil {
		return nil, err
	}
	return etcdops.NewLock(got.lost, got.unlock), nil
}

// unlock gives the lease back.
func (l *lease) unlock(context.Context) error {
	d := l.daemon
	return d.effect("unlock", func() error {
		d.lock = nil
		if l.cluster.lease == l {
			l.cluster.lease = nil
		}
		return nil
	})
}

var (
	_ world.Juju = (*Daemon)(nil)
	_ world.Etcd = (*Daemon)(nil)
)

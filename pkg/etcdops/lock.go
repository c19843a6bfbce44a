package etcdops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/printable"
)

// LockKey is the key that whoever disturbs a cluster holds in it.
const LockKey = "jujuetcd.io/lock"

const (
	// lockPoll is how often a held lock is tried again.
	lockPoll = 250 * time.Millisecond
	// defaultLockWait is how long Lock waits for another holder.
	defaultLockWait = 5 * time.Second
	minLockTTL      = 2 * time.Second
)

// LockHolder is the value of the lock key.
type LockHolder struct {
	Holder  string    `json:"holder"`
	Purpose string    `json:"purpose,omitempty"`
	Since   time.Time `json:"since"`
}

// LockedError says who holds the lock. It is an ErrLocked.
type LockedError struct {
	LockHolder
	// Stuck says that the key has no lease, and so never goes by itself. None of ours is written
	// so; any client of etcd can.
	Stuck bool
}

func (e *LockedError) Error() string {
	if e.Stuck {
		return "the key " + LockKey + " in etcd has no lease, so it never goes by itself, and nothing can be changed: nobody of ours has put it there; " +
			"delete it (etcdctl del " + LockKey + ")"
	}
	text := fmt.Sprintf("%s holds the lock since %s", e.Holder, e.Since.UTC().Format(time.RFC3339))
	if e.Purpose != "" {
		text += " to " + e.Purpose
	}
	return text
}

// Is makes it an ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// LockOption changes how a lock is taken.
type LockOption func(*lockOptions)

type lockOptions struct {
	purpose string
	wait    time.Duration
}

// Purpose says what the lock is held for, in words that follow "to": others read it.
func Purpose(text string) LockOption { return func(o *lockOptions) { o.purpose = text } }

// WaitUpTo sets how long Lock waits for another holder; default 5 s, 0 not at all.
func WaitUpTo(d time.Duration) LockOption { return func(o *lockOptions) { o.wait = d } }

// Lock is a held lock. Its lease is kept alive until Unlock; a holder that dies leaves nothing
// behind once the time to live is over.
type Lock struct {
	lost   <-chan struct{}
	unlock func(context.Context) error
}

// NewLock makes a lock of another kind than etcd's, for a world that is only simulated.
func NewLock(lost <-chan struct{}, unlock func(context.Context) error) *Lock {
	return &Lock{lost: lost, unlock: unlock}
}

// Lost is closed when the lock is no longer held, Unlock included: its lease could not be kept
// alive in time, or somebody has taken the key away.
func (l *Lock) Lost() <-chan struct{} { return l.lost }

// Unlock gives the lock back, if it is still ours. The error is ErrLockLost if it was not. A second
// call does nothing.
func (l *Lock) Unlock(ctx context.Context) error { return l.unlock(ctx) }

// Lock takes the lock of the cluster that answers at the endpoints: the key LockKey, created if
// absent, under a lease of the time to live (at least 2 s). It waits a bounded time for another
// holder, and then fails with a *LockedError.
func (p *Pool) Lock(ctx context.Context, endpoints []string, holder string, ttl time.Duration, options ...LockOption,
) (*Lock, error) {
	o := lockOptions{wait: defaultLockWait}
	for _, option := range options {
		option(&o)
	}
	if len(endpoints) == 0 {
		return nil, errors.New("cannot take the cluster's lock: no endpoint is known")
	}
	h := &held{pool: p, endpoints: endpoints, ttl: max(ttl, minLockTTL)}
	if err := h.take(ctx, LockHolder{Holder: holder, Purpose: o.purpose, Since: time.Now().UTC()}, o.wait); err != nil {
		return nil, fmt.Errorf("cannot take the cluster's lock: %w", err)
	}
	return h.keep(), nil
}

// held is a lock of etcd's.
type held struct {
	pool      *Pool
	endpoints []string
	ttl       time.Duration
	lease     clientv3.LeaseID
	// until is when the lease ends at the latest, by our clock: from before the call that etcd last
	// granted it for.
	until time.Time
}

// take grants a lease and creates the key under it. On every failure the lease is given up.
func (h *held) take(ctx context.Context, value LockHolder, wait time.Duration) (err error) {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	asked := time.Now()
	err = h.any(ctx, h.ttl, func(ctx context.Context, c *clientv3.Client) error {
		asked = time.Now()
		grant, err := c.Grant(ctx, int64((h.ttl+time.Second-1)/time.Second))
		if err == nil {
			h.lease = grant.ID
		}
		return err
	})
	if err != nil {
		return err
	}
	h.until = asked.Add(h.ttl)
	defer func() {
		if err != nil {
			h.revoke(ctx)
		}
	}()
	tick := time.NewTicker(min(lockPoll, h.ttl/4))
	defer tick.Stop()
	deadline := time.Now().Add(wait)
	for {
		owner, lease, err := h.create(ctx, string(text))
		if err != nil {
			return err
		}
		if lease == h.lease {
			return nil
		}
		locked := &LockedError{LockHolder: owner, Stuck: lease == clientv3.NoLease}
		if !time.Now().Before(deadline) {
			return locked
		}
		select {
		case <-ctx.Done():
			return locked
		case <-tick.C:
		}
		if time.Until(h.until) < h.ttl/2 {
			if err := h.renew(ctx); err != nil {
				return err
			}
		}
	}
}

// create makes the key if it is absent, and returns who has it then. A lost answer is no harm: the
// next try finds our lease.
func (h *held) create(ctx context.Context, text string) (LockHolder, clientv3.LeaseID, error) {
	var owner LockHolder
	lease := clientv3.LeaseID(-1) // nobody's: the key has gone while it was looked at
	err := h.any(ctx, h.ttl, func(ctx context.Context, c *clientv3.Client) error {
		answer, err := c.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(LockKey), "=", 0)).
			Then(clientv3.OpPut(LockKey, text, clientv3.WithLease(h.lease))).
			Else(clientv3.OpGet(LockKey)).
			Commit()
		if err != nil {
			return err
		}
		if answer.Succeeded {
			lease = h.lease
			return nil
		}
		for _, kv := range answer.Responses[0].GetResponseRange().GetKvs() {
			lease = clientv3.LeaseID(kv.Lease)
			owner = holderOf(kv.Value)
		}
		return nil
	})
	return owner, lease, err
}

// holderOf reads the key's value, which any client of etcd may have written.
func holderOf(value []byte) LockHolder {
	var owner LockHolder
	if len(value) > 16*printable.Reason || json.Unmarshal(value, &owner) != nil || owner.Holder == "" {
		return LockHolder{Holder: "somebody unknown"}
	}
	owner.Holder, owner.Purpose = printable.Line(owner.Holder, printable.Name), printable.Line(owner.Purpose, printable.Name)
	return owner
}

// keep starts the goroutine that keeps the lease alive; it ends with Unlock, or when the lock is
// lost.
func (h *held) keep() *Lock {
	lost := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(lost)
		tick := time.NewTicker(h.ttl / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// A failure is tried again at the next tick, through another endpoint, while there is
			// time.
			err := h.renew(ctx)
			if errors.Is(err, rpctypes.ErrLeaseNotFound) || !time.Now().Before(h.until) {
				return
			}
		}
	}()
	var once sync.Once
	var result error
	return NewLock(lost, func(unlockCtx context.Context) error {
		once.Do(func() {
			cancel()
			<-lost
			if err := h.drop(unlockCtx); err != nil {
				result = fmt.Errorf("cannot give the cluster's lock back: %w", err)
			}
		})
		return result
	})
}

// renew keeps the lease alive once, and remembers until when.
func (h *held) renew(ctx context.Context) error {
	var asked time.Time
	err := h.any(ctx, max(time.Until(h.until), time.Millisecond), func(ctx context.Context, c *clientv3.Client) error {
		asked = time.Now()
		return keepAliveOnce(ctx, c, h.lease)
	})
	if err == nil {
		h.until = asked.Add(h.ttl)
	}
	return err
}

// keepAliveOnce sends one keep-alive. clientv3's own KeepAliveOnce tries again without a pause
// while the member is down.
func keepAliveOnce(ctx context.Context, c *clientv3.Client, lease clientv3.LeaseID) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	stream, err := etcdserverpb.NewLeaseClient(c.ActiveConnection()).LeaseKeepAlive(ctx)
	if err != nil {
		return rpctypes.Error(err)
	}
	if err := stream.Send(&etcdserverpb.LeaseKeepAliveRequest{ID: int64(lease)}); err != nil {
		return rpctypes.Error(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		return rpctypes.Error(err)
	}
	if answer.TTL <= 0 {
		return rpctypes.ErrLeaseNotFound
	}
	return stream.CloseSend()
}

// drop deletes the key if it is still under our lease, and gives up the lease.
func (h *held) drop(ctx context.Context) error {
	ours, tries := false, 0
	err := h.any(ctx, h.ttl, func(ctx context.Context, c *clientv3.Client) error {
		tries++
		answer, err := c.Txn(ctx).
			If(clientv3.Compare(clientv3.LeaseValue(LockKey), "=", h.lease)).
			Then(clientv3.OpDelete(LockKey)).
			Commit()
		if err == nil {
			ours = answer.Succeeded
		}
		return err
	})
	h.revoke(ctx)
	switch {
	case err != nil:
		return err
	case !ours && tries == 1:
		// After a lost answer the key is gone because we deleted it.
		return ErrLockLost
	}
	return nil
}

// revoke gives up the lease, as well as that can be done: it ends by itself.
func (h *held) revoke(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.pool.healthTimeout)
	defer cancel()
	_ = h.any(ctx, h.ttl, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Revoke(ctx, h.lease)
		return err
	})
}

// any runs f at one endpoint after the other, the one that worked last first, until it succeeds or
// etcd has an answer that will not differ elsewhere. budget bounds it all; an endpoint that says
// nothing may use a third of it.
func (h *held) any(ctx context.Context, budget time.Duration, f func(context.Context, *clientv3.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	each := min(h.pool.healthTimeout, max(budget/3, 200*time.Millisecond))
	var errs []error
	for i, endpoint := range h.endpoints {
		err := h.pool.on(ctx, endpoint, each, f)
		if err == nil {
			h.endpoints = prefer(h.endpoints, i)
			return nil
		}
		if errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return err
		}
		errs = append(errs, fmt.Errorf("%s: %w", endpoint, err))
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// prefer returns a copy with the i-th element in front.
func prefer(list []string, i int) []string {
	out := make([]string, 0, len(list))
	out = append(out, list[i])
	out = append(out, list[:i]...)
	return append(out, list[i+1:]...)
}

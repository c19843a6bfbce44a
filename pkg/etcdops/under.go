package etcdops

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrLockOver says that the lock's lease is over by our own clock, whether or not etcd has said so.
var ErrLockOver = errors.New("the time of the lock's lease is over")

// unlockTime is how long giving the lock back may take: whoever waits for it meanwhile waits for
// the lease at the longest.
const unlockTime = 3 * time.Second

// Locker is what can take the lock; a *Pool.
type Locker interface {
	Lock(ctx context.Context, endpoints []string, holder string, ttl time.Duration, options ...LockOption) (*Lock, error)
}

// Hold is how the lock key is held.
type Hold struct {
	// Endpoints are where members may answer.
	Endpoints []string
	// Holder is who holds it, and Purpose what for, in words that follow "to": others read both.
	Holder, Purpose string
	// TTL is how long the lock outlives a holder that dies.
	TTL time.Duration
	// Spare is how long before the end of the lease nothing is begun any more: what is begun at the
	// last moment, by a process that dies of it, has this long to end while nobody else can take
	// the lock.
	Spare time.Duration
	// Wait is how long another holder is waited for; zero is Lock's default.
	Wait time.Duration
	// Unlocked says that the lock is not taken: do can only be done where nobody can take it. All
	// else is as with it.
	Unlocked bool
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Left is called with why the lock could not be given back, and ends with its lease; may be
	// nil.
	Left func(error)
}

// Under does what may be done only by the holder of the cluster's lock key. It is the only way in
// which a program of ours holds it.
//
//  1. The lock is taken. If that fails, do is not called, and the error is Lock's (ErrLocked:
//     somebody else has it).
//  2. do is called with a context that ends, with ErrLockLost as its cause, when the lock is lost,
//     and with ErrLockOver when the lease's time is over by our clock, less Spare, counted from
//     before the lock was asked for. A process that was stopped in between does not find out by
//     itself that the lock is somebody else's by now: so whoever acts asks Fenced right before the
//     act, and gives the context to what he calls.
//  3. The lease is kept alive until do returns, also after the context has ended: what was begun in
//     time may be watched with the caller's own context.
//  4. The lock is given back, also when the caller is gone. A failure of that goes to Left, and is
//     no failure of do.
//
// The error is do's; if the context ended before do failed, with the cause.
func Under(ctx context.Context, locker Locker, h Hold, do func(ctx context.Context) error) error {
	now := h.Now
	if now == nil {
		now = time.Now
	}
	options := []LockOption{Purpose(h.Purpose)}
	if h.Wait > 0 {
		options = append(options, WaitUpTo(h.Wait))
	}
	f := &fence{now: now, asked: now(), window: h.TTL - h.Spare}
	deadline := time.Now().Add(f.window)
	lock := NewLock(nil, func(context.Context) error { return nil })
	if !h.Unlocked {
		var err error
		if lock, err = locker.Lock(ctx, h.Endpoints, h.Holder, h.TTL, options...); err != nil {
			return err
		}
	}
	held, stop := f.hold(ctx, lock.Lost(), deadline)
	defer func() {
		stop()
		free, done := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
		defer done()
		if err := lock.Unlock(free); err != nil && h.Left != nil {
			h.Left(err)
		}
	}()
	if err := Fenced(held); err != nil {
		return err
	}
	err := do(held)
	if cause := context.Cause(held); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// Fenced says why what needs the lock must not be done now; nil if it may. It is asked right before
// the act. Below Under it asks the clock, which a context's timer follows late in a process that
// was stopped; elsewhere it is the context's cause.
func Fenced(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if f, ok := ctx.Value(fenceKey{}).(*fence); ok && f.over() {
		f.cancel(ErrLockOver)
		return ErrLockOver
	}
	return nil
}

type fenceKey struct{}

// fence is until when a lock may be relied on.
type fence struct {
	now    func() time.Time
	asked  time.Time
	window time.Duration
	cancel context.CancelCauseFunc
}

// over asks both clocks of the machine: one of them stands still while it sleeps, and the other one
// can be set back.
func (f *fence) over() bool {
	now := f.now()
	return max(now.Sub(f.asked), now.Round(0).Sub(f.asked.Round(0))) >= f.window
}

// hold is a context that ends with the lock. stop ends it, and returns when nothing of it runs any
// more.
func (f *fence) hold(ctx context.Context, lost <-chan struct{}, deadline time.Time) (held context.Context, stop func()) {
	held, f.cancel = context.WithCancelCause(context.WithValue(ctx, fenceKey{}, f))
	held, end := context.WithDeadlineCause(held, deadline, ErrLockOver)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-lost:
			f.cancel(ErrLockLost)
		case <-held.Done():
		}
	}()
	return held, func() {
		f.cancel(nil)
		end()
		<-watching
	}
}

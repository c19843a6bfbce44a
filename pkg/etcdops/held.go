package etcdops

import (
	"context"
	"errors"
	"time"
)

var errLockOver = errors.New("the time of the lock key's lease is over")

// Held is a context for what may be done only under a lock. It ends when lost is closed, with ErrLockLost as its cause, and at
// until, which is the lease's time counted from before the lock was asked for: a process that was paused in between must not
// send a change that it thinks it has the right to, and a request whose time is over is not sent. A lock that cannot be lost
// (lost is nil) has no lease that ends, and until is not looked at.
//
// stop ends the context and returns when nothing of it runs any more; it is called before the lock is given back, and may be called
// twice.
func Held(ctx context.Context, lost <-chan struct{}, until time.Time) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	end := context.CancelFunc(func() {})
	if lost != nil {
		held, end = context.WithDeadlineCause(held, until, errLockOver)
	}
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-lost:
			cancel(ErrLockLost)
		case <-held.Done():
		}
	}()
	return held, func() {
		cancel(nil)
		end()
		<-watching
	}
}

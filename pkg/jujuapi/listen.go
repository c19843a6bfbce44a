package jujuapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// stopTimeout bounds the end of a watcher.
const stopTimeout = 2 * time.Second

// Listener is a Snapshotter that knows when to ask: a *Session is one.
type Listener interface {
	Listen(ctx context.Context, heard func(Hint)) error
}

// Listen calls heard when it is time to look at the model, until ctx ends. On each connection it is
// chosen anew: where the controller has an AllWatcher, that is followed, and started again whenever
// it fails; where it has none, or refuses it, nothing is reported for the life of the connection,
// but once that this is so. heard is called from one goroutine, and must not wait.
func (s *Session) Listen(ctx context.Context, heard func(Hint)) error {
	for {
		conn, err := s.connected(ctx)
		if err != nil {
			return err
		}
		listen(ctx, conn.Done(), s.action, func(ctx context.Context) (feed, error) { return s.watch(ctx, conn) }, heard)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// connected waits for a connection, however long it takes.
func (s *supervisor) connected(ctx context.Context) (*Conn, error) {
	for {
		s.mu.Lock()
		conn, state, changed := s.conn, s.state, s.changed
		s.mu.Unlock()
		if conn != nil && conn.Err() == nil {
			return conn, nil
		}
		if errors.Is(state.Err, ErrClosed) {
			return nil, ErrClosed
		}
		select {
		case <-changed:
		case <-s.done:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// feed is a watcher.
type feed interface {
	Next(ctx context.Context) ([]wire.Delta, error)
	Stop(ctx context.Context) error
}

// watch makes a watcher, all of whose calls are within the budget.
func (s *Session) watch(ctx context.Context, conn *Conn) (feed, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := s.spend(ctx); err != nil {
		return nil, err
	}
	w, err := conn.WatchAll(ctx)
	if err != nil {
		return nil, err
	}
	return budgeted{w, s.supervisor}, nil
}

// budgeted is a watcher that asks no more often than the budget allows: what changes meanwhile
// comes at once then.
type budgeted struct {
	*Watcher
	supervisor *supervisor
}

func (b budgeted) Next(ctx context.Context) ([]wire.Delta, error) {
	if err := b.supervisor.spend(ctx); err != nil {
		return nil, err
	}
	return b.Watcher.Next(ctx)
}

// listen follows one feed after another until ctx ends or the connection is lost.
func listen(ctx context.Context, lost <-chan struct{}, action string, watch func(context.Context) (feed, error), heard func(Hint)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	delays := &backoff.ExponentialBackOff{InitialInterval: redialMin, RandomizationFactor: 0.3, Multiplier: 2, MaxInterval: redialMax}
	delays.Reset()
	for {
		began := time.Now()
		opened, err := follow(ctx, action, watch, heard)
		if ctx.Err() != nil {
			return
		}
		heard(Hint{Reason: err.Error()})
		// A feed that was open is opened again at once: controllers restart what is behind it.
		delay := min(delays.NextBackOff(), redialMax)
		switch {
		case !opened && cannotWatch(err):
			delay = -1
		case opened && time.Since(began) >= steadyAfter:
			delays.Reset()
			delay = rand.N(redialMin / 10)
		}
		var timer <-chan time.Time
		if delay >= 0 {
			timer = time.After(delay)
		}
		select {
		case <-timer:
		case <-lost:
			return
		case <-ctx.Done():
			return
		}
	}
}

// follow listens to one watcher until it fails. The first reply is all that there is: it is taken
// in, and says that the feed is open.
func follow(ctx context.Context, action string, watch func(context.Context) (feed, error), heard func(Hint)) (opened bool, err error) {
	watcher, err := watch(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		// Also after an error, of which we do not know whether the watcher has survived it; with
		// the connection it has not.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		_ = watcher.Stop(limited)
	}()
	known := newFilter(action)
	for {
		deltas, err := watcher.Next(ctx)
		if err != nil {
			return opened, err
		}
		hint, changed := known.hear(deltas)
		if !opened {
			opened = true
			heard(Hint{Push: true, Reason: "feed opened"})
			continue
		}
		if changed {
			heard(hint)
		}
	}
}

package server

import (
	"context"
	"strconv"
	"sync"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// watchers are those of one connection, which end with it.
type watchers struct {
	// prefix is what the ids begin with, each connection's own; empty where they are numbers.
	prefix string

	mu   sync.Mutex
	last int
	all  map[string]*watcher
}

// watcher is one of them.
type watcher struct {
	// facade is the one that it is asked by.
	facade  string
	stopped chan struct{}
	stop    func()

	// turn is held by the one call of Next that is served.
	turn sync.Mutex
	// next waits until there is something to send.
	next func(context.Context) (any, error)
}

var (
	errUnknownWatcher = failure(wire.CodeNotFound, "unknown watcher id")
	errFeed           = failure("", "shared state watcher was stopped")
)

func (w *watchers) open(facade string, next func(context.Context) (any, error)) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[string]*watcher{}
	}
	w.last++
	id := w.prefix + strconv.Itoa(w.last)
	stopped := make(chan struct{})
	w.all[id] = &watcher{facade: facade, stopped: stopped, stop: sync.OnceFunc(func() { close(stopped) }), next: next}
	return id
}

func (w *watchers) get(facade, id string) (*watcher, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if found := w.all[id]; found != nil && found.facade == facade {
		return found, nil
	}
	return nil, errUnknownWatcher
}

func (w *watchers) drop(facade, id string) error {
	found, err := w.get(facade, id)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, id)
	found.stop()
	return nil
}

// serve returns what a watcher has next. It ends with errFeed when broken is closed, and then the
// watcher is gone.
func (c *call) serve(facade string, broken <-chan struct{}) (any, error) {
	if c.watchers == nil {
		return nil, errUnknownWatcher
	}
	w, err := c.watchers.get(facade, c.id)
	if err != nil {
		return nil, err
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	go func() {
		select {
		case <-w.stopped:
		case <-broken:
		case <-ctx.Done():
		}
		cancel()
	}()
	next, err := w.next(ctx)
	if err == nil {
		return next, nil
	}
	select {
	case <-broken:
		_ = c.watchers.drop(facade, c.id)
		return nil, errFeed
	default: // Stopped, or the model is closed, or nobody is there to read this.
		return nil, failure(wire.CodeStopped, c.model.Profile().StoppedWatcher+"watcher has been stopped")
	}
}

func (c *call) stopWatcher(facade string) error {
	if c.watchers == nil {
		return errUnknownWatcher
	}
	return c.watchers.drop(facade, c.id)
}

// watchAll is Client.WatchAll. In process there is no connection that the watcher could belong to.
func watchAll(c *call, _ struct{}) (any, error) {
	if !c.model.Profile().Watches() {
		return nil, failure(wire.CodeNotImplemented, "WatchAll not implemented")
	}
	if c.server.faults.watchRefused() {
		return nil, errPermission
	}
	if c.watchers == nil {
		return nil, failure(wire.CodeNotSupported, "watchers need a connection")
	}
	feed := NewFeed(c.model, c.server.controller.UUID())
	id := c.watchers.open("AllWatcher", func(ctx context.Context) (any, error) {
		deltas, err := feed.Next(ctx)
		return wire.AllWatcherNext{Deltas: deltas}, err
	})
	return wire.AllWatcherID{WatcherID: id}, nil
}

var allWatcherMethods = map[string]method{
	"Next": {run: typed(func(c *call, _ struct{}) (any, error) { return c.serve("AllWatcher", c.server.faults.whenFeedBreaks()) })},
	"Stop": {run: typed(func(c *call, _ struct{}) (any, error) { return nil, c.stopWatcher("AllWatcher") })},
}

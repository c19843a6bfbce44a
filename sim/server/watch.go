package server

import (
	"context"
	"strconv"
	"sync"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// watchers are the AllWatchers of one connection, which end with it.
type watchers struct {
	mu   sync.Mutex
	last int
	all  map[string]*watcher
}

// watcher is one of them.
type watcher struct {
	stopped chan struct{}
	stop    func()

	// next is held by the one call of Next that is served.
	next sync.Mutex
	feed *Feed
}

var (
	errUnknownWatcher = failure(wire.CodeNotFound, "unknown watcher id")
	errStopped        = failure(wire.CodeStopped, "watcher has been stopped")
	errFeed           = failure("", "shared state watcher was stopped")
)

func (w *watchers) open(feed *Feed) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[string]*watcher{}
	}
	w.last++
	id := strconv.Itoa(w.last)
	stopped := make(chan struct{})
	w.all[id] = &watcher{stopped: stopped, stop: sync.OnceFunc(func() { close(stopped) }), feed: feed}
	return id
}

func (w *watchers) get(id string) (*watcher, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if found := w.all[id]; found != nil {
		return found, nil
	}
	return nil, errUnknownWatcher
}

func (w *watchers) drop(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.all[id]
	if found == nil {
		return errUnknownWatcher
	}
	delete(w.all, id)
	found.stop()
	return nil
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
	return wire.AllWatcherID{WatcherID: c.watchers.open(NewFeed(c.model, c.server.controller.UUID()))}, nil
}

var allWatcherMethods = map[string]method{
	"Next": {run: typed(allWatcherNext)},
	"Stop": {run: typed(func(c *call, _ struct{}) (any, error) {
		if c.watchers == nil {
			return nil, errUnknownWatcher
		}
		return nil, c.watchers.drop(c.id)
	})},
}

func allWatcherNext(c *call, _ struct{}) (any, error) {
	if c.watchers == nil {
		return nil, errUnknownWatcher
	}
	w, err := c.watchers.get(c.id)
	if err != nil {
		return nil, err
	}
	w.next.Lock()
	defer w.next.Unlock()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	broken := c.server.faults.whenFeedBreaks()
	go func() {
		select {
		case <-w.stopped:
		case <-broken:
		case <-ctx.Done():
		}
		cancel()
	}()
	deltas, err := w.feed.Next(ctx)
	if err == nil {
		return wire.AllWatcherNext{Deltas: deltas}, nil
	}
	select {
	case <-broken:
		_ = c.watchers.drop(c.id)
		return nil, errFeed
	default:
		return nil, errStopped // Stopped, or the model is closed, or nobody is there to read this.
	}
}

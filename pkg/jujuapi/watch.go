package jujuapi

import (
	"context"
	"errors"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Watcher is Juju's AllWatcher, which exists up to 3.6: it says which entities of the model have
// changed. It dies with its connection.
type Watcher struct {
	conn *Conn
	id   string
}

// WatchAll makes a Watcher. The error wraps ErrNoFacade where the controller has none.
func (c *Conn) WatchAll(ctx context.Context) (*Watcher, error) {
	if _, err := c.Facade("AllWatcher"); err != nil {
		return nil, err
	}
	var r wire.AllWatcherID
	if err := c.do(ctx, "Client", "WatchAll", nil, &r); err != nil {
		return nil, err
	}
	if r.WatcherID == "" {
		return nil, unanswered("Client.WatchAll")
	}
	return &Watcher{conn: c, id: r.WatcherID}, nil
}

// Next returns all entities at first, and then waits for changes: each entity that has changed,
// whole. Call it again only when it has returned. After an error the watcher is of no use.
func (w *Watcher) Next(ctx context.Context) ([]wire.Delta, error) {
	var r wire.AllWatcherNext
	err := w.call(ctx, "Next", &r)
	return r.Deltas, err
}

// Stop ends the watcher.
func (w *Watcher) Stop(ctx context.Context) error { return w.call(ctx, "Stop", nil) }

func (w *Watcher) call(ctx context.Context, method string, result any) error {
	version, err := w.conn.Facade("AllWatcher")
	if err != nil {
		return err
	}
	return w.conn.call(ctx, wire.Request{Type: "AllWatcher", Version: version, ID: w.id, Request: method}, nil, result)
}

// cannotWatch says that err, of WatchAll, will be the same for the life of the connection.
func cannotWatch(err error) bool {
	for _, class := range []error{ErrNoFacade, ErrNotImplemented, ErrNotSupported, ErrUnauthorized, ErrPermissionDenied} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

package jujuapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// loginPatience is how long a login is waited for before other addresses are tried beside it. A
// controller that is well takes a fraction of that, and one under load is asked for one more login
// at most for each of its addresses.
const loginPatience = 5 * time.Second

// entry is a connection that is logged in, or, with err, why a route does not lead to one.
type entry struct {
	way  route
	conn *Conn
	info LoginInfo
	err  error
	// faults are those of the routes that were dialled besides.
	faults []fault
	// under says that this is no end yet: the route was dialled, and the login there is under way.
	under bool
}

// enter connects and logs in, at the route that is dialled first. While a login is not answered,
// the other routes are dialled, too, one after another: a machine that takes connections and says
// nothing must not hide one that is well. Whoever lets us in first is kept; a login that is slow is
// given up for nothing else but that, and the end of ctx.
func (s *supervisor) enter(ctx context.Context, ways routes, known bookEntry) (entry, error) {
	ctx, cancel := context.WithCancel(ctx)
	entries := make(chan entry, 2*(len(ways.first)+len(ways.later))) // nobody has to wait for a reader
	var tries sync.WaitGroup
	defer func() {
		cancel()
		tries.Wait()
		close(entries)
		for e := range entries {
			if e.conn != nil {
				_ = e.conn.Close()
			}
		}
	}()
	try := func(ways routes) { tries.Go(func() { s.try(ctx, ways, entries) }) }

	var dialErr error
	var refusals []error
	var faults []fault
	patience := time.NewTimer(0)
	patience.Stop()
	defer patience.Stop()
	try(ways)
	for trying := 1; trying > 0; {
		select {
		case e := <-entries:
			faults = append(slices.Clone(e.faults), faults...)
			switch {
			case e.under:
				ways = ways.without(e.way)
				patience.Reset(loginPatience)
				continue
			case e.way == (route{}):
				dialErr = e.err
			default:
				if e.err == nil {
					e.err = s.prove(e, known)
				}
				if e.err == nil {
					e.faults = faults
					return e, nil
				}
				if e.conn != nil {
					_ = e.conn.Close()
				}
				refusals = append(refusals, e.err)
				s.rejections = append(slices.DeleteFunc(s.rejections, func(f fault) bool { return f.endpoint == e.way.endpoint }), fault{e.way, e.err})
			}
			trying--
		case <-patience.C:
			if len(ways.first)+len(ways.later) > 0 {
				try(ways)
				trying++
			}
		}
	}
	if len(refusals) > 0 {
		// Those that nobody answers at are no reason to ask for a person, nor not to.
		return entry{}, errors.Join(refusals...)
	}
	return entry{}, dialErr
}

// try dials, and logs in at the route that answers first.
func (s *supervisor) try(ctx context.Context, ways routes, entries chan<- entry) {
	conn, way, faults, err := dial(ctx, s.controller, s.modelUUID, ways, s.options.network)
	if err != nil {
		entries <- entry{err: err, faults: faults}
		return
	}
	entries <- entry{way: way, faults: faults, under: true}
	info, err := conn.Login(ctx, s.controller)
	if err != nil {
		_ = conn.Close()
		entries <- entry{way: way, err: err}
		return
	}
	entries <- entry{way: way, conn: conn, info: info}
}

// prove says what is wrong with whoever has let us in at an address that a controller published.
func (s *supervisor) prove(e entry, known bookEntry) error {
	if !e.way.published || known.Controller == e.info.ControllerUUID {
		return nil
	}
	s.book.strike(s.controller, e.way.hostPort)
	return fmt.Errorf("cannot go on at %s, an address that controller %s told of: controller %s is there now",
		e.way.hostPort, known.Controller, e.info.ControllerUUID)
}

// without is the routes without one.
func (r routes) without(way route) routes {
	same := func(k route) bool { return k.endpoint == way.endpoint }
	return routes{slices.DeleteFunc(slices.Clone(r.first), same), slices.DeleteFunc(slices.Clone(r.later), same)}
}

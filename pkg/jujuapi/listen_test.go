package jujuapi_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

// watched is the outside of a Juju 3.6 whose model a test changes: it answers WatchAll, Next and
// FullStatus.
type watched struct {
	mu sync.Mutex
	// version counts changes; asked is what of them Next has returned.
	version, asked int
	changed        chan struct{}
	// refuse is answered to WatchAll, and fail to the Next that waits, once.
	refuse, fail *wire.Error
	// watches and looks count calls; most is the most that waited in Next at once.
	watches, looks, waiting, most int
}

func newWatched() *watched { return &watched{changed: make(chan struct{})} }

// change does something to the model, or to how it is watched, and wakes Next.
func (w *watched) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *watched) count(of *int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *of
}

func (w *watched) handle(ctx context.Context, r wire.Request) (any, *wire.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch r.Request {
	case "WatchAll":
		w.watches++
		if w.refuse != nil {
			return nil, w.refuse
		}
		w.asked = -1
		return wire.AllWatcherID{WatcherID: "1"}, nil
	case "Next":
		return w.next(ctx)
	case "FullStatus":
		w.looks++
		return wire.FullStatus{Model: wire.ModelStatusInfo{Name: "prod", Version: string(rune('a' + w.version))}}, nil
	}
	return struct{}{}, nil
}

func (w *watched) next(ctx context.Context) (any, *wire.Error) {
	w.waiting++
	w.most = max(w.most, w.waiting)
	defer func() { w.waiting-- }()
	for w.asked == w.version && w.fail == nil {
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		w.mu.Lock()
		if ctx.Err() != nil {
			return nil, nil
		}
	}
	if fault := w.fail; fault != nil {
		w.fail = nil
		return nil, fault
	}
	w.asked = w.version
	entity := []byte(`{"model-uuid":"` + modelUUID + `","version":"` + string(rune('a'+w.version)) + `"}`)
	return wire.AllWatcherNext{Deltas: []wire.Delta{{Kind: wire.KindModel, Entity: entity}}}, nil
}

// follow opens a session with w and follows it with a Source; polls counts looks while d passes.
func follow(t *testing.T, w *watched) (c *controller, source *jujuapi.Source, polls func(d time.Duration) int) {
	t.Helper()
	network := newPipes()
	c = start(t, network, w.handle)
	c.set(func() { c.watch = true })
	session := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.WithNetwork(jujuapi.Options{Action: "reconcile"}, network.dial))
	t.Cleanup(func() { _ = session.Close() })
	source = jujuapi.NewSource(session)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = source.Run(ctx, func(*jujuapi.Model) {})
	}()
	t.Cleanup(func() { cancel(); <-done })
	polls = func(d time.Duration) int {
		before := w.count(&w.looks)
		time.Sleep(d)
		synctest.Wait()
		return w.count(&w.looks) - before
	}
	polls(5 * time.Second) // It has found its way.
	return c, source, polls
}

func TestAFeedSparesPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched()
		_, source, polls := follow(t, w)
		if !source.State().Push {
			t.Fatalf("there is no feed: %s", source.State().Reason)
		}
		between(t, "in ten minutes without a change", polls(10*time.Minute), 10, 13)
		for range 5 {
			w.change(func() { w.version++ })
			between(t, "0.31 s after a change", polls(310*time.Millisecond), 1, 1)
		}
		source.Hurry("etcd")
		between(t, "in a minute in which somebody waits", polls(time.Minute), 10, 15)
		source.Settled("etcd")
		polls(10 * time.Second)
		between(t, "in a minute when nobody waits any more", polls(time.Minute), 1, 2)
		if n := w.count(&w.most); n != 1 {
			t.Errorf("%d calls of Next waited at once", n)
		}
	})
}

func TestHintsThatDoNotCeaseAreFollowedAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched()
		_, _, polls := follow(t, w)
		before := w.count(&w.looks)
		for range 100 { // 19.9 s, a change every 0.199 s: no look falls on its end
			w.change(func() { w.version = (w.version + 1) % 20 })
			time.Sleep(199 * time.Millisecond)
		}
		between(t, "while changes do not cease for 20 s", w.count(&w.looks)-before, 8, 11)
		between(t, "after that", polls(time.Second), 1, 1)
	})
}

func TestAFeedThatStopsIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched()
		_, source, polls := follow(t, w)
		polls(time.Minute)
		for n := range 3 {
			w.change(func() { w.fail = &wire.Error{Message: "shared state watcher was stopped"} })
			between(t, "when a feed stops and another opens", polls(time.Second), 1, 2)
			if !source.State().Push || w.count(&w.watches) != n+2 {
				t.Errorf("feed %d: %+v, after %d calls of WatchAll", n, source.State(), w.count(&w.watches))
			}
			polls(time.Minute)
		}
		// One that never holds is not opened again and again, and polled meanwhile.
		before := w.count(&w.watches)
		stop := time.Now().Add(5 * time.Minute)
		looks := w.count(&w.looks)
		for time.Now().Before(stop) {
			w.change(func() { w.fail = &wire.Error{Message: "watcher was stopped"} })
			time.Sleep(100 * time.Millisecond)
		}
		between(t, "feeds that do not hold, in five minutes", w.count(&w.watches)-before, 4, 15)
		between(t, "meanwhile", w.count(&w.looks)-looks, 50, 90)
	})
}

func TestWhereWatchingIsRefusedTheModelIsPolledForTheLifeOfTheConnection(t *testing.T) {
	for _, fault := range []wire.Error{
		{Message: "permission denied", Code: wire.CodeUnauthorized}, {Message: "WatchAll not implemented", Code: wire.CodeNotImplemented},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched()
			w.refuse = &fault
			c, source, polls := follow(t, w)
			between(t, "in five minutes", polls(5*time.Minute), 50, 75)
			if source.State().Push || w.count(&w.watches) != 1 {
				t.Errorf("got %+v after %d calls of WatchAll", source.State(), w.count(&w.watches))
			}
			w.change(func() { w.refuse = nil }) // On the next connection it is tried again.
			c.cut()
			polls(10 * time.Second)
			if !source.State().Push || w.count(&w.watches) != 2 {
				t.Errorf("after a new connection: %+v, %d calls of WatchAll", source.State(), w.count(&w.watches))
			}
			between(t, "in ten minutes with a feed", polls(10*time.Minute), 10, 14)
		})
	}
}

func TestTheWayIsChosenAgainOnEachConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched()
		c, source, polls := follow(t, w)
		polls(time.Minute)
		c.set(func() { c.watch = false }) // As after a migration to 4.0.
		c.cut()
		polls(10 * time.Second)
		if source.State().Push {
			t.Errorf("got %+v", source.State())
		}
		between(t, "in a minute without a feed", polls(time.Minute), 10, 15)
		c.set(func() { c.watch = true })
		c.cut()
		polls(10 * time.Second)
		if !source.State().Push {
			t.Errorf("got %+v", source.State())
		}
		between(t, "in ten minutes with a feed", polls(10*time.Minute), 10, 14)
	})
}

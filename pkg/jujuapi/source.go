package jujuapi

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// pollFast is the time between polls while somebody waits for a change.
	pollFast = time.Second
	// pollDefault is the time between polls else.
	pollDefault = 5 * time.Second
	// pollQuiet and pollSlowest bound it when nothing has changed for quietAfter, or when a call
	// takes longer than slowCall.
	pollQuiet   = 15 * time.Second
	pollSlowest = 30 * time.Second
	quietAfter  = 10 * time.Minute
	slowCall    = time.Second

	// debounce is how long the hints of a feed must be silent before they are followed, and
	// debounceMax how long they are waited for at most.
	debounce    = 300 * time.Millisecond
	debounceMax = 2 * time.Second
	// resync is the time between polls while there is a feed, at most: it does not report leaders,
	// databags and lost agents.
	resync = time.Minute
)

// Snapshotter is what a Source asks: a *Session is one.
type Snapshotter interface {
	Snapshot(ctx context.Context) (*Model, error)
}

// Source reports changes in a model, by asking for it again and again: often while somebody waits
// (Hurry), every five seconds else, and every 15 to 30 s when nothing has happened for ten minutes
// or when the controller is slow to answer. Where what it asks is a Listener and has a feed, it
// asks when that hints at a change, 0.3 s after the last hint and 2 s after the first at the
// latest, every five seconds while somebody waits, and else every minute. The two ways differ in
// nothing but when they ask: hints carry no content.
//
// A poll is a call like others, within the session's budget. All methods are safe for concurrent
// use.
type Source struct {
	from Snapshotter

	mu      sync.Mutex
	waiting map[string]bool
	state   SourceState
	// first and last are when hints came that no poll has followed yet, and own when the first one
	// of our own doing.
	first, last, own time.Time
	// changed is when content last changed, or somebody stopped waiting for it.
	changed time.Time
	wake    chan struct{}
	hinted  chan struct{}
}

// SourceState is what a Source knows.
type SourceState struct {
	// Model is the last snapshot; nil before the first.
	Model *Model
	// At is when it was taken, by our clock, and Took how long that was.
	At   time.Time
	Took time.Duration
	// Err is why the last poll failed; nil if it did not.
	Err error
	// Interval is the time to the next poll.
	Interval time.Duration
	// Push says that there is a feed, and Reason what it reported last, or why there is none.
	Push   bool
	Reason string
}

// NewSource returns a Source that asks from.
func NewSource(from Snapshotter) *Source {
	return &Source{from: from, waiting: map[string]bool{}, wake: make(chan struct{}, 1), hinted: make(chan struct{}, 1), changed: time.Now()}
}

// Hurry says that who waits for a change: polls follow each other by a second until Settled(who).
func (s *Source) Hurry(who string) {
	s.mu.Lock()
	fresh := !s.waiting[who]
	s.waiting[who] = true
	s.mu.Unlock()
	if fresh {
		s.Poke()
	}
}

// Settled says that who waits no longer.
func (s *Source) Settled(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[who] {
		delete(s.waiting, who)
		s.changed = time.Now()
	}
}

// Poke asks for one poll now.
func (s *Source) Poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// State returns what is known.
func (s *Source) State() SourceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// heard takes a hint.
func (s *Source) heard(h Hint) {
	now := time.Now()
	s.mu.Lock()
	s.state.Push, s.state.Reason = h.Push, h.Reason
	switch {
	case h.Own && s.own.IsZero():
		s.own = now
	case !h.Own:
		s.last = now
		if s.first.IsZero() {
			s.first = now
		}
	}
	s.mu.Unlock()
	select {
	case s.hinted <- struct{}{}:
	default:
	}
}

// due is when to follow the hints that have come.
func (s *Source) due() (at time.Time, hinted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.first.IsZero() {
		at, hinted = s.last.Add(debounce), true
		if latest := s.first.Add(debounceMax); latest.Before(at) {
			at = latest
		}
	}
	if latest := s.own.Add(debounceMax); !s.own.IsZero() && (!hinted || latest.Before(at)) {
		at, hinted = latest, true
	}
	return at, hinted
}

// Run polls until ctx ends, and calls notify with the first snapshot and with each whose hash
// differs from the one before. Polls wait for notify to return. A poll that fails is repeated at
// the same pace, and its error is in State. Run returns ctx's error.
func (s *Source) Run(ctx context.Context, notify func(*Model)) error {
	if listener, ok := s.from.(Listener); ok {
		ctx, cancel := context.WithCancel(ctx)
		var listening sync.WaitGroup
		listening.Go(func() { _ = listener.Listen(ctx, s.heard) }) // It ends with ctx, or with the session: then polls fail and say why.
		defer listening.Wait()
		defer cancel()
	}
	for {
		began := time.Now()
		s.follow()
		model, err := s.from.Snapshot(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		interval, news := s.learn(model, err, time.Since(began))
		if news {
			notify(model)
		}
		if err := s.rest(ctx, time.Now().Add(interval)); err != nil {
			return err
		}
	}
}

// follow drops the hints so far, because a poll follows them.
func (s *Source) follow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first, s.last, s.own = time.Time{}, time.Time{}, time.Time{}
}

// rest waits until the next poll: at the given time, or when hints are due, or somebody wants it.
func (s *Source) rest(ctx context.Context, until time.Time) error {
	for {
		at := until
		if due, hinted := s.due(); hinted && due.Before(at) {
			at = due
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-timer.C:
			return nil
		case <-s.wake:
			timer.Stop()
			return nil
		case <-s.hinted:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// learn files the outcome of a poll, and returns when to poll again and whether there is something
// new.
func (s *Source) learn(model *Model, err error, took time.Duration) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, news := time.Now(), false
	s.state.Err, s.state.Took = err, took
	if err == nil {
		news = s.state.Model == nil || s.state.Model.Hash != model.Hash
		s.state.Model, s.state.At = model, now
		if news {
			s.changed = now
		}
	}
	switch waiting := len(s.waiting) > 0; {
	case !s.state.Push || err != nil:
		s.state.Interval = jitter(interval(waiting, now.Sub(s.changed), took))
	case waiting: // for what the feed does not report
		s.state.Interval = jitter(interval(false, 0, took))
	default:
		s.state.Interval = resync - rand.N(resync/5)
	}
	return s.state.Interval, news
}

// interval is the time to the next poll: waiting says that somebody waits for a change, quiet for
// how long nothing has changed, took how long the last poll was.
func interval(waiting bool, quiet, took time.Duration) time.Duration {
	if waiting {
		// A controller that needs long is not asked again before it had as long to do something
		// else.
		return min(max(pollFast, took), pollSlowest)
	}
	d := pollDefault
	if quiet >= quietAfter {
		// From 15 s after ten minutes to 30 s after twenty.
		d = min(time.Duration(float64(pollQuiet)*float64(quiet)/float64(quietAfter)), pollSlowest)
	}
	if took > slowCall {
		d = max(d, min(time.Duration(float64(pollQuiet)*took.Seconds()/slowCall.Seconds()), pollSlowest))
	}
	return d
}

// jitter spreads the polls of many models by a fifth each way.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}

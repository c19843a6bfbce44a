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
	// pollQuiet and pollSlowest bound it when nothing has changed for quietAfter, or when a call takes longer than slowCall.
	pollQuiet   = 15 * time.Second
	pollSlowest = 30 * time.Second
	quietAfter  = 10 * time.Minute
	slowCall    = time.Second
)

// Snapshotter is what a Source asks: a *Session is one.
type Snapshotter interface {
	Snapshot(ctx context.Context) (*Model, error)
}

// Source tells of changes in a model, by asking for it again and again: often while somebody waits (Hurry), every five
// seconds else, and every 15 to 30 s when nothing has happened for ten minutes or when the controller is slow to answer.
// A poll is a call like others, within the session's budget. All methods are safe for concurrent use.
type Source struct {
	from Snapshotter

	mu      sync.Mutex
	waiting map[string]bool
	state   SourceState
	// changed is when content last changed, or somebody stopped waiting for it.
	changed time.Time
	wake    chan struct{}
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
}

// NewSource returns a Source that asks from.
func NewSource(from Snapshotter) *Source {
	return &Source{from: from, waiting: map[string]bool{}, wake: make(chan struct{}, 1), changed: time.Now()}
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

// Run polls until ctx ends, and calls notify with the first snapshot and with each whose hash differs from the one before.
// Polls wait for notify to return. A poll that fails is repeated at the same pace, and its error is in State. Run returns
// ctx's error.
func (s *Source) Run(ctx context.Context, notify func(*Model)) error {
	for {
		began := time.Now()
		model, err := s.from.Snapshot(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		interval, news := s.learn(model, err, time.Since(began))
		if news {
			notify(model)
		}
		timer := time.NewTimer(interval)
		select {
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// learn files the outcome of a poll, and returns when to poll again and whether there is something new.
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
	s.state.Interval = jitter(interval(len(s.waiting) > 0, now.Sub(s.changed), took))
	return s.state.Interval, news
}

// interval is the time to the next poll: waiting says that somebody waits for a change, quiet for how long nothing has
// changed, took how long the last poll was.
func interval(waiting bool, quiet, took time.Duration) time.Duration {
	if waiting {
		// A controller that needs long is not asked again before it had as long to do something else.
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

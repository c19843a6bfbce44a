package server

// Watching is how far WatchAll can be relied on.
type Watching string

// WatchRefused refuses WatchAll for want of a grant; the zero value is health.
const WatchRefused Watching = "refused"

// feed is what faults do to those who watch.
type feed struct {
	state  Watching
	broken chan struct{}
}

// Watch makes WatchAll refused, or with the zero value served again.
func (f *Faults) Watch(state Watching) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.feed.state = state
}

func (f *Faults) watching() Watching {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.feed.state
}

// BreakFeed fails all calls of AllWatcher.Next that wait, as when the controller restarts what feeds them. Their watchers are gone.
func (f *Faults) BreakFeed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.feed.broken != nil {
		close(f.feed.broken)
		f.feed.broken = nil
	}
}

// whenFeedBreaks returns a channel that BreakFeed closes.
func (f *Faults) whenFeedBreaks() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.feed.broken == nil {
		f.feed.broken = make(chan struct{})
	}
	return f.feed.broken
}

// MixPages makes ListOperations cut pages before it filters them, as some versions of 4.0 do.
func (f *Faults) MixPages(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mixed = on
}

func (f *Faults) mixesPages() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mixed
}

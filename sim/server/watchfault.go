package server

// feed is what faults do to those who watch.
type feed struct {
	refused bool
	broken  chan struct{}
}

// RefuseWatch makes WatchAll refused, as for want of a grant, until Heal.
func (f *Faults) RefuseWatch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.feed.refused = true
}

func (f *Faults) watchRefused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.feed.refused
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

// MixPages makes ListOperations cut pages before it filters them, as the source of some versions of 4.0 does, until Heal.
func (f *Faults) MixPages() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mixed = true
}

func (f *Faults) mixesPages() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mixed
}

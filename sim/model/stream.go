package model

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Pace is how soon agents hear of a change.
type Pace int

// Paces. PaceJuju is that of Juju 4.0's change stream: it looks after 0.1 s, then 1.4 × longer each time up to 10 s while the model is
// quiet. Someone has to run Stream for it.
const (
	PaceInstant Pace = iota
	PaceJuju
)

// The change stream of Juju 4.0.
const (
	streamFirst  = 100 * time.Millisecond
	streamGrowth = 1.4
	streamMax    = 10 * time.Second
)

// ErrClosed is returned to those who wait when the model is closed.
var ErrClosed = errors.New("the model is closed")

// ParsePace reads juju or instant.
func ParsePace(text string) (Pace, error) {
	switch text {
	case "instant", "":
		return PaceInstant, nil
	case "juju":
		return PaceJuju, nil
	}
	return 0, fmt.Errorf("cannot use change stream %q: say juju or instant", text)
}

func (p Pace) String() string {
	if p == PaceJuju {
		return "juju"
	}
	return "instant"
}

// Wait returns when agents are told of a change after the given revision.
func (m *Model) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		m.mu.Lock()
		published, delivered, closed := m.published, m.delivered, m.closed
		m.mu.Unlock()
		if closed {
			return published, ErrClosed
		}
		if published > after {
			return published, nil
		}
		select {
		case <-ctx.Done():
			return published, ctx.Err()
		case <-delivered:
		}
	}
}

// publish tells agents of all changes so far; the caller holds the lock.
func (m *Model) publish() {
	m.published = m.revision
	close(m.delivered)
	m.delivered = make(chan struct{})
}

// Stream is the change stream of PaceJuju; it returns when ctx is done or the model closed. With PaceInstant it returns at once.
func (m *Model) Stream(ctx context.Context) {
	if m.pace == PaceInstant {
		return
	}
	delay := streamFirst
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		changed, closed := m.deliver()
		if closed {
			return
		}
		delay = nextDelay(delay, changed)
		timer.Reset(delay)
	}
}

func (m *Model) deliver() (changed, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false, true
	}
	changed = m.revision > m.published
	if changed {
		m.publish()
	}
	return changed, false
}

func nextDelay(delay time.Duration, changed bool) time.Duration {
	if changed {
		return streamFirst
	}
	return min(time.Duration(float64(delay)*streamGrowth), streamMax)
}

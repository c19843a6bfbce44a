package model

import (
	"context"
	"sync"
	"time"

	"jujuetcd.io/sim/profile"
)

// Life of an entity.
type Life string

// Lives.
const (
	Alive Life = "alive"
	Dying Life = "dying"
	Dead  Life = "dead"
)

// Model is one model. Name, Owner and UUID never change.
type Model struct {
	Name, Owner, UUID string

	profile profile.Profile
	now     func() time.Time
	lease   time.Duration
	pace    Pace
	silent  bool // see TellDepartures
	spaces  []string

	mu        sync.Mutex
	revision  uint64
	changed   chan struct{}
	published uint64
	delivered chan struct{}
	closed    bool

	sequences    map[string]int
	applications map[string]*application
	remotes      map[string]*application // Stand-ins for applications of other models.
	offers       map[string]Offer
	machines     map[string]*machine
	relations    map[int]*relation
	operations   map[int]*operation
	tasks        map[int]*task
	secrets      map[string]*secret
	secretOrder  []string // as they were made
	log          logBook
	created      time.Time
}

func newModel(o Options, owner, name, id string) *Model {
	return &Model{
		Name: name, Owner: owner, UUID: id,
		profile: o.Profile, now: func() time.Time { return o.Now().UTC() }, lease: o.Lease, pace: o.Pace, spaces: o.Spaces,
		silent:  o.Profile.SilentDepartures,
		changed: make(chan struct{}), delivered: make(chan struct{}),
		sequences: map[string]int{},
		remotes:   map[string]*application{}, offers: map[string]Offer{},
		applications: map[string]*application{}, machines: map[string]*machine{}, relations: map[int]*relation{},
		operations: map[int]*operation{}, tasks: map[int]*task{}, secrets: map[string]*secret{},
		log: newLogBook(), created: o.Now().UTC(),
	}
}

// Profile that the model's controller plays.
func (m *Model) Profile() profile.Profile { return m.profile }

// Now is the controller's clock.
func (m *Model) Now() time.Time { return m.now() }

// next returns the next number of a sequence, which never gives one twice.
func (m *Model) next(sequence string) int {
	n := m.sequences[sequence]
	m.sequences[sequence]++
	return n
}

// bump notes a change; the caller holds the lock.
func (m *Model) bump() {
	m.revision++
	close(m.changed)
	m.changed = make(chan struct{})
	if m.pace == PaceInstant {
		m.publish()
	}
}

// Revision counts changes.
func (m *Model) Revision() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision
}

// WaitChange waits until the model has changed after the given revision, whatever the pace. It is for users and tests; agents use
// Wait.
func (m *Model) WaitChange(ctx context.Context, after uint64) (uint64, error) {
	for {
		m.mu.Lock()
		revision, changed, closed := m.revision, m.changed, m.closed
		m.mu.Unlock()
		if revision > after {
			return revision, nil
		}
		if closed {
			return revision, ErrClosed
		}
		select {
		case <-ctx.Done():
			return revision, ctx.Err()
		case <-changed:
		}
	}
}

// Close wakes all who wait, with ErrClosed, and ends the leases' timers.
func (m *Model) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.closed = true
	for _, a := range m.applications {
		a.stopLease()
	}
	m.log.close()
	m.bump()
	m.publish()
}

// Package memory is what one process remembers of one cluster: the epoch it has claimed, the
// deliveries on their way to units, how the last ones ended, and how often a membership step has
// failed.
//
// Nothing here outlives the process, and nothing needs to: whoever starts again claims again, finds
// tasks in Juju and members in etcd, and begins its windows anew. The actor writes; the observer
// reads it into an Observation. A Memory is safe for concurrent use.
package memory

import (
	"maps"
	"sync"
	"time"

	"jujuetcd.io/pkg/reconcile/observation"
)

// Flight is a delivery that Juju has queued.
type Flight struct {
	Task     int64
	Delivery observation.Delivery
	Enqueued time.Time
	// Taken is when Juju had answered that it is queued.
	Taken time.Time
	// Deadline is until when the unit may begin, by our clock.
	Deadline time.Time
	// Polls counts how often the task was asked for.
	Polls int
	// Running says that the task was seen to run.
	Running bool
}

// Memory is one cluster's memory. The zero value is not ready: use New.
type Memory struct {
	mu        sync.Mutex
	claimed   int64
	handed    map[string]handed
	flights   map[string]Flight
	last      map[string]observation.Result
	words     map[string]observation.Result
	clocks    map[string]observation.Clock
	attempts  map[string]int
	notBefore map[string]time.Time
	faults    map[string]string
	changes   int64
	restarted time.Time
}

type handed struct {
	delivery observation.Delivery
	at       time.Time
}

// New is an empty memory.
func New() *Memory {
	return &Memory{
		handed: map[string]handed{}, flights: map[string]Flight{}, last: map[string]observation.Result{}, words: map[string]observation.Result{}, clocks: map[string]observation.Clock{},
		attempts: map[string]int{}, notBefore: map[string]time.Time{}, faults: map[string]string{},
	}
}

// Claimed is the epoch that this process has claimed, zero before.
func (m *Memory) Claimed() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.claimed
}

// Claim records a granted claim.
func (m *Memory) Claim(epoch int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claimed = max(m.claimed, epoch)
	m.changes++
}

// Changes grows whenever something is recorded that may show in Juju or etcd: an observer that saw
// the same number before need not read again because of us.
func (m *Memory) Changes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

// Touch records that we changed the world otherwise than by a delivery.
func (m *Memory) Touch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
}

// Hand gives the memory the delivery that its unit should get next. It replaces one that has not
// been queued yet.
func (m *Memory) Hand(d observation.Delivery, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h, ok := m.handed[d.Unit]; ok {
		m.handed[d.Unit] = handed{delivery: d, at: h.at}
		return
	}
	m.handed[d.Unit] = handed{delivery: d, at: now}
}

// Handed is the delivery that waits to be queued for the unit, and since when.
func (m *Memory) Handed(unit string) (observation.Delivery, time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.handed[unit]
	return h.delivery, h.at, ok
}

// Withdraw takes back what was handed for the unit and not queued.
func (m *Memory) Withdraw(unit string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.handed, unit)
}

// Sent records that Juju has queued the delivery.
func (m *Memory) Sent(f Flight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.handed, f.Delivery.Unit)
	m.flights[f.Delivery.Unit] = f
	m.changes++
}

// Flight is the unit's delivery that is on its way.
func (m *Memory) Flight(unit string) (Flight, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.flights[unit]
	return f, ok
}

// Seen records that the flight's task was asked for, and whether it runs.
func (m *Memory) Seen(unit string, task int64, running bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, ok := m.flights[unit]; ok && f.Task == task {
		f.Polls++
		f.Running = running
		m.flights[unit] = f
	}
}

// Landed records how a delivery ended, whether it was queued or not. One that brought words only
// says nothing of the machine, and leaves what is known of it.
func (m *Memory) Landed(unit string, r observation.Result, wordsOnly bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if wordsOnly {
		delete(m.flights, unit)
		delete(m.handed, unit)
		m.words[unit] = r
		m.changes++
		return
	}
	if d := m.flights[unit].Delivery.Spec.Delivery; d.AllowRestart || d.AllowDefrag {
		m.restarted = r.At
	}
	delete(m.flights, unit)
	delete(m.handed, unit)
	m.last[unit] = r
	m.changes++
}

// Last is how the unit's last delivery ended.
func (m *Memory) Last(unit string) (observation.Result, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.last[unit]
	return r, ok
}

// LastWords is how the unit's last delivery ended that brought words only.
func (m *Memory) LastWords(unit string) (observation.Result, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.words[unit]
	return r, ok
}

// steadyClock is how far a measure of a clock may be from the one before and still be the same: it
// is bounded by how long a task takes and by Juju's seconds, and a sentence must not change with
// it.
const steadyClock = 30 * time.Second

// Clocked records what a unit's clock has shown.
func (m *Memory) Clocked(unit string, c observation.Clock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, ok := m.clocks[unit]; ok && (c.Ahead-before.Ahead).Abs() < steadyClock && c.Ahead != 0 {
		c.Ahead = before.Ahead
	}
	m.clocks[unit] = c
}

// Clock is what the unit's clock has shown last.
func (m *Memory) Clock(unit string) (observation.Clock, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.clocks[unit]
	return c, ok
}

// Restarted is when the last delivery that could restart a member ended; zero if there was none.
func (m *Memory) Restarted() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.restarted
}

// Busy says that a delivery waits to be queued or is on its way, to any unit.
func (m *Memory) Busy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.handed)+len(m.flights) > 0
}

// Failed counts a failed attempt of a step, with why it failed, and bars the next one until
// notBefore.
func (m *Memory) Failed(key, why string, notBefore time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts[key]++
	m.notBefore[key], m.faults[key] = notBefore, why
	m.changes++
}

// Succeeded forgets the failures of a step.
func (m *Memory) Succeeded(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.attempts, key)
	delete(m.notBefore, key)
	delete(m.faults, key)
	m.changes++
}

// Rest bars the next attempt of a step until then, though the last one has not failed.
func (m *Memory) Rest(key string, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notBefore[key] = until
}

// Attempts are the failures in a row by step key, and until when the next attempt is barred. The
// maps are copies.
func (m *Memory) Attempts() (attempts map[string]int, notBefore map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.attempts), maps.Clone(m.notBefore)
}

// Faults are, by step key, why the last attempt failed. The map is a copy.
func (m *Memory) Faults() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.faults)
}

// Forget drops what is remembered of units that keep does not know any more.
func (m *Memory) Forget(keep func(unit string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := func(unit string) bool { return !keep(unit) }
	maps.DeleteFunc(m.handed, func(u string, _ handed) bool { return gone(u) })
	maps.DeleteFunc(m.flights, func(u string, _ Flight) bool { return gone(u) })
	maps.DeleteFunc(m.last, func(u string, _ observation.Result) bool { return gone(u) })
	maps.DeleteFunc(m.clocks, func(u string, _ observation.Clock) bool { return gone(u) })
	maps.DeleteFunc(m.words, func(u string, _ observation.Result) bool { return gone(u) })
}

package server

import (
	"context"
	"net"
	"sync"
	"time"
)

// Faults are what lies between client and server: they break connections, not the state. The zero state is health.
type Faults struct {
	closeAll func()

	mu         sync.Mutex
	refuse     bool
	delay      time.Duration
	lose       int
	loseAll    bool
	only       string
	feed       feed
	mixed      bool
	disruption Disruption
}

func newFaults(closeAll func()) *Faults { return &Faults{closeAll: closeAll} }

// Cut closes all connections; with refuse, new ones are closed at once until Heal.
func (f *Faults) Cut(refuse bool) {
	f.mu.Lock()
	f.refuse = refuse
	f.mu.Unlock()
	f.closeAll()
}

// Delay makes every reply wait until Heal.
func (f *Faults) Delay(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = d
}

// Lose does what is asked and loses the next n replies, all of them if n is negative. Only, if not empty, is the one call that it
// is about, as in Action.EnqueueOperation.
func (f *Faults) Lose(n int, only string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose, f.loseAll, f.only = n, n < 0, only
}

// Heal ends all faults.
func (f *Faults) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse, f.delay, f.lose, f.loseAll, f.only, f.disruption = false, 0, 0, false, "", ""
	f.feed.refused, f.mixed = false, false
}

func (f *Faults) refusing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refuse
}

// reply waits as long as a reply is delayed, and says whether it is to be sent.
func (f *Faults) reply(ctx context.Context, call string) bool {
	f.mu.Lock()
	delay := f.delay
	lost := false
	if f.only == "" || f.only == call {
		lost = f.loseAll || f.lose > 0
		if f.lose > 0 {
			f.lose--
		}
	}
	f.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
		}
	}
	return !lost
}

// refusingListener resets new connections while the API is cut.
type refusingListener struct {
	net.Listener
	faults *Faults
}

func (l *refusingListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.faults.refusing() {
			return conn, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

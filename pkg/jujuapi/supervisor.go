package jujuapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"
)

const (
	redialMin = time.Second
	redialMax = 60 * time.Second
	// flapMax is the longest delay while connections are made and lost again: a controller that
	// lets us in is not helped by our absence, and what was begun, a learner half joined, waits for
	// us.
	flapMax = 5 * time.Second
	// renewEvery is how often a session that waits for a person looks whether one has been.
	renewEvery = 2 * time.Second
	// personDelay is the least time between attempts that only a person can make succeed: a login
	// that is refused again and again looks like an attack.
	personDelay = 60 * time.Second
	// steadyAfter is how long a connection must have held for the delays to begin anew.
	steadyAfter = 30 * time.Second
	// askEvery is how often a controller is asked where it is.
	askEvery = 10 * time.Minute
	// loginTimeout bounds connecting and logging in, at all addresses together.
	loginTimeout = 60 * time.Second
	// callTimeout bounds a call whose caller gave no earlier deadline.
	callTimeout = 2 * time.Minute
)

// Options are what a session may be given.
type Options struct {
	// Budget limits the calls of all sessions that share it; nil does not limit.
	Budget *rate.Limiter
	// Renew is asked before each attempt to connect where the controller is and who we are:
	// passwords and addresses change while a session lasts. Nil, or an error, leaves both as they
	// were.
	Renew func() (Controller, error)
	// Book has the addresses that controllers published; nil gives the session one of its own,
	// which is lost with it.
	Book *AddressBook
	// Action is the charm action through which the program acts on units: what an agent says of it
	// is our own doing (Hint.Own).
	Action string

	network dialFunc
}

// NewBudget returns a limit on calls to one controller, to be shared by all sessions with it: ten a
// second, and bursts of forty, however many models are watched.
func NewBudget() *rate.Limiter { return rate.NewLimiter(10, 40) }

// State is what a session is doing.
type State struct {
	Connected bool
	// Since is when that began.
	Since time.Time
	// Address is the controller's address that is, or was last, connected to.
	Address string
	// Silent are the configured addresses, each with what was wrong with it then, if Address is one
	// that only a login gave; else there are none.
	Silent []string
	// LocalAddress is the IP address that it is, or was last, connected from.
	LocalAddress string
	// Login is what the last login gave; zero before the first.
	Login LoginInfo
	// Err is why the session is not connected, or why the connection before this one was lost; nil
	// if neither happened.
	Err error
	// NextAttempt is when it will try again, if it waits for that.
	NextAttempt time.Time
	// Attempts counts failed attempts since the last login that succeeded.
	Attempts int
}

// supervisor keeps one connection to a controller, of which Session and ControllerSession are the
// two kinds.
type supervisor struct {
	// controller, and rejections since the last login, are of run's goroutine.
	controller Controller
	rejections []fault
	modelUUID  string
	options    Options
	book       *AddressBook

	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	conn  *Conn
	state State
	// changed is closed, and replaced, when conn or state change.
	changed chan struct{}
}

func supervise(ctx context.Context, controller Controller, modelUUID string, options Options) *supervisor {
	s := &supervisor{
		controller: controller, modelUUID: modelUUID, options: options,
		done: make(chan struct{}), changed: make(chan struct{}), state: State{Since: time.Now()}, book: options.Book,
	}
	if s.book == nil {
		s.book = &AddressBook{}
	}
	ctx, s.stop = context.WithCancel(ctx)
	go s.run(ctx)
	return s
}

// Close ends the session and waits for it. It may be called more than once.
func (s *supervisor) Close() error {
	s.stop()
	<-s.done
	return nil
}

// Done returns a channel that is closed when the session has ended, by Close or with the context
// that it was opened with. Nothing else ends it: an error that needs a person is in State, and may
// be mended while the session waits.
func (s *supervisor) Done() <-chan struct{} { return s.done }

// Err returns nil while the session lasts, then ErrClosed.
func (s *supervisor) Err() error {
	select {
	case <-s.done:
		return ErrClosed
	default:
		return nil
	}
}

// State says what the session is doing.
func (s *supervisor) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// run dials until the session ends:
//
//  1. connect and log in;
//  2. hand the connection to whoever calls, until it is lost;
//  3. wait: not at all after a connection that had held, some seconds after one that did not, a
//     growing and jittered time after a failure, a minute and more if a person is needed;
//  4. begin again, with the addresses that logins gave after those that we were given, and at once
//     if who we are has changed.
func (s *supervisor) run(ctx context.Context) {
	defer close(s.done)
	delays := newDelays()
	for ctx.Err() == nil {
		held, err := s.attempt(ctx)
		delay := delays.after(held, err)
		s.update(func(st *State) { st.NextAttempt = time.Now().Add(delay) })
		s.rest(ctx, delay)
	}
	s.update(func(st *State) { st.Err, st.NextAttempt = ErrClosed, time.Time{} })
}

// delays are how long is waited between attempts.
type delays struct{ failures, flaps *backoff.ExponentialBackOff }

func newDelays() *delays {
	growing := func(most time.Duration) *backoff.ExponentialBackOff {
		b := &backoff.ExponentialBackOff{InitialInterval: redialMin, RandomizationFactor: 0.3, Multiplier: 2, MaxInterval: most}
		b.Reset()
		return b
	}
	return &delays{failures: growing(redialMax), flaps: growing(flapMax)}
}

// after is the delay after an attempt whose connection held for so long, zero if none was made, and
// ended with err.
func (d *delays) after(held time.Duration, err error) time.Duration {
	if held > 0 {
		d.failures.Reset()
	}
	switch {
	case held >= steadyAfter:
		d.flaps.Reset()
		return 0
	case NeedsPerson(err):
		return personDelay + rand.N(personDelay/4)
	case held > 0:
		return min(d.flaps.NextBackOff(), flapMax)
	}
	return min(d.failures.NextBackOff(), redialMax)
}

// rest waits, but no longer than until the controller or the credentials that we are given have
// changed.
func (s *supervisor) rest(ctx context.Context, delay time.Duration) {
	end := time.Now().Add(delay)
	for {
		if s.renew() {
			return
		}
		left := time.Until(end)
		if left <= 0 || !pause(ctx, min(left, renewEvery)) {
			return
		}
	}
}

// renew takes over what Renew says, and says whether that is something new.
func (s *supervisor) renew() bool {
	if s.options.Renew == nil {
		return false
	}
	renewed, err := s.options.Renew()
	if err != nil || reflect.DeepEqual(renewed, s.controller) {
		return false
	}
	s.controller, s.rejections = renewed, nil
	return true
}

// attempt connects, and serves the connection until it is lost. It returns how long it held, and
// why it did not longer.
func (s *supervisor) attempt(ctx context.Context) (time.Duration, error) {
	conn, info, silent, err := s.connect(ctx)
	if err != nil {
		s.update(func(st *State) {
			st.Err = err
			st.Attempts++
		})
		return 0, err
	}
	began := time.Now()
	s.update(func(st *State) {
		s.conn = conn
		*st = State{Connected: true, Since: began, Address: conn.Address(), Silent: silent, LocalAddress: conn.LocalAddress(), Login: info, Err: st.Err}
	})
	s.hold(ctx, conn)
	_ = conn.Close()
	err = conn.Err()
	s.update(func(st *State) {
		s.conn = nil
		st.Connected, st.Since, st.Err = false, time.Now(), err
	})
	return time.Since(began), err
}

// hold returns when the connection is lost, or ctx ends. A session with the controller itself,
// which has little else to do, logs in once more from time to time, beside its connection: only a
// login reports machines that the controller has gained meanwhile, and when the ones that we know
// of have gone it is too late to ask.
func (s *supervisor) hold(ctx context.Context, conn *Conn) {
	ctx, cancel := context.WithCancel(ctx)
	conn.work.Go(func() { <-conn.Done(); cancel() })
	for {
		var ask <-chan time.Time
		if s.modelUUID == "" {
			ask = time.After(askEvery + rand.N(askEvery/4))
		}
		select {
		case <-ctx.Done():
			return
		case <-ask:
		}
		s.renew()
		if again, _, _, err := s.connect(ctx); err == nil {
			_ = again.Close()
		}
	}
}

// connect makes a connection that is logged in, and learns from the login where the controller is.
// It also returns the configured addresses that did not let us in, if none did.
func (s *supervisor) connect(ctx context.Context) (*Conn, LoginInfo, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	known := s.book.look(s.controller)
	ways, err := routesTo(s.controller, known.Addresses, s.rejections)
	if err != nil {
		return nil, LoginInfo{}, nil, err
	}
	in, err := s.enter(ctx, ways, known)
	if err != nil {
		return nil, LoginInfo{}, nil, err
	}
	var unused []string
	if in.way.published {
		unused = silent(s.controller, append(s.rejections, in.faults...))
	}
	s.rejections = nil
	s.book.learn(s.controller, in.info)
	return in.conn, in.info, unused, nil
}

// update changes what the mutex guards, and wakes those who wait for a change.
func (s *supervisor) update(change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
	close(s.changed)
	s.changed = make(chan struct{})
}

// use returns the connection. While the first attempt, or the first after a loss, is under way it
// waits for that; after an attempt that failed it says so at once, and the caller's own patience
// decides.
func (s *supervisor) use(ctx context.Context) (*Conn, error) {
	for {
		s.mu.Lock()
		conn, state, changed := s.conn, s.state, s.changed
		s.mu.Unlock()
		if conn != nil && conn.Err() == nil {
			return conn, nil
		}
		if state.Attempts > 0 || errors.Is(state.Err, ErrClosed) {
			return nil, fmt.Errorf("not connected to Juju: %w", state.Err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("not connected to Juju: %w", context.Cause(ctx))
		}
	}
}

// with runs a call on the connection, within the budget and a deadline.
func (s *supervisor) with(ctx context.Context, call func(context.Context, *Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := s.use(ctx)
	if err != nil {
		return err
	}
	if err := s.spend(ctx); err != nil {
		return err
	}
	return call(ctx, conn)
}

// spend waits until the budget allows a call.
func (s *supervisor) spend(ctx context.Context) error {
	if s.options.Budget == nil {
		return nil
	}
	if err := s.options.Budget.Wait(ctx); err != nil {
		return fmt.Errorf("cannot call Juju within the budget of calls: %w", err)
	}
	return nil
}

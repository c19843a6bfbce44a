package jujuapi_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

var ref = jujuapi.ModelRef{Owner: "admin", Name: "prod", UUID: modelUUID}

// status answers FullStatus and pings.
func status(_ context.Context, r wire.Request) (any, *wire.Error) {
	if r.Request == "FullStatus" {
		return wire.FullStatus{Model: wire.ModelStatusInfo{Name: "prod"}}, nil
	}
	return struct{}{}, nil
}

// open starts a controller in this bubble, and a session with it.
func open(t *testing.T, handle handler, options jujuapi.Options) (*controller, *jujuapi.Session) {
	t.Helper()
	network := newPipes()
	c := start(t, network, handle)
	s := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.WithNetwork(options, network.dial))
	t.Cleanup(func() { _ = s.Close() })
	return c, s
}

func TestASessionReconnectsAfterALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, status, jujuapi.Options{})
		for n := range 3 {
			m, err := s.Snapshot(t.Context())
			if err != nil || m.Name != "prod" || m.Owner != "admin" || m.UUID != modelUUID {
				t.Fatalf("connection %d: got %+v, %v", n, m, err)
			}
			if st := s.State(); !st.Connected || st.Login.User != "admin" || st.Attempts != 0 {
				t.Errorf("connection %d: state %+v", n, st)
			}
			time.Sleep(time.Minute) // it held: the next attempt follows at once
			c.cut()
			synctest.Wait()
		}
		if st := s.State(); st.Err == nil || !errors.Is(st.Err, jujuapi.ErrConnectionLost) {
			t.Errorf("the state does not show the loss: %+v", st)
		}
		if c.count() != 4 {
			t.Errorf("%d logins, want 4", c.count())
		}
	})
}

func TestAConnectionThatNeverHoldsIsNotMadeAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, status, jujuapi.Options{})
		began := time.Now()
		for range 10 {
			if _, err := s.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.cut()
			synctest.Wait()
		}
		if took := time.Since(began); took < 2*time.Minute {
			t.Errorf("ten connections that broke at once took %s only", took)
		}
	})
}

func TestFailuresDelayTheNextAttemptMoreAndMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []time.Time
		refuse := func(context.Context, string, string) (net.Conn, error) {
			attempts = append(attempts, time.Now())
			return nil, errors.New("connection refused")
		}
		s := jujuapi.OpenModel(t.Context(), jujuapi.Controller{Addresses: []string{"10.0.0.1:17070"}}, ref, jujuapi.WithNetwork(jujuapi.Options{}, refuse))
		time.Sleep(10 * time.Minute)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if n := len(attempts); n < 12 || n > 40 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		for i := range len(attempts) - 1 {
			gap := attempts[i+1].Sub(attempts[i])
			if gap < 500*time.Millisecond || gap > time.Minute {
				t.Errorf("attempt %d came after %s", i+1, gap)
			}
			if i >= 8 && gap < 40*time.Second {
				t.Errorf("attempt %d came after %s only", i+1, gap)
			}
		}
		if _, err := s.Snapshot(t.Context()); !errors.Is(err, jujuapi.ErrClosed) {
			t.Errorf("a call on a closed session: got %v", err)
		}
	})
}

func TestWhatNeedsAPersonIsTriedOnceAMinuteAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, status, jujuapi.Options{})
		c.set(func() { c.refuse = &wire.Error{Code: wire.CodeUnauthorized, Message: wire.MessagePermissionDenied} })
		_, err := s.Snapshot(t.Context())
		if !errors.Is(err, jujuapi.ErrPermissionDenied) || !jujuapi.NeedsPerson(err) {
			t.Fatalf("got %v", err)
		}
		time.Sleep(10*time.Minute - time.Second)
		if n := c.count(); n < 7 || n > 10 {
			t.Errorf("%d logins in ten minutes", n)
		}
		if st := s.State(); st.Connected || st.Attempts < 7 || st.NextAttempt.Before(time.Now()) || !errors.Is(st.Err, jujuapi.ErrUnauthorized) {
			t.Errorf("state %+v", st)
		}
		// The grant comes, and the session finds it by itself.
		c.set(func() { c.refuse = nil })
		time.Sleep(2 * jujuapi.PersonDelay)
		if _, err := s.Snapshot(t.Context()); err != nil {
			t.Errorf("after the grant: %v", err)
		}
	})
}

func TestASilentConnectionIsNoticedByPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var silent atomic.Bool
		var pings atomic.Int32
		c, s := open(t, func(ctx context.Context, r wire.Request) (any, *wire.Error) {
			if r.Type == "Pinger" {
				pings.Add(1)
			}
			if silent.Load() {
				return nil, nil
			}
			return status(ctx, r)
		}, jujuapi.Options{})
		if _, err := s.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*jujuapi.PingInterval + time.Second)
		if pings.Load() != 10 || c.count() != 1 {
			t.Errorf("%d pings, %d logins in ten intervals", pings.Load(), c.count())
		}
		silent.Store(true)
		time.Sleep(jujuapi.PingInterval + jujuapi.PingTimeout + time.Second)
		silent.Store(false)
		synctest.Wait()
		if c.count() != 2 {
			t.Errorf("%d logins: the connection that fell silent was not made again", c.count())
		}
	})
}

func TestACallWaitsForTheFirstConnectionButNotForAFailedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		slow := func(ctx context.Context, n, a string) (net.Conn, error) {
			time.Sleep(3 * time.Second)
			return network.dial(ctx, n, a)
		}
		c := start(t, network, status)
		s := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.WithNetwork(jujuapi.Options{}, slow))
		defer func() { _ = s.Close() }()
		began := time.Now()
		if _, err := s.Snapshot(t.Context()); err != nil || time.Since(began) < 3*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}

		gone := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.WithNetwork(jujuapi.Options{}, func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("connection refused")
		}))
		defer func() { _ = gone.Close() }()
		synctest.Wait()
		began = time.Now()
		if _, err := gone.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") || time.Since(began) > 0 {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

func TestOneBudgetHoldsForAllSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		var calls atomic.Int32
		c := start(t, network, func(ctx context.Context, r wire.Request) (any, *wire.Error) {
			if r.Request == "FullStatus" {
				calls.Add(1)
			}
			return status(ctx, r)
		})
		budget := rate.NewLimiter(2, 2)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		done := make(chan bool)
		for range 5 {
			s := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.WithNetwork(jujuapi.Options{Budget: budget}, network.dial))
			defer func() { _ = s.Close() }() //nolint:gocritic // all of them live until the end
			go func() {
				var err error
				for err == nil {
					_, err = s.Snapshot(ctx)
				}
				done <- true
			}()
		}
		for range 5 {
			<-done
		}
		if n := calls.Load(); n < 55 || n > 63 {
			t.Errorf("%d calls in 30 s, the budget is 2 a second", n)
		}
	})
}

func TestTheSessionEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		c := start(t, network, status)
		ctx, cancel := context.WithCancel(t.Context())
		s := jujuapi.OpenModel(ctx, c.known(), ref, jujuapi.WithNetwork(jujuapi.Options{}, network.dial))
		if _, err := s.Snapshot(t.Context()); err != nil || s.Err() != nil {
			t.Fatal(err, s.Err())
		}
		cancel()
		<-s.Done()
		if st := s.State(); !errors.Is(s.Err(), jujuapi.ErrClosed) || st.Connected {
			t.Errorf("got %v, %+v", s.Err(), st)
		}
	})
}

func TestTheAddressesThatALoginGaveAreTriedNextTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		c := start(t, network, status)
		c.set(func() { c.servers = [][]wire.HostPort{{{Value: "10.0.0.2", Port: 17070, Scope: "local-cloud"}}} })
		tried := map[string]bool{}
		first := true
		s := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.WithNetwork(jujuapi.Options{}, func(ctx context.Context, n, a string) (net.Conn, error) {
			tried[a] = true
			if a == "10.0.0.1:17070" && !first {
				return nil, errors.New("no route to host")
			}
			first = false
			return network.dial(ctx, n, a)
		}))
		defer func() { _ = s.Close() }()
		if _, err := s.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		c.cut()
		synctest.Wait()
		if _, err := s.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.State().Address; got != "10.0.0.2:17070" || !tried["10.0.0.1:17070"] {
			t.Errorf("connected to %s, tried %v", got, tried)
		}
	})
}

func TestANewPasswordIsTakenWithoutWaitingForTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		c := start(t, network, status)
		good := c.known()
		was := good
		was.Password = "old-password"
		var asked atomic.Int64
		var changed atomic.Bool
		s := jujuapi.OpenModel(t.Context(), was, ref, jujuapi.WithNetwork(jujuapi.Options{Renew: func() (jujuapi.Controller, error) {
			asked.Add(1)
			if changed.Load() {
				return good, nil
			}
			return was, nil
		}}, network.dial))
		defer func() { _ = s.Close() }()
		if _, err := s.Snapshot(t.Context()); !errors.Is(err, jujuapi.ErrBadCredentials) {
			t.Fatalf("with the old password: %v", err)
		}
		time.Sleep(20 * time.Second)
		if n := c.count(); n != 1 || asked.Load() < 5 {
			t.Errorf("%d logins with a password that is known to be wrong, asked %d times for another", n, asked.Load())
		}
		changed.Store(true)
		time.Sleep(5 * time.Second)
		if st := s.State(); !st.Connected {
			t.Errorf("not connected 5 s after the password was given: %v", st.Err)
		}
	})
}

func TestNothingThatIsPrintedShowsAPassword(t *testing.T) {
	t.Parallel()
	c := jujuapi.Controller{Addresses: []string{"a:1"}, Username: "admin", Password: "s3cret"}
	target := jujuapi.Target{Controller: c}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{c, &c, target, c.Password} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, "s3cret") {
				t.Errorf("Sprintf(%q, %T) shows it: %s", verb, value, got)
			}
		}
	}
}

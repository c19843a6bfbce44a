package jujuapi_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

// hour is longer than anybody waits for.
const hour = time.Hour

// machines are two of one controller, the first of which connects sooner; publishedAddress is where
// the second is.
func machines(t *testing.T) (first, second *controller, inet *internet) {
	t.Helper()
	ca, leaf := authority(t)
	one, two, inet := newPipes(), newPipes(), newInternet()
	first, second = startAs(t, one, status, ca, leaf), startAs(t, two, status, ca, leaf)
	inet.put(configured, one.place)
	inet.put(publishedAddress, func(ctx context.Context) (net.Conn, error) {
		time.Sleep(200 * time.Millisecond)
		return two.place(ctx)
	})
	return first, second, inet
}

func (c *controller) open() (n int) {
	c.set(func() { n = len(c.connections) })
	return n
}

// A machine of the controller that is in trouble may take connections and answer no login; one that
// has much to do answers late.
func TestALoginThatHangsHidesNoAddressAndOneThatIsSlowIsNotGivenUp(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for _, test := range []struct {
		name string
		// first and other are how long logins take there; published says that the other address is
		// not configured.
		first, other time.Duration
		published    bool
		refuse       *wire.Error // what the other one says
		gone         bool        // nobody is there
		want         string
		after        time.Duration
		logins       int // at the other one
		silent       string
	}{
		{name: "another one is configured", first: hour, want: publishedAddress, after: jujuapi.LoginPatience, logins: 1},
		{name: "another one was published", first: hour, published: true, want: publishedAddress, after: jujuapi.LoginPatience, logins: 1, silent: configured + " (no answer)"},
		{name: "it takes a few seconds", first: 4 * second, want: configured, after: 4 * second},
		{name: "it takes long, and there is no other one", first: 50 * second, gone: true, want: configured, after: 50 * second},
		{name: "it takes long, and the other one longer", first: 20 * second, other: 30 * second, want: configured, after: 20 * second, logins: 0},
		{name: "it takes long, and longer than the other one", first: 40 * second, other: 10 * second, want: publishedAddress, after: jujuapi.LoginPatience + 10*second, logins: 1},
		{name: "it takes long, and the other one lets nobody in", first: 20 * second, refuse: &wire.Error{Message: wire.MessageMaintenance},
			want: configured, after: 20 * second, logins: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, other, inet := machines(t)
				c.think, other.think, other.refuse = test.first, test.other, test.refuse
				if test.gone {
					inet.put(publishedAddress, refused)
				}
				known, b := c.known(), &jujuapi.AddressBook{}
				if test.published {
					b.Learn(known, jujuapi.LoginInfo{Addresses: []string{publishedAddress}})
				} else {
					known.Addresses = append(known.Addresses, publishedAddress)
				}
				s := jujuapi.OpenModel(t.Context(), known, ref, jujuapi.WithNetwork(jujuapi.Options{Book: b}, inet.dial))
				defer func() { _ = s.Close() }()
				began := time.Now()
				if _, err := s.Snapshot(t.Context()); err != nil {
					t.Fatal(err)
				}
				took, st := time.Since(began), s.State()
				if st.Address != test.want || strings.Join(st.Silent, ", ") != test.silent {
					t.Errorf("connected to %s, and shows %v as silent; want %s and %q", st.Address, st.Silent, test.want, test.silent)
				}
				if took < test.after || took > test.after+500*time.Millisecond {
					t.Errorf("after %s, want %s", took, test.after)
				}
				synctest.Wait()
				if other.count() != test.logins || c.open()+other.open() != 1 {
					t.Errorf("%d logins at the other one, want %d; %d connections are left", other.count(), test.logins, c.open()+other.open())
				}
			})
		})
	}
}

func TestWhereEveryLoginHangsItIsTriedAgainAfterTheTimeOfOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, other, inet := machines(t)
		c.think, other.think = hour, hour
		known := c.known()
		known.Addresses = append(known.Addresses, publishedAddress)
		s := jujuapi.OpenModel(t.Context(), known, ref, jujuapi.WithNetwork(jujuapi.Options{}, inet.dial))
		defer func() { _ = s.Close() }()
		began := time.Now()
		_, err := s.Snapshot(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || jujuapi.NeedsPerson(err) || time.Since(began) != jujuapi.LoginTimeout {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		synctest.Wait()
		if n := c.open() + other.open(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		c.set(func() { c.think = 0 })
		time.Sleep(10 * time.Second)
		if st := s.State(); !st.Connected || st.Address != configured {
			t.Errorf("after 10 s: %+v", st)
		}
	})
}

// An address that belongs to somebody else by now is no reason to ask for a person while a login at
// another one hangs.
func TestAnotherControllerBesideALoginThatHangsNeedsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _, inet := machines(t)
		c.think = hour
		theirs := newPipes()
		other := start(t, theirs, status)
		inet.put(publishedAddress, theirs.place)
		known := c.known()
		known.Addresses = append(known.Addresses, publishedAddress)
		s := jujuapi.OpenModel(t.Context(), known, ref, jujuapi.WithNetwork(jujuapi.Options{}, inet.dial))
		defer func() { _ = s.Close() }()
		if _, err := s.Snapshot(t.Context()); err == nil || jujuapi.NeedsPerson(err) {
			t.Errorf("got %v", err)
		}
		if other.count() > 0 {
			t.Error("a password was sent to another controller")
		}
	})
}

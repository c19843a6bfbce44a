package jujuapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

// The addresses of a controller in these tests: one is configured, the other only logins give.
const (
	configured       = "10.0.0.1:17070"
	publishedAddress = "10.0.0.2:17070"
)

// internet is what there is at addresses, and when each was dialled.
type internet struct {
	mu     sync.Mutex
	places map[string]func(ctx context.Context) (net.Conn, error)
	dials  map[string][]time.Time
}

func (i *internet) dial(ctx context.Context, _, address string) (net.Conn, error) {
	i.mu.Lock()
	place := i.places[address]
	i.dials[address] = append(i.dials[address], time.Now())
	i.mu.Unlock()
	if place == nil {
		return nil, errors.New("no route to host")
	}
	return place(ctx)
}

func (i *internet) put(address string, place func(context.Context) (net.Conn, error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.places[address] = place
}

func (i *internet) dialled(address string) []time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.dials[address])
}

func newInternet() *internet {
	return &internet{places: map[string]func(context.Context) (net.Conn, error){}, dials: map[string][]time.Time{}}
}

func refused(context.Context) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func silence(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (p *pipes) place(ctx context.Context) (net.Conn, error) { return p.dial(ctx, "", "") }

func TestAPublishedAddressIsForWhenNoConfiguredOneIsOfUse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// first is what there is at the configured address.
		first func(t *testing.T, same, other *pipes) func(context.Context) (net.Conn, error)
		want  string
		// after is when the published address is dialled, silent what is reported of the configured
		// one.
		after  time.Duration
		silent string
	}{
		{
			name: "the configured one refuses", want: publishedAddress, silent: configured + " (connection refused)",
			first: func(*testing.T, *pipes, *pipes) func(context.Context) (net.Conn, error) { return refused },
		},
		{
			name: "the configured one says nothing", want: publishedAddress, after: jujuapi.FirstPatience, silent: configured + " (no answer)",
			first: func(*testing.T, *pipes, *pipes) func(context.Context) (net.Conn, error) { return silence },
		},
		{
			name: "the configured one is somebody else's", want: publishedAddress, silent: configured + " (its certificate is not trusted)",
			first: func(_ *testing.T, _, other *pipes) func(context.Context) (net.Conn, error) { return other.place },
		},
		{
			name: "the configured one takes its time", want: configured, after: -1,
			first: func(_ *testing.T, same, _ *pipes) func(context.Context) (net.Conn, error) {
				return func(ctx context.Context) (net.Conn, error) {
					time.Sleep(jujuapi.FirstPatience / 2)
					return same.place(ctx)
				}
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				same, others, inet := newPipes(), newPipes(), newInternet()
				c := start(t, same, status)
				other := start(t, others, status)
				inet.put(configured, test.first(t, same, others))
				inet.put(publishedAddress, same.place)
				s, _ := openKnowing(t, c, inet, publishedAddress)
				began := time.Now()
				if _, err := s.Snapshot(t.Context()); err != nil {
					t.Fatal(err)
				}
				st := s.State()
				if st.Address != test.want || strings.Join(st.Silent, ", ") != test.silent {
					t.Errorf("connected to %s, and shows %v as silent; want %s and %q", st.Address, st.Silent, test.want, test.silent)
				}
				switch dials := inet.dialled(publishedAddress); {
				case test.after < 0 && len(dials) > 0:
					t.Errorf("the published address was dialled after %s", dials[0].Sub(began))
				case test.after >= 0 && (len(dials) != 1 || dials[0].Sub(began) != test.after):
					t.Errorf("the published address was dialled at %v, want it after %s", dials, test.after)
				}
				if other.count() > 0 {
					t.Error("a password was sent to another controller")
				}
			})
		})
	}
}

// openKnowing opens a session with the controller as configured, that knows published addresses, on
// a network.
func openKnowing(t *testing.T, c *controller, inet *internet, published ...string) (*jujuapi.Session, *jujuapi.AddressBook) {
	t.Helper()
	b := &jujuapi.AddressBook{}
	b.Learn(c.known(), jujuapi.LoginInfo{Addresses: published})
	s := jujuapi.OpenModel(t.Context(), c.known(), ref, jujuapi.WithNetwork(jujuapi.Options{Book: b}, inet.dial))
	t.Cleanup(func() { _ = s.Close() })
	return s, b
}

func TestAMachineThatLetsNobodyInDoesNotHideOneThatDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ca, leaf := authority(t)
		broken, whole, inet := newPipes(), newPipes(), newInternet()
		first, second := startAs(t, broken, status, ca, leaf), startAs(t, whole, status, ca, leaf)
		first.set(func() { first.refuse = &wire.Error{Message: wire.MessageMaintenance} })
		inet.put(configured, broken.place)
		inet.put(publishedAddress, whole.place)
		s, _ := openKnowing(t, first, inet, publishedAddress)
		if _, err := s.Snapshot(t.Context()); !errors.Is(err, jujuapi.ErrBusy) {
			t.Fatalf("the first attempt: %v", err)
		}
		time.Sleep(5 * time.Second)
		if st := s.State(); st.Address != publishedAddress || !st.Connected || len(st.Silent) != 1 || !strings.Contains(st.Silent[0], "maintenance") {
			t.Errorf("after 5 s: %+v", st)
		}
		// Next time the configured one is asked first again.
		first.set(func() { first.refuse = nil })
		time.Sleep(time.Minute)
		second.cut()
		synctest.Wait()
		if st := s.State(); st.Address != configured || !st.Connected || st.Silent != nil {
			t.Errorf("after a loss: %+v", st)
		}
	})
}

func TestWhoAnswersAtAPublishedAddressMustBeTheControllerThatPublishedIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// otherCA says that whoever is there has a certificate of another authority, uuid which
		// controller it says it is.
		otherCA bool
		uuid    string
		logins  int
		mention string
	}{
		{name: "another authority's", otherCA: true, mention: "certificate is not trusted"},
		{name: "another controller of the same authority", uuid: "another", logins: 1, mention: "controller another is there now"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, leaf := authority(t)
				there, inet := newPipes(), newInternet()
				c := startAs(t, newPipes(), status, ca, leaf)
				if test.otherCA {
					_, leaf = authority(t)
				}
				other := startAs(t, there, status, ca, leaf)
				other.uuid = test.uuid
				other.servers = [][]wire.HostPort{{{Value: "10.0.0.9", Port: 17070, Scope: "public"}}}
				inet.put(configured, refused)
				inet.put(publishedAddress, there.place)
				s, b := openKnowing(t, c, inet, publishedAddress)
				_, err := s.Snapshot(t.Context())
				if err == nil || !strings.Contains(err.Error(), test.mention) || jujuapi.NeedsPerson(err) || !jujuapi.Retriable(err) {
					t.Errorf("got %v", err)
				}
				time.Sleep(10 * time.Minute)
				if n := other.count(); n != test.logins {
					t.Errorf("the password was sent %d times, want %d", n, test.logins)
				}
				if has := b.Published(c.known()); slices.Contains(has, "10.0.0.9:17070") || test.uuid != "" && slices.Contains(has, publishedAddress) {
					t.Errorf("it has %v in the book", has)
				}
			})
		})
	}
}

func TestAPublishedAddressIsTrustedByTheControllersOwnAuthorityAlone(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	for _, test := range []struct {
		name       string
		controller jujuapi.Controller
		configured []string // the names that a certificate may have
		published  []string
	}{
		{"by its authority", jujuapi.Controller{CACert: ca}, []string{"juju-apiserver"}, []string{"juju-apiserver"}},
		{"by its authority or its public name", jujuapi.Controller{CACert: ca, PublicHostname: "juju.example"}, []string{"juju-apiserver", "juju.example"}, []string{"juju-apiserver"}},
		{"by its public name", jujuapi.Controller{PublicHostname: "juju.example"}, []string{"juju.example"}, nil},
		{"by the system's roots", jujuapi.Controller{}, []string{"10.0.0.1"}, nil},
	} {
		for _, published := range []bool{false, true} {
			want := test.configured
			if published {
				want = test.published
			}
			ways, err := jujuapi.Ways(test.controller, published)
			if (err != nil) != (want == nil) {
				t.Errorf("%s, published %t: got %v", test.name, published, err)
			}
			var names []string
			for _, way := range ways {
				names = append(names, way.ServerName)
				if own := way.ServerName == "juju-apiserver"; way.InsecureSkipVerify || own != (way.RootCAs != nil) {
					t.Errorf("%s, published %t: %s is verified otherwise", test.name, published, way.ServerName)
				}
			}
			if !slices.Equal(names, want) {
				t.Errorf("%s, published %t: got %v, want %v", test.name, published, names, want)
			}
		}
	}
}

func TestAnAddressThatIsSomebodyElsesNowNeedsAPersonOnlyWhereAllAre(t *testing.T) {
	t.Parallel()
	c, other, another := start(t, nil, empty), start(t, nil, empty), start(t, nil, empty)
	theirs, yetTheirs, gone := other.listener.Addr().String(), another.listener.Addr().String(), "127.0.0.1:1"
	for _, test := range []struct {
		addresses []string
		person    bool
	}{
		{[]string{theirs}, true}, {[]string{theirs, yetTheirs}, true}, {[]string{theirs, gone}, false}, {[]string{gone}, false},
	} {
		known := c.known()
		known.Addresses = test.addresses
		_, err := jujuapi.Dial(t.Context(), known, modelUUID)
		if err == nil || jujuapi.NeedsPerson(err) != test.person || jujuapi.Retriable(err) == test.person {
			t.Errorf("%v: got %v", test.addresses, err)
		}
		for _, address := range test.addresses {
			if err != nil && !strings.Contains(err.Error(), address) {
				t.Errorf("%v does not say what is wrong with %s", err, address)
			}
		}
	}
}

func TestMachinesThatAControllerHasGainedAreKnownBeforeTheLastOldOneIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network, inet, b := newPipes(), newInternet(), &jujuapi.AddressBook{}
		c := start(t, network, status)
		inet.put(configured, network.place)
		options := jujuapi.WithNetwork(jujuapi.Options{Book: b}, inet.dial)
		models := jujuapi.OpenController(t.Context(), c.known(), options)
		defer func() { _ = models.Close() }()
		s := jujuapi.OpenModel(t.Context(), c.known(), ref, options)
		defer func() { _ = s.Close() }()
		if _, err := s.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		// juju enable-ha; no connection breaks.
		c.set(func() {
			c.servers = [][]wire.HostPort{{{Value: "10.0.0.1", Port: 17070, Scope: "public"}}, {{Value: "10.0.0.2", Port: 17070, Scope: "public"}}}
		})
		inet.put(publishedAddress, network.place)
		time.Sleep(jujuapi.AskEvery * 5 / 4)
		synctest.Wait()
		if n := c.count(); n != 3 {
			t.Errorf("%d logins: two sessions, and one question where the controller is", n)
		}
		inet.put(configured, silence)
		c.cut()
		synctest.Wait()
		began := time.Now()
		if _, err := s.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := s.State(); st.Address != publishedAddress || time.Since(began) > 2*time.Second {
			t.Errorf("connected to %s after %s", st.Address, time.Since(began))
		}
	})
}

func TestAQuestionThatFailsOrHangsCostsNoConnection(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(context.Context) (net.Conn, error){"fails": refused, "hangs": silence} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, inet := newPipes(), newInternet()
				c := start(t, network, status)
				inet.put(configured, network.place)
				s := jujuapi.OpenController(t.Context(), c.known(), jujuapi.WithNetwork(jujuapi.Options{}, inet.dial))
				defer func() { _ = s.Close() }()
				synctest.Wait()
				inet.put(configured, then)
				time.Sleep(jujuapi.AskEvery*5/4 + time.Second)
				if st := s.State(); !st.Connected || len(inet.dialled(configured)) != 2 {
					t.Errorf("after %d dials: %+v", len(inet.dialled(configured)), st)
				}
				// A loss is noticed at once all the same.
				c.cut()
				synctest.Wait()
				if s.State().Connected {
					t.Error("it does not notice that the connection is lost")
				}
			})
		})
	}
}

func TestAControllerThatSaysAModelHasMovedPublishesNoAddresses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network, inet := newPipes(), newInternet()
		c := start(t, network, status)
		inet.put(configured, network.place)
		c.refuse = &wire.Error{Code: wire.CodeRedirect, Message: "redirection required", Info: map[string]json.RawMessage{
			"servers": json.RawMessage(`[[{"value":"10.9.9.9","port":17070,"type":"ipv4","scope":"public"}]]`)}}
		s, b := openKnowing(t, c, inet)
		if _, err := s.Snapshot(t.Context()); !errors.Is(err, jujuapi.ErrRedirected) {
			t.Fatalf("got %v", err)
		}
		time.Sleep(10 * time.Minute)
		if len(inet.dialled("10.9.9.9:17070")) > 0 || b.Published(c.known()) != nil {
			t.Error("it is gone to")
		}
	})
}

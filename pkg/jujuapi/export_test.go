package jujuapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// What the tests of this package reach besides what is exported.
var (
	PickModel    = pickModel
	ParseLogin   = loginInfo
	Interval     = interval
	ParseAddress = func(address, uuid string) (string, error) {
		e, err := parseAddress(address)
		return e.url(uuid), err
	}
)

// ownAction is the action that the programs of these tests act through.
const ownAction = "reconcile"

// Routes are the ways that are tried first, and later, to a controller that has published addresses
// and let nobody in at some.
func Routes(c Controller, published, rejected []string) (first, later []string, err error) {
	var faults []fault
	for _, address := range rejected {
		e, _ := parseAddress(address)
		faults = append(faults, fault{route{endpoint: e}, ErrBusy})
	}
	r, err := routesTo(c, published, faults)
	for _, k := range r.first {
		first = append(first, k.hostPort)
	}
	for _, k := range r.later {
		later = append(later, k.hostPort)
	}
	return first, later, err
}

// Ways are how a controller may prove itself at a configured, or a published address.
func Ways(c Controller, published bool) ([]*tls.Config, error) {
	return c.tlsConfigs(route{endpoint{hostPort: "10.0.0.1:17070"}, published})
}

// Published is what the book has of a controller.
func (b *AddressBook) Published(c Controller) []string { return b.look(c).Addresses }

// Learn has the book learn what a login gave.
func (b *AddressBook) Learn(c Controller, info LoginInfo) { b.learn(c, info) }

const (
	AskEvery      = askEvery
	FirstPatience = firstPatience
	LoginPatience = loginPatience
	LoginTimeout  = loginTimeout
	MaxPublished  = maxPublished
	MaxKnown      = maxKnown

	PingInterval = pingInterval
	PingTimeout  = pingTimeout
	PersonDelay  = personDelay
)

// WithNetwork makes a session open its network connections with dial.
func WithNetwork(o Options, dial func(ctx context.Context, network, address string) (net.Conn, error)) Options {
	o.network = dial
	return o
}

// NewModel makes a Model as FullStatus does.
func NewModel(ref ModelRef, s wire.FullStatus, now time.Time) *Model { return newModel(ref, s, now) }

// SentFacades is what this package speaks.
var SentFacades = spoken

// Replay calls do with a connection on which the first call gets that answer, and the next ones get
// later.
func Replay(answer, later json.RawMessage, do func(*Conn) (any, error)) (any, error) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Conn{writes: make(chan []byte), waiting: map[uint64]chan reply{}, done: make(chan struct{}), cancel: cancel}
	c.login.Facades = map[string][]int{}
	for name, versions := range spoken {
		if name != "Pinger" {
			c.login.Facades[name] = versions
		}
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for {
			select {
			case frame := <-c.writes:
				var r wire.Request
				_ = json.Unmarshal(frame, &r)
				c.mu.Lock()
				c.waiting[r.RequestID] <- reply{frame: wire.Response{Response: answer}}
				c.mu.Unlock()
				answer = later
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() {
		c.end(ErrClosed)
		c.work.Wait()
		<-answered
	}()
	return do(c)
}

// Feed is what Listen follows, and ListenTo follows those that watch makes.
type Feed = feed

// ListenTo listens until ctx ends.
func ListenTo(ctx context.Context, watch func(context.Context) (Feed, error), heard func(Hint)) {
	listen(ctx, nil, ownAction, watch, heard)
}

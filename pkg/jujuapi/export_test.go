package jujuapi

import (
	"context"
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

const (
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

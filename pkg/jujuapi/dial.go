package jujuapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	// raceDelay is between the starts of two dials to addresses of the same controller.
	raceDelay = 50 * time.Millisecond
	// firstPatience is how long routes are waited for before later ones are tried, too.
	firstPatience = time.Second
	// handshakeTimeout bounds one dial.
	handshakeTimeout = 45 * time.Second
	// clientVersion is what we say we are; intermediaries look at it, controllers do not.
	clientVersion = "3.6.0"
)

// dialFunc opens a network connection.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Dial connects to a model, or to the controller itself if modelUUID is empty, without logging in. All addresses are tried,
// in random order and 50 ms apart; the first that answers is kept. The caller closes the connection.
func Dial(ctx context.Context, controller Controller, modelUUID string) (*Conn, error) {
	ways, err := routesTo(controller, nil, nil)
	if err != nil {
		return nil, err
	}
	conn, _, _, err := dial(ctx, controller, modelUUID, ways, nil)
	return conn, err
}

// dial returns the connection that is made first, and its route, with what was wrong with the routes that were tried besides.
func dial(ctx context.Context, controller Controller, modelUUID string, ways routes, network dialFunc) (*Conn, route, []fault, error) {
	if modelUUID != "" && !uuidPattern.MatchString(modelUUID) {
		return nil, route{}, nil, &ConfigError{Faults: []string{fmt.Sprintf("%q is not a model's UUID: ask juju show-model", modelUUID)}}
	}
	type outcome struct {
		route
		ws    *websocket.Conn
		local string
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	outcomes := make(chan outcome)
	try := func(begin <-chan struct{}, i int, way route) {
		o := outcome{route: way, err: context.Canceled}
		select {
		case <-begin:
			if pause(ctx, time.Duration(i)*raceDelay) {
				o.ws, o.local, o.err = dialOne(ctx, controller, way, modelUUID, network)
			}
		case <-ctx.Done():
		}
		outcomes <- o
	}
	now, later := make(chan struct{}), make(chan struct{})
	close(now)
	begin := sync.OnceFunc(func() { close(later) })
	defer time.AfterFunc(firstPatience, begin).Stop()
	for i, way := range ways.first {
		go try(now, i, way)
	}
	for i, way := range ways.later {
		go try(later, i, way)
	}
	var winner *outcome
	var faults []fault
	for range len(ways.first) + len(ways.later) {
		if len(faults) >= len(ways.first) {
			begin()
		}
		switch o := <-outcomes; {
		case o.err != nil:
			faults = append(faults, fault{o.route, o.err})
		case winner != nil:
			_ = o.ws.CloseNow()
		default:
			winner = &o
			cancel()
		}
	}
	if winner == nil {
		return nil, route{}, faults, failure(faults)
	}
	return newConn(winner.ws, winner.hostPort, winner.local), winner.route, faults, nil
}

// dialOne tries one address, with each way in which the controller may prove itself. It also returns the IP address that it was
// dialled from.
func dialOne(ctx context.Context, controller Controller, r route, modelUUID string, network dialFunc) (*websocket.Conn, string, error) {
	ways, err := controller.tlsConfigs(r)
	if err != nil {
		return nil, "", err
	}
	for _, way := range ways {
		var local string
		traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
			local, _, _ = net.SplitHostPort(i.Conn.LocalAddr().String())
		}})
		var ws *websocket.Conn
		if ws, err = dialTLS(traced, r.url(modelUUID), way, network); err == nil {
			return ws, local, nil
		}
		if !untrusted(err) {
			return nil, "", err
		}
	}
	return nil, "", fmt.Errorf("its certificate is not trusted, check the controller's CA certificate (juju show-controller): %w", err)
}

func dialTLS(ctx context.Context, url string, way *tls.Config, network dialFunc) (*websocket.Conn, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: way, TLSHandshakeTimeout: handshakeTimeout, DialContext: network}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport,
		// A redirected handshake would take the login elsewhere, past the certificate that was asked for.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ws, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: client,
		HTTPHeader: http.Header{"X-Juju-ClientVersion": []string{clientVersion}},
	})
	if err != nil {
		if said := refusal(response); said != "" {
			return nil, errors.New(said)
		}
		return nil, err
	}
	ws.SetReadLimit(-1) // a sieve reads it, which keeps what fits
	return ws, nil
}

// refusal is the text with which a server answered in place of a websocket: the useful part of a failed handshake.
func refusal(response *http.Response) string {
	if response == nil || response.StatusCode == http.StatusSwitchingProtocols {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, 200))
	return strings.TrimSpace(fmt.Sprintf("the server answered %s: %q", response.Status, strings.TrimSpace(string(text))))
}

// pause waits for d, and says whether ctx still holds.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

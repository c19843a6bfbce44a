package jujuapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	// raceDelay is between the starts of two dials to addresses of the same controller.
	raceDelay = 50 * time.Millisecond
	// handshakeTimeout bounds one dial.
	handshakeTimeout = 45 * time.Second
	// readLimit bounds one message. The status of a large model has many megabytes, and a controller sets no limit itself.
	readLimit = 64 << 20
	// clientVersion is what we say we are; intermediaries look at it, controllers do not.
	clientVersion = "3.6.0"
)

// dialFunc opens a network connection.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Dial connects to a model, or to the controller itself if modelUUID is empty, without logging in. All addresses are tried,
// in random order and 50 ms apart; the first that answers is kept. The caller closes the connection.
func Dial(ctx context.Context, controller Controller, modelUUID string) (*Conn, error) {
	return dial(ctx, controller, modelUUID, nil)
}

func dial(ctx context.Context, controller Controller, modelUUID string, network dialFunc) (*Conn, error) {
	if modelUUID != "" && !uuidPattern.MatchString(modelUUID) {
		return nil, &ConfigError{Faults: []string{fmt.Sprintf("%q is not a model's UUID: ask juju show-model", modelUUID)}}
	}
	endpoints, err := controller.endpoints()
	if err != nil {
		return nil, err
	}
	rand.Shuffle(len(endpoints), func(i, j int) { endpoints[i], endpoints[j] = endpoints[j], endpoints[i] })

	type outcome struct {
		ws    *websocket.Conn
		local string
		from  endpoint
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	outcomes := make(chan outcome)
	for i, e := range endpoints {
		go func() {
			if !pause(ctx, time.Duration(i)*raceDelay) {
				outcomes <- outcome{from: e, err: context.Cause(ctx)}
				return
			}
			ws, local, err := dialOne(ctx, controller, e, modelUUID, network)
			outcomes <- outcome{ws, local, e, err}
		}()
	}
	var winner *outcome
	var faults []error
	for range endpoints {
		switch o := <-outcomes; {
		case o.err != nil:
			faults = append(faults, fmt.Errorf("cannot connect to %s: %w", o.from.hostPort, o.err))
		case winner != nil:
			_ = o.ws.CloseNow()
		default:
			winner = &o
			cancel()
		}
	}
	if winner == nil {
		return nil, errors.Join(faults...)
	}
	return newConn(winner.ws, winner.from.hostPort, winner.local), nil
}

// dialOne tries one address, with each way in which the controller may prove itself. It also returns the IP address that it was
// dialled from.
func dialOne(ctx context.Context, controller Controller, e endpoint, modelUUID string, network dialFunc) (*websocket.Conn, string, error) {
	ways, err := controller.tlsConfigs(e)
	if err != nil {
		return nil, "", err
	}
	for _, way := range ways {
		var local string
		traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
			local, _, _ = net.SplitHostPort(i.Conn.LocalAddr().String())
		}})
		var ws *websocket.Conn
		if ws, err = dialTLS(traced, e.url(modelUUID), way, network); err == nil {
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
	ws.SetReadLimit(readLimit)
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

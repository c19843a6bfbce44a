package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/server"
)

// harness is a server that runs, and its controller.
type harness struct {
	*server.Server
	controller *model.Controller
	ctx        context.Context
}

func serve(t *testing.T, c *model.Controller, o server.Options) *harness {
	t.Helper()
	o.Controller = c
	s, err := server.New(o)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-done)
		c.Close()
	})
	limited, stop := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	return &harness{s, c, limited}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// client is one connection that sends frames and reads answers in turn.
type client struct {
	t    *testing.T
	h    *harness
	ws   *websocket.Conn
	next uint64
}

func (h *harness) httpClient(t *testing.T) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(h.CA())) {
		t.Fatal("the CA is no PEM")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "juju-apiserver"}, DisableKeepAlives: true}
	return &http.Client{Transport: transport}
}

func (h *harness) dial(t *testing.T, path string) *client {
	t.Helper()
	return h.dialAt(t, h.Address(), path)
}

func (h *harness) dialAt(t *testing.T, address, path string) *client {
	t.Helper()
	ws, _, err := websocket.Dial(h.ctx, "wss://"+address+path, &websocket.DialOptions{HTTPClient: h.httpClient(t)})
	must(t, err)
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{t: t, h: h, ws: ws}
}

// login connects to a model (or to the controller, if it is nil) as a user.
func (h *harness) login(t *testing.T, m *model.Model, user, password string) *client {
	t.Helper()
	path := "/api"
	if m != nil {
		path = "/model/" + m.UUID + "/api"
	}
	c := h.dial(t, path)
	r := c.call("Admin", 3, "Login", map[string]any{"auth-tag": "user-" + user, "credentials": password})
	if r.Error != "" {
		t.Fatalf("cannot log in as %s: %s", user, r.Error)
	}
	return c
}

func (c *client) call(facade string, version int, method string, params any) wire.Response {
	c.t.Helper()
	return c.callOf("", facade, version, method, params)
}

// callOf is a call of an object, which is a watcher.
func (c *client) callOf(id, facade string, version int, method string, params any) wire.Response {
	c.t.Helper()
	raw, err := json.Marshal(params)
	must(c.t, err)
	c.next++
	must(c.t, c.send(wire.Request{RequestID: c.next, Type: facade, Version: version, ID: id, Request: method, Params: raw}))
	_, message, err := c.ws.Read(c.h.ctx)
	must(c.t, err)
	var response wire.Response
	must(c.t, json.Unmarshal(message, &response))
	if response.RequestID != c.next {
		c.t.Fatalf("answer %d to request %d", response.RequestID, c.next)
	}
	return response
}

func (c *client) send(r wire.Request) error {
	message, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return c.ws.Write(c.h.ctx, websocket.MessageText, message)
}

// refused says how a call is to be refused.
func (c *client) refused(code, text, facade string, version int, method string, params any) {
	c.t.Helper()
	r := c.call(facade, version, method, params)
	if got, want := fmt.Sprintf("%s (%s)", r.Error, r.ErrorCode), fmt.Sprintf("%s (%s)", text, code); got != want {
		c.t.Errorf("%s.%s: got %s, want %s", facade, method, got, want)
	}
}

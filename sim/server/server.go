package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"jujuetcd.io/sim/model"
)

// Options of a Server.
type Options struct {
	Controller *model.Controller
	// Address to listen on, 127.0.0.1:0 where empty.
	Address string
	// Identity is made anew where nil.
	Identity *Identity
	// Recorder gets every frame; nil for none.
	Recorder *Recorder
	// Uploads is the folder that uploaded resources are kept in; empty where none are taken.
	Uploads string
	Log     *zap.Logger
}

// Server is a controller's API.
type Server struct {
	controller *model.Controller
	identity   *Identity
	recorder   *Recorder
	uploads    string
	log        *zap.Logger
	faults     *Faults
	blocks     *blocks
	// address is where clients have known the controller since it was made, whatever became of that machine.
	address string
	// failed has why serving has ended by itself.
	failed chan error

	mu       sync.Mutex
	machines []*machine   // the first one is that of address
	web      *http.Server // nil before Run
	conns    map[*connection]struct{}
	closed   bool
	serial   int
	work     sync.WaitGroup
}

// New listens, so that Address is known; Run serves.
func New(o Options) (*Server, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Identity == nil {
		var err error
		if o.Identity, err = NewIdentity(time.Now()); err != nil {
			return nil, err
		}
	}
	address, err := netip.ParseAddrPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for the API: %w", err)
	}
	s := &Server{
		controller: o.Controller, identity: o.Identity, recorder: o.Recorder, uploads: o.Uploads, log: o.Log, failed: make(chan error, 1),
		conns: map[*connection]struct{}{}, blocks: &blocks{},
	}
	s.faults = newFaults(s.closeConnections)
	first := &machine{address: address}
	if err := s.up(first); err != nil {
		return nil, fmt.Errorf("cannot listen for the API: %w", err)
	}
	s.machines, s.address = []*machine{first}, first.address.String()
	return s, nil
}

// Address is the host:port of the machine that the controller was made on.
func (s *Server) Address() string { return s.address }

// CA is the PEM of the certificate authority that clients need.
func (s *Server) CA() string { return s.identity.CA }

// Faults breaks connections.
func (s *Server) Faults() *Faults { return s.faults }

// Run serves until ctx is done; then nothing of it runs any more.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	web := &http.Server{
		Handler:           s.routes(ctx),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{s.identity.certificate}, MinVersion: tls.VersionTLS12},
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // No HTTP/2: websockets need 1.1.
		ReadHeaderTimeout: 45 * time.Second,
		ErrorLog:          zap.NewStdLog(s.log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
	}
	s.mu.Lock()
	s.web = web
	for _, m := range s.machines {
		s.serve(m)
	}
	s.mu.Unlock()
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	cancel()
	s.shut()
	closing := web.Close()
	if errors.Is(closing, net.ErrClosed) {
		closing = nil // a machine was just taken down
	}
	s.work.Wait()
	return errors.Join(err, closing)
}

// fail ends Run, if nothing has yet.
func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Close releases the listeners of a server that was not run.
func (s *Server) Close() error {
	s.shut()
	return nil
}

// shut takes all machines down, and lets none come up again.
func (s *Server) shut() {
	s.mu.Lock()
	s.closed = true
	for _, m := range s.machines {
		s.down(m)
	}
	s.mu.Unlock()
	s.closeConnections()
}

func (s *Server) routes(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "running") })
	mux.HandleFunc("GET /model/{uuid}/api", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("uuid")
		if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
			http.Error(w, fmt.Sprintf("invalid model UUID %q", id), http.StatusBadRequest)
			return
		}
		s.accept(ctx, w, r, id)
	})
	if s.uploads != "" {
		mux.HandleFunc("PUT "+resourcePath, s.resourceHandler(model.Write, s.takeResource))
		mux.HandleFunc("GET "+resourcePath, s.resourceHandler(model.Read, s.giveResource))
	}
	controller := func(w http.ResponseWriter, r *http.Request) { s.accept(ctx, w, r, "") }
	mux.HandleFunc("GET /api", controller)
	mux.HandleFunc("GET /{$}", controller)
	return mux
}

// accept turns the request into a connection and serves it.
func (s *Server) accept(ctx context.Context, w http.ResponseWriter, r *http.Request, modelUUID string) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered.
	}
	ws.SetReadLimit(-1)
	c := &connection{server: s, ws: ws, modelUUID: modelUUID}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		c.at = local.String()
	}
	if modelUUID != "" {
		c.model, _ = s.controller.Model(modelUUID)
	}
	if s.controller.Profile().NamedWatchers {
		c.watchers.prefix, _, _ = strings.Cut(uuid.NewString(), "-")
		c.watchers.prefix += "-"
	}
	if !s.register(c) {
		_ = ws.CloseNow()
		return
	}
	defer s.forget(c)
	c.serve(ctx)
}

func (s *Server) register(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.isDown(c.at) {
		return false
	}
	s.serial++
	c.serial = s.serial
	s.conns[c] = struct{}{}
	s.work.Add(1)
	return true
}

func (s *Server) forget(c *connection) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.work.Done()
}

func (s *Server) closeConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.ws.CloseNow()
	}
}

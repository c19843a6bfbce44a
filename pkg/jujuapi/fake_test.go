package jujuapi_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

const modelUUID = "dfad32c3-5ac6-4202-8985-4272b797d702"

// handler answers one call: a result, or an error with a code. Calls of one connection are answered
// concurrently.
type handler func(ctx context.Context, r wire.Request) (any, *wire.Error)

// controller is a Juju controller's outside: TLS, websocket, frames, login.
type controller struct {
	listener net.Listener
	server   *http.Server
	ca       string
	handle   handler

	mu          sync.Mutex
	connections map[*websocket.Conn]bool
	// paths are those that connections were made to; logins counts attempts.
	paths  []string
	logins int
	// refuse is answered to logins; servers is given in them.
	refuse  *wire.Error
	think   time.Duration // before a login is answered
	watch   bool          // says that AllWatcher is offered
	servers [][]wire.HostPort
	uuid    string
}

// start serves on listener; on a loopback port, if it is nil.
func start(t *testing.T, listener net.Listener, handle handler) *controller {
	t.Helper()
	ca, leaf := authority(t)
	return startAs(t, listener, handle, ca, leaf)
}

// startAs is start, with a certificate that is given.
func startAs(t *testing.T, listener net.Listener, handle handler, ca string, leaf tls.Certificate) *controller {
	t.Helper()
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	c := &controller{listener: listener, ca: ca, handle: handle, connections: map[*websocket.Conn]bool{}}
	c.server = &http.Server{Handler: c, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = c.server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{leaf}}))
	}()
	t.Cleanup(func() {
		_ = c.server.Close()
		c.cut()
		<-served
	})
	return c
}

// known is how a client knows the controller.
func (c *controller) known() jujuapi.Controller {
	return jujuapi.Controller{Addresses: []string{c.listener.Addr().String()}, CACert: c.ca, Username: "admin", Password: "right-password"}
}

// cut breaks every connection, without a word.
func (c *controller) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ws := range c.connections {
		_ = ws.CloseNow()
	}
}

func (c *controller) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *controller) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logins
}

func (c *controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	c.set(func() {
		c.connections[ws] = true
		c.paths = append(c.paths, r.URL.Path)
	})
	ctx, cancel := context.WithCancel(context.Background())
	var calls sync.WaitGroup
	defer func() {
		cancel()
		calls.Wait()
		_ = ws.CloseNow()
		c.set(func() { delete(c.connections, ws) })
	}()
	for {
		_, message, err := ws.Read(ctx)
		if err != nil {
			return
		}
		var q wire.Request
		if json.Unmarshal(message, &q) != nil {
			return
		}
		calls.Go(func() { c.answer(ctx, ws, q) })
	}
}

func (c *controller) answer(ctx context.Context, ws *websocket.Conn, q wire.Request) {
	var result any
	var fault *wire.Error
	switch {
	case q.Type == "Admin":
		var think time.Duration
		c.set(func() { think = c.think })
		select {
		case <-time.After(think):
		case <-ctx.Done():
			return
		}
		result, fault = c.login(q)
	default:
		result, fault = c.handle(ctx, q)
	}
	if result == nil && fault == nil {
		return // never answered
	}
	r := wire.Response{RequestID: q.RequestID, Response: json.RawMessage("{}")}
	if fault != nil {
		r.Error, r.ErrorCode, r.ErrorInfo = fault.Message, fault.Code, fault.Info
	} else {
		r.Response, _ = json.Marshal(result)
	}
	frame, _ := json.Marshal(r)
	_ = ws.Write(ctx, websocket.MessageText, frame)
}

func (c *controller) login(q wire.Request) (any, *wire.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins++
	if c.refuse != nil {
		return nil, c.refuse
	}
	var r wire.LoginRequest
	if json.Unmarshal(q.Params, &r) != nil || r.AuthTag != "user-admin" || r.Credentials != "right-password" {
		return nil, &wire.Error{Message: wire.MessageBadCredentials, Code: wire.CodeUnauthorized}
	}
	facades := []wire.FacadeVersions{
		{Name: "Client", Versions: []int{8, 9}}, {Name: "Application", Versions: []int{19, 20}}, {Name: "Action", Versions: []int{7}},
		{Name: "Pinger", Versions: []int{1}}, {Name: "ModelManager", Versions: []int{10, 11}}, {Name: "Annotations", Versions: []int{2}},
	}
	if c.watch {
		facades = append(facades, wire.FacadeVersions{Name: "AllWatcher", Versions: []int{3}})
	}
	return wire.LoginResult{
		ModelTag: wire.ModelTag(modelUUID), ControllerTag: "controller-" + c.uuid, ServerVersion: "4.0.15", Servers: c.servers,
		UserInfo: &wire.AuthUserInfo{Identity: "user-admin", ControllerAccess: "superuser", ModelAccess: "admin"},
		Facades:  facades,
	}, nil
}

// empty answers pings, and every call with an empty object.
func empty(context.Context, wire.Request) (any, *wire.Error) { return struct{}{}, nil }

// authority makes a certificate authority and a leaf as a controller has: for juju-apiserver, and
// for no address. They are valid in a synctest bubble, whose time begins in 2000.
func authority(t *testing.T) (string, tls.Certificate) {
	t.Helper()
	make := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	from, to := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "juju-ca"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootDER, rootKey := make(root, root, nil)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: to, DNSNames: []string{"localhost", "juju-apiserver", "anything"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafDER, leafKey := make(leaf, root, rootKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})), tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}
}

// pipes is a network within the process, whose waiting a synctest bubble understands.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accept <- server:
		return client, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "10.0.0.1:17070" }

// connect dials and logs in.
func connect(t *testing.T, c *controller) *jujuapi.Conn {
	t.Helper()
	conn, err := jujuapi.Dial(t.Context(), c.known(), modelUUID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Login(t.Context(), c.known()); err != nil {
		t.Fatal(err)
	}
	return conn
}

package jujuapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"jujuetcd.io/pkg/jujuapi/wire"
)

const (
	pingInterval = 60 * time.Second
	pingTimeout  = 30 * time.Second
	writeTimeout = 30 * time.Second
)

// Conn is one connection to a controller. Three goroutines belong to it: one reads, one writes, and after the login one
// pings; Close waits for them. A Conn that is lost stays lost.
type Conn struct {
	ws      *websocket.Conn
	address string
	local   string

	writes chan []byte
	work   sync.WaitGroup
	// done is closed, and cancel called, when the connection ends.
	done   chan struct{}
	cancel context.CancelFunc

	mu sync.Mutex
	// err is why the connection ended.
	err     error
	last    uint64
	waiting map[uint64]chan reply
	login   LoginInfo
	// heard is when something was read last.
	heard atomic.Int64
}

// reply is the answer to a call, or why it cannot be used though it came.
type reply struct {
	frame wire.Response
	err   error
}

func newConn(ws *websocket.Conn, address, local string) *Conn {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Conn{
		ws: ws, address: address, local: local, writes: make(chan []byte), waiting: map[uint64]chan reply{},
		done: make(chan struct{}), cancel: cancel,
	}
	c.work.Go(func() { c.read(ctx) })
	c.work.Go(func() { c.write(ctx) })
	return c
}

// Address returns the host and port that the connection was made to.
func (c *Conn) Address() string { return c.address }

// LocalAddress returns the IP address that the connection was made from: our own, as this machine sees it.
func (c *Conn) LocalAddress() string { return c.local }

// Done returns a channel that is closed when the connection is lost or closed.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns nil while the connection holds, then why it does not: it wraps ErrConnectionLost, or is ErrClosed.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and waits for its goroutines. It may be called more than once.
func (c *Conn) Close() error {
	c.end(ErrClosed)
	c.work.Wait()
	return nil
}

// lose ends the connection because of err.
func (c *Conn) lose(what string, err error) {
	c.end(fmt.Errorf("%w: cannot %s: %w", ErrConnectionLost, what, err))
}

// end ends the connection; the first reason stays.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
		c.cancel()
	}
}

// Call makes one call and waits for its answer, which is decoded into result unless that is nil. params may be nil. The
// error is an *Error if the controller refused, wraps ErrConnectionLost if there will be no answer, and is ctx's if that
// ended first: then the answer, should it come, is dropped.
func (c *Conn) Call(ctx context.Context, facade string, version int, method string, params, result any) error {
	return c.call(ctx, wire.Request{Type: facade, Version: version, Request: method}, params, result)
}

// call is Call, of a method of an object if the request has its ID.
func (c *Conn) call(ctx context.Context, request wire.Request, params, result any) error {
	call := request.Type + "." + request.Request
	if params == nil {
		params = struct{}{}
	}
	body, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("cannot encode parameters of %s: %w", call, err)
	}
	id, answer := c.expect()
	defer c.forget(id)
	request.RequestID, request.Params = id, body
	frame, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("cannot encode call of %s: %w", call, err)
	}
	select {
	case c.writes <- frame:
	case <-ctx.Done():
		return fmt.Errorf("cannot call %s: %w", call, context.Cause(ctx))
	case <-c.done:
		return fmt.Errorf("cannot call %s: %w", call, c.Err())
	}
	select {
	case r := <-answer:
		return decode(call, r, result)
	case <-ctx.Done():
		return fmt.Errorf("cannot call %s: no answer: %w", call, context.Cause(ctx))
	case <-c.done:
		// The answer may have come just before the connection went.
		select {
		case r := <-answer:
			return decode(call, r, result)
		default:
			return fmt.Errorf("cannot call %s: %w", call, c.Err())
		}
	}
}

func decode(call string, r reply, result any) error {
	if r.err != nil {
		return fmt.Errorf("cannot take the answer to %s: %w", call, r.err)
	}
	return decodeFrame(call, r.frame, result)
}

func decodeFrame(call string, r wire.Response, result any) error {
	if r.Error != "" || r.ErrorCode != "" {
		if r.ErrorCode == wire.CodeRedirect {
			return redirected(call, r)
		}
		return &Error{Call: call, Code: r.ErrorCode, Message: r.Error}
	}
	if result == nil || len(r.Response) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Response, result); err != nil {
		// Not %w: a decoder's error may quote what it read.
		return fmt.Errorf("cannot understand the answer to %s: %s", call, decodeFault(err))
	}
	return nil
}

// decodeFault describes a decoder's error by place and type only.
func decodeFault(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s is not a %s", e.Field, e.Type)
	}
	return "malformed JSON"
}

// expect reserves the next id, with a channel that has room for its one answer.
func (c *Conn) expect() (uint64, chan reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	answer := make(chan reply, 1)
	c.waiting[c.last] = answer
	return c.last, answer
}

func (c *Conn) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// read hands answers to those who wait for them, until the connection ends. It is the only reader. An answer that is too large is its
// caller's trouble alone.
func (c *Conn) read(ctx context.Context) {
	defer func() { _ = c.ws.CloseNow() }()
	for {
		_, message, err := c.ws.Reader(ctx)
		if err != nil {
			c.lose("read", err)
			return
		}
		kept, err := sieveMessage(listener{message, c})
		if err != nil {
			c.lose("read", err)
			return
		}
		var r reply
		if kept.over {
			r.frame.RequestID, r.err = kept.id, fmt.Errorf("%w: it has %d bytes", ErrTooLarge, kept.size)
		} else if err := json.Unmarshal(kept.text, &r.frame); err != nil {
			c.lose("read", errNoFrame)
			return
		}
		c.mu.Lock()
		answer := c.waiting[r.frame.RequestID]
		delete(c.waiting, r.frame.RequestID)
		c.mu.Unlock()
		if answer != nil {
			answer <- r
		}
	}
}

// listener notes when something is read.
type listener struct {
	io.Reader
	c *Conn
}

func (l listener) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	l.c.heard.Store(time.Now().UnixNano())
	return n, err
}

// write sends what calls hand over, one after another: a caller's context must not cut a frame in two, which would cost
// everybody the connection.
func (c *Conn) write(ctx context.Context) {
	for {
		select {
		case frame := <-c.writes:
			limit, cancel := context.WithTimeout(ctx, writeTimeout)
			err := c.ws.Write(limit, websocket.MessageText, frame)
			cancel()
			if err != nil {
				c.lose("write", err)
				return
			}
		case <-c.done:
			return
		}
	}
}

// ping asks for a sign of life every minute: a connection that died without a word is noticed only so, and middleboxes
// forget those that are silent. The answer may have to wait behind a large one: while that comes, the connection lives.
func (c *Conn) ping(version int) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.done:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		err := c.Call(ctx, "Pinger", version, "Ping", nil, nil)
		cancel()
		if err != nil && time.Since(time.Unix(0, c.heard.Load())) >= pingTimeout {
			c.lose("ping", err)
			return
		}
	}
}

package hooktool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Server answers the hook tools of one unit.
type Server struct {
	path     string
	listener net.Listener
	ctx      context.Context //nolint:containedctx // ends the connections at Close
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu       sync.Mutex
	contexts map[string]*Context

	serial sync.Mutex // one tool at a time
}

// NewServer listens on a unix socket, which it makes anew.
func NewServer(path string) (*Server, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("cannot serve hook tools: %w", err)
	}
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot serve hook tools: %w", err)
	}
	s := &Server{path: path, listener: l, contexts: map[string]*Context{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.answer(conn) })
		}
	})
	return s, nil
}

// Close hangs up on all tools. It may be called twice.
func (s *Server) Close() {
	s.cancel()
	_ = s.listener.Close()
	s.wg.Wait()
}

// Begin registers a context; the returned function takes it out again.
func (s *Server) Begin(c *Context) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.socket = s.path
	s.contexts[c.ID] = c
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.contexts, c.ID)
	}
}

func (s *Server) answer(conn net.Conn) {
	stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	var req request
	if err := json.NewDecoder(conn).Decode(&req); err != nil {
		return
	}
	_ = json.NewEncoder(conn).Encode(s.run(req))
}

func (s *Server) run(req request) reply {
	s.mu.Lock()
	c := s.contexts[req.Context]
	s.mu.Unlock()
	if c == nil {
		return failure(fmt.Errorf("unknown context %q", req.Context))
	}
	t, known := tools[req.Tool]
	if !known || !slices.Contains(Names(c.Model.Profile()), req.Tool) {
		return failure(fmt.Errorf("unknown command %q", req.Tool))
	}
	flags, err := t.parse(req)
	if err != nil {
		return failure(err)
	}
	s.serial.Lock()
	defer s.serial.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	out, err := t.run(c, flags)
	if err != nil {
		return failure(err)
	}
	return reply{Stdout: out}
}

// usageError is a wrong command line.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func failure(err error) reply {
	code := 1
	if _, isUsage := errors.AsType[usageError](err); isUsage {
		code = 2
	}
	return reply{Stderr: []byte("ERROR " + err.Error() + "\n"), Code: code}
}

package server

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/coder/websocket"
	"go.uber.org/zap"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// connection is one websocket.
type connection struct {
	server    *Server
	ws        *websocket.Conn
	at        string // The address that it came in by.
	serial    int
	modelUUID string       // Empty for the controller's path.
	model     *model.Model // Nil for the controller's path and for an unknown model.

	mu   sync.Mutex
	user string // Empty before login.

	watchers watchers
}

func (c *connection) who() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// serve reads frames and answers each in its own goroutine, as Juju does: a slow call delays no other.
func (c *connection) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { _ = c.ws.CloseNow() }()
	stop := context.AfterFunc(ctx, func() { _ = c.ws.CloseNow() })
	defer stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel() // Before Wait, so that delayed replies end.
	for {
		_, message, err := c.ws.Read(ctx)
		if err != nil {
			return
		}
		c.server.recorder.frame(c.server.controller.Now(), c.serial, ToController, message)
		var request wire.Request
		if err := json.Unmarshal(message, &request); err != nil || request.RequestID == 0 {
			c.server.log.Info("Closed a connection that sent no proper frame", zap.Int("connection", c.serial))
			return
		}
		if request.Type == "Admin" {
			c.answer(ctx, request) // What follows a login in the stream is to find it done.
			continue
		}
		calls.Go(func() { c.answer(ctx, request) })
	}
}

func (c *connection) answer(ctx context.Context, request wire.Request) {
	result, err := c.handle(ctx, request)
	name := request.Type + "." + request.Request
	if err != nil {
		c.server.log.Debug("Refused a call", zap.String("call", name), zap.String("user", c.who()), zap.Error(err))
	}
	reply, err := encode(request.RequestID, result, err)
	if err != nil {
		c.server.log.Error("Cannot encode a reply", zap.String("call", name), zap.Error(err))
		return
	}
	if !c.server.faults.reply(ctx, name) {
		return
	}
	c.server.recorder.frame(c.server.controller.Now(), c.serial, ToClient, reply)
	if err := c.ws.Write(ctx, websocket.MessageText, reply); err != nil {
		_ = c.ws.CloseNow()
	}
}

// handle makes one call. Of an unknown model every call says so.
func (c *connection) handle(ctx context.Context, request wire.Request) (any, error) {
	if c.modelUUID != "" && c.model == nil {
		return nil, failure(wire.CodeModelNotFound, fmt.Sprintf("unknown model: %q", c.modelUUID))
	}
	if request.Type == "Admin" {
		return c.admin(request)
	}
	user := c.who()
	if user == "" {
		return nil, unknownVersion(request.Type, request.Version)
	}
	if err := c.server.faults.refuses(request.Type+"."+request.Request, c.model != nil); err != nil {
		return nil, err
	}
	return c.server.dispatch(&call{
		ctx: ctx, server: c.server, user: user, model: c.model, version: request.Version, id: request.ID, watchers: &c.watchers,
	}, request)
}

func encode(id uint64, result any, failed error) ([]byte, error) {
	reply := wire.Response{RequestID: id, Response: json.RawMessage("{}")}
	if failed != nil {
		e := toWire(failed)
		reply.Error, reply.ErrorCode, reply.ErrorInfo = e.Message, e.Code, e.Info
	} else if result != nil {
		data, err := json.Marshal(result)
		if err != nil {
			return nil, err
		}
		reply.Response = data
	}
	return json.Marshal(reply)
}

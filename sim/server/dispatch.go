package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// call is what a method knows of its caller.
type call struct {
	ctx     context.Context //nolint:containedctx // a call is what lives as long as this
	server  *Server
	user    string
	model   *model.Model // Nil on a controller connection.
	version int
	// id is the object that is called, and watchers those of the connection: nil in process.
	id       string
	watchers *watchers
}

// method is one method of a facade.
type method struct {
	// need is the explicit grant on the model that the method asks for, if any.
	need model.Access
	// superuser says that a superuser needs no grant.
	superuser bool
	// changes says that a block on changes stops it.
	changes bool
	run     runner
}

// runner is what a method does, and the type of its parameters: nothing else of a request is read.
type runner struct {
	params reflect.Type
	call   func(*call, json.RawMessage) (any, error)
}

// typed makes a method of a function with parameters and result as Go structs.
func typed[P, R any](f func(*call, P) (R, error)) runner {
	return runner{reflect.TypeFor[P](), func(c *call, raw json.RawMessage) (any, error) {
		var params P
		if len(raw) > 0 {
			if err := json.Unmarshal(raw, &params); err != nil {
				return nil, failure(wire.CodeBadRequest, fmt.Sprintf("cannot decode parameters: %v", err))
			}
		}
		result, err := f(c, params)
		if err != nil {
			return nil, err
		}
		return result, nil
	}}
}

// apiError is an error with the code that it has on the wire.
type apiError struct {
	code, message string
	info          map[string]json.RawMessage
}

func (e *apiError) Error() string { return e.message }

func failure(code, message string) error { return &apiError{code: code, message: message} }

var errPermission = failure(wire.CodeUnauthorized, wire.MessagePermissionDenied)

// toWire gives an error the form that it has on the wire.
func toWire(err error) *wire.Error {
	if e, ok := errors.AsType[*apiError](err); ok {
		return &wire.Error{Message: e.message, Code: e.code, Info: e.info}
	}
	return &wire.Error{Message: err.Error(), Code: string(model.CodeOf(err))}
}

// inner is toWire for the errors inside results, nil for none.
func inner(err error) *wire.Error {
	if err == nil {
		return nil
	}
	return toWire(err)
}

func unknownVersion(facade string, version int) error {
	return failure(wire.CodeNotImplemented, fmt.Sprintf("unknown version %d for facade type %q", version, facade))
}

// dispatch finds the method, checks that the caller may use it, and runs it.
func (s *Server) dispatch(c *call, request wire.Request) (any, error) {
	p := s.controller.Profile()
	offered, other, kind := p.ControllerFacades, p.ModelFacades, "controller"
	if c.model != nil {
		offered, other, kind = other, offered, "model"
	}
	versions, ok := offered[request.Type]
	if _, elsewhere := other[request.Type]; !ok && elsewhere {
		return nil, failure(wire.CodeNotSupported, fmt.Sprintf("facade %q not supported for %s API connection", request.Type, kind))
	}
	if !slices.Contains(versions, request.Version) {
		return nil, unknownVersion(request.Type, request.Version)
	}
	methods, played := facades[request.Type]
	m, ok := methods[request.Request]
	if !ok {
		if !played {
			return nil, notServed(request)
		}
		if slices.Contains(unserved[request.Type], request.Request) {
			return nil, notServed(request)
		}
		return nil, failure(wire.CodeNotImplemented,
			fmt.Sprintf("unknown method %q at version %d for facade type %q", request.Request, request.Version, request.Type))
	}
	if !s.allowed(c, m) {
		return nil, errPermission
	}
	if m.changes && c.model != nil {
		if message, blocked := s.blocks.change(c.model.UUID); blocked {
			return nil, failure(wire.CodeOperationBlocked, message)
		}
	}
	if err := unreadParameter(request, m.run.params); err != nil {
		return nil, err
	}
	return m.run.call(c, request.Params)
}

func (s *Server) allowed(c *call, m method) bool {
	if m.need == model.NoAccess || c.model == nil {
		return true
	}
	if m.superuser && s.controller.ControllerAccess(c.user) == model.Superuser {
		return true
	}
	return s.controller.ModelAccess(c.user, c.model.UUID).Covers(m.need)
}

// Call makes a call in process, as the given user, on the model with that UUID or on the controller if it is empty. Params and
// result are what would be encoded into the frames; result may be nil.
func (s *Server) Call(ctx context.Context, user, modelUUID string, request wire.Request) (json.RawMessage, *wire.Error) {
	c := &call{ctx: ctx, server: s, user: user, version: request.Version}
	if modelUUID != "" {
		var ok bool
		if c.model, ok = s.controller.Model(modelUUID); !ok {
			return nil, toWire(failure(wire.CodeModelNotFound, fmt.Sprintf("unknown model: %q", modelUUID)))
		}
	}
	result, err := s.dispatch(c, request)
	if err != nil {
		return nil, toWire(err)
	}
	if result == nil {
		result = struct{}{}
	}
	data, err := json.Marshal(result)
	if err != nil {
		return nil, toWire(err)
	}
	return data, nil
}

// facades are all that is played.
var facades = map[string]map[string]method{
	"Action":         actionMethods,
	"AllWatcher":     allWatcherMethods,
	"Application":    applicationMethods,
	"Block":          blockMethods,
	"Client":         clientMethods,
	"Controller":     controllerMethods,
	"MachineManager": machineManagerMethods,
	"ModelManager":   modelManagerMethods,
	"Pinger":         {"Ping": {run: typed(func(*call, struct{}) (any, error) { return nil, nil })}},
	"Resources":      resourcesMethods,
	"Secrets":        secretsMethods,
	"Storage":        storageMethods,
	"StringsWatcher": stringsWatcherMethods,
	"UserManager":    userManagerMethods,
}

package server

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

var (
	errOldClient   = failure(wire.CodeNotSupported, "this version of Juju does not support login from old clients (not supported)")
	errCredentials = failure(wire.CodeUnauthorized, wire.MessageBadCredentials)
)

// admin is the facade that works before login.
func (c *connection) admin(request wire.Request) (any, error) {
	if request.Version != 3 {
		return nil, errOldClient
	}
	switch request.Request {
	case "Login":
		var params wire.LoginRequest
		if err := json.Unmarshal(request.Params, &params); err != nil {
			return nil, failure(wire.CodeBadRequest, fmt.Sprintf("cannot decode parameters: %v", err))
		}
		return c.login(params)
	case "RedirectInfo":
		return nil, failure("", "not redirected")
	}
	return nil, failure(wire.CodeNotImplemented, fmt.Sprintf("unknown method %q at version 3 for facade type \"Admin\"", request.Request))
}

// login lets a user in. A wrong password and an unknown user are the same answer.
func (c *connection) login(params wire.LoginRequest) (any, error) {
	s := c.server
	if params.AuthTag == "" && params.Credentials == "" {
		return nil, failure(wire.CodeUnauthorized, "failed to authenticate request: unauthorized")
	}
	name, ok := wire.ID(params.AuthTag, "user")
	if !ok {
		return nil, errCredentials // Agents are part of jujusim and do not log in.
	}
	name = strings.TrimSuffix(name, "@local")
	if params.Credentials == "" {
		return discharge(s.controller.Now(), s.Address(), s.controller.UUID()), nil
	}
	if !s.controller.Authenticate(name, params.Credentials) {
		return nil, errCredentials
	}
	controllerAccess := s.controller.ControllerAccess(name)
	result := wire.LoginResult{
		Servers: s.known(), ControllerTag: "controller-" + s.controller.UUID(),
		UserInfo:      &wire.AuthUserInfo{Identity: wire.UserTag(name), ControllerAccess: string(controllerAccess)},
		ServerVersion: s.controller.Profile().Version, Facades: list(s.controller.Profile().ControllerFacades),
	}
	if c.model != nil {
		access := s.controller.ModelAccess(name, c.modelUUID)
		if controllerAccess == model.Superuser {
			access = model.Admin // Shown though it was not granted, which other facades will tell.
		}
		if access == model.NoAccess {
			return nil, errPermission
		}
		result.UserInfo.ModelAccess = string(access)
		result.ModelTag = wire.ModelTag(c.modelUUID)
		result.Facades = list(s.controller.Profile().ModelFacades)
	}
	if err := s.faults.refusesLogin(s, c.model != nil); err != nil {
		return nil, err
	}
	s.controller.LoggedIn(name)
	c.mu.Lock()
	c.user = name
	c.mu.Unlock()
	return result, nil
}

func list(facades map[string][]int) []wire.FacadeVersions {
	var all []wire.FacadeVersions
	for _, name := range slices.Sorted(maps.Keys(facades)) {
		all = append(all, wire.FacadeVersions{Name: name, Versions: facades[name]})
	}
	return all
}

// discharge asks for a macaroon's discharge, which nobody can give: jujusim knows passwords only.
func discharge(now time.Time, address, controller string) wire.LoginResult {
	random := func(n int) []byte {
		b := make([]byte, n)
		rand.Read(b) // Never fails, says its doc.
		return b
	}
	macaroon, err := json.Marshal(map[string]any{
		"caveats": []map[string]string{
			{"cid": "time-before " + now.Add(24*time.Hour).Format(time.RFC3339Nano)},
			{"cid": base64.StdEncoding.EncodeToString(random(96)), "vid": base64.RawURLEncoding.EncodeToString(random(72)), "cl": "https://" + address + "/auth"},
		},
		"location": "juju model " + controller, "identifier": base64.RawURLEncoding.EncodeToString(random(48)),
		"signature": hex.EncodeToString(random(32)),
	})
	if err != nil {
		macaroon = []byte("{}") // Strings always encode.
	}
	return wire.LoginResult{DischargeRequired: macaroon, BakeryDischargeRequired: macaroon, DischargeRequiredReason: "invalid login macaroon"}
}

package jujuapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// LoginInfo is what a login gave.
type LoginInfo struct {
	// User is the name of the user who is logged in.
	User             string
	ControllerAccess string
	// ModelAccess is "admin" for a superuser even without a grant, and then writes are refused all
	// the same.
	ModelAccess    string
	ControllerUUID string
	// ModelUUID is empty on a controller's connection.
	ModelUUID     string
	ServerVersion string
	// Addresses are all that the controller knows of itself, those that are reachable from afar
	// first.
	Addresses []string
	// Facades has the versions that are offered, by facade.
	Facades map[string][]int
}

// spoken has the versions of each facade that this package speaks: their calls that it makes are
// the same in all of them.
var spoken = map[string][]int{
	"Client":       {6, 7, 8},
	"Application":  {15, 16, 17, 18, 19, 20, 21, 22},
	"Action":       {7},
	"AllWatcher":   {3},
	"ModelManager": {9, 10, 11},
	"Pinger":       {1},
}

// Login logs in with the controller's user and password, and starts to ping. It is called once.
func (c *Conn) Login(ctx context.Context, controller Controller) (LoginInfo, error) {
	var result wire.LoginResult
	err := c.Call(ctx, "Admin", 3, "Login", wire.LoginRequest{
		AuthTag:       wire.UserTag(controller.Username),
		Credentials:   string(controller.Password),
		Macaroons:     []json.RawMessage{},
		BakeryVersion: 3,
		CLIArgs:       "jujuetcd",
		ClientVersion: clientVersion,
	}, &result)
	if err != nil {
		return LoginInfo{}, fmt.Errorf("cannot log in as %s: %w", controller.Username, err)
	}
	if result.DischargeRequired != nil || result.BakeryDischargeRequired != nil {
		return LoginInfo{}, fmt.Errorf("cannot log in as %s: %w", controller.Username, &Error{
			Call: "Admin.Login", Code: wire.CodeDischargeRequired,
			Message: "the controller wants a login through its identity service: use a local user with a password (juju add-user)",
		})
	}
	info := loginInfo(result)
	c.mu.Lock()
	c.login = info
	c.mu.Unlock()
	if version, err := c.Facade("Pinger"); err == nil {
		c.work.Go(func() { c.ping(version) })
	}
	return info, nil
}

// Facade returns the highest version of a facade that both sides speak. The error wraps
// ErrNoFacade.
func (c *Conn) Facade(name string) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	offered := c.login.Facades[name]
	best := 0
	for _, version := range spoken[name] {
		if slices.Contains(offered, version) {
			best = max(best, version)
		}
	}
	if best == 0 {
		return 0, fmt.Errorf("cannot use facade %s: %w: the controller has versions %v, we speak %v", name, ErrNoFacade, offered, spoken[name])
	}
	return best, nil
}

// do makes a call at the version that both sides speak.
func (c *Conn) do(ctx context.Context, facade, method string, params, result any) error {
	version, err := c.Facade(facade)
	if err != nil {
		return err
	}
	return c.Call(ctx, facade, version, method, params, result)
}

func loginInfo(r wire.LoginResult) LoginInfo {
	info := LoginInfo{ServerVersion: r.ServerVersion, Facades: map[string][]int{}}
	info.ControllerUUID, _ = wire.ID(r.ControllerTag, "controller")
	info.ModelUUID, _ = wire.ID(r.ModelTag, "model")
	if r.UserInfo != nil {
		info.User, _ = wire.ID(r.UserInfo.Identity, "user")
		info.ControllerAccess, info.ModelAccess = r.UserInfo.ControllerAccess, r.UserInfo.ModelAccess
	}
	for _, f := range r.Facades {
		info.Facades[f.Name] = f.Versions
	}
	for _, far := range []bool{true, false} {
		for _, machine := range r.Servers {
			for _, hp := range machine {
				if reachable(hp) == far && !strings.HasPrefix(hp.Scope, "local-machine") && !strings.HasPrefix(hp.Scope, "link-local") {
					info.Addresses = append(info.Addresses, net.JoinHostPort(hp.Value, strconv.Itoa(hp.Port)))
				}
			}
		}
	}
	return info
}

func reachable(hp wire.HostPort) bool { return hp.Scope == "public" || hp.Scope == "local-cloud" }

// redirected is the error of a login to a model that has moved. Its credentials there are others,
// so it is not followed.
func redirected(call string, r wire.Response) error {
	message := "the model has moved to another controller: configure that one"
	var info wire.RedirectErrorInfo
	if raw, err := json.Marshal(r.ErrorInfo); err == nil && json.Unmarshal(raw, &info) == nil {
		var where []string
		for _, machine := range info.Servers {
			for _, hp := range machine {
				where = append(where, net.JoinHostPort(hp.Value, strconv.Itoa(hp.Port)))
			}
		}
		if len(where) > 0 {
			message += " (" + strings.Join(where, ", ") + ")"
		}
	}
	return &Error{Call: call, Code: wire.CodeRedirect, Message: message}
}

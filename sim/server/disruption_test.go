package server_test

import (
	"strings"
	"testing"

	"jujuetcd.io/sim/server"
)

func TestDisruptionRefusesWhatJujuWouldAndPasses(t *testing.T) {
	h, m := small(t, server.Options{})
	c := h.login(t, m, "admin", password)
	must(t, h.Faults().Disrupt(server.Upgrade))
	c.refused("upgrade in progress", "upgrade in progress", "Application", 19, "UnitsInfo", map[string]any{"entities": []any{}})
	if r := c.call("Client", 8, "FullStatus", map[string]any{}); r.Error != "" {
		t.Errorf("the status in an upgrade: %s", r.Error)
	}
	if r := c.call("Pinger", 1, "Ping", map[string]any{}); r.Error != "" {
		t.Errorf("a ping in an upgrade: %s", r.Error)
	}
	must(t, h.Faults().Disrupt(server.Migrate))
	c.refused("", "model migration in progress", "Application", 19, "UnitsInfo", map[string]any{"entities": []any{}})
	h.Faults().Heal()
	if r := c.call("Application", 19, "UnitsInfo", map[string]any{"entities": []any{}}); r.Error != "" {
		t.Errorf("healed: %s", r.Error)
	}

	login := map[string]any{"auth-tag": "user-admin", "credentials": password}
	must(t, h.Faults().Disrupt(server.Maintenance))
	if _, _, err := c.ws.Read(h.ctx); err == nil {
		t.Error("the connection outlives the begin of maintenance")
	}
	h.dial(t, "/api").refused("", "login failed - maintenance in progress", "Admin", 3, "Login", login)
	must(t, h.Faults().Disrupt(server.Redirect))
	r := h.dial(t, "/model/"+m.UUID+"/api").call("Admin", 3, "Login", login)
	if r.ErrorCode != "redirection required" || !strings.Contains(string(r.ErrorInfo["servers"]), "127.0.0.1") {
		t.Errorf("a login to a model that has moved: %q, %s", r.ErrorCode, r.ErrorInfo["servers"])
	}
	if r := h.dial(t, "/api").call("Admin", 3, "Login", login); r.Error != "" {
		t.Errorf("the controller itself has not moved: %s", r.Error)
	}
	if err := h.Faults().Disrupt("snow"); err == nil {
		t.Error("there is no such disruption")
	}
}

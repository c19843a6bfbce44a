package server_test

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"jujuetcd.io/sim/server"
	"jujuetcd.io/test/recordings"
)

// serversOfLogin is what a login says of the controller's machines.
func serversOfLogin(t *testing.T, c *client) string {
	t.Helper()
	r := c.call("Admin", 3, "Login", map[string]any{"auth-tag": "user-admin", "credentials": password})
	var result struct {
		Servers json.RawMessage `json:"servers"`
	}
	must(t, json.Unmarshal(r.Response, &result))
	return string(result.Servers)
}

// recorded is what the recorded login said, with other addresses, one list each.
func recorded(t *testing.T, addresses ...string) string {
	t.Helper()
	all, err := recordings.Juju()
	must(t, err)
	for _, c := range all {
		if c.Name != "login-controller" {
			continue
		}
		var result struct {
			Servers []json.RawMessage `json:"servers"`
		}
		must(t, json.Unmarshal(c.Calls[0].Response.Response, &result))
		var lists []string
		for _, address := range addresses {
			host, port, err := net.SplitHostPort(address)
			must(t, err)
			lists = append(lists, strings.NewReplacer("10.213.0.10", host, "17070", port).Replace(string(result.Servers[0])))
		}
		return fmt.Sprintf("[%s]", strings.Join(lists, ","))
	}
	t.Fatal("no login is recorded")
	return ""
}

func TestLoginsPublishEveryMachineOfTheControllerUntilItIsRemoved(t *testing.T) {
	h, m := small(t, server.Options{})
	first := h.Address()
	if got, want := serversOfLogin(t, h.dial(t, "/api")), recorded(t, first); got != want {
		t.Errorf("one machine: got %s, want %s", got, want)
	}
	must(t, h.AddController())
	second := h.Machines()[1].Address
	if got, want := serversOfLogin(t, h.dial(t, "/model/"+m.UUID+"/api")), recorded(t, first, second); got != want {
		t.Errorf("two machines: got %s, want %s", got, want)
	}

	byFirst, bySecond := h.login(t, m, "admin", password), h.dialAt(t, second, "/api")
	must(t, h.StopController("0"))
	if _, _, err := byFirst.ws.Read(h.ctx); err == nil {
		t.Error("a connection outlives its machine")
	}
	if conn, err := net.Dial("tcp", first); err == nil {
		_ = conn.Close()
		t.Error("a machine that is down is connected to")
	}
	if got, want := serversOfLogin(t, bySecond), recorded(t, first, second); got != want {
		t.Errorf("one machine is down: got %s, want %s", got, want)
	}

	must(t, h.StartController("0"))
	h.login(t, nil, "admin", password)
	must(t, h.RemoveController("0"))
	if got, want := serversOfLogin(t, h.dialAt(t, second, "/api")), recorded(t, second); got != want {
		t.Errorf("one machine is removed: got %s, want %s", got, want)
	}
	for what, err := range map[string]error{
		"remove it again": h.RemoveController("0"), "bring it back": h.StartController("0"), "remove the last one": h.RemoveController("1"),
		"stop one that never was": h.StopController("2"), "stop one without a number": h.StopController("etcd/0"),
	} {
		if err == nil {
			t.Errorf("it can %s", what)
		}
	}
	must(t, h.AddController())
	if all := h.Machines(); len(all) != 2 || all[1].Number != 2 || all[1].Address == first || !all[1].Up {
		t.Errorf("a number or an address is given again: %+v", all)
	}
	for h.AddController() == nil {
	}
	if n := h.Machines()[len(h.Machines())-1].Number; n != 8 {
		t.Errorf("the last machine is %d, and its address one of a model's machines", n)
	}
}

func TestAServerThatNeverRanLeavesNoListener(t *testing.T) {
	s, err := server.New(server.Options{})
	must(t, err)
	must(t, s.AddController())
	must(t, s.Close())
	for _, m := range s.Machines() {
		if m.Up {
			t.Errorf("%s still listens", m.Address)
		}
	}
	if s.AddController() == nil {
		t.Error("a machine comes up after the end")
	}
}

package jujuapi_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

func TestAddressesAreTakenInEveryFormThatJujuGives(t *testing.T) {
	t.Parallel()
	tests := []struct{ address, uuid, want string }{
		{"10.1.0.5:17070", "", "wss://10.1.0.5:17070/api"},
		{"10.1.0.5:17070", "u", "wss://10.1.0.5:17070/model/u/api"},
		{" 10.1.0.5 ", "", "wss://10.1.0.5:17070/api"},
		{"[2001:db8::1]:17071", "", "wss://[2001:db8::1]:17071/api"},
		{"2001:db8::1", "", "wss://[2001:db8::1]:17070/api"},
		{"juju.example", "", "wss://juju.example:17070/api"},
		{"wss://juju.example", "u", "wss://juju.example:443/model/u/api"},
		{"https://juju.example/ingress/", "u", "wss://juju.example:443/ingress/model/u/api"},
		{"juju.example:443/ingress", "", "wss://juju.example:443/ingress/api"},
		{"ws://juju.example:17070", "", ""},
		{"http://juju.example", "", ""},
		{"", "", ""},
		{":17070", "", ""},
		{"10.1.0.5:", "", ""},
		{"a:b:c", "", ""},
		{"a b:1", "", ""},
	}
	for _, test := range tests {
		got, err := jujuapi.ParseAddress(test.address, test.uuid)
		if test.want == "" {
			if err == nil {
				t.Errorf("%q: got %s, want a refusal", test.address, got)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%q: got %s, %v; want %s", test.address, got, err, test.want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"10.1.0.5:17070", "[::1]:1", "wss://a/b", "::", "a:b", "//"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		url, err := jujuapi.ParseAddress(address, "")
		if err == nil && !strings.HasPrefix(url, "wss://") {
			t.Errorf("%q became %q, which is not encrypted", address, url)
		}
	})
}

func TestOnlyTheControllersOwnAuthorityIsTrusted(t *testing.T) {
	t.Parallel()
	c := start(t, nil, empty)
	other, _ := authority(t)
	for name, change := range map[string]func(*jujuapi.Controller){
		"another authority":               func(k *jujuapi.Controller) { k.CACert = other },
		"the system's roots":              func(k *jujuapi.Controller) { k.CACert = "" },
		"another authority, then a name":  func(k *jujuapi.Controller) { k.CACert, k.PublicHostname = other, "localhost" },
		"the system's roots, then a name": func(k *jujuapi.Controller) { k.CACert, k.PublicHostname = "", "localhost" },
	} {
		t.Run(name, func(t *testing.T) {
			known := c.known()
			change(&known)
			conn, err := jujuapi.Dial(t.Context(), known, modelUUID)
			if err == nil {
				_ = conn.Close()
				t.Fatal("connected")
			}
			if !jujuapi.NeedsPerson(err) || jujuapi.Retriable(err) || !strings.Contains(err.Error(), "CA certificate") {
				t.Errorf("got %v", err)
			}
		})
	}
	if c.count() != 0 {
		t.Error("a password was sent to a controller that is not trusted")
	}
}

func TestTheFirstAddressThatAnswersIsUsed(t *testing.T) {
	t.Parallel()
	c := start(t, nil, empty)
	// One address refuses, one accepts and never says a word.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	known := c.known()
	known.Addresses = append(known.Addresses, silent.Addr().String(), closed.Addr().String(), known.Addresses[0])
	for range 8 { // the order is random
		conn, err := jujuapi.Dial(t.Context(), known, modelUUID)
		if err != nil {
			t.Fatal(err)
		}
		if conn.Address() != c.listener.Addr().String() {
			t.Errorf("connected to %s", conn.Address())
		}
		_ = conn.Close()
	}
}

func TestEveryAddressThatFailsIsNamed(t *testing.T) {
	t.Parallel()
	_, err := jujuapi.Dial(t.Context(), jujuapi.Controller{Addresses: []string{"127.0.0.1:1", "127.0.0.2:1"}}, modelUUID)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "127.0.0.2:1") || !jujuapi.Retriable(err) {
		t.Errorf("got %v", err)
	}
}

func TestModelsHaveUUIDs(t *testing.T) {
	t.Parallel()
	for _, uuid := range []string{"prod", "../../api", "DFAD32C3-5AC6-4202-8985-4272B797D702"} {
		if _, err := jujuapi.Dial(t.Context(), jujuapi.Controller{Addresses: []string{"127.0.0.1:1"}}, uuid); !jujuapi.NeedsPerson(err) {
			t.Errorf("%q: got %v", uuid, err)
		}
	}
}

func TestWhatAServerSaysInPlaceOfAWebsocketIsReported(t *testing.T) {
	t.Parallel()
	c := start(t, nil, empty)
	c.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/model/") {
			http.Error(w, "starting up", http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusTemporaryRedirect)
	})
	_, err := jujuapi.Dial(t.Context(), c.known(), modelUUID)
	if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "starting up") || !jujuapi.Retriable(err) {
		t.Errorf("got %v", err)
	}
	if _, err := jujuapi.Dial(t.Context(), c.known(), ""); err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("a redirected handshake: got %v", err)
	}
}

func TestALoginThatIsRefusedSaysWhyAndNotThePassword(t *testing.T) {
	t.Parallel()
	moved := map[string]json.RawMessage{
		"servers": json.RawMessage(`[[{"value":"10.9.9.9","port":17070,"type":"ipv4","scope":"public"}]]`),
		"ca-cert": json.RawMessage(`"x"`),
	}
	tests := []struct {
		name    string
		refuse  *wire.Error
		is      error
		mention string
	}{
		{"wrong password", nil, jujuapi.ErrBadCredentials, "admin"},
		{"no grant", &wire.Error{Code: wire.CodeUnauthorized, Message: wire.MessagePermissionDenied}, jujuapi.ErrPermissionDenied, "permission denied"},
		{"moved", &wire.Error{Code: wire.CodeRedirect, Message: "redirection required", Info: moved}, jujuapi.ErrRedirected, "10.9.9.9:17070"},
		{"upgrade", &wire.Error{Message: wire.MessageMaintenance}, jujuapi.ErrBusy, "maintenance"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, nil, empty)
			c.refuse = test.refuse
			conn, err := jujuapi.Dial(t.Context(), c.known(), modelUUID)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			known := c.known()
			known.Password = "wr0ng"
			_, err = conn.Login(t.Context(), known)
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.mention) {
				t.Errorf("got %v", err)
			}
			if strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestAddressesOfALoginPutFirstWhatIsReachableFromAfar(t *testing.T) {
	t.Parallel()
	got := jujuapi.ParseLogin(wire.LoginResult{Servers: [][]wire.HostPort{
		{{Value: "127.0.0.1", Scope: "local-machine", Port: 17070}, {Value: "10.1.1.1", Scope: "", Port: 17070}, {Value: "10.0.0.1", Scope: "local-cloud", Port: 17070}},
		{{Value: "2001:db8::2", Scope: "public", Port: 17071}, {Value: "fe80::1", Scope: "link-local", Port: 17070}},
	}}).Addresses
	if want := []string{"10.0.0.1:17070", "[2001:db8::2]:17071", "10.1.1.1:17070"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

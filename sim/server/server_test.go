package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// small is a controller with a model that holds one unit of labcharm, and users of all kinds.
func small(t *testing.T, o server.Options) (*harness, *model.Model) {
	t.Helper()
	return smallOf(t, profile.V40, o)
}

// smallOf is small, of a profile.
func smallOf(t *testing.T, p profile.Profile, o server.Options) (*harness, *model.Model) {
	t.Helper()
	c := model.NewController(model.Options{Profile: p})
	for _, name := range []string{"admin", "root", "writer", "reader", "nobody"} {
		_, err := c.AddUser(name, "", password)
		must(t, err)
	}
	must(t, c.GrantController("admin", model.Superuser))
	must(t, c.GrantController("root", model.Superuser))
	m, err := c.AddModel("admin", "demo", "")
	must(t, err)
	must(t, c.Grant("writer", m.UUID, model.Write))
	must(t, c.Grant("reader", m.UUID, model.Read))
	_, err = m.Deploy(model.DeployArgs{Charm: lab(t, labMetadata, labConfig, labActions), Name: "etcd", NumUnits: 1})
	must(t, err)
	must(t, m.AgentUp("etcd/0"))
	return serve(t, c, o), m
}

func TestCertificateHasJujusNamesAndNoAddress(t *testing.T) {
	h, _ := small(t, server.Options{})
	conn, err := tls.Dial("tcp", h.Address(), &tls.Config{InsecureSkipVerify: true})
	must(t, err)
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	names := slices.Clone(leaf.DNSNames)
	slices.Sort(names)
	if diff := cmp.Diff([]string{"anything", "juju-apiserver", "localhost"}, names); diff != "" || len(leaf.IPAddresses) > 0 {
		t.Errorf("names %s, addresses %v", diff, leaf.IPAddresses)
	}
}

func TestMalformedModelUUIDIsABadRequest(t *testing.T) {
	h, _ := small(t, server.Options{})
	_, response, err := websocket.Dial(h.ctx, "wss://"+h.Address()+"/model/nonsense/api", &websocket.DialOptions{HTTPClient: h.httpClient(t)})
	if err == nil || response == nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("got %v, %v", response, err)
	}
}

func TestGrantsDecideWhatAUserMayDo(t *testing.T) {
	h, m := small(t, server.Options{})
	status := []any{"Client", 8, "FullStatus", map[string]any{}}
	info := []any{"Application", 19, "UnitsInfo", map[string]any{"entities": []any{}}}
	set := []any{"Application", 19, "SetConfigs", map[string]any{"Args": []any{}}}
	exec := []any{"Action", 7, "Run", map[string]any{"commands": "true", "units": []string{"etcd/0"}}}
	for _, tc := range []struct {
		user    string
		allowed [][]any
		refused [][]any
	}{
		{"admin", [][]any{status, info, set, exec}, nil},
		{"writer", [][]any{status, info, set}, [][]any{exec}},
		{"reader", [][]any{status, info}, [][]any{set, exec}},
		// A superuser without a grant: the trap that doctor has to explain.
		{"root", [][]any{status}, [][]any{info, set, exec}},
	} {
		t.Run(tc.user, func(t *testing.T) {
			c := h.login(t, m, tc.user, password)
			for _, call := range tc.allowed {
				if r := c.call(call[0].(string), call[1].(int), call[2].(string), call[3]); r.Error != "" {
					t.Errorf("%s.%s: %s", call[0], call[2], r.Error)
				}
			}
			for _, call := range tc.refused {
				c.refused(wire.CodeUnauthorized, wire.MessagePermissionDenied, call[0].(string), call[1].(int), call[2].(string), call[3])
			}
		})
	}
}

func TestUnknownCallsAreRefusedByWhatIsUnknown(t *testing.T) {
	h, m := small(t, server.Options{})
	c := h.login(t, m, "admin", password)
	c.refused(wire.CodeNotImplemented, `unknown version 99 for facade type "Client"`, "Client", 99, "FullStatus", nil)
	c.refused(wire.CodeNotImplemented, `unknown method "Nonsense" at version 8 for facade type "Client"`, "Client", 8, "Nonsense", nil)
	c.refused(wire.CodeNotSupported, `jujusim does not serve Application.Deploy`, "Application", 22, "Deploy", nil)
	c.refused(wire.CodeNotSupported, `jujusim does not serve Storage.ListStorageDetails`, "Storage", 6, "ListStorageDetails", nil)
	c.refused(wire.CodeNotSupported, `facade "ModelManager" not supported for model API connection`, "ModelManager", 10, "ListModels", nil)
}

func TestListModelsShowsWhatWasGranted(t *testing.T) {
	h, m := small(t, server.Options{})
	for user, want := range map[string]int{"admin": 1, "writer": 1, "nobody": 0} {
		c := h.login(t, nil, user, password)
		r := c.call("ModelManager", 10, "ListModels", wire.Entity{Tag: wire.UserTag(user)})
		var list wire.UserModelList
		must(t, json.Unmarshal(r.Response, &list))
		if len(list.UserModels) != want {
			t.Errorf("%s sees %d models, want %d", user, len(list.UserModels), want)
		}
	}
	h.login(t, nil, "writer", password).refused(wire.CodeUnauthorized, wire.MessagePermissionDenied, "ModelManager", 10, "ListModels",
		wire.Entity{Tag: "user-admin"})
	_ = m
}

func TestPagesOfOperationsAreAtMostFifty(t *testing.T) {
	h, m := small(t, server.Options{})
	for range 60 {
		_, _, err := m.Enqueue([]model.TaskRequest{{Receiver: "etcd/0", Name: "health"}})
		must(t, err)
	}
	c := h.login(t, m, "reader", password)
	seen := map[string]bool{}
	for offset := 0; ; offset += 50 {
		var page wire.OperationResults
		must(t, json.Unmarshal(c.call("Action", 7, "ListOperations", map[string]int{"limit": 1000, "offset": offset}).Response, &page))
		for _, r := range page.Results {
			seen[r.OperationTag] = true
		}
		if !page.Truncated {
			break
		}
		if len(page.Results) != 50 {
			t.Fatalf("a truncated page has %d entries", len(page.Results))
		}
	}
	if len(seen) != 60 {
		t.Errorf("paging found %d operations, want 60", len(seen))
	}
}

func TestNestedParametersArriveAsText(t *testing.T) {
	h, m := small(t, server.Options{})
	c := h.login(t, m, "writer", password)
	c.call("Action", 7, "EnqueueOperation", map[string]any{"actions": []any{map[string]any{
		"receiver": "unit-etcd-0", "name": "snapshot", "parameters": map[string]any{"keys-version": map[string]any{"a": "b"}},
	}}})
	task, ok, err := m.ClaimTask("etcd/0")
	must(t, err)
	if !ok || task.Params["keys-version"] != "map[a:b]" {
		t.Errorf("got %v", task.Params)
	}
}

func TestCutClosesConnectionsAndRefusesUntilHealed(t *testing.T) {
	h, m := small(t, server.Options{})
	c := h.login(t, m, "admin", password)
	h.Faults().Cut(true)
	if _, _, err := c.ws.Read(h.ctx); err == nil {
		t.Error("the connection survived the cut")
	}
	if _, _, err := websocket.Dial(h.ctx, "wss://"+h.Address()+"/api", &websocket.DialOptions{HTTPClient: h.httpClient(t)}); err == nil {
		t.Error("a new connection came through")
	}
	h.Faults().Heal()
	h.login(t, m, "admin", password)
}

func TestLostReplyIsOfADoneCall(t *testing.T) {
	h, m := small(t, server.Options{})
	c := h.login(t, m, "admin", password)
	h.Faults().Lose(1, "Application.SetConfigs")
	must(t, c.send(wire.Request{RequestID: 7, Type: "Application", Version: 19, Request: "SetConfigs",
		Params: json.RawMessage(`{"Args":[{"application":"etcd","config":{"port":"2380"}}]}`)}))
	for revision := uint64(0); ; {
		a, err := m.Application("etcd")
		must(t, err)
		if a.Config["port"] == int64(2380) {
			break
		}
		revision, err = m.WaitChange(h.ctx, revision)
		must(t, err)
	}
	c.next = 7
	if r := c.call("Pinger", 1, "Ping", nil); r.Error != "" {
		t.Error(r.Error)
	}
}

func TestDelayedReplyComesAfterTheDelayAndOthersCallsToo(t *testing.T) {
	h, m := small(t, server.Options{})
	c := h.login(t, m, "admin", password)
	h.Faults().Delay(50 * time.Millisecond)
	begin := time.Now()
	c.call("Pinger", 1, "Ping", nil)
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("the reply took %s", took)
	}
}

func TestRecordHoldsEveryFrameAndNoCredentials(t *testing.T) {
	path := filepath.Join(t.TempDir(), "frames")
	recorder, err := server.NewRecorder(path)
	must(t, err)
	h, m := small(t, server.Options{Recorder: recorder})
	c := h.login(t, m, "admin", password)
	c.call("Client", 8, "FullStatus", nil)
	must(t, recorder.Close())
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	var directions []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.Contains(lines.Text(), password) {
			t.Errorf("the record holds the password: %s", lines.Text())
		}
		var frame server.Frame
		must(t, json.Unmarshal(lines.Bytes(), &frame))
		directions = append(directions, frame.Dir)
	}
	want := []string{server.ToController, server.ToClient, server.ToController, server.ToClient}
	if diff := cmp.Diff(want, directions); diff != "" {
		t.Error(diff)
	}
}

func TestRunEndsWithOpenConnectionsAndDelayedReplies(t *testing.T) {
	c := model.NewController(model.Options{})
	defer c.Close()
	s, err := server.New(server.Options{Controller: c})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h := &harness{s, c, t.Context()}
	client := h.dial(t, "/api")
	s.Faults().Delay(time.Hour)
	must(t, client.send(wire.Request{RequestID: 1, Type: "Admin", Version: 3, Request: "Login", Params: json.RawMessage(`{}`)}))
	cancel()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("the server did not end")
	}
}

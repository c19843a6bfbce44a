package conformance

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

const nobodysModel = "11111111-2222-4333-8444-555555555555"

func (s *suite) models(t *testing.T) {
	session := jujuapi.OpenController(t.Context(), s.Controller, jujuapi.Options{})
	defer func() { _ = session.Close() }()
	ref, err := session.Resolve(t.Context(), s.Model)
	if err != nil {
		t.Fatal(err)
	}
	s.ref = ref
	for _, text := range []string{ref.Owner + "/" + ref.Name, ref.UUID} {
		if again, err := session.Resolve(t.Context(), text); err != nil || again != ref {
			t.Errorf("Resolve(%q) = %v, %v; want %v", text, again, err, ref)
		}
	}
	if _, err := session.Resolve(t.Context(), "nobody/nothing"); !errors.Is(err, jujuapi.ErrModelNotFound) {
		t.Errorf("Resolve of an unknown model: got %v", err)
	}

	conn := s.dial(t, "")
	info, err := conn.Login(t.Context(), s.Controller)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range info.Facades["ModelManager"] {
		if version < 9 || version > 11 {
			continue
		}
		var r wire.UserModelList
		if err := call(t.Context(), conn, "ModelManager", version, "ListModels", wire.Entity{Tag: wire.UserTag(info.User)}, &r); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		for _, m := range r.UserModels {
			if (version >= 11) != (m.Model.Qualifier != "") || (version < 11) != (m.Model.OwnerTag != "") {
				t.Errorf("version %d names the owner of %s by qualifier %q and owner-tag %q", version, m.Model.Name, m.Model.Qualifier, m.Model.OwnerTag)
			}
		}
	}
}

func (s *suite) login(t *testing.T) {
	request := func(name string, password jujuapi.Secret) wire.LoginRequest {
		return wire.LoginRequest{AuthTag: wire.UserTag(name), Credentials: string(password), ClientVersion: "3.6.0"}
	}
	try := func(t *testing.T, uuid string, r wire.LoginRequest) (wire.LoginResult, error) {
		t.Helper()
		var result wire.LoginResult
		err := call(t.Context(), s.dial(t, uuid), "Admin", 3, "Login", r, &result)
		return result, err
	}
	right := request(s.Controller.Username, s.Controller.Password)

	t.Run("model", func(t *testing.T) {
		r, err := try(t, s.ref.UUID, right)
		if err != nil {
			t.Fatal(err)
		}
		if r.ModelTag != wire.ModelTag(s.ref.UUID) || !strings.HasPrefix(r.ControllerTag, "controller-") || r.ServerVersion == "" || len(r.Servers) == 0 {
			t.Errorf("got model %q, controller %q, version %q, servers %v", r.ModelTag, r.ControllerTag, r.ServerVersion, r.Servers)
		}
		if r.UserInfo == nil || r.UserInfo.Identity != wire.UserTag(s.Controller.Username) {
			t.Errorf("got user %+v", r.UserInfo)
		}
		offers(t, r, "Action", "Application", "Client", "Pinger")
		if !slices.IsSortedFunc(r.Facades, func(a, b wire.FacadeVersions) int { return strings.Compare(a.Name, b.Name) }) {
			t.Error("facades are not sorted by name")
		}
	})
	t.Run("controller", func(t *testing.T) {
		r, err := try(t, "", right)
		if err != nil {
			t.Fatal(err)
		}
		if r.ModelTag != "" {
			t.Errorf("got model %q", r.ModelTag)
		}
		offers(t, r, "ModelManager", "Pinger")
	})
	t.Run("name with @local", func(t *testing.T) {
		if _, err := try(t, s.ref.UUID, request(s.Controller.Username+"@local", s.Controller.Password)); err != nil {
			t.Error(err)
		}
	})
	for _, uuid := range []string{s.ref.UUID, ""} {
		path := map[bool]string{true: "controller", false: "model"}[uuid == ""]
		t.Run("wrong password on the path of the "+path, func(t *testing.T) {
			_, err := try(t, uuid, request(s.Controller.Username, "certainly-"+s.Controller.Password))
			refused(t, err, wire.CodeUnauthorized, wire.MessageBadCredentials)
		})
		t.Run("unknown user on the path of the "+path, func(t *testing.T) {
			_, err := try(t, uuid, request("nosuch-user", "wrong-password"))
			refused(t, err, wire.CodeUnauthorized, wire.MessageBadCredentials)
		})
	}
	t.Run("empty credentials make no session", func(t *testing.T) {
		r, err := try(t, s.ref.UUID, request(s.Controller.Username, ""))
		if err == nil && r.DischargeRequired == nil && r.BakeryDischargeRequired == nil {
			t.Errorf("got a session as %+v", r.UserInfo)
		}
		_, err = s.dial(t, s.ref.UUID).Login(t.Context(), jujuapi.Controller{Username: s.Controller.Username})
		if !errors.Is(err, jujuapi.ErrDischargeRequired) && !errors.Is(err, jujuapi.ErrUnauthorized) {
			t.Errorf("the client says %v", err)
		}
	})
	t.Run("unknown model", func(t *testing.T) {
		_, err := try(t, nobodysModel, right)
		// Some versions hide whether the model exists.
		if !errors.Is(err, jujuapi.ErrModelNotFound) && !errors.Is(err, jujuapi.ErrUnauthorized) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("malformed model", s.malformedModel)
}

func offers(t *testing.T, r wire.LoginResult, facades ...string) {
	t.Helper()
	for _, want := range facades {
		if !slices.ContainsFunc(r.Facades, func(f wire.FacadeVersions) bool { return f.Name == want && len(f.Versions) > 0 }) {
			t.Errorf("facade %s is not offered", want)
		}
	}
}

// malformedModel checks that a path whose model is no UUID is refused before there is a websocket.
func (s *suite) malformedModel(t *testing.T) {
	if s.Controller.CACert == "" {
		t.Log("not tested: the controller's own authority is not known")
		return
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(s.Controller.CACert))
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: "juju-apiserver"}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.Controller.Addresses[0]+"/model/nonsense/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("got %s, want 400", response.Status)
	}
}

func (s *suite) beforeLogin(t *testing.T) {
	conn := s.dial(t, s.ref.UUID)
	refused(t, conn.Call(t.Context(), "Client", 8, "FullStatus", nil, nil), wire.CodeNotImplemented, `unknown version 8 for facade type "Client"`)
	refused(t, conn.Call(t.Context(), "Admin", 3, "RedirectInfo", nil, nil), "", "not redirected")
	refused(t, conn.Call(t.Context(), "Admin", 2, "Login", nil, nil), wire.CodeNotSupported, "")
	refused(t, conn.Call(t.Context(), "Admin", 4, "LoginDevice", nil, nil), wire.CodeNotSupported, "")
	if _, err := conn.Login(t.Context(), s.Controller); err != nil {
		t.Errorf("a login after calls that were refused: %v", err)
	}
}

func (s *suite) facades(t *testing.T) {
	conn, info := s.model(t)
	refused(t, conn.Call(t.Context(), "Nonesuch", 1, "Foo", nil, nil), wire.CodeNotImplemented, "")
	refused(t, conn.Call(t.Context(), "Client", 99, "FullStatus", nil, nil), wire.CodeNotImplemented, `unknown version 99 for facade type "Client"`)
	version, err := conn.Facade("Client")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, conn.Call(t.Context(), "Client", version, "Nonesuch", nil, nil), wire.CodeNotImplemented, "")
	ask(t, conn, "Pinger", "Ping", nil, new(struct{}))

	err = conn.Call(t.Context(), "Client", version, "WatchAll", nil, nil)
	if old(info) {
		if err != nil {
			t.Errorf("AllWatcher is offered, and WatchAll says %v", err)
		}
		s.watcher(t, conn)
	} else {
		refused(t, err, wire.CodeNotImplemented, "WatchAll not implemented")
		refused(t, conn.Call(t.Context(), "AllWatcher", 3, "Next", nil, nil), wire.CodeNotImplemented, `unknown version 3 for facade type "AllWatcher"`)
	}

	controller := s.dial(t, "")
	if _, err := controller.Login(t.Context(), s.Controller); err != nil {
		t.Fatal(err)
	}
	application, err := conn.Facade("Application")
	if err != nil {
		t.Fatal(err)
	}
	err = controller.Call(t.Context(), "Application", application, "Get", wire.ApplicationGet{Application: s.Application}, nil)
	refused(t, err, wire.CodeNotSupported, `facade "Application" not supported for controller API connection`)
}

// watcher checks that the first reply of an AllWatcher reports all, and how it ends.
func (s *suite) watcher(t *testing.T, conn *jujuapi.Conn) {
	refused(t, conn.Call(t.Context(), "AllWatcher", 3, "Next", nil, nil), wire.CodeNotFound, "")
	w, err := conn.WatchAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	deltas, err := w.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, d := range deltas {
		kinds[d.Kind]++
		if d.Removed {
			t.Errorf("a %s is reported as removed in the first reply", d.Kind)
		}
	}
	for _, kind := range []string{wire.KindModel, wire.KindApplication, wire.KindUnit, wire.KindMachine, wire.KindRelation} {
		if kinds[kind] == 0 {
			t.Errorf("the first reply has no %s", kind)
		}
	}
	if err := w.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = w.Next(t.Context())
	refused(t, err, wire.CodeNotFound, "")
}

func (s *suite) reader(t *testing.T) {
	if s.ReaderName == "" {
		t.Log("not tested: no user who may only read is given")
		return
	}
	reader := s.Controller
	reader.Username, reader.Password = s.ReaderName, s.ReaderPassword
	conn := s.dial(t, s.ref.UUID)
	if _, err := conn.Login(t.Context(), reader); err != nil {
		t.Fatal(err)
	}
	units := s.units(t, conn)
	if _, err := conn.UnitsInfo(t.Context(), wire.ApplicationTag(s.Application)); err != nil {
		t.Errorf("a reader may read units: %v", err)
	}
	_, err := conn.Enqueue(t.Context(), units[0], s.Action, s.Params)
	refused(t, err, wire.CodeUnauthorized, wire.MessagePermissionDenied)
	version, err := conn.Facade("Application")
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Call(t.Context(), "Application", version, "SetConfigs", wire.ConfigSetArgs{
		Args: []wire.ConfigSet{{Application: s.Application, Config: map[string]string{}}},
	}, nil)
	refused(t, err, wire.CodeUnauthorized, wire.MessagePermissionDenied)
	// The question alone is refused, too, and to who may write it is none.
	refused(t, conn.MayChange(t.Context()), wire.CodeUnauthorized, wire.MessagePermissionDenied)
	writer := s.dial(t, s.ref.UUID)
	if _, err := writer.Login(t.Context(), s.Controller); err != nil {
		t.Fatal(err)
	}
	if err := writer.MayChange(t.Context()); err != nil {
		t.Errorf("who may write may not change anything: %v", err)
	}
}

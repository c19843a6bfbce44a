// Package conformance says what this project relies on in a Juju controller, as tests that any implementation must pass: a
// real controller (by the flags of this package's own test) and the embedded one of sim, in each of its profiles.
//
// What is asked comes from recordings of a real Juju 4.0.15 (test/recordings). Where 3.6 differs, the facades that the
// controller offers decide what is expected, as they do for the client: AllWatcher is offered up to 3.6.
//
// The suite reads, enqueues an action on one unit, and removes the unit that it was told to; it changes nothing else. Operation numbers are used up by calls that
// are refused.
package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

// Config says what to test, and with what.
type Config struct {
	// Controller is the controller, with a user who may write in the model.
	Controller jujuapi.Controller
	// Model names the model: "demo", "admin/demo", or its UUID.
	Model string
	// Application is deployed in the model, has a peer relation and at least one unit whose agent runs.
	Application string
	// Action is one of its charm's actions, "reconcile" if empty, and Params its parameters.
	Action string
	Params map[string]any
	// Strict says that the action's schema forbids parameters that it does not name.
	Strict bool
	// Reader is a user who may only read in the model, and its password. Without one, refusals of writes are not tested.
	ReaderName     string
	ReaderPassword jujuapi.Secret
	// Leaver is a unit of the application, not its only one, that the suite may remove. Without one, how a unit ends is not tested.
	Leaver string
	// Wait bounds the wait for a task to end; two minutes if zero.
	Wait time.Duration
}

// Run tests the controller.
func Run(t *testing.T, config Config) {
	if config.Action == "" {
		config.Action = v1alpha1.ActionReconcile
	}
	if config.Wait == 0 {
		config.Wait = 2 * time.Minute
	}
	s := &suite{Config: config}
	t.Run("Models", s.models)
	if t.Failed() {
		return
	}
	t.Run("Login", s.login)
	t.Run("BeforeLogin", s.beforeLogin)
	t.Run("Facades", s.facades)
	t.Run("FullStatus", s.fullStatus)
	t.Run("Application", s.application)
	t.Run("Action", s.action)
	t.Run("Reader", s.reader)
	t.Run("Leaver", s.leaver)
}

type suite struct {
	Config
	ref jujuapi.ModelRef
}

// dial connects, without logging in.
func (s *suite) dial(t *testing.T, modelUUID string) *jujuapi.Conn {
	t.Helper()
	conn, err := jujuapi.Dial(t.Context(), s.Controller, modelUUID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// model connects to the model and logs in.
func (s *suite) model(t *testing.T) (*jujuapi.Conn, jujuapi.LoginInfo) {
	t.Helper()
	conn := s.dial(t, s.ref.UUID)
	info, err := conn.Login(t.Context(), s.Controller)
	if err != nil {
		t.Fatal(err)
	}
	return conn, info
}

// old says that the controller is of 2.9 to 3.6.
func old(info jujuapi.LoginInfo) bool { return len(info.Facades["AllWatcher"]) > 0 }

// ask makes a call at the version that the client would use, and checks that result can hold every key of the answer.
func ask(t *testing.T, c *jujuapi.Conn, facade, method string, params, result any) {
	t.Helper()
	version, err := c.Facade(facade)
	if err != nil {
		t.Fatal(err)
	}
	if err := call(t.Context(), c, facade, version, method, params, result); err != nil {
		t.Fatal(err)
	}
}

// call is like Conn.Call, and fails also where an answer and its type differ: a key that is unknown, missing, or not null.
func call(ctx context.Context, c *jujuapi.Conn, facade string, version int, method string, params, result any) error {
	var raw json.RawMessage
	if err := c.Call(ctx, facade, version, method, params, &raw); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, result); err != nil {
		return err
	}
	again, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(tree(raw), tree(again)); diff != "" {
		return &shapeError{facade + "." + method, diff}
	}
	return nil
}

type shapeError struct{ call, diff string }

func (e *shapeError) Error() string {
	return "the answer to " + e.call + " has another shape than ours; answered (-) and ours (+):\n" + e.diff
}

func tree(data []byte) any {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(data)
	}
	return v
}

// refused checks that err is a refusal with that code and, unless it is empty, that message.
func refused(t *testing.T, err error, code, message string) {
	t.Helper()
	said, ok := errors.AsType[*jujuapi.Error](err)
	switch {
	case !ok:
		t.Errorf("got %v, want a refusal with code %q", err, code)
	case said.Code != code:
		t.Errorf("got code %q (%s), want %q", said.Code, said.Message, code)
	case message != "" && said.Message != message:
		t.Errorf("got message %q, want %q", said.Message, message)
	}
}

// failed checks an error inside a result.
func failed(t *testing.T, e *wire.Error, code, message string) {
	t.Helper()
	switch {
	case e == nil:
		t.Errorf("got no error, want code %q", code)
	case e.Code != code || (message != "" && e.Message != message):
		t.Errorf("got %q, code %q; want %q, code %q", e.Message, e.Code, message, code)
	}
}

func entities(tags ...string) wire.Entities {
	var all wire.Entities
	for _, tag := range tags {
		all.Entities = append(all.Entities, wire.Entity{Tag: tag})
	}
	return all
}

// units returns the units of the application, sorted.
func (s *suite) units(t *testing.T, c *jujuapi.Conn) []string {
	t.Helper()
	m, err := c.FullStatus(t.Context(), s.ref)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range m.Applications[s.Application].Units {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		t.Fatalf("application %s has no unit", s.Application)
	}
	return names
}

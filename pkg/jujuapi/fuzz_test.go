package jujuapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/test/recordings"
)

// maxFault bounds an error about an answer: what was answered is not in it.
const maxFault = 4096

// FuzzAnswersOfTheController: whatever a controller answers, a call ends in a result or in an error that does not repeat the answer.
func FuzzAnswersOfTheController(f *testing.F) {
	var calls []recordings.Request
	seen := map[string]int{}
	all, err := recordings.Juju()
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range all {
		for _, call := range c.Calls {
			name := call.Request.Type + "." + call.Request.Method
			if reading(call.Request) == nil {
				continue
			}
			if _, known := seen[name]; !known {
				seen[name] = len(calls)
				calls = append(calls, call.Request)
			}
			f.Add(seen[name], []byte(call.Response.Response))
		}
	}
	for i := range calls {
		f.Add(i, []byte(`null`))
		f.Add(i, []byte(`{"results":[{"error":{"message":"unit is dead","code":""}},{"result":null}]}`))
	}
	f.Fuzz(func(t *testing.T, which int, answer []byte) {
		if which < 0 || !json.Valid(answer) {
			return // a frame is JSON, or the connection ends
		}
		_, err := reading(calls[which%len(calls)])(answer)
		if err != nil && len(err.Error()) > maxFault+len(answer) {
			t.Errorf("an error of %d bytes for an answer of %d", len(err.Error()), len(answer))
		}
	})
}

// FuzzFrame: a message is a frame or is refused, and a frame is the same after it was written and read again.
func FuzzFrame(f *testing.F) {
	all, err := recordings.Juju()
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range all {
		for _, call := range c.Calls {
			text, err := json.Marshal(call.Response)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var first, again wire.Response
		if json.Unmarshal(message, &first) != nil {
			return
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if err := json.Unmarshal(text, &again); err != nil || again.RequestID != first.RequestID || again.Error != first.Error || again.ErrorCode != first.ErrorCode {
			t.Errorf("%+v is %+v after it was written: %v", first, again, err)
		}
	})
}

// FuzzDelta: a delta is the same after it was written and read again, and is never taken for a change where it says neither.
func FuzzDelta(f *testing.F) {
	f.Add([]byte(`["unit","change",{"model-uuid":"m","name":"etcd/0","life":"alive","agent-status":{"current":"idle"}}]`))
	f.Add([]byte(`["application","remove",{"model-uuid":"m","name":"etcd"}]`))
	f.Add([]byte(`["unit","change",null]`))
	f.Add([]byte(`[null,null,null]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, again wire.Delta
		if json.Unmarshal(text, &first) != nil {
			return
		}
		if strings.TrimSpace(string(text)) != "null" && !strings.Contains(string(text), "[") {
			t.Errorf("a delta was read from %q", text)
		}
		out, err := json.Marshal(first)
		if err != nil {
			return // nothing was read
		}
		if err := json.Unmarshal(out, &again); err != nil || again.Kind != first.Kind || again.Removed != first.Removed {
			t.Errorf("%+v is %+v after it was written: %v", first, again, err)
		}
	})
}

// FuzzFullStatus: whatever a status says it is a model, whose hash is the same each time that it is read.
func FuzzFullStatus(f *testing.F) {
	all, err := recordings.Juju()
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range all {
		for _, call := range c.Calls {
			if call.Request.Method == "FullStatus" {
				f.Add([]byte(call.Response.Response))
			}
		}
	}
	f.Add([]byte(`{"applications":{"etcd":{"units":{"etcd/0":{}}}},"machines":{"0":{"containers":{"0/lxd/0":{}}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s wire.FullStatus
		if json.Unmarshal(text, &s) != nil {
			return
		}
		now := time.Unix(0, 0)
		m := jujuapi.NewModel(ref, s, now)
		for name := range m.Applications {
			if m.HashOf(name) != jujuapi.NewModel(ref, s, now).HashOf(name) {
				t.Errorf("the same status has two hashes for %q", name)
			}
		}
	})
}

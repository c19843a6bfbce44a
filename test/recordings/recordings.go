// Package recordings gives tests the recorded answers of real servers: see README.md for what they are.
package recordings

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// FS holds the folders juju-4.0 and snapd.
//
//go:embed juju-4.0 snapd
var FS embed.FS

// Connection is one recorded websocket connection to a Juju controller.
type Connection struct {
	Name  string
	URL   string
	Calls []Call
}

// Call is a request and its answer, each the whole message.
type Call struct {
	Request  Request
	Response Response
}

// Request is the message that a client sent.
type Request struct {
	ID      uint64          `json:"request-id"`
	Type    string          `json:"type"`
	Version int             `json:"version"`
	Method  string          `json:"request"`
	Params  json.RawMessage `json:"params"`
	// Object is the watcher that is asked, if one is.
	Object string `json:"id"`
}

// Response is the message that the controller answered.
type Response struct {
	ID        uint64          `json:"request-id"`
	Error     string          `json:"error"`
	ErrorCode string          `json:"error-code"`
	Response  json.RawMessage `json:"response"`
}

// Juju returns the recorded connections to the Juju 4.0 controller, in the order of their names.
func Juju() ([]Connection, error) {
	names, err := fs.Glob(FS, "juju-4.0/*.json")
	if err != nil {
		return nil, fmt.Errorf("cannot list recordings: %w", err)
	}
	var all []Connection
	for _, name := range names {
		c, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read recording %s: %w", name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func read(name string) (Connection, error) {
	data, err := FS.ReadFile(name)
	if err != nil {
		return Connection{}, err
	}
	var file struct {
		URL    string `json:"url"`
		Frames []struct {
			Dir     string          `json:"dir"`
			Message json.RawMessage `json:"message"`
		} `json:"frames"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return Connection{}, err
	}
	c := Connection{Name: strings.TrimSuffix(strings.TrimPrefix(name, "juju-4.0/"), ".json"), URL: file.URL}
	waiting := map[uint64]Request{}
	for _, f := range file.Frames {
		if f.Dir == "client->controller" {
			var r Request
			if err := json.Unmarshal(f.Message, &r); err != nil {
				return Connection{}, err
			}
			waiting[r.ID] = r
			continue
		}
		var r Response
		if err := json.Unmarshal(f.Message, &r); err != nil {
			return Connection{}, err
		}
		request, ok := waiting[r.ID]
		if !ok {
			return Connection{}, fmt.Errorf("answer %d has no request", r.ID)
		}
		delete(waiting, r.ID)
		c.Calls = append(c.Calls, Call{request, r})
	}
	if len(waiting) > 0 {
		return Connection{}, fmt.Errorf("%d requests have no answer", len(waiting))
	}
	return c, nil
}

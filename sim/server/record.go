package server

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Recorder writes frames, a JSON object a line, in the form of the recordings. Credentials in logins are left out.
type Recorder struct {
	mu  sync.Mutex
	out io.WriteCloser
	err error
}

// Frame is a line of a record.
type Frame struct {
	At         time.Time       `json:"at"`
	Connection int             `json:"connection"`
	Dir        string          `json:"dir"`
	Message    json.RawMessage `json:"message"`
}

// Directions of a Frame.
const (
	ToController = "client->controller"
	ToClient     = "controller->client"
)

// NewRecorder appends to a file that only its owner may read.
func NewRecorder(path string) (*Recorder, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot record frames: %w", err)
	}
	return &Recorder{out: f}, nil
}

// Close returns the first error of all.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.out.Close(); r.err == nil {
		r.err = err
	}
	return r.err
}

func (r *Recorder) frame(at time.Time, connection int, dir string, message []byte) {
	if r == nil {
		return
	}
	if dir == ToController {
		message = withoutCredentials(message)
	}
	line, err := json.Marshal(Frame{at, connection, dir, message})
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		_, err = r.out.Write(append(line, '\n'))
	}
	if err != nil && r.err == nil {
		r.err = err
	}
}

// withoutCredentials blanks what must not be kept; a message that is no JSON is kept as a string.
func withoutCredentials(message []byte) []byte {
	var request wire.Request
	if err := json.Unmarshal(message, &request); err != nil {
		quoted, err := json.Marshal(string(message))
		if err != nil {
			return []byte("null")
		}
		return quoted
	}
	var params map[string]any
	if request.Type != "Admin" || json.Unmarshal(request.Params, &params) != nil {
		return message
	}
	for _, key := range []string{"credentials", "token"} {
		if v, ok := params[key]; ok && v != "" {
			params[key] = "(removed)"
		}
	}
	var err error
	if request.Params, err = json.Marshal(params); err != nil {
		return []byte("null")
	}
	clean, err := json.Marshal(request)
	if err != nil {
		return []byte("null")
	}
	return clean
}

package snapd

import (
	"errors"
	"io/fs"
	"net/http"
	"testing"

	"jujuetcd.io/test/recordings"
)

// FuzzAnswer: an answer that snapd calls an error, by its type or by HTTP's status, is one, and has
// a message.
func FuzzAnswer(f *testing.F) {
	names, err := fs.Glob(recordings.FS, "snapd/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := recordings.FS.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(http.StatusOK, text)
	}
	f.Add(http.StatusNotFound, []byte(`{"type":"error","result":{"kind":"snap-channel-not-available","message":"m","value":{"architecture":"amd64","releases":[{"architecture":"amd64","channel":"3.6/stable"}]}}}`))
	f.Add(http.StatusBadGateway, []byte(`null`))
	f.Fuzz(func(t *testing.T, status int, text []byte) {
		e, err := decode(status, text)
		if status >= http.StatusBadRequest && err == nil {
			t.Errorf("HTTP status %d is no error", status)
		}
		var reported *Error
		if errors.As(err, &reported) && reported.Message == "" {
			t.Error("an error without a message")
		}
		if err == nil && e.Type == "error" {
			t.Error("an error is none")
		}
	})
}

// FuzzLogs: logs are read to their end, or to what cannot be read, and never for ever.
func FuzzLogs(f *testing.F) {
	f.Add([]byte("\x1e{\"timestamp\":\"2026-11-22T10:00:00Z\",\"message\":\"m\",\"sid\":\"etcd\",\"pid\":\"1\"}\n\x1e{\"message\":\"n\"}\n"))
	f.Add([]byte("\x1e\x1enull\n\x1e{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if lines, _ := parseLogs(text); len(lines) > len(text) {
			t.Errorf("%d lines of %d bytes", len(lines), len(text))
		}
	})
}

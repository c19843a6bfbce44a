package s3test

import (
	"fmt"
	"net/http"
	"time"
)

// Refuse answers with an error in S3's form.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

// Down is a store of which nobody is at home.
func Down(w http.ResponseWriter, _ *http.Request) bool {
	Refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", "down")
	return true
}

// Full takes no object, and gives what it has.
func Full(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPut && r.Method != http.MethodPost {
		return false
	}
	Refuse(w, http.StatusInsufficientStorage, "XMinioStorageFull", "Storage backend has reached its minimum free drive threshold.")
	return true
}

// Slow takes a request, and does not answer.
func Slow(_ http.ResponseWriter, r *http.Request) bool {
	select {
	case <-r.Context().Done():
	case <-time.After(time.Minute): // longer than any test waits
	}
	return true
}

// Skewed is a store whose clock is another than ours.
func Skewed(w http.ResponseWriter, _ *http.Request) bool {
	Refuse(w, http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	return true
}

// Cut ends the connection in the midst of an answer.
func Cut(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	w.Header().Set("Content-Length", "1000000")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(make([]byte, 1000))
	panic(http.ErrAbortHandler)
}

// Lying gives an object with one byte of it changed.
func (s *Server) Lying(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.RawQuery != "" {
		return false
	}
	s.inner.ServeHTTP(&liar{ResponseWriter: w}, r)
	return true
}

type liar struct {
	http.ResponseWriter
	lied bool
}

func (l *liar) Write(p []byte) (int, error) {
	changed := append([]byte{}, p...)
	if !l.lied && len(changed) > 0 {
		changed[len(changed)/2] ^= 1
		l.lied = true
	}
	return l.ResponseWriter.Write(changed)
}

// Package s3test is an S3-compatible store for tests: a server that answers S3's requests from memory,
// and in front of it a handler that lets it fail.
//
//	s := s3test.New(t, "bucket")
//	s.Break(s3test.Down)     // until s.Break(nil)
//	s.Objects("bucket")      // the keys
//
// It takes no request that is not signed with the access key that it knows; the signature itself is not
// looked at.
package s3test

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// AccessKey and SecretKey are those that the server takes.
const (
	AccessKey = "AKIDJUJUETCDTEST"
	SecretKey = "s3cr3t-that-is-nowhere-else"
)

// Fault answers a request in the server's place, or says that it does not.
type Fault func(w http.ResponseWriter, r *http.Request) (answered bool)

// Server is a store.
type Server struct {
	// URL is the server's, over TLS, with a certificate of CA (PEM).
	URL, CA string

	t       testing.TB
	backend *s3mem.Backend
	inner   http.Handler

	mu       sync.Mutex
	fault    Fault
	key      string
	requests []string
}

// New starts a store with buckets, which ends with the test.
func New(t testing.TB, buckets ...string) *Server {
	t.Helper()
	s := &Server{t: t, backend: s3mem.New(), key: AccessKey}
	s.inner = gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithTimeSkewLimit(15*time.Minute)).Server()
	for _, b := range buckets {
		if err := s.backend.CreateBucket(b); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewTLSServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(func() {
		server.CloseClientConnections() // one that hangs
		server.Close()
	})
	s.URL = server.URL
	s.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return s
}

// ServeHTTP answers as a store.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault, key := s.fault, s.key
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential="+key+"/") {
		Refuse(w, http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist: "+r.Header.Get("Authorization"))
		return
	}
	s.inner.ServeHTTP(w, r)
}

// Break has the store fail from now on; nil mends it.
func (s *Server) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Revoke has the store take no credentials but these.
func (s *Server) Revoke(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// Requests are those since the last call: method and path.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}

// Objects are the keys of a bucket, sorted.
func (s *Server) Objects(bucket string) []string {
	s.t.Helper()
	list, err := s.backend.ListBucket(bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		s.t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, o := range list.Contents {
		keys[o.Key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// Write puts an object past all faults.
func (s *Server) Write(bucket, key string, data []byte, meta map[string]string) {
	s.t.Helper()
	headers := map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}
	for k, v := range meta {
		headers["X-Amz-Meta-"+k] = v
	}
	if _, err := s.backend.PutObject(bucket, key, headers, bytes.NewReader(data), int64(len(data)), nil); err != nil {
		s.t.Fatal(err)
	}
}

// Read is an object's bytes.
func (s *Server) Read(bucket, key string) []byte {
	s.t.Helper()
	o, err := s.backend.GetObject(bucket, key, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer o.Contents.Close()
	data, err := io.ReadAll(o.Contents)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

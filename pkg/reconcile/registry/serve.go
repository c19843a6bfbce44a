package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Paths of the socket's API. All take the parameters model and name; clusters and units take watch,
// too.
const (
	pathAbout       = "/v1/about"
	pathClusters    = "/v1/clusters"
	pathUnits       = "/v1/units"
	pathRecords     = "/v1/records"
	pathCredentials = "/v1/credentials"
)

// maxSocketPath leaves room for the hidden directory in which the socket is made: the system allows
// 107 bytes.
const maxSocketPath = 92

// About says who serves.
type About struct {
	Version  string    `json:"version"`
	Identity string    `json:"identity"`
	Started  time.Time `json:"started"`
	Models   []Model   `json:"models"`
}

// Model is how the daemon stands with one model.
type Model struct {
	Name      string    `json:"name"`
	UUID      string    `json:"uuid"`
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	Error     string    `json:"error,omitempty"`
	// Trouble is the kind of what keeps the daemon from working with the model's controller, and
	// TroubleSince since when.
	Trouble      string    `json:"trouble,omitempty"`
	TroubleSince time.Time `json:"troubleSince,omitzero"`
	// ReadAt is when the model was last read.
	ReadAt time.Time `json:"readAt,omitzero"`
}

// Access is how a client reaches a cluster. It holds a private key: it is served over the socket
// alone, which only the daemon's own user can open, and it never prints.
type Access struct {
	Endpoints []string `json:"endpoints"`
	CA        string   `json:"ca"`
	Cert      string   `json:"cert"`
	Key       string   `json:"key"`
}

// String hides the key.
func (a Access) String() string { return fmt.Sprintf("access to %s", strings.Join(a.Endpoints, ", ")) }

// GoString hides the key.
func (a Access) GoString() string { return a.String() }

// Event is one change that a watch shows: ADDED, MODIFIED or DELETED.
type Event[T any] struct {
	Type   string `json:"type"`
	Object T      `json:"object"`
}

// Server serves a registry over a unix socket.
type Server struct {
	Registry *Registry
	// About and Access are asked at each request. Access returns an error in words if there is
	// none.
	About  func() About
	Access func(Ref) (Access, error)
}

// Listen makes the socket, which only its owner can open. A socket that nobody listens on any more
// is replaced; one that somebody listens on is not.
func Listen(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("cannot listen on %s: the path is longer than %d bytes, which is all that the system allows", path, maxSocketPath)
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("cannot listen on %s: another daemon does (stop it, or give another --socket)", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot replace the old socket: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the socket's directory: %w", err)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err == nil {
		err = ownDirectory(dir, uint32(os.Geteuid()))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot put the socket into %s: %w (give another --socket)", filepath.Dir(path), err)
	}
	// The socket is made in a directory that only we can enter, and moved once its mode is right:
	// there is no instant in which others could connect.
	private, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("cannot make the socket: %w", err)
	}
	defer os.RemoveAll(private)
	hidden := filepath.Join(private, "s")
	listener, err := net.Listen("unix", hidden)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(hidden, 0o600), os.Rename(hidden, path)); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	return &socket{Listener: listener, path: path}, nil
}

type socket struct {
	net.Listener
	path string
}

// Close removes the socket, too.
func (s *socket) Close() error { return errors.Join(s.Listener.Close(), os.Remove(s.path)) }

// Serve answers on the listener until ctx ends, and closes it.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		// Watches end with ctx, so that nothing is left to wait for.
		_ = server.Close()
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("cannot serve the registry: %w", err)
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathAbout, func(w http.ResponseWriter, _ *http.Request) { reply(w, s.About()) })
	mux.HandleFunc("GET "+pathClusters, func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, s.Registry.Clusters, func(c v1alpha1.EtcdCluster) (Ref, string) {
			return Ref{c.Namespace, c.Name}, c.ResourceVersion
		})
	})
	mux.HandleFunc("GET "+pathUnits, func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, s.Registry.Units, func(u v1alpha1.EtcdUnit) (Ref, string) {
			return Ref{u.Namespace, u.Name}, u.ResourceVersion
		})
	})
	mux.HandleFunc("GET "+pathRecords, func(w http.ResponseWriter, r *http.Request) {
		reply(w, s.Registry.Records(Ref{Model: r.FormValue("model"), Name: r.FormValue("name")}))
	})
	mux.HandleFunc("GET "+pathCredentials, func(w http.ResponseWriter, r *http.Request) {
		access, err := s.Access(Ref{Model: r.FormValue("model"), Name: r.FormValue("name")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		reply(w, access)
	})
	return mux
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone: nobody to tell
}

// answer lists the objects that the request asks for, or streams their changes, one JSON object a
// line.
func answer[T any](w http.ResponseWriter, r *http.Request, list func() ([]T, <-chan struct{}), identify func(T) (Ref, string)) {
	want := Ref{Model: r.FormValue("model"), Name: r.FormValue("name")}
	selected := func() ([]T, <-chan struct{}) {
		all, changed := list()
		out := []T{}
		for _, o := range all {
			if ref, _ := identify(o); Matches(want, ref) {
				out = append(out, o)
			}
		}
		return out, changed
	}
	if r.FormValue("watch") == "" {
		objects, _ := selected()
		reply(w, objects)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	encoder, flusher := json.NewEncoder(w), http.NewResponseController(w)
	sent := map[Ref]T{}
	for {
		objects, changed := selected()
		present := map[Ref]bool{}
		for _, o := range objects {
			ref, version := identify(o)
			present[ref] = true
			kind := "ADDED"
			if old, ok := sent[ref]; ok {
				if _, was := identify(old); was == version {
					continue
				}
				kind = "MODIFIED"
			}
			sent[ref] = o
			if encoder.Encode(Event[T]{kind, o}) != nil {
				return
			}
		}
		for ref, o := range sent {
			if !present[ref] {
				delete(sent, ref)
				if encoder.Encode(Event[T]{"DELETED", o}) != nil {
					return
				}
			}
		}
		if flusher.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// Matches says whether ref is what is wanted: an empty part matches all, a model's name does
// without its owner, and an application's name matches its units.
func Matches(want, ref Ref) bool {
	model := want.Model == "" || want.Model == ref.Model || strings.HasSuffix(ref.Model, "/"+want.Model)
	name := want.Name == "" || want.Name == ref.Name || strings.HasPrefix(ref.Name, want.Name+"/")
	return model && name
}

package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"jujuetcd.io/sim/model"
)

// Backend is the instance that Serve shows.
type Backend interface {
	Info() Info
	Call(ctx context.Context, c Call) Answer
	Deploy(d Deploy) (Deployed, error)
	Attach(a Attach) error
	AddModel(name string) (Model, error)
	Offer(o Offer) (Named, error)
	RemoveOffer(r RemoveOffer) error
	Consume(c Consume) (Named, error)
	// Root is the root of a machine, or of a unit's machine, that can be reached.
	Root(t Target) (Folder, error)
	Fault(f Fault) error
	// Logs waits for lines of a model's log after the given number; without follow it does not wait.
	Logs(ctx context.Context, modelName string, after int, follow bool) ([]model.LogLine, error)
	// Stop asks the instance to end; it does not wait.
	Stop()
}

// maxSocketPath is what fits into a unix socket's address.
const maxSocketPath = 107

// Listen makes the socket, for its owner only. A socket that an instance left behind is replaced; whoever calls holds the lock on the
// folder, so no instance uses it.
func Listen(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("cannot listen on %s: a socket's path may have %d bytes; choose a shorter --dir", path, maxSocketPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	// Made without rights for others, instead of taking them away when someone may have connected already.
	before := syscall.Umask(0o177)
	listener, err := net.Listen("unix", path)
	syscall.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	return listener, nil
}

// answerTime is how long answers under way have when it ends: the one to stop is among them.
const answerTime = 2 * time.Second

// Serve answers until ctx is done. What is being answered then is still answered.
func Serve(ctx context.Context, listener net.Listener, b Backend) error {
	web := &http.Server{Handler: handler(b), BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan error, 1)
	go func() { done <- web.Serve(listener) }()
	select {
	case <-ctx.Done():
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
		defer cancel()
		if web.Shutdown(ending) != nil {
			_ = web.Close()
		}
		<-done //nolint:errcheck // it says that the server was shut down
		return nil
	case err := <-done:
		return fmt.Errorf("cannot serve the control socket: %w", err)
	}
}

func handler(b Backend) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) { answer(w, b.Info(), nil) })
	mux.HandleFunc("POST /call", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, func(c Call) (Answer, error) { return b.Call(r.Context(), c), nil })
	})
	mux.HandleFunc("POST /deploy", func(w http.ResponseWriter, r *http.Request) { serve(w, r, b.Deploy) })
	mux.HandleFunc("POST /resources", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, func(a Attach) (struct{}, error) { return struct{}{}, b.Attach(a) })
	})
	mux.HandleFunc("POST /models", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, func(m Model) (Model, error) { return b.AddModel(m.Name) })
	})
	mux.HandleFunc("POST /offers", func(w http.ResponseWriter, r *http.Request) { serve(w, r, b.Offer) })
	mux.HandleFunc("DELETE /offers", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, func(o RemoveOffer) (struct{}, error) { return struct{}{}, b.RemoveOffer(o) })
	})
	mux.HandleFunc("POST /consumed", func(w http.ResponseWriter, r *http.Request) { serve(w, r, b.Consume) })
	mux.HandleFunc("POST /root", func(w http.ResponseWriter, r *http.Request) { serve(w, r, b.Root) })
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, func(f Fault) (struct{}, error) { return struct{}{}, b.Fault(f) })
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, struct{}{}, nil)
		b.Stop()
	})
	mux.HandleFunc("GET /logs", func(w http.ResponseWriter, r *http.Request) { logs(w, r, b) })
	return mux
}

// maxBody is far more than any verb sends.
const maxBody = 16 << 20

func serve[P, R any](w http.ResponseWriter, r *http.Request, do func(P) (R, error)) {
	var params P
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&params); err != nil {
		http.Error(w, fmt.Sprintf("cannot read the request: %v", err), http.StatusBadRequest)
		return
	}
	result, err := do(params)
	answer(w, result, err)
}

func answer(w http.ResponseWriter, result any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result) // A client that has gone needs no answer.
}

// logs sends lines as they come, one JSON object a line.
func logs(w http.ResponseWriter, r *http.Request, b Backend) {
	after, err := strconv.Atoi(r.FormValue("after"))
	if err != nil {
		http.Error(w, "cannot read the number of the line", http.StatusBadRequest)
		return
	}
	follow := r.FormValue("follow") == "true"
	out := json.NewEncoder(w)
	for {
		lines, err := b.Logs(r.Context(), r.FormValue("model"), after, follow)
		if err != nil {
			if r.Context().Err() == nil && !errors.Is(err, model.ErrClosed) {
				http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			}
			return
		}
		for _, line := range lines {
			after = line.Number
			if out.Encode(line) != nil {
				return
			}
		}
		if !follow {
			return
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
}

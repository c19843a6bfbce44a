package reconcile

import (
	"fmt"
	"net/http"

	"jujuetcd.io/pkg/reconcile/registry"
)

// healthEndpoints answer those who ask whether the daemon works.
type healthEndpoints struct{ models func() []registry.Model }

// healthz answers while the process works at all: being cut off from Juju is not cured by a
// restart, but reported.
func (h healthEndpoints) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
	for _, m := range h.models() {
		if m.Error != "" {
			_, _ = fmt.Fprintf(w, "model %s: %s\n", m.Name, m.Error)
		}
	}
}

// readyz answers once every model has been read, and while each can be.
func (h healthEndpoints) readyz(w http.ResponseWriter, _ *http.Request) {
	if fault := h.unready(); fault != "" {
		http.Error(w, fault, http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// unready is why the daemon is not ready; empty if it is.
func (h healthEndpoints) unready() string {
	for _, m := range h.models() {
		if m.Error != "" {
			return fmt.Sprintf("model %s cannot be read: %s", m.Name, m.Error)
		}
		if m.ReadAt.IsZero() {
			return fmt.Sprintf("model %s has not been read yet", m.Name)
		}
	}
	return ""
}

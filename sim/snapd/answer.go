package snapd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// answer is an HTTP answer in snapd's envelope.
type answer struct {
	code    int
	result  any
	change  int
	sources []string
}

// problem is the result of an error.
type problem struct {
	Message string `json:"message"`
	Kind    string `json:"kind,omitempty"`
	Value   any    `json:"value,omitempty"`
}

func ok(result any) answer { return answer{code: http.StatusOK, result: result} }

func accepted(c *change) answer {
	id, _ := strconv.Atoi(c.ID)
	return answer{code: http.StatusAccepted, change: id}
}

func bad(format string, args ...any) answer {
	return answer{code: http.StatusBadRequest, result: problem{Message: fmt.Sprintf(format, args...)}}
}

// refused is a problem that callers tell by its kind. The value is always there, also when it is an empty string.
func refused(code int, kind, message string, value any) answer {
	return answer{code: code, result: map[string]any{"message": message, "kind": kind, "value": value}}
}

func notInstalled(name string) answer {
	return refused(http.StatusNotFound, "snap-not-found", "snap not installed", name)
}

func (a answer) write(w http.ResponseWriter) {
	kind := "sync"
	switch {
	case a.code >= 400:
		kind = "error"
	case a.code == http.StatusAccepted:
		kind = "async"
	}
	body := map[string]any{"type": kind, "status-code": a.code, "status": http.StatusText(a.code), "result": a.result}
	if a.change != 0 {
		body["change"] = strconv.Itoa(a.change)
	}
	if a.sources != nil {
		body["sources"] = a.sources
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.code)
	_ = json.NewEncoder(w).Encode(body)
}

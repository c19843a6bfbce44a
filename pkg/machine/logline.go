package machine

import (
	"encoding/json"
	"strings"

	"jujuetcd.io/pkg/printable"
)

// maxLogText bounds what of a log line goes into a status.
const maxLogText = 240

// errorIn is what a line of etcd's log says, if it reports an error; empty otherwise. etcd logs
// JSON; other lines, such as a panic or a message of the snap's wrapper, count if they look like
// errors. etcd logs no key material.
func errorIn(line string) string {
	var entry struct {
		Level string `json:"level"`
		Msg   string `json:"msg"`
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(line), &entry) == nil {
		switch entry.Level {
		case "error", "fatal", "panic", "dpanic":
			return short(strings.Join(nonEmpty(entry.Msg, entry.Error), ": "))
		}
		return ""
	}
	low := strings.ToLower(line)
	for _, word := range []string{"panic", "error", "fatal", "cannot", "failed"} {
		if strings.Contains(low, word) {
			return short(line)
		}
	}
	return ""
}

func nonEmpty(parts ...string) []string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// short is a text on one line, cut at a length.
func short(text string) string {
	return printable.Line(text, maxLogText)
}

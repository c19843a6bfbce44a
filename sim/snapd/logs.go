package snapd

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// logTail is how much of a log's end is read for a request.
const logTail = 256 << 10

// logs answers as snapd does, which reads systemd's journal: a sequence of JSON texts, each after a record separator. The journal of this
// machine is the file that the service writes; the time of a line is the one that etcd has put into it, or else the file's.
func (d *Daemon) logs(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("names")
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil {
		n = 10
	}
	lines, at, err := tail(filepath.Join(d.root, "var/log", "snap."+name+"."+name+".log"))
	if err != nil {
		answer{code: http.StatusNotFound, result: problem{Message: "snap \"" + name + "\" has no services", Kind: "app-not-found"}}.write(w)
		return
	}
	if n >= 0 {
		lines = lines[max(0, len(lines)-n):]
	}
	w.Header().Set("Content-Type", "application/json-seq")
	for _, line := range lines {
		var entry struct {
			TS string `json:"ts"`
		}
		stamp := at
		if json.Unmarshal([]byte(line), &entry) == nil {
			if t, err := time.Parse("2006-01-02T15:04:05.999999Z0700", entry.TS); err == nil {
				stamp = t
			}
		}
		text, _ := json.Marshal(map[string]string{ // strings always encode
			"timestamp": stamp.UTC().Format(time.RFC3339Nano), "message": line, "sid": name + "." + name, "pid": "1",
		})
		if _, err := w.Write(slices.Concat([]byte{0x1e}, text, []byte{'\n'})); err != nil {
			return
		}
	}
}

// tail is the end of a file by lines, and when it was written.
func tail(path string) ([]string, time.Time, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if _, err := file.Seek(max(0, info.Size()-logTail), io.SeekStart); err != nil {
		return nil, time.Time{}, err
	}
	text, err := io.ReadAll(file)
	if err != nil || len(text) == 0 {
		return nil, info.ModTime(), err
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if info.Size() > logTail {
		lines = lines[1:]
	}
	return lines, info.ModTime(), nil
}

package snapd

import (
	"encoding/json"
	"mime"
	"net/http"
	"runtime"
	"strings"
)

func (d *Daemon) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(*http.Request) answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { f(r).write(w) })
	}
	handle("GET /v2/system-info", d.systemInfo)
	handle("GET /v2/snaps", d.listSnaps)
	handle("POST /v2/snaps", d.postSnaps)
	handle("GET /v2/snaps/{name}", d.getSnap)
	handle("POST /v2/snaps/{name}", d.postSnap)
	handle("GET /v2/snaps/{name}/conf", d.getConf)
	handle("PUT /v2/snaps/{name}/conf", d.putConf)
	handle("GET /v2/apps", d.getApps)
	handle("POST /v2/apps", d.postApps)
	handle("GET /v2/changes", d.listChanges)
	handle("GET /v2/changes/{id}", d.getChange)
	handle("GET /v2/find", d.find)
	mux.HandleFunc("GET /v2/logs", d.logs)
	handle("/", func(*http.Request) answer {
		return answer{code: http.StatusNotFound, result: problem{Message: "not found"}}
	})
	return mux
}

func decode(r *http.Request, into any) (answer, bool) {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return bad("cannot decode request body into snap instruction: %v", err), false
	}
	return answer{}, true
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err != nil || kind == "application/json"
}

// systemInfo says what is true of every machine here; the lists of kernel features are those of an
// ordinary Ubuntu.
func (d *Daemon) systemInfo(*http.Request) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	timer, hold := defaultTimer, ""
	if v, found := lookup(d.state.Config, "refresh.timer"); found && v != "" {
		timer, _ = v.(string)
	}
	refresh := map[string]any{"timer": timer}
	if v, found := lookup(d.state.Config, "refresh.hold"); found {
		hold, _ = v.(string)
		refresh["hold"] = hold
	}
	info := map[string]any{
		"architecture":   runtime.GOARCH,
		"build-id":       "0000000000000000000000000000000000000000",
		"confinement":    "partial",
		"kernel-version": "6.8.0-generic",
		"locations":      map[string]any{"snap-mount-dir": "/snap", "snap-bin-dir": "/snap/bin"},
		"managed":        false,
		"on-classic":     true,
		"os-release":     map[string]any{"id": "ubuntu", "version-id": "24.04"},
		"refresh":        refresh,
		"sandbox-features": map[string]any{
			"confinement-options": []string{"classic", "devmode"},
			"mount":               []string{"layouts", "mount-namespace", "per-snap-profiles", "per-snap-updates"},
		},
		"series":         "16",
		"system-mode":    "run",
		"version":        d.version,
		"virtualization": "none",
	}
	if d.atLeast(2, 62) {
		info["features"] = map[string]any{"quota-groups": map[string]any{"supported": true, "enabled": true}}
	}
	if d.atLeast(2, 71) {
		info["snapd-bin-from"] = "native-package"
	}
	return ok(info)
}

// find is of no use without a search index: the machine is offline, or the store knows the exact
// name.
func (d *Daemon) find(r *http.Request) answer {
	name := r.URL.Query().Get("name")
	d.mu.Lock()
	store := d.store
	d.mu.Unlock()
	if store == "" {
		return answer{code: http.StatusInternalServerError, result: problem{
			Message: `Get "https://api.snapcraft.io/v2/snaps/info/` + name + `": ` + noStore}}
	}
	channels, err := listChannels(store, name)
	if err != nil || len(channels) == 0 {
		return refused(http.StatusNotFound, "snap-not-found", "snap not found", name)
	}
	found := map[string]any{}
	for channel, version := range channels {
		found[channel] = map[string]any{"channel": channel, "version": version, "confinement": "strict"}
	}
	a := ok([]any{map[string]any{"name": name, "type": "app", "status": "available", "confinement": "strict", "channels": found,
		"tracks": tracks(channels)}})
	a.sources = []string{"store"}
	return a
}

func tracks(channels map[string]string) []string {
	seen := map[string]bool{}
	var list []string
	for c := range channels {
		t, _, _ := strings.Cut(c, "/")
		if !seen[t] {
			seen[t] = true
			list = append(list, t)
		}
	}
	return list
}

package snapd

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// unitName is the systemd unit of a snap's service.
func unitName(snap, app string) string { return "snap." + snap + "." + app }

// apps lists a snap's apps as snapd shows them: the service is the one named as the snap.
func (d *Daemon) apps(s *snap, servicesOnly bool) []any {
	list := []any{}
	for _, name := range s.current().Apps {
		app := map[string]any{"snap": s.Name, "name": name}
		if name == s.Name {
			unit := unitName(s.Name, name)
			app["daemon"], app["daemon-scope"] = "simple", "system"
			if d.services.Enabled(unit) {
				app["enabled"] = true
			}
			if d.services.Get(unit, "ActiveState") == "active" {
				app["active"] = true
			}
		} else if servicesOnly {
			continue
		}
		list = append(list, app)
	}
	return list
}

func (d *Daemon) getApps(r *http.Request) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted := r.URL.Query().Get("select")
	if wanted != "" && wanted != "service" {
		return bad("invalid select parameter: %q", wanted)
	}
	names := slices.Sorted(maps.Keys(d.state.Snaps))
	if given := r.URL.Query().Get("names"); given != "" {
		names = strings.Split(given, ",")
	}
	list := []any{}
	for _, n := range names {
		snapName, app, single := strings.Cut(n, ".")
		s := d.state.Snaps[snapName]
		if s == nil {
			return refused(http.StatusNotFound, "app-not-found", fmt.Sprintf("snap %q not found", snapName), n)
		}
		for _, a := range d.apps(s, wanted == "service") {
			if m, isMap := a.(map[string]any); !single || isMap && m["name"] == app {
				list = append(list, a)
			}
		}
	}
	return ok(list)
}

type appsRequest struct {
	Action  string   `json:"action"`
	Names   []string `json:"names"`
	Enable  bool     `json:"enable"`
	Disable bool     `json:"disable"`
	Reload  bool     `json:"reload"`
}

func (d *Daemon) postApps(r *http.Request) answer {
	var req appsRequest
	if a, good := decode(r, &req); !good {
		return a
	}
	if !slices.Contains([]string{"start", "stop", "restart"}, req.Action) {
		return bad("unknown action %q", req.Action)
	}
	if len(req.Names) == 0 {
		return bad("cannot perform operation on services without a list of services to operate on")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	name, app, explicit := strings.Cut(req.Names[0], ".")
	s := d.state.Snaps[name]
	if s == nil || explicit && !slices.Contains(s.current().Apps, app) {
		return refused(http.StatusNotFound, "app-not-found", fmt.Sprintf("snap %q not found", name), req.Names[0])
	}
	if !slices.Contains(s.current().Apps, name) || explicit && app != name {
		return refused(http.StatusNotFound, "app-not-found", fmt.Sprintf("snap %q has no services", name), req.Names[0])
	}
	if a, busy := d.busy(name); busy {
		return a
	}
	work := args{Snap: name, Action: req.Action, Units: []string{unitName(name, name)}, Explicit: explicit, Enable: req.Enable, Disable: req.Disable}
	c := d.begin("service-control", "Running service command", work, []*task{{
		Kind:    "service-control",
		Summary: fmt.Sprintf("Run service command %q for services [%s] of snap %q", req.Action, quote([]string{name}), name),
		Do:      "service-control",
	}})
	return accepted(c)
}

// serviceControl is snapd's start, stop and restart. A restart that names only the snap leaves inactive services alone.
func (d *Daemon) serviceControl(a args) error {
	for _, unit := range a.Units {
		var err error
		switch a.Action {
		case "start":
			if a.Enable {
				err = d.services.Enable(unit, true)
			}
			if err == nil {
				err = d.services.Start(d.ctx, unit)
			}
		case "stop":
			if a.Disable {
				err = d.services.Enable(unit, false)
			}
			if err == nil {
				err = d.services.Stop(d.ctx, unit)
			}
		case "restart":
			if a.Explicit || d.services.Get(unit, "ActiveState") == "active" {
				err = d.services.Restart(d.ctx, unit)
			}
		}
		if err != nil {
			return fmt.Errorf("systemctl command [%s %s.service] failed with exit status 1: %w", a.Action, unit, err)
		}
	}
	return nil
}

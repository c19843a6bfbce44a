package snapd

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// view is a snap as GET /v2/snaps shows it.
func (d *Daemon) view(s *snap) map[string]any {
	r := s.current()
	status := "active"
	if s.Disabled {
		status = "installed"
	}
	v := map[string]any{
		"id": "", "summary": s.Name + " snap", "description": "The " + s.Name + " snap.", "installed-size": r.Size,
		"install-date": s.Installed.UTC().Format(time.RFC3339Nano), "name": s.Name, "developer": "", "status": status, "type": "app",
		"base": "core22", "version": r.Version, "channel": r.Channel, "ignore-validation": false, "revision": r.Name,
		"confinement": "strict", "private": false, "devmode": false, "jailmode": false, "apps": d.apps(s, false),
		"mounted-from": "/var/lib/snapd/snaps/" + s.Name + "_" + r.Name + ".snap", "contact": "",
	}
	if s.Tracking != "" {
		v["tracking-channel"] = s.Tracking
	}
	if !r.local() {
		v["title"], v["id"], v["developer"] = s.Name, "jujusim-"+s.Name, "canonical"
		v["publisher"] = map[string]any{"id": "canonical", "username": "canonical", "display-name": "Canonical", "validation": "verified"}
	}
	if d.atLeast(2, 60) && !d.atLeast(2, 70) {
		v["links"] = nil
	}
	if d.atLeast(2, 70) {
		v["grade"] = "stable"
	}
	if s.Hold != nil && d.atLeast(2, 58) {
		v["hold"] = s.Hold.UTC().Format(time.RFC3339Nano)
	}
	return v
}

func (d *Daemon) getSnap(r *http.Request) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state.Snaps[r.PathValue("name")]
	if s == nil {
		return notInstalled(r.PathValue("name"))
	}
	return ok(d.view(s))
}

func (d *Daemon) listSnaps(r *http.Request) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []any{}
	wanted := r.URL.Query().Get("snaps")
	for _, name := range slices.Sorted(maps.Keys(d.state.Snaps)) {
		if wanted == "" || slices.Contains(strings.Split(wanted, ","), name) {
			list = append(list, d.view(d.state.Snaps[name]))
		}
	}
	a := ok(list)
	a.sources = []string{"local"}
	return a
}

type snapRequest struct {
	Action    string   `json:"action"`
	Channel   string   `json:"channel"`
	Revision  string   `json:"revision"`
	Amend     bool     `json:"amend"`
	Classic   bool     `json:"classic"`
	Purge     bool     `json:"purge"`
	Time      string   `json:"time"`
	HoldLevel string   `json:"hold-level"`
	Snaps     []string `json:"snaps"`
}

// postSnap acts on one snap.
func (d *Daemon) postSnap(r *http.Request) answer {
	var req snapRequest
	if a, good := decode(r, &req); !good {
		return a
	}
	name := r.PathValue("name")
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state.Snaps[name]
	known := []string{"install", "refresh", "remove", "revert", "enable", "disable", "switch"}
	if d.atLeast(2, 58) {
		known = append(known, "hold", "unhold")
	}
	if !slices.Contains(known, req.Action) {
		return bad("unknown action %s", req.Action)
	}
	if req.Action == "install" {
		return d.install(name, s, req.Channel)
	}
	if s == nil {
		return refused(http.StatusNotFound, "snap-not-found", fmt.Sprintf("snap %q is not installed", name), name)
	}
	switch req.Action {
	case "hold", "unhold":
		return d.hold(s, req)
	}
	if a, busy := d.busy(name); busy {
		return a
	}
	switch req.Action {
	case "refresh":
		return d.refresh(s, req)
	case "revert":
		return d.revert(s, req.Revision)
	case "switch":
		return d.switchChannel(s, req.Channel)
	default:
		return d.toggle(s, req.Action)
	}
}

func (d *Daemon) install(name string, s *snap, channel string) answer {
	if s != nil {
		return refused(http.StatusBadRequest, "snap-already-installed", fmt.Sprintf("snap %q is already installed", name), name)
	}
	if a, busy := d.busy(name); busy {
		return a
	}
	rev, source, a, found := d.resolve("install", name, channel)
	if !found {
		return a
	}
	work := args{Snap: name, Revision: rev, Source: source, Tracking: rev.Channel, First: true}
	return accepted(d.begin("install-snap", fmt.Sprintf("Install %q snap%s", name, from(channel)), work, d.installTasks(name, rev, "", true)))
}

// from is how a summary names a channel that was asked for.
func from(channel string) string {
	if channel == "" {
		return ""
	}
	return fmt.Sprintf(" from %q channel", channel)
}

func (d *Daemon) refresh(s *snap, req snapRequest) answer {
	if s.current().local() && !req.Amend {
		return refused(http.StatusBadRequest, "snap-local", "cannot perform operation on local snap", "")
	}
	channel := req.Channel
	if channel == "" {
		channel = s.Tracking
	}
	rev, source, a, found := d.resolve("refresh", s.Name, channel)
	if !found {
		return a
	}
	summary := fmt.Sprintf("Refresh %q snap%s", s.Name, from(req.Channel))
	if rev.Name == s.Current {
		if rev.Channel == s.Tracking {
			return refused(http.StatusBadRequest, "snap-no-update-available", fmt.Sprintf("snap %q has no updates available", s.Name), "")
		}
		return accepted(d.begin("refresh-snap", summary, args{Snap: s.Name, Tracking: rev.Channel}, []*task{{
			Kind: "switch-snap-channel", Summary: fmt.Sprintf("Switch snap %q to channel %q", s.Name, rev.Channel), Do: "switch"}}))
	}
	return accepted(d.begin("refresh-snap", summary, args{Snap: s.Name, Revision: rev, Source: source, Tracking: rev.Channel}, d.installTasks(s.Name, rev, "", false)))
}

func (d *Daemon) revert(s *snap, wanted string) answer {
	rev, found := s.previous()
	if wanted != "" {
		if rev, found = s.revision(wanted); !found {
			return bad("cannot find revision %s for snap %q", wanted, s.Name)
		}
	}
	if !found {
		return bad("cannot revert %q: no revision to revert to", s.Name)
	}
	if rev.Name == s.Current {
		return bad("already on requested revision")
	}
	return accepted(d.begin("revert-snap", fmt.Sprintf("Revert %q snap", s.Name), args{Snap: s.Name, Revision: rev, Tracking: s.Tracking}, d.revertTasks(s.Name, rev)))
}

func (d *Daemon) switchChannel(s *snap, channel string) answer {
	if channel == "" {
		return bad("cannot switch without a channel")
	}
	full := fullChannel(channel)
	return accepted(d.begin("switch-snap", fmt.Sprintf("Switch %q snap to channel %q", s.Name, channel), args{Snap: s.Name, Tracking: full}, []*task{{
		Kind: "switch-snap", Summary: fmt.Sprintf("Switch snap %q to channel %q", s.Name, channel), Do: "switch"}}))
}

func (d *Daemon) toggle(s *snap, action string) answer {
	switch {
	case action == "enable" && !s.Disabled:
		return bad("cannot enable %q: snap %q already enabled", s.Name, s.Name)
	case action == "disable" && s.Disabled:
		return bad("cannot disable %q: snap %q already disabled", s.Name, s.Name)
	}
	title := strings.ToUpper(action[:1]) + action[1:]
	return accepted(d.begin(action+"-snap", fmt.Sprintf("%s %q snap", title, s.Name), args{Snap: s.Name, Revision: s.current()}, toggleTasks(s, action)))
}

func (d *Daemon) hold(s *snap, req snapRequest) answer {
	kind, summary := "unhold-snap", fmt.Sprintf("Remove refresh hold on %q", s.Name)
	s.Hold = nil
	if req.Action == "hold" {
		until, a, good := holdTime(req)
		if !good {
			return a
		}
		kind, summary = "hold-snap", fmt.Sprintf("Hold general refreshes for %q", s.Name)
		s.Hold = &until
		if req.HoldLevel == "auto-refresh" {
			s.Hold, summary = nil, fmt.Sprintf("Hold auto-refreshes for %q", s.Name)
		}
	}
	c := d.begin(kind, summary, args{}, nil)
	c.Data = map[string]any{"snap-names": []string{s.Name}}
	return accepted(c)
}

func holdTime(req snapRequest) (time.Time, answer, bool) {
	if req.HoldLevel != "general" && req.HoldLevel != "auto-refresh" {
		return time.Time{}, bad("hold action requires a \"hold-level\" value: general or auto-refresh"), false
	}
	if req.Time == "forever" {
		return time.Now().Add(math.MaxInt64), answer{}, true
	}
	t, err := time.Parse(time.RFC3339, req.Time)
	if err != nil {
		return t, bad("hold action requires time to be in RFC3339 format: %v", err), false
	}
	return t, answer{}, true
}

// postSnaps takes a local file, or acts on several snaps at once (only hold and unhold of all are known).
func (d *Daemon) postSnaps(r *http.Request) answer {
	if !isJSON(r) {
		return d.sideload(r)
	}
	var req snapRequest
	if a, good := decode(r, &req); !good {
		return a
	}
	if !d.atLeast(2, 58) || len(req.Snaps) > 0 || req.Action != "hold" && req.Action != "unhold" {
		return bad("unsupported multi-snap operation %q", req.Action)
	}
	values, kind, summary := map[string]any{"refresh.hold": nil}, "unhold-snap", "Remove auto-refresh hold on all snaps"
	if req.Action == "hold" {
		if _, a, good := holdTime(req); !good {
			return a
		}
		values, kind, summary = map[string]any{"refresh.hold": req.Time}, "hold-snap", "Hold auto-refreshes for all snaps"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return accepted(d.begin(kind, summary, args{Snap: systemSnap, Values: values}, []*task{{
		Kind: "run-hook", Summary: fmt.Sprintf("Run configure hook of %q snap", systemSnap), Do: "configure"}}))
}

// sideload is the install of an uploaded file.
func (d *Daemon) sideload(r *http.Request) answer {
	up, err := d.receive(r)
	if err != nil {
		return bad("cannot read snap file: %v", err)
	}
	if up.fields["action"] != "install" && up.fields["action"] != "try" && up.fields["action"] != "" {
		return bad("unknown action %s", up.fields["action"])
	}
	if up.fields["dangerous"] != "true" && up.fields["devmode"] != "true" {
		return bad("cannot find signatures with metadata for snap %q", up.name)
	}
	if name := up.fields["name"]; name != "" && name != up.snap {
		return bad("instance name %q does not match snap name %q", name, up.snap)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, busy := d.busy(up.snap); busy {
		return a
	}
	s := d.state.Snaps[up.snap]
	local, tracking := 1, ""
	if s != nil {
		local, tracking = s.LastLocal+1, s.Tracking
	}
	rev := revision{Name: fmt.Sprintf("x%d", local), Version: up.version}
	work := args{Snap: up.snap, Revision: rev, Source: up.path, Tracking: tracking, First: s == nil}
	file := "/" + strings.TrimPrefix(strings.TrimPrefix(up.path, d.root), "/")
	c := d.begin("install-snap", fmt.Sprintf("Install %q snap from file %q", up.snap, filepath.Base(up.name)), work, d.installTasks(up.snap, rev, file, s == nil))
	if c.Data == nil {
		c.Data = map[string]any{}
	}
	c.Data["snap-name"] = up.snap
	d.save()
	return accepted(c)
}

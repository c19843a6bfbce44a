package snapd

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// change is one asynchronous piece of work; args are all that its tasks need, so that it can go on after a restart.
type change struct {
	ID      string         `json:"id"`
	Kind    string         `json:"kind"`
	Summary string         `json:"summary"`
	Tasks   []*task        `json:"tasks"`
	Data    map[string]any `json:"data,omitempty"`
	Spawned time.Time      `json:"spawned"`
	Ready   *time.Time     `json:"ready,omitempty"`
	Error   string         `json:"error,omitempty"`
	Args    args           `json:"args"`
}

// args is what the tasks of a change work on.
type args struct {
	Snap     string         `json:"snap,omitempty"`
	Revision revision       `json:"revision,omitzero"`
	Source   string         `json:"source,omitempty"` // a channel's folder, or the uploaded file
	Tracking string         `json:"tracking,omitempty"`
	Action   string         `json:"action,omitempty"`
	Units    []string       `json:"units,omitempty"`
	Explicit bool           `json:"explicit,omitempty"`
	Enable   bool           `json:"enable,omitempty"`
	Disable  bool           `json:"disable,omitempty"`
	Values   map[string]any `json:"values,omitempty"`
	First    bool           `json:"first,omitempty"`
	// Was is the revision before the change, to go back to if it fails.
	Was string `json:"was,omitempty"`
}

// task is one step of a change. Do is the name of its effect; empty means that it is ceremony here.
type task struct {
	ID      string         `json:"id"`
	Kind    string         `json:"kind"`
	Summary string         `json:"summary"`
	Status  string         `json:"status"`
	Log     []string       `json:"log,omitempty"`
	Data    map[string]any `json:"data,omitempty"`
	Spawned time.Time      `json:"spawned"`
	Ready   *time.Time     `json:"ready,omitempty"`
	Do      string         `json:"do,omitempty"`
}

func (c *change) ready() bool { return c.Ready != nil }

// status is Do until the first task runs, then Doing, and Done or Error when all is over.
func (c *change) status() string {
	switch {
	case c.Error != "":
		return "Error"
	case c.ready():
		return "Done"
	case slices.ContainsFunc(c.Tasks, func(t *task) bool { return t.Status != "Do" }):
		return "Doing"
	}
	return "Do"
}

// begin makes a change and starts it; the caller holds the lock.
func (d *Daemon) begin(kind, summary string, a args, tasks []*task) *change {
	d.state.LastChange++
	now := time.Now()
	c := &change{ID: strconv.Itoa(d.state.LastChange), Kind: kind, Summary: summary, Tasks: tasks, Spawned: now, Args: a}
	for _, t := range tasks {
		d.state.LastTask++
		t.ID, t.Status, t.Spawned = strconv.Itoa(d.state.LastTask), "Do", now
		if d.atLeast(2, 70) && a.Snap != "" && t.Kind != "process-delayed-security-backend-effects" && kind != "configure-snap" && kind != "service-control" {
			t.Data = map[string]any{"affected-snaps": []string{a.Snap}}
		}
	}
	if s := d.state.Snaps[a.Snap]; s != nil {
		c.Args.Was = s.Current
		if d.atLeast(2, 70) && a.Revision.Name != "" {
			c.Data = map[string]any{"snap-names": []string{a.Snap}}
		}
	}
	d.state.Changes = append(d.state.Changes, c)
	d.save()
	d.run(c)
	return c
}

// run does the rest of a change in the background; the caller holds the lock.
func (d *Daemon) run(c *change) {
	d.wg.Go(func() {
		for _, t := range c.Tasks {
			if t.Status == "Done" {
				continue
			}
			if !d.step(c, t) {
				return
			}
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.finish(c)
	})
}

func (d *Daemon) finish(c *change) {
	now := time.Now()
	c.Ready = &now
	d.save()
}

// step runs one task; false ends the change here: for good (the task failed), or until the next start of the daemon.
func (d *Daemon) step(c *change, t *task) bool {
	d.mu.Lock()
	t.Status = "Doing"
	d.mu.Unlock()
	if d.taskDelay > 0 {
		timer := time.NewTimer(d.taskDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-d.ctx.Done():
		}
	}
	var err error
	if d.ctx.Err() == nil && t.Do != "" {
		err = d.effect(t.Do, c)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		t.Status = "Do"
		d.save()
		return false
	}
	now := time.Now()
	t.Ready = &now
	if err == nil {
		t.Status = "Done"
		d.save()
		return true
	}
	d.fail(c, t, err)
	return false
}

// fail ends a change as snapd does: what was done is undone, what was to come is held.
func (d *Daemon) fail(c *change, t *task, err error) {
	t.Status = "Error"
	t.Log = append(t.Log, time.Now().UTC().Format(time.RFC3339)+" ERROR "+err.Error())
	c.Error = fmt.Sprintf("cannot perform the following tasks:\n- %s (%s)", t.Summary, err)
	for _, other := range c.Tasks {
		switch other.Status {
		case "Done":
			other.Status = "Undone"
		case "Do":
			other.Status = "Hold"
		}
	}
	if undo := d.undo(c); undo != nil {
		d.log.Error(undo, "Cannot undo a change", "change", c.ID)
	}
	d.finish(c)
}

// busy answers 409 if a change of this snap is under way; the caller holds the lock.
func (d *Daemon) busy(name string) (answer, bool) {
	for _, c := range d.state.Changes {
		if !c.ready() && c.Args.Snap == name {
			return refused(http.StatusConflict, "snap-change-conflict", fmt.Sprintf("snap %q has %q change in progress", name, c.Kind),
				map[string]any{"change-kind": c.Kind, "snap-name": name}), true
		}
	}
	return answer{}, false
}

func (c *change) view() map[string]any {
	v := map[string]any{"id": c.ID, "kind": c.Kind, "summary": c.Summary, "status": c.status(), "ready": c.ready(), "spawn-time": c.Spawned.UTC()}
	if c.ready() {
		v["ready-time"] = c.Ready.UTC()
	}
	if c.Error != "" {
		v["err"] = c.Error
	}
	if c.Data != nil {
		v["data"] = c.Data
	}
	var tasks []any
	for _, t := range c.Tasks {
		tasks = append(tasks, t.view())
	}
	if tasks != nil {
		v["tasks"] = tasks
	}
	return v
}

func (t *task) view() map[string]any {
	done := 1
	if t.Status == "Do" {
		done = 0
	}
	v := map[string]any{"id": t.ID, "kind": t.Kind, "summary": t.Summary, "status": t.Status, "spawn-time": t.Spawned.UTC(),
		"progress": map[string]any{"label": "", "done": done, "total": 1}}
	if t.Ready != nil {
		v["ready-time"] = t.Ready.UTC()
	}
	if t.Log != nil {
		v["log"] = t.Log
	}
	if t.Data != nil {
		v["data"] = t.Data
	}
	return v
}

func (d *Daemon) getChange(r *http.Request) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := r.PathValue("id")
	for _, c := range d.state.Changes {
		if c.ID == id {
			return ok(c.view())
		}
	}
	return answer{code: http.StatusNotFound, result: problem{Message: fmt.Sprintf("cannot find change with id %q", id)}}
}

func (d *Daemon) listChanges(r *http.Request) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted, of := r.URL.Query().Get("select"), r.URL.Query().Get("for")
	if wanted == "" {
		wanted = "in-progress"
	}
	if !slices.Contains([]string{"all", "in-progress", "ready"}, wanted) {
		return bad("select should be one of: all,in-progress,ready")
	}
	list := []any{}
	for _, c := range d.state.Changes {
		if of != "" && c.Args.Snap != of || wanted == "in-progress" && c.ready() || wanted == "ready" && !c.ready() {
			continue
		}
		list = append(list, c.view())
	}
	return ok(list)
}

var errEffect = errors.New("unknown task effect")

// quote lists names as snapd prints them in summaries.
func quote(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = strconv.Quote(n)
	}
	return strings.Join(q, " ")
}

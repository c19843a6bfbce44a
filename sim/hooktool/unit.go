package hooktool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/sim/model"
)

func configGet(c *Context, f flags) ([]byte, error) {
	config, err := c.view().Config(f.set["all"])
	if err != nil {
		return nil, err
	}
	if key := f.word(0); key != "" {
		return f.print(config[key])
	}
	return f.print(config)
}

func isLeader(c *Context, f flags) ([]byte, error) { return f.print(c.view().IsLeader()) }

var settable = []string{"maintenance", "blocked", "waiting", "active"}

func statusSet(c *Context, f flags) ([]byte, error) {
	state, message := f.word(0), strings.Join(f.words[min(1, len(f.words)):], " ")
	if state == "" {
		return nil, usage("invalid args, require <status> [message]")
	}
	if !slices.Contains(settable, state) {
		return nil, usage("invalid status %q, expected one of [maintenance blocked waiting active]", state)
	}
	if f.set["application"] {
		if !c.view().IsLeader() {
			return nil, errors.New("setting application status: this unit is not the leader")
		}
		return nil, c.Model.SetApplicationStatus(c.Unit, state, message)
	}
	c.statusSet = true
	return nil, c.Model.SetWorkloadStatus(c.Unit, state, message)
}

func statusGet(c *Context, f flags) ([]byte, error) {
	show := func(s model.Status) map[string]any {
		v := map[string]any{"status": s.Current}
		if f.set["include-data"] {
			v["message"], v["status-data"] = s.Message, map[string]any{}
		}
		return v
	}
	if !f.set["application"] {
		s, err := c.view().Status()
		if err != nil {
			return nil, err
		}
		if !f.set["include-data"] && (f.values["format"] == "" || f.values["format"] == "smart") {
			return f.print(s.Current)
		}
		return f.print(show(s))
	}
	app, units, err := c.view().ApplicationStatus()
	if err != nil {
		return nil, err
	}
	v := show(app)
	of := map[string]any{}
	for name, s := range units {
		of[name] = show(s)
	}
	v["units"] = of
	return f.print(map[string]any{"application-status": v})
}

func applicationVersionSet(c *Context, f flags) ([]byte, error) {
	if len(f.words) != 1 {
		return nil, usage("no version specified")
	}
	return nil, c.Model.SetWorkloadVersion(c.Unit, f.word(0))
}

func jujuLog(c *Context, f flags) ([]byte, error) {
	level := strings.ToUpper(f.values["log-level"])
	if f.set["debug"] {
		level = "DEBUG"
	}
	if level == "" {
		level = "INFO"
	}
	if len(f.words) == 0 {
		return nil, usage("no message specified")
	}
	message := strings.Join(f.words, " ")
	if c.RelationID >= 0 {
		message = fmt.Sprintf("%s:%d: %s", c.Endpoint, c.RelationID, message)
	}
	c.Model.Log(entity(c.Unit), level, "unit."+c.Unit+".juju-log", message)
	return nil, nil
}

// entity is a unit's tag.
func entity(unit string) string { return "unit-" + strings.ReplaceAll(unit, "/", "-") }

func actionGet(c *Context, f flags) ([]byte, error) {
	if err := c.inAction(); err != nil {
		return nil, err
	}
	if f.word(0) == "" {
		params := c.Params
		if params == nil {
			params = map[string]any{}
		}
		return f.print(params)
	}
	var v any = c.Params
	for part := range strings.SplitSeq(f.word(0), ".") {
		m, isMap := v.(map[string]any)
		if !isMap {
			return f.print(nil)
		}
		v = m[part]
	}
	return f.print(v)
}

func actionSet(c *Context, f flags) ([]byte, error) {
	if err := c.inAction(); err != nil {
		return nil, err
	}
	for _, w := range f.words {
		key, value, found := strings.Cut(w, "=")
		if !found {
			return nil, usage("argument %q must be of the form key...=value", w)
		}
		if err := c.setResult(key, value); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func actionLog(c *Context, f flags) ([]byte, error) {
	if err := c.inAction(); err != nil {
		return nil, err
	}
	if len(f.words) == 0 {
		return nil, usage("no message specified")
	}
	return nil, c.Model.LogTask(c.Task.ID, strings.Join(f.words, " "))
}

func actionFail(c *Context, f flags) ([]byte, error) {
	if err := c.inAction(); err != nil {
		return nil, err
	}
	c.failed, c.message = true, f.word(0)
	if c.message == "" {
		c.message = "action failed without reason given, check action for errors"
	}
	return nil, nil
}

// state is the unit's state with this context's own writes on top.
func (c *Context) state() (map[string]string, error) {
	state, err := c.view().State()
	if err != nil {
		return nil, err
	}
	if state == nil {
		state = map[string]string{}
	}
	for k, v := range c.changes.State {
		state[k] = v
	}
	for _, k := range c.changes.DeleteState {
		delete(state, k)
	}
	return state, nil
}

func stateGet(c *Context, f flags) ([]byte, error) {
	state, err := c.state()
	if err != nil {
		return nil, err
	}
	key := f.word(0)
	if key == "" || key == "-" {
		return f.print(state)
	}
	value, there := state[key]
	switch {
	case there:
		return f.print(value)
	case f.set["strict"]:
		return nil, fmt.Errorf("%q not found", key)
	case f.values["format"] == "" || f.values["format"] == "smart":
		return nil, nil
	}
	return f.print("")
}

func stateSet(c *Context, f flags) ([]byte, error) {
	pairs, err := f.pairs(f.words)
	if err != nil {
		return nil, err
	}
	for k, v := range pairs {
		if len(k) > 256 || len(v) > 64<<10 {
			return nil, fmt.Errorf("cannot set %q: a key may have 256 bytes, a value 64 KiB", k)
		}
	}
	if c.changes.State == nil {
		c.changes.State = map[string]string{}
	}
	for k, v := range pairs {
		c.changes.State[k] = v
		c.changes.DeleteState = slices.DeleteFunc(c.changes.DeleteState, func(d string) bool { return d == k })
	}
	return nil, nil
}

func stateDelete(c *Context, f flags) ([]byte, error) {
	if f.word(0) == "" {
		return nil, usage("no key specified")
	}
	delete(c.changes.State, f.word(0))
	c.changes.DeleteState = append(c.changes.DeleteState, f.word(0))
	return nil, nil
}

func goalState(c *Context, f flags) ([]byte, error) {
	units, relations, err := c.view().GoalState()
	if err != nil {
		return nil, err
	}
	show := func(goals map[string]model.Goal) map[string]any {
		out := map[string]any{}
		for name, g := range goals {
			out[name] = map[string]string{"status": g.Status, "since": g.Since.UTC().Format(time.DateTime + "Z")}
		}
		return out
	}
	related := map[string]any{}
	for endpoint, goals := range relations {
		related[endpoint] = show(goals)
	}
	if f.values["format"] == "" {
		f.values["format"] = "yaml"
	}
	return f.print(map[string]any{"units": show(units), "relations": related})
}

func storageList(c *Context, f flags) ([]byte, error) {
	instances, err := c.view().Storage()
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, s := range instances {
		if f.word(0) == "" || s.Name == f.word(0) {
			ids = append(ids, s.ID)
		}
	}
	return f.print(ids)
}

func storageGet(c *Context, f flags) ([]byte, error) {
	id := f.values["storage"]
	if id == "" {
		id = c.StorageID
	}
	instances, err := c.view().Storage()
	if err != nil {
		return nil, err
	}
	for _, s := range instances {
		if s.ID != id {
			continue
		}
		all := map[string]string{"kind": s.Kind, "location": s.Location}
		if key := f.word(0); key != "" {
			return f.print(all[key])
		}
		return f.print(all)
	}
	return nil, usage(`invalid value %q for option -s: storage %q not found`, id, id)
}

// resourceGet prints the path without a newline, as Juju does.
func resourceGet(c *Context, f flags) ([]byte, error) {
	if f.word(0) == "" {
		return nil, usage("missing required resource name")
	}
	path, err := c.Resource(f.word(0))
	if err != nil {
		return nil, fmt.Errorf("could not download resource: %w", err)
	}
	return []byte(path), nil
}

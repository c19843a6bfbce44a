package snapd

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// systemSnap is what snapd calls the system in its answers about configuration.
const systemSnap = "core"

// lookup finds a dotted key.
func lookup(config map[string]any, key string) (any, bool) {
	var v any = config
	for part := range strings.SplitSeq(key, ".") {
		m, isMap := v.(map[string]any)
		if !isMap {
			return nil, false
		}
		if v, isMap = m[part]; !isMap {
			return nil, false
		}
	}
	return v, true
}

// assign sets a dotted key; nil removes it.
func assign(config map[string]any, key string, value any) {
	parts := strings.Split(key, ".")
	for _, p := range parts[:len(parts)-1] {
		next, isMap := config[p].(map[string]any)
		if !isMap {
			next = map[string]any{}
			config[p] = next
		}
		config = next
	}
	last := parts[len(parts)-1]
	if value == nil {
		delete(config, last)
		return
	}
	config[last] = value
}

func (d *Daemon) getConf(r *http.Request) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := r.PathValue("name")
	config := d.state.Config
	if name != "system" && name != systemSnap {
		if d.state.Snaps[name] == nil {
			return notInstalled(name)
		}
		config = map[string]any{} // the etcd snap has no configuration of its own
	} else {
		name = systemSnap
	}
	keys := r.URL.Query().Get("keys")
	if keys == "" {
		return ok(config)
	}
	found := map[string]any{}
	for key := range strings.SplitSeq(keys, ",") {
		v, there := lookup(config, key)
		if !there {
			return refused(http.StatusBadRequest, "option-not-found", fmt.Sprintf("snap %q has no %q configuration option", name, key),
				map[string]any{"SnapName": name, "Key": key})
		}
		found[key] = v
	}
	return ok(found)
}

func (d *Daemon) putConf(r *http.Request) answer {
	values := map[string]any{}
	if a, good := decode(r, &values); !good {
		return a
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	name := r.PathValue("name")
	if name == "system" {
		name = systemSnap
	} else if d.state.Snaps[name] == nil {
		return notInstalled(name)
	}
	if a, busy := d.busy(name); busy {
		return a
	}
	c := d.begin("configure-snap", fmt.Sprintf("Change configuration of %q snap", name), args{Snap: name, Values: values},
		[]*task{{Kind: "run-hook", Summary: fmt.Sprintf("Run configure hook of %q snap", name), Do: "configure"}})
	return accepted(c)
}

// configure checks and takes the values: all of them, or none.
func (d *Daemon) configure(a args) error {
	if a.Snap != systemSnap {
		return fmt.Errorf("snap %q has no \"configure\" hook", a.Snap)
	}
	for _, key := range slices.Sorted(maps.Keys(a.Values)) {
		text, isText := a.Values[key].(string)
		if a.Values[key] == nil {
			continue
		}
		var err error
		switch key {
		case "refresh.timer":
			if !isText {
				return fmt.Errorf("run hook \"configure\": cannot parse %q", fmt.Sprint(a.Values[key]))
			}
			err = checkTimer(text)
		case "refresh.hold":
			if text == "forever" && d.atLeast(2, 58) {
				continue
			}
			if _, bad := time.Parse(time.RFC3339, text); bad != nil {
				err = fmt.Errorf("refresh.hold cannot be parsed: %w", bad)
			}
		}
		if err != nil {
			return fmt.Errorf("run hook \"configure\": %w", err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, value := range a.Values {
		assign(d.state.Config, key, value)
	}
	return nil
}

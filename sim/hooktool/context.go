package hooktool

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"jujuetcd.io/sim/model"
)

// Context is one hook, action or command that runs.
type Context struct {
	// ID is JUJU_CONTEXT_ID.
	ID    string
	Model *model.Model
	Unit  string
	// RelationID, RemoteUnit and RemoteApplication are of a relation hook; RelationID is -1 in others.
	RelationID        int
	Endpoint          string
	RemoteUnit        string
	RemoteApplication string
	// Departing holds the databags of units that have gone, which relation-get still shows in their departed hook.
	Departing map[string]map[string]string
	// Members are, by relation, the units whose joined hook has run and whose departed hook has not: relation-list shows these,
	// not those that are there and yet to be told of.
	Members map[int][]string
	// Resource brings a resource to the machine and returns its path there.
	Resource func(name string) (string, error)
	// StorageID is of a storage hook.
	StorageID string
	// Task is the action's number, Params its parameters; nil outside an action.
	Task   *model.Task
	Params map[string]any

	socket string

	mu        sync.Mutex
	changes   model.Changes
	results   map[string]any
	failed    bool
	message   string
	statusSet bool
}

// Environment are the variables that lead the hook tools here.
func (c *Context) Environment() []string {
	return []string{contextVariable + "=" + c.ID, addressVariable + "=" + c.socket, networkVariable + "=unix"}
}

// Changes are what is to be committed.
func (c *Context) Changes() model.Changes {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// Results are what action-set gave.
func (c *Context) Results() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.results
}

// Failed says that action-fail was called, and with what.
func (c *Context) Failed() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.message, c.failed
}

// StatusSet says that the charm has set its unit's status.
func (c *Context) StatusSet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statusSet
}

func (c *Context) view() model.View { return c.Model.View(c.Unit) }

func (c *Context) application() string {
	app, _, _ := strings.Cut(c.Unit, "/")
	return app
}

// relation is the relation that a tool is about: -r, or the hook's own.
func (c *Context) relation(f flags) (int, error) {
	text, given := f.values["relation"]
	if !given || text == "" {
		if c.RelationID < 0 {
			return 0, usage("no relation id specified")
		}
		return c.RelationID, nil
	}
	number := text
	if i := strings.LastIndex(text, ":"); i >= 0 {
		number = text[i+1:]
	}
	id, err := strconv.Atoi(number)
	if err != nil {
		return 0, usage(`invalid value %q for option -r: invalid relation id`, text)
	}
	if _, err := c.view().RelationApplication(id); err != nil && model.IsNotFound(err) {
		return 0, usage(`invalid value %q for option -r: relation not found`, text)
	}
	return id, nil
}

// merged is a databag with this context's own writes on top.
func merged(bag, writes map[string]string) map[string]string {
	out := maps.Clone(bag)
	if out == nil {
		out = map[string]string{}
	}
	for k, v := range writes {
		if v == "" {
			delete(out, k)
			continue
		}
		out[k] = v
	}
	return out
}

func set(target *map[int]map[string]string, relation int, values map[string]string) {
	if *target == nil {
		*target = map[int]map[string]string{}
	}
	if (*target)[relation] == nil {
		(*target)[relation] = map[string]string{}
	}
	maps.Copy((*target)[relation], values)
}

func (c *Context) openPort(p model.PortRange, open bool) {
	same := func(q model.PortRange) bool { return p == q }
	c.changes.Open = slices.DeleteFunc(c.changes.Open, same)
	c.changes.Close = slices.DeleteFunc(c.changes.Close, same)
	if open {
		c.changes.Open = append(c.changes.Open, p)
	} else {
		c.changes.Close = append(c.changes.Close, p)
	}
}

// setResult puts a dotted key into the action's results.
func (c *Context) setResult(key, value string) error {
	if c.results == nil {
		c.results = map[string]any{}
	}
	parts := strings.Split(key, ".")
	for _, p := range parts {
		if !resultKey.MatchString(p) {
			return usage("key %q must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens", key)
		}
	}
	if slices.Contains([]string{"stdout", "stdout-encoding", "stderr", "stderr-encoding"}, key) {
		return usage("cannot set reserved action key %q", key)
	}
	at := c.results
	for _, p := range parts[:len(parts)-1] {
		next, isMap := at[p].(map[string]any)
		if !isMap {
			next = map[string]any{}
			at[p] = next
		}
		at = next
	}
	at[parts[len(parts)-1]] = value
	return nil
}

func (c *Context) inAction() error {
	if c.Task == nil {
		return fmt.Errorf("not running an action")
	}
	return nil
}

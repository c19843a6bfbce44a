package charmtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/printable"
)

// Call is one run of a hook tool: its command line and what it was given.
type Call struct{ Line, Stdin string }

// Juju answers hook tools from a small model of one unit, and records every run.
type Juju struct {
	Unit      string
	Relations map[string][]string          // endpoint: ids
	Members   map[string][]string          // id: remote units
	Bags      map[string]map[string]string // "id unit" or "id app"
	Status    map[string][2]string         // unit and application: state, message
	Networks  map[string]string
	Goal      string
	Config    map[string]string
	Leader    bool
	Public    string
	Ports     []string
	Desired   string
	// Parameters are those of the action by their names; where there are none, each is Desired.
	Parameters map[string]any
	Results    map[string]string
	Failure    string
	Version    string
	Calls      []Call
	Broken     string // a tool that fails
	// Secrets are those that the unit may read, by URI.
	Secrets map[string]map[string]string
}

// NewJuju is etcd/0 beside etcd/1, at 10.0.0.4, related to nobody else.
func NewJuju() *Juju {
	const network = `{"bind-addresses":[{"addresses":[{"value":"10.0.0.4"}]}],"ingress-addresses":["10.0.0.4"]}`
	return &Juju{
		Unit: "etcd/0", Public: "10.0.0.4",
		Relations: map[string][]string{"cluster": {"cluster:0"}},
		Members:   map[string][]string{"cluster:0": {"etcd/1"}},
		Bags:      map[string]map[string]string{},
		Status:    map[string][2]string{"unit": {"waiting", ""}, "application": {"waiting", ""}},
		Networks:  map[string]string{"cluster": network, "db": network},
		Goal:      `{"units":{"etcd/0":{"status":"active"},"etcd/1":{"status":"active"}}}`,
		Results:   map[string]string{},
	}
}

// Run answers one run of a hook tool.
func (f *Juju) Run(_ context.Context, stdin []byte, tool string, args ...string) ([]byte, error) {
	f.Calls = append(f.Calls, Call{Line: strings.Join(append([]string{tool}, args...), " "), Stdin: string(stdin)})
	for _, arg := range args {
		// What Linux takes for an argument: no NUL, and no more than 128 KiB.
		if strings.Contains(arg, "\x00") {
			return nil, fmt.Errorf("cannot run %s: invalid argument", tool)
		}
		if len(arg) >= 128<<10 {
			return nil, fmt.Errorf("cannot run %s: argument list too long", tool)
		}
		// And what a terminal may be shown.
		if printable.Text(arg, len(arg)) != arg {
			return nil, fmt.Errorf("%s is given %q", tool, arg)
		}
	}
	if tool == f.Broken {
		return nil, fmt.Errorf("cannot run %s: exit status 1: ERROR out of order", tool)
	}
	isJSON := len(args) > 0 && args[0] == "--format=json"
	if isJSON {
		args = args[1:]
	}
	answer, err := f.answer(tool, args, stdin)
	if err != nil || answer == nil || !isJSON {
		return nil, err
	}
	return json.Marshal(answer)
}

func (f *Juju) answer(tool string, args []string, stdin []byte) (any, error) {
	app := slices.Contains(args, "--app") || slices.Contains(args, "--application")
	args = slices.DeleteFunc(args, func(a string) bool { return a == "--app" || a == "--application" })
	switch tool {
	case "relation-ids":
		return slices.Clone(f.Relations[args[0]]), nil
	case "relation-list":
		units := f.Members[args[1]]
		if app {
			name, _, _ := strings.Cut(units[0], "/")
			return name, nil
		}
		return units, nil
	case "relation-get":
		return f.Bags[args[1]+" "+args[3]], nil
	case "relation-set":
		return nil, f.setRelation(args[1], app, stdin)
	case "status-get":
		return f.getStatus(app)
	case "status-set":
		if app && !f.Leader {
			return nil, fmt.Errorf("cannot set application status: this unit is not the leader")
		}
		f.Status[map[bool]string{false: "unit", true: "application"}[app]] = [2]string{args[0], args[1]}
	case "network-get":
		// In the context of a relation its own endpoint may have other addresses.
		if len(args) == 3 {
			if own, there := f.Networks[args[0]+" "+args[2]]; there {
				return json.RawMessage(own), nil
			}
		}
		return json.RawMessage(f.Networks[args[0]]), nil
	case "goal-state":
		return json.RawMessage(f.Goal), nil
	case "config-get":
		return f.Config[args[0]], nil
	case "is-leader":
		return f.Leader, nil
	case "unit-get":
		return f.Public, nil
	case "opened-ports":
		return f.Ports, nil
	case "open-port":
		f.Ports = append(f.Ports, args[0])
	case "close-port":
		f.Ports = slices.DeleteFunc(f.Ports, func(p string) bool { return p == args[0] })
	case "action-get":
		if f.Parameters != nil {
			return f.Parameters[args[0]], nil
		}
		return f.Desired, nil
	case "secret-get":
		content, granted := f.Secrets[args[len(args)-1]]
		if !granted {
			return nil, fmt.Errorf("cannot run secret-get: exit status 1: ERROR %q is not allowed to read this secret", f.Unit)
		}
		return content, nil
	case "action-log":
	case "action-set":
		key, value, _ := strings.Cut(args[0], "=")
		f.Results[key] = value
	case "action-fail":
		f.Failure = args[0]
	case "application-version-set":
		f.Version = args[0]
	case "juju-log":
	default:
		return nil, fmt.Errorf("no hook tool %q", tool)
	}
	return nil, nil
}

func (f *Juju) setRelation(id string, app bool, stdin []byte) error {
	key := id + " " + f.Unit
	if app {
		if !f.Leader {
			return fmt.Errorf("cannot write relation settings")
		}
		application, _, _ := strings.Cut(f.Unit, "/")
		key = id + " " + application
	}
	var changes map[string]string
	if err := json.Unmarshal(stdin, &changes); err != nil {
		return err
	}
	if f.Bags[key] == nil {
		f.Bags[key] = map[string]string{}
	}
	for k, v := range changes {
		if f.Bags[key][k] = v; v == "" {
			delete(f.Bags[key], k)
		}
	}
	return nil
}

func (f *Juju) getStatus(app bool) (any, error) {
	if app && !f.Leader {
		return nil, fmt.Errorf("cannot read application status: this unit is not the leader")
	}
	who := map[bool]string{false: "unit", true: "application"}[app]
	s := map[string]any{"status": f.Status[who][0], "message": f.Status[who][1], "status-data": map[string]any{}}
	if app {
		return map[string]any{"application-status": s}, nil
	}
	return s, nil
}

// Writes are the recorded runs that changed something in Juju.
func (f *Juju) Writes() []string {
	var lines []string
	for _, c := range f.Calls {
		switch tool, _, _ := strings.Cut(c.Line, " "); tool {
		case "relation-set", "status-set", "open-port", "close-port", "application-version-set":
			lines = append(lines, c.Line)
		}
	}
	return lines
}

var _ hooktool.Runner = (*Juju)(nil)

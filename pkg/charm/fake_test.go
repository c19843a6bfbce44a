package charm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/printable"
)

// call is one run of a hook tool: its command line and what it was given.
type call struct{ line, stdin string }

// fakeJuju answers hook tools from a small model of one unit, and records every run.
type fakeJuju struct {
	unit      string
	relations map[string][]string          // endpoint: ids
	members   map[string][]string          // id: remote units
	bags      map[string]map[string]string // "id unit" or "id app"
	status    map[string][2]string         // unit and application: state, message
	networks  map[string]string
	goal      string
	config    map[string]string
	leader    bool
	public    string
	ports     []string
	desired   string
	results   map[string]string
	failure   string
	version   string
	calls     []call
	broken    string // a tool that fails
}

func (f *fakeJuju) Run(_ context.Context, stdin []byte, tool string, args ...string) ([]byte, error) {
	f.calls = append(f.calls, call{line: strings.Join(append([]string{tool}, args...), " "), stdin: string(stdin)})
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
	if tool == f.broken {
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

func (f *fakeJuju) answer(tool string, args []string, stdin []byte) (any, error) {
	app := slices.Contains(args, "--app") || slices.Contains(args, "--application")
	args = slices.DeleteFunc(args, func(a string) bool { return a == "--app" || a == "--application" })
	application, _, _ := strings.Cut(f.unit, "/")
	switch tool {
	case "relation-ids":
		return slices.Clone(f.relations[args[0]]), nil
	case "relation-list":
		units := f.members[args[1]]
		if app {
			name, _, _ := strings.Cut(units[0], "/")
			return name, nil
		}
		return units, nil
	case "relation-get":
		return f.bags[args[1]+" "+args[3]], nil
	case "relation-set":
		key := args[1] + " " + f.unit
		if app {
			if !f.leader {
				return nil, fmt.Errorf("cannot write relation settings")
			}
			key = args[1] + " " + application
		}
		var changes map[string]string
		if err := json.Unmarshal(stdin, &changes); err != nil {
			return nil, err
		}
		if f.bags[key] == nil {
			f.bags[key] = map[string]string{}
		}
		for k, v := range changes {
			if f.bags[key][k] = v; v == "" {
				delete(f.bags[key], k)
			}
		}
		return nil, nil
	case "status-get":
		if app && !f.leader {
			return nil, fmt.Errorf("cannot read application status: this unit is not the leader")
		}
		who := map[bool]string{false: "unit", true: "application"}[app]
		s := map[string]any{"status": f.status[who][0], "message": f.status[who][1], "status-data": map[string]any{}}
		if app {
			return map[string]any{"application-status": s}, nil
		}
		return s, nil
	case "status-set":
		if app && !f.leader {
			return nil, fmt.Errorf("cannot set application status: this unit is not the leader")
		}
		f.status[map[bool]string{false: "unit", true: "application"}[app]] = [2]string{args[0], args[1]}
	case "network-get":
		// In the context of a relation its own endpoint may have other addresses.
		if len(args) == 3 {
			if own, there := f.networks[args[0]+" "+args[2]]; there {
				return json.RawMessage(own), nil
			}
		}
		return json.RawMessage(f.networks[args[0]]), nil
	case "goal-state":
		return json.RawMessage(f.goal), nil
	case "config-get":
		return f.config[args[0]], nil
	case "is-leader":
		return f.leader, nil
	case "unit-get":
		return f.public, nil
	case "opened-ports":
		return f.ports, nil
	case "open-port":
		f.ports = append(f.ports, args[0])
	case "close-port":
		f.ports = slices.DeleteFunc(f.ports, func(p string) bool { return p == args[0] })
	case "action-get":
		return f.desired, nil
	case "action-set":
		key, value, _ := strings.Cut(args[0], "=")
		f.results[key] = value
	case "action-fail":
		f.failure = args[0]
	case "application-version-set":
		f.version = args[0]
	case "juju-log":
	default:
		return nil, fmt.Errorf("no hook tool %q", tool)
	}
	return nil, nil
}

// writes are the recorded runs that changed something in Juju.
func (f *fakeJuju) writes() []string {
	var lines []string
	for _, c := range f.calls {
		switch tool, _, _ := strings.Cut(c.line, " "); tool {
		case "relation-set", "status-set", "open-port", "close-port", "application-version-set":
			lines = append(lines, c.line)
		}
	}
	return lines
}

var _ hooktool.Runner = (*fakeJuju)(nil)

package hooktool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/printable"
)

// Tools is what the charm can ask and tell Juju.
type Tools struct {
	run     Runner
	pending int
	// relations are the ids by endpoint: Juju makes them out when a dispatch begins, and each
	// question costs a process.
	relations map[string][]string
}

// New returns the tools behind a runner.
func New(r Runner) *Tools { return &Tools{run: r} }

// Pending is how many writes this dispatch has handed to Juju for its commit at the end.
func (t *Tools) Pending() int { return t.pending }

// ask runs a tool and decodes what it printed.
func (t *Tools) ask(ctx context.Context, into any, tool string, args ...string) error {
	out, err := t.run.Run(ctx, nil, tool, append([]string{"--format=json"}, args...)...)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return nil
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("cannot read what %s printed: %w", tool, err)
	}
	return nil
}

func (t *Tools) do(ctx context.Context, tool string, args ...string) error {
	_, err := t.run.Run(ctx, nil, tool, args...)
	return err
}

// RelationIDs are the ids of an endpoint's relations, such as cluster:0, sorted. Juju is asked once
// for each endpoint: it makes them out when a dispatch begins.
func (t *Tools) RelationIDs(ctx context.Context, endpoint string) ([]string, error) {
	if ids, known := t.relations[endpoint]; known {
		return slices.Clone(ids), nil
	}
	var ids []string
	if err := t.ask(ctx, &ids, "relation-ids", endpoint); err != nil {
		return nil, err
	}
	slices.Sort(ids)
	if t.relations == nil {
		t.relations = map[string][]string{}
	}
	t.relations[endpoint] = ids
	return slices.Clone(ids), nil
}

// RelationUnits are the remote units that have joined a relation, sorted.
func (t *Tools) RelationUnits(ctx context.Context, id string) ([]string, error) {
	var units []string
	err := t.ask(ctx, &units, "relation-list", "-r", id)
	slices.Sort(units)
	return units, err
}

// RelationApplication is the application at the other end of a relation.
func (t *Tools) RelationApplication(ctx context.Context, id string) (string, error) {
	var name string
	err := t.ask(ctx, &name, "relation-list", "-r", id, "--app")
	return name, err
}

// Relation is the databag of a unit in a relation; the own unit's name gives the own databag.
func (t *Tools) Relation(ctx context.Context, id, unit string) (map[string]string, error) {
	return t.bag(ctx, "-r", id, "-", unit)
}

// ApplicationRelation is the databag of an application in a relation.
func (t *Tools) ApplicationRelation(ctx context.Context, id, application string) (map[string]string, error) {
	return t.bag(ctx, "-r", id, "--app", "-", application)
}

// maxBag bounds the databag of one writer, as the controller does.
const maxBag = 1 << 20

// bag reads a databag. One that is too large is not read: that is its writer's trouble, which the
// controller names, and no reason for a hook to fail.
func (t *Tools) bag(ctx context.Context, args ...string) (map[string]string, error) {
	var bag map[string]string
	err := t.ask(ctx, &bag, "relation-get", args...)
	if errors.Is(err, ErrTooLong) {
		return nil, nil
	}
	size := 0
	for key, value := range bag {
		size += len(key) + len(value)
	}
	if size > maxBag {
		return nil, err
	}
	return bag, err
}

// SetRelation changes the own unit's databag; an empty value removes its key.
func (t *Tools) SetRelation(ctx context.Context, id string, changes map[string]string) error {
	return t.setRelation(ctx, changes, "-r", id, "--file", "-")
}

// SetApplicationRelation changes the own application's databag, which only the leader may.
func (t *Tools) SetApplicationRelation(ctx context.Context, id string, changes map[string]string) error {
	return t.setRelation(ctx, changes, "-r", id, "--app", "--file", "-")
}

func (t *Tools) setRelation(ctx context.Context, changes map[string]string, args ...string) error {
	text, err := json.Marshal(changes)
	if err != nil {
		return fmt.Errorf("cannot encode the databag keys %v: %w", slices.Sorted(maps.Keys(changes)), err)
	}
	t.pending++
	_, err = t.run.Run(ctx, text, "relation-set", args...)
	return err
}

// Config is the value of an option of type string; empty where it has none.
func (t *Tools) Config(ctx context.Context, option string) (string, error) {
	var value *string
	if err := t.ask(ctx, &value, "config-get", option); err != nil || value == nil {
		return "", err
	}
	return *value, nil
}

// IsLeader says whether the unit is its application's leader.
func (t *Tools) IsLeader(ctx context.Context) (bool, error) {
	var leader bool
	err := t.ask(ctx, &leader, "is-leader")
	return leader, err
}

// Status is the unit's workload status.
func (t *Tools) Status(ctx context.Context) (v1alpha1.StatusText, error) {
	var shown statusText
	err := t.ask(ctx, &shown, "status-get", "--include-data")
	return v1alpha1.StatusText(shown), err
}

// ApplicationStatus is the application's status, for its leader.
func (t *Tools) ApplicationStatus(ctx context.Context) (v1alpha1.StatusText, error) {
	var shown struct {
		Application statusText `json:"application-status"`
	}
	err := t.ask(ctx, &shown, "status-get", "--include-data", "--application")
	return v1alpha1.StatusText(shown.Application), err
}

// statusText is a status in status-get's words.
type statusText struct {
	State   string `json:"status"`
	Message string `json:"message"`
}

// SetStatus sets the unit's workload status.
func (t *Tools) SetStatus(ctx context.Context, s v1alpha1.StatusText) error {
	return t.do(ctx, "status-set", s.State, printable.Line(s.Message, printable.Status))
}

// SetApplicationStatus sets the application's status, which only the leader may.
func (t *Tools) SetApplicationStatus(ctx context.Context, s v1alpha1.StatusText) error {
	return t.do(ctx, "status-set", "--application", s.State, printable.Line(s.Message, printable.Status))
}

// SetVersion sets the workload version that juju status shows.
func (t *Tools) SetVersion(ctx context.Context, version string) error {
	return t.do(ctx, "application-version-set", printable.Line(version, printable.Name))
}

// OpenedPorts are the TCP ports that are open for the unit, sorted.
func (t *Tools) OpenedPorts(ctx context.Context) ([]int32, error) {
	var ranges []string
	if err := t.ask(ctx, &ranges, "opened-ports"); err != nil {
		return nil, err
	}
	return tcpPorts(ranges)
}

func tcpPorts(ranges []string) ([]int32, error) {
	var ports []int32
	for _, r := range ranges {
		span, found := strings.CutSuffix(r, "/tcp")
		if !found {
			continue
		}
		first, last, isSpan := strings.Cut(span, "-")
		if !isSpan {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		if err == nil && from == 0 {
			err = errors.New("there is no port 0")
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read opened port %q: %w", r, err)
		}
		to, err := strconv.ParseUint(last, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("cannot read opened port %q: %w", r, err)
		}
		for p := from; p <= to; p++ {
			ports = append(ports, int32(p))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}

// OpenPort and ClosePort change what Juju lets through to the unit.
func (t *Tools) OpenPort(ctx context.Context, port int32) error {
	t.pending++
	return t.do(ctx, "open-port", fmt.Sprintf("%d/tcp", port))
}

// ClosePort is the opposite of OpenPort.
func (t *Tools) ClosePort(ctx context.Context, port int32) error {
	t.pending++
	return t.do(ctx, "close-port", fmt.Sprintf("%d/tcp", port))
}

// PublicAddress is the unit's public address.
func (t *Tools) PublicAddress(ctx context.Context) (string, error) {
	var address string
	err := t.ask(ctx, &address, "unit-get", "public-address")
	return address, err
}

// GoalStates are the states of the application's own units by name, as Juju wants them: a unit that
// is being removed is "dying" or "dead".
func (t *Tools) GoalStates(ctx context.Context) (map[string]string, error) {
	var goal struct {
		Units map[string]struct {
			Status string `json:"status"`
		} `json:"units"`
	}
	if err := t.ask(ctx, &goal, "goal-state"); err != nil {
		return nil, err
	}
	states := make(map[string]string, len(goal.Units))
	for unit, state := range goal.Units {
		states[unit] = state.Status
	}
	return states, nil
}

// Resource is the path of a resource's file; empty where nothing was uploaded, which an empty file
// says, too.
func (t *Tools) Resource(ctx context.Context, name string) string {
	// It fails for a resource that was never uploaded, and nothing tells that from another failure.
	out, err := t.run.Run(ctx, nil, "resource-get", name)
	if err != nil {
		return ""
	}
	path := strings.TrimSpace(string(out))
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return ""
	}
	return path
}

// Log writes a line to Juju's log.
func (t *Tools) Log(ctx context.Context, level Level, message string) error {
	return t.do(ctx, "juju-log", "-l", string(level), printable.Text(message, printable.Message))
}

// Level is a level of Juju's log.
type Level string

// Levels.
const (
	LevelDebug   Level = "DEBUG"
	LevelInfo    Level = "INFO"
	LevelWarning Level = "WARNING"
	LevelError   Level = "ERROR"
)

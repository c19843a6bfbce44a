package server

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

var actionMethods = map[string]method{
	"EnqueueOperation":          {need: model.Write, run: typed(enqueueOperation)},
	"Run":                       {need: model.Admin, changes: true, run: typed(runCommands)},
	"Actions":                   {need: model.Read, run: typed(actions)},
	"Operations":                {need: model.Read, run: typed(operations)},
	"ListOperations":            {need: model.Read, run: typed(listOperations)},
	"Cancel":                    {need: model.Write, run: typed(cancelActions)},
	"ApplicationsCharmsActions": {need: model.Write, run: typed(charmsActions)},
	"WatchActionsProgress":      {need: model.Read, run: typed(watchActionsProgress)},
}

// pageMax is the longest page of ListOperations.
const pageMax = 50

// receiver reads unit-etcd-0 and etcd/leader.
func receiver(text string) (string, error) {
	if unit, ok := wire.UnitName(text); ok {
		return unit, nil
	}
	if _, ok := strings.CutSuffix(text, "/leader"); ok {
		return text, nil
	}
	return "", notTag(text, "unit")
}

func enqueueOperation(c *call, params wire.Actions) (wire.EnqueuedActions, error) {
	results := make([]wire.ActionResult, len(params.Actions))
	var requests []model.TaskRequest
	var index []int // Of each request in the results.
	for i, a := range params.Actions {
		unit, err := receiver(a.Receiver)
		if err != nil {
			results[i] = wire.ActionResult{Error: inner(err)}
			continue
		}
		r := model.TaskRequest{Receiver: unit, Name: a.Name, Params: a.Parameters}
		if a.Parallel != nil {
			r.Parallel = *a.Parallel
		}
		if a.ExecutionGroup != nil {
			r.Group = *a.ExecutionGroup
		}
		requests, index = append(requests, r), append(index, i)
	}
	if len(requests) == 0 && len(results) > 0 {
		return wire.EnqueuedActions{Actions: results}, nil
	}
	id, tasks, err := c.model.Enqueue(requests)
	if err != nil {
		return wire.EnqueuedActions{}, err
	}
	for i, t := range tasks {
		results[index[i]] = c.enqueued(t, false)
	}
	return wire.EnqueuedActions{OperationTag: wire.OperationTag(strconv.Itoa(id)), Actions: results}, nil
}

// enqueued is a task in the reply to its request, which on 4.0 shows neither its name nor its
// parameters.
func (c *call) enqueued(r model.TaskResult, group bool) wire.ActionResult {
	if r.Err != nil {
		return wire.ActionResult{Error: inner(r.Err)}
	}
	shown := c.task(r.Task, false)
	if c.model.Profile().TaskDetails {
		return shown
	}
	shown.Action.Name, shown.Action.Parameters = "", nil
	if !group {
		shown.Action.ExecutionGroup = nil
	}
	return shown
}

// Run is the parameters of Action.Run.
type Run struct {
	Commands       string        `json:"commands"`
	Timeout        time.Duration `json:"timeout"`
	Machines       []string      `json:"machines,omitempty"`
	Applications   []string      `json:"applications,omitempty"`
	Units          []string      `json:"units,omitempty"`
	Parallel       *bool         `json:"parallel,omitempty"`
	ExecutionGroup *string       `json:"execution-group,omitempty"`
}

func runCommands(c *call, params Run) (wire.EnqueuedActions, error) {
	for _, word := range []string{"juju-exec", "juju-run"} {
		if strings.Contains(params.Commands, word) {
			return wire.EnqueuedActions{}, failure(wire.CodeNotSupported, "cannot use \""+word+"\" as an action command")
		}
	}
	if len(params.Machines) > 0 {
		return wire.EnqueuedActions{}, failure(wire.CodeNotSupported, "jujusim runs commands on units only")
	}
	units := slices.Clone(params.Units)
	for _, name := range params.Applications {
		if _, err := c.model.Application(name); err != nil {
			return wire.EnqueuedActions{}, err
		}
		units = append(units, c.model.UnitNames(name)...)
	}
	var requests []model.TaskRequest
	for _, unit := range units {
		r := model.TaskRequest{
			Receiver: unit, Name: model.Exec,
			Params:   map[string]any{"command": params.Commands, "timeout": params.Timeout.Nanoseconds()},
			Parallel: params.Parallel != nil && *params.Parallel,
		}
		if params.ExecutionGroup != nil {
			r.Group = *params.ExecutionGroup
		}
		requests = append(requests, r)
	}
	id, tasks, err := c.model.Enqueue(requests)
	if err != nil {
		return wire.EnqueuedActions{}, err
	}
	result := wire.EnqueuedActions{OperationTag: wire.OperationTag(strconv.Itoa(id))}
	for _, t := range tasks {
		result.Actions = append(result.Actions, c.enqueued(t, true))
	}
	return result, nil
}

// task shows a task. Its own time of completion stays zero on 4.0.15.
func (c *call) task(t model.Task, output bool) wire.ActionResult {
	shown := wire.ActionResult{
		Action: &wire.Action{
			Tag: wire.ActionTag(strconv.Itoa(t.ID)), Receiver: wire.UnitTag(t.Unit), Name: t.Name, Parameters: t.Params,
			Parallel: &t.Parallel, ExecutionGroup: &t.Group,
		},
		Enqueued: t.Enqueued, Started: t.Started, Status: string(t.Status), Message: t.Message,
	}
	if c.model.Profile().TaskDetails {
		shown.Completed = t.Completed
	}
	for _, l := range t.Log {
		shown.Log = append(shown.Log, wire.ActionMessage{Timestamp: l.At, Message: l.Message})
	}
	if output {
		shown.Output = t.Output
	}
	return shown
}

func actions(c *call, params wire.Entities) (wire.ActionResults, error) {
	var results wire.ActionResults
	for _, e := range params.Entities {
		id, err := number(e.Tag, "action")
		if err == nil {
			var t model.Task
			if t, err = c.model.Task(id); err == nil {
				results.Results = append(results.Results, c.task(t, true))
				continue
			}
		}
		results.Results = append(results.Results, wire.ActionResult{Error: inner(err)})
	}
	return results, nil
}

func number(tag, kind string) (int, error) {
	text, ok := wire.ID(tag, kind)
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		return 0, notTag(tag, kind)
	}
	return n, nil
}

func cancelActions(c *call, params wire.Entities) (wire.ActionResults, error) {
	var results wire.ActionResults
	for _, e := range params.Entities {
		id, err := number(e.Tag, "action")
		var t model.Task
		if err == nil {
			t, err = c.model.CancelTask(id)
		}
		if err != nil {
			results.Results = append(results.Results, wire.ActionResult{Error: inner(err)})
			continue
		}
		results.Results = append(results.Results, c.task(t, true))
	}
	return results, nil
}

func operations(c *call, params wire.Entities) (wire.OperationResults, error) {
	var results wire.OperationResults
	for _, e := range params.Entities {
		id, err := number(e.Tag, "operation")
		var op model.Operation
		if err == nil {
			op, err = c.model.Operation(id)
		}
		if err != nil {
			results.Results = append(results.Results, wire.OperationResult{Error: inner(err)})
			continue
		}
		results.Results = append(results.Results, c.operation(op, c.model.Profile().OperationOutput))
	}
	return results, nil
}

func (c *call) operation(op model.Operation, output bool) wire.OperationResult {
	shown := wire.OperationResult{
		OperationTag: wire.OperationTag(strconv.Itoa(op.ID)), Summary: op.Summary, Enqueued: op.Enqueued, Started: op.Started,
		Completed: op.Completed, Status: string(op.Status),
	}
	for _, t := range op.Tasks {
		shown.Actions = append(shown.Actions, c.task(t, output))
	}
	return shown
}

func listOperations(c *call, params wire.OperationQueryArgs) (wire.OperationResults, error) {
	fits := func(op model.Operation) bool { return matches(op, params) }
	chosen := c.model.Operations()
	early := c.server.faults.mixesPages() // The page is cut before it is filtered.
	if !early {
		chosen = slices.DeleteFunc(chosen, func(op model.Operation) bool { return !fits(op) })
	}
	page, more := cut(chosen, params)
	results := wire.OperationResults{Truncated: more}
	if early {
		page = slices.DeleteFunc(page, func(op model.Operation) bool { return !fits(op) })
		results.Truncated = more && len(page) == pageMax
	}
	for _, op := range page {
		results.Results = append(results.Results, c.operation(op, false))
	}
	return results, nil
}

// cut is the page that was asked for, and says whether more follow.
func cut(all []model.Operation, params wire.OperationQueryArgs) (page []model.Operation, more bool) {
	offset, limit := 0, pageMax
	if params.Offset != nil && *params.Offset > 0 {
		offset = min(*params.Offset, len(all))
	}
	if params.Limit != nil && *params.Limit > 0 {
		limit = min(*params.Limit, pageMax)
	}
	all = all[offset:]
	return all[:min(limit, len(all))], len(all) > limit
}

func matches(op model.Operation, q wire.OperationQueryArgs) bool {
	if len(q.Status) > 0 && !slices.Contains(q.Status, string(op.Status)) {
		return false
	}
	if len(q.Applications)+len(q.Units)+len(q.ActionNames)+len(q.Machines) == 0 {
		return true
	}
	return slices.ContainsFunc(op.Tasks, func(t model.Task) bool {
		application, _, _ := strings.Cut(t.Unit, "/")
		if len(q.ActionNames) > 0 && !slices.Contains(q.ActionNames, t.Name) {
			return false
		}
		if len(q.Applications)+len(q.Units)+len(q.Machines) == 0 {
			return true
		}
		return slices.Contains(q.Applications, application) || slices.Contains(q.Units, t.Unit)
	})
}

// CharmActions is the result of ApplicationsCharmsActions.
type CharmActions struct {
	Results []CharmActionsResult `json:"results,omitempty"`
}

// CharmActionsResult is the actions of one application.
type CharmActionsResult struct {
	ApplicationTag string                `json:"application-tag,omitempty"`
	Actions        map[string]ActionSpec `json:"actions,omitempty"`
	Error          *wire.Error           `json:"error,omitempty"`
}

// ActionSpec is an action of a charm; Params is a JSON schema.
type ActionSpec struct {
	Description string         `json:"description"`
	Params      map[string]any `json:"params"`
}

func charmsActions(c *call, params wire.Entities) (CharmActions, error) {
	var results CharmActions
	for _, e := range params.Entities {
		name, _ := wire.ID(e.Tag, "application")
		a, err := c.model.Application(name)
		if err != nil {
			results.Results = append(results.Results, CharmActionsResult{ApplicationTag: e.Tag, Error: inner(err)})
			continue
		}
		specs := map[string]ActionSpec{}
		for name, action := range a.Charm.Actions {
			specs[name] = ActionSpec{action.Description, action.Schema}
		}
		results.Results = append(results.Results, CharmActionsResult{ApplicationTag: e.Tag, Actions: specs})
	}
	return results, nil
}

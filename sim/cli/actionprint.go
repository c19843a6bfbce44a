package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// taskData is what juju run and show-task show of a task.
type taskData struct {
	ID      string         `json:"id"`
	Log     []string       `json:"log,omitempty"`
	Message string         `json:"message,omitempty"`
	Results map[string]any `json:"results,omitempty"`
	Status  string         `json:"status"`
	Timing  timingData     `json:"timing"`
	Unit    string         `json:"unit"`
}

type timingData struct {
	Enqueued  string `json:"enqueued,omitempty"`
	Started   string `json:"started,omitempty"`
	Completed string `json:"completed,omitempty"`
}

func timing(enqueued, started, completed time.Time) timingData {
	text := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().String()
	}
	return timingData{text(enqueued), text(started), text(completed)}
}

func (t task) data() taskData {
	r := t.result
	data := taskData{
		ID: t.id, Unit: t.unit, Status: r.Status, Message: r.Message, Results: r.Output, Timing: timing(r.Enqueued, r.Started, r.Completed),
	}
	for _, l := range r.Log {
		data.Log = append(data.Log, l.Timestamp.UTC().String()+" "+l.Message)
	}
	return data
}

func (a *App) printTasks(tasks []task, w waiting) error {
	if w.format == "plain" {
		return a.printPlain(tasks, w.bare)
	}
	byUnit := map[string]taskData{}
	for _, t := range tasks {
		byUnit[t.unit] = t.data()
	}
	return a.print(w.format, byUnit)
}

// printPlain shows results alone: under their units where there are several, else as they are.
func (a *App) printPlain(tasks []task, bare bool) error {
	for _, t := range tasks {
		if r := t.result; r.Status != "completed" {
			fmt.Fprintf(a.Out, "Action id %s %s: %s\n", t.id, r.Status, cmp.Or(r.Message, "no reason given"))
		}
	}
	if len(tasks) == 1 {
		return a.printResults(tasks[0].result, bare)
	}
	byUnit := map[string]map[string]any{}
	for _, t := range tasks {
		byUnit[t.unit] = withoutCode(t.result.Output)
	}
	return a.print("yaml", byUnit)
}

// printResults has an empty line after the results, and before what a command has printed, as the
// recordings have it, unless that alone is wanted.
func (a *App) printResults(r wire.ActionResult, bare bool) error {
	results := withoutCode(r.Output)
	stdout, _ := results["stdout"].(string)
	stderr, _ := results["stderr"].(string)
	delete(results, "stdout")
	delete(results, "stderr")
	if len(results) > 0 {
		if err := a.print("yaml", results); err != nil {
			return err
		}
	}
	if !bare {
		fmt.Fprintln(a.Out)
		stdout, stderr = strings.Trim(stdout, "\n"), strings.Trim(stderr, "\n")
	}
	fmt.Fprint(a.Out, ended(stdout))
	fmt.Fprint(a.Err, ended(stderr))
	return nil
}

// ended is a text that ends its last line, if it has one.
func ended(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// withoutCode leaves out a return code that says nothing.
func withoutCode(output map[string]any) map[string]any {
	results := maps.Clone(output)
	if fmt.Sprint(results["return-code"]) == "0" {
		delete(results, "return-code")
	}
	return results
}

// operationData is what juju operations and show-operation show.
type operationData struct {
	Summary string                       `json:"summary"`
	Status  string                       `json:"status"`
	Action  *operationAction             `json:"action,omitempty"`
	Timing  timingData                   `json:"timing"`
	Tasks   map[string]operationTaskData `json:"tasks,omitempty"`

	id string
}

type operationAction struct {
	Name       string         `json:"name"`
	Parameters map[string]any `json:"parameters"`
}

type operationTaskData struct {
	Host    string     `json:"host"`
	Status  string     `json:"status"`
	Timing  timingData `json:"timing"`
	Log     []string   `json:"log,omitempty"`
	Message string     `json:"message,omitempty"`
}

func newOperation(r wire.OperationResult) operationData {
	id, _ := wire.ID(r.OperationTag, "operation")
	data := operationData{
		id: id, Summary: r.Summary, Status: r.Status, Timing: timing(r.Enqueued, r.Started, r.Completed), Tasks: map[string]operationTaskData{},
	}
	for _, action := range r.Actions {
		if action.Action == nil {
			continue
		}
		t := newTask(action)
		if data.Action == nil {
			parameters := action.Action.Parameters
			if parameters == nil {
				parameters = map[string]any{}
			}
			data.Action = &operationAction{action.Action.Name, parameters}
		}
		shown := t.data()
		data.Tasks[t.id] = operationTaskData{t.unit, shown.Status, shown.Timing, shown.Log, shown.Message}
	}
	return data
}

func (a *App) operations() *cobra.Command {
	var format string
	var query wire.OperationQueryArgs
	var limit int
	c := &cobra.Command{
		Use: "operations", Aliases: []string{"list-operations"}, Short: "List operations", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := a.fetchOperations(c.Context(), query, limit)
			if err != nil {
				return err
			}
			if format != "tabular" {
				byID := map[string]operationData{}
				for _, op := range all {
					byID[op.id] = op
				}
				return a.print(format, byID)
			}
			if len(all) == 0 {
				fmt.Fprintln(a.Err, "no matching operations")
				return nil
			}
			fmt.Fprint(a.Out, operationTable(all))
			return nil
		},
	}
	f := c.Flags()
	f.StringSliceVar(&query.Applications, "applications", nil, "only of these applications")
	f.StringSliceVar(&query.Units, "units", nil, "only on these units")
	f.StringSliceVar(&query.ActionNames, "actions", nil, "only of these actions")
	f.StringSliceVar(&query.Status, "status", nil, "only in these states")
	f.IntVar(&limit, "limit", 0, "at most so many, the newest")
	formatFlag(c, &format, "tabular", "tabular", "yaml", "json")
	return a.modelFlag(c)
}

// fetchOperations reads all pages and returns the newest operations, oldest first.
func (a *App) fetchOperations(ctx context.Context, query wire.OperationQueryArgs, limit int) ([]operationData, error) {
	var all []operationData
	for offset := 0; ; {
		query.Offset = &offset
		var page wire.OperationResults
		if err := a.call(ctx, "Action", 7, "ListOperations", query, &page); err != nil {
			return nil, err
		}
		for _, r := range page.Results {
			all = append(all, newOperation(r))
		}
		if !page.Truncated {
			break
		}
		offset += len(page.Results)
	}
	slices.SortFunc(all, func(x, y operationData) int { return compareNumbered(x.id, y.id) })
	if limit > 0 && len(all) > limit {
		all = all[len(all)-limit:]
	}
	return all, nil
}

func operationTable(all []operationData) string {
	t := newTable("Id", "Status", "Started", "Finished", "Task IDs", "Summary")
	t.right["Id"] = true
	for _, op := range all {
		tasks := slices.SortedFunc(maps.Keys(op.Tasks), compareNumbered)
		started := ""
		for _, id := range tasks {
			if at := op.Tasks[id].Timing.Started; at != "" && (started == "" || at < started) {
				started = at
			}
		}
		t.add(op.id, op.Status, seconds(started), seconds(op.Timing.Completed), strings.Join(tasks, ","), op.Summary)
	}
	return t.String()
}

// seconds shortens a time in Go's form to 2006-01-02T15:04:05.
func seconds(text string) string {
	if len(text) < len(time.DateTime) {
		return text
	}
	return strings.Replace(text[:len(time.DateTime)], " ", "T", 1)
}

func (a *App) showOperation() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "show-operation ID", Short: "Show an operation and its tasks", Args: exactly("operation id"),
		RunE: func(c *cobra.Command, args []string) error {
			var results wire.OperationResults
			params := wire.Entities{Entities: []wire.Entity{{Tag: wire.OperationTag(args[0])}}}
			if err := a.call(c.Context(), "Action", 7, "Operations", params, &results); err != nil {
				return err
			}
			if len(results.Results) == 0 {
				return fmt.Errorf("operation %q not found", args[0])
			}
			r := results.Results[0]
			if r.Error != nil {
				return fmt.Errorf("%s", r.Error.Message)
			}
			return a.print(format, newOperation(r))
		},
	}
	formatFlag(c, &format, "yaml", "yaml", "json")
	return a.modelFlag(c)
}

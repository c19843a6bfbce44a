package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/server"
)

// waiting are the flags of verbs that wait for tasks.
type waiting struct {
	wait       time.Duration
	background bool
	format     string
	bare       bool // what a command has printed, and nothing else
}

func (w *waiting) flags(c *cobra.Command) {
	c.Flags().DurationVar(&w.wait, "wait", time.Minute, "how long to wait for results; 0 waits for ever")
	c.Flags().BoolVar(&w.background, "background", false, "do not wait")
	formatFlag(c, &w.format, "plain", "plain", "yaml", "json")
}

func (a *App) run() *cobra.Command {
	var w waiting
	var stringArgs bool
	var file string
	c := &cobra.Command{
		Use: "run UNIT [UNIT ...] ACTION [KEY=VALUE ...]", Short: "Run a charm's action on units",
		Long: `Run enqueues an action and waits for its result. Units are named etcd/0 or etcd/leader. Values are
read as YAML, with --string-args as plain text; a dotted key makes a nested parameter.

The exit code is 1 if the action failed.`,
		Example:           "  jujusim run etcd/0 health\n  jujusim run etcd/leader snapshot keys-version=v3 --format yaml",
		Args:              atLeast(2, "unit", "action"),
		ValidArgsFunction: a.completeUnits,
		RunE: func(c *cobra.Command, args []string) error {
			enqueued, err := a.enqueueAsked(c.Context(), args, stringArgs, file)
			if err != nil {
				return err
			}
			return a.follow(c.Context(), enqueued, w)
		},
	}
	c.Flags().BoolVar(&stringArgs, "string-args", false, "take values as text, not as YAML")
	c.Flags().StringVar(&file, "params", "", "a YAML file with parameters")
	w.flags(c)
	return a.modelFlag(c)
}

// enqueueAsked enqueues what the arguments of run, and the file with parameters, ask for.
func (a *App) enqueueAsked(ctx context.Context, args []string, stringArgs bool, file string) (wire.EnqueuedActions, error) {
	units, action, params, err := parseRun(args, stringArgs)
	if err != nil {
		return wire.EnqueuedActions{}, err
	}
	if params, err = withFile(file, params); err != nil {
		return wire.EnqueuedActions{}, err
	}
	return a.enqueue(ctx, units, action, params)
}

func (a *App) enqueue(ctx context.Context, units []string, action string, params map[string]any) (enqueued wire.EnqueuedActions, err error) {
	var request wire.Actions
	for _, unit := range units {
		receiver := unit
		if !strings.HasSuffix(unit, "/leader") {
			receiver = wire.UnitTag(unit)
		}
		request.Actions = append(request.Actions, wire.Action{Receiver: receiver, Name: action, Parameters: params})
	}
	err = a.call(ctx, "Action", 7, "EnqueueOperation", request, &enqueued)
	return enqueued, err
}

// parseRun tells units, which have a slash before any equals sign, from the action and its
// parameters.
func parseRun(args []string, stringArgs bool) (units []string, action string, params map[string]any, err error) {
	for len(args) > 0 && strings.Contains(args[0], "/") && !strings.Contains(args[0], "=") {
		units, args = append(units, args[0]), args[1:]
	}
	if len(units) == 0 || len(args) == 0 {
		return nil, "", nil, usage("run: name one or more units and an action")
	}
	action = args[0]
	for _, arg := range args[1:] {
		key, text, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, "", nil, usage("run: argument %q must be of the form key.key.key=value", arg)
		}
		var value any = text
		if !stringArgs {
			if err := yaml.Unmarshal([]byte(text), &value); err != nil {
				return nil, "", nil, usage("run: cannot read the value of %s: %v", key, err)
			}
		}
		if params == nil {
			params = map[string]any{}
		}
		if err := put(params, strings.Split(key, "."), value); err != nil {
			return nil, "", nil, err
		}
	}
	return units, action, params, nil
}

func put(params map[string]any, path []string, value any) error {
	for _, key := range path[:len(path)-1] {
		inner, ok := params[key].(map[string]any)
		if !ok {
			if params[key] != nil {
				return usage("run: parameter %q has both a value and nested ones", key)
			}
			inner = map[string]any{}
			params[key] = inner
		}
		params = inner
	}
	params[path[len(path)-1]] = value
	return nil
}

// withFile adds what the command line says to what a file says.
func withFile(path string, params map[string]any) (map[string]any, error) {
	if path == "" {
		return params, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read parameters: %w", err)
	}
	all := map[string]any{}
	if err := yaml.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("cannot read parameters from %s: %w", path, err)
	}
	maps.Copy(all, params)
	return all, nil
}

func (a *App) exec() *cobra.Command {
	w := waiting{bare: true}
	var units, applications []string
	c := &cobra.Command{
		Use: "exec --unit UNIT -- COMMAND ...", Short: "Run a command on units, with the hook tools",
		Example: "  jujusim exec --unit etcd/0 -- status-get\n  jujusim exec --application etcd 'is-leader'",
		Args:    atLeast(1, "command"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(units)+len(applications) == 0 {
				return usage("exec: say --unit or --application")
			}
			params := server.Run{Commands: strings.Join(args, " "), Timeout: 5 * time.Minute, Units: units, Applications: applications}
			var enqueued wire.EnqueuedActions
			if err := a.call(c.Context(), "Action", 7, "Run", params, &enqueued); err != nil {
				return err
			}
			return a.follow(c.Context(), enqueued, w)
		},
	}
	c.Flags().StringSliceVarP(&units, "unit", "u", nil, "units")
	c.Flags().StringSliceVarP(&applications, "application", "a", nil, "applications, with all their units")
	if err := c.RegisterFlagCompletionFunc("unit", a.completeUnits); err != nil {
		cobra.CompErrorln(err.Error())
	}
	w.flags(c)
	return a.modelFlag(c)
}

// follow says what was enqueued and, if wanted, waits for the tasks and prints their results.
func (a *App) follow(ctx context.Context, enqueued wire.EnqueuedActions, w waiting) error {
	operation, _ := wire.ID(enqueued.OperationTag, "operation")
	var tasks []task
	for _, r := range enqueued.Actions {
		if r.Error != nil {
			fmt.Fprintf(a.Err, "ERROR %s\n", r.Error.Message)
			continue
		}
		tasks = append(tasks, newTask(r))
	}
	if len(tasks) == 0 {
		return errQuiet
	}
	if w.background {
		fmt.Fprintf(a.Err, "Scheduled operation %s with %s\n", operation, plural(len(tasks), "task"))
		fmt.Fprintf(a.Err, "Check operation status with 'jujusim show-operation %s'\n", operation)
		return nil
	}
	fmt.Fprintf(a.Err, "Running operation %s with %s\n", operation, plural(len(tasks), "task"))
	for _, t := range tasks {
		fmt.Fprintf(a.Err, "  - task %s on %s\n", t.id, wire.UnitTag(t.unit))
	}
	fmt.Fprintln(a.Err)
	if w.wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.wait)
		defer cancel()
	}
	for i := range tasks {
		fmt.Fprintf(a.Err, "Waiting for task %s...\n", tasks[i].id)
		if err := a.await(ctx, &tasks[i]); err != nil {
			return err
		}
	}
	if err := a.printTasks(tasks, w); err != nil {
		return err
	}
	if len(tasks) < len(enqueued.Actions) {
		return errQuiet
	}
	return a.failures(tasks)
}

// failures says which tasks failed. A command's own exit code is a failure, too, though its task
// has completed.
func (a *App) failures(tasks []task) error {
	var failed []string
	for _, t := range tasks {
		if code := fmt.Sprint(t.result.Output["return-code"]); t.result.Status != "completed" || t.result.Output["return-code"] != nil && code != "0" {
			failed = append(failed, fmt.Sprintf(" - id %q with return code %s", t.id, code))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("the following %s failed:\n%s\n\nuse 'jujusim show-task' to inspect the failure", plural(len(failed), "task")[2:], strings.Join(failed, "\n"))
}

// task is one that is waited for.
type task struct {
	id, unit string
	result   wire.ActionResult
}

func newTask(r wire.ActionResult) task {
	id, _ := wire.ID(r.Action.Tag, "action")
	unit, _ := wire.UnitName(r.Action.Receiver)
	return task{id: id, unit: unit, result: r}
}

var final = []string{"completed", "failed", "cancelled", "aborted", "error"}

// The pace at which juju's client asks for a task, up to a limit that suits an instance on the same
// machine.
const (
	pollFirst  = 20 * time.Millisecond
	pollGrowth = 1.5
	pollMax    = 500 * time.Millisecond
)

func (a *App) await(ctx context.Context, t *task) error {
	printed := 0
	for delay := pollFirst; ; delay = min(time.Duration(float64(delay)*pollGrowth), pollMax) {
		result, err := a.fetchTask(ctx, t.id)
		if err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return a.late(t)
			}
			return err
		}
		t.result = result
		for ; printed < len(result.Log); printed++ {
			fmt.Fprintf(a.Err, "%s %s\n", result.Log[printed].Timestamp.Local().Format("15:04:05"), result.Log[printed].Message)
		}
		if slices.Contains(final, result.Status) {
			return nil
		}
		select {
		case <-ctx.Done():
			return a.late(t)
		case <-time.After(delay):
		}
	}
}

func (a *App) late(t *task) error {
	return fmt.Errorf("timed out waiting for task %s on %s, which is %s", t.id, t.unit, t.result.Status)
}

func (a *App) fetchTask(ctx context.Context, id string) (wire.ActionResult, error) {
	var results wire.ActionResults
	params := wire.Entities{Entities: []wire.Entity{{Tag: wire.ActionTag(id)}}}
	if err := a.call(ctx, "Action", 7, "Actions", params, &results); err != nil {
		return wire.ActionResult{}, err
	}
	if len(results.Results) != 1 {
		return wire.ActionResult{}, fmt.Errorf("cannot read task %s: %d answers", id, len(results.Results))
	}
	if e := results.Results[0].Error; e != nil {
		return wire.ActionResult{}, fmt.Errorf("%s", e.Message)
	}
	return results.Results[0], nil
}

package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// The verbs of the clients of Juju 2, which documentation and scripts still use, with their output.

// maxWait is how long --wait waits that names no time: Juju 2 waited for ever.
const maxWait = 24 * time.Hour

// actionOutput is a task as Juju 2 showed it.
type actionOutput struct {
	Unit    string         `json:"UnitId"`
	ID      string         `json:"id"`
	Message string         `json:"message,omitempty"`
	Results map[string]any `json:"results,omitempty"`
	Status  string         `json:"status"`
	Timing  timingSeconds  `json:"timing"`
}

// timingSeconds are times as Juju 2 showed them.
type timingSeconds struct {
	Completed string `json:"completed,omitempty"`
	Enqueued  string `json:"enqueued,omitempty"`
	Started   string `json:"started,omitempty"`
}

func (t task) output() actionOutput {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Truncate(time.Second).String()
	}
	r := t.result
	return actionOutput{t.unit, t.id, r.Message, withoutCode(r.Output), r.Status, timingSeconds{at(r.Completed), at(r.Enqueued), at(r.Started)}}
}

func (a *App) runAction() *cobra.Command {
	var wait time.Duration
	var stringArgs bool
	var file, format string
	c := &cobra.Command{
		Use: "run-action UNIT [UNIT ...] ACTION [KEY=VALUE ...]", Short: "Run a charm's action on units, as Juju 2 did",
		Long: `Run-action enqueues an action and prints the number of its task, which show-action-output shows. With
--wait, or --wait=5m, it waits and prints the results.`,
		Example:           "  jujusim run-action etcd/0 health\n  jujusim show-action-output 1\n  jujusim run-action --wait etcd/0 snapshot",
		Args:              atLeast(2, "unit", "action"),
		ValidArgsFunction: a.completeUnits,
		RunE: func(c *cobra.Command, args []string) error {
			enqueued, err := a.enqueueAsked(c.Context(), args, stringArgs, file)
			if err != nil {
				return err
			}
			return a.queued(c, enqueued, wait, format)
		},
	}
	c.Flags().DurationVar(&wait, "wait", 0, "wait for the results, as long as it takes or so long")
	c.Flags().Lookup("wait").NoOptDefVal = maxWait.String()
	c.Flags().BoolVar(&stringArgs, "string-args", false, "take values as text, not as YAML")
	c.Flags().StringVar(&file, "params", "", "a YAML file with parameters")
	formatFlag(c, &format, "yaml", "yaml", "json")
	return a.modelFlag(c)
}

// queued says which tasks there are now or, after a wait, what came of them, by the unit's tag.
func (a *App) queued(c *cobra.Command, enqueued wire.EnqueuedActions, wait time.Duration, format string) error {
	outputs, failed := map[string]actionOutput{}, false
	for _, r := range enqueued.Actions {
		if r.Error != nil {
			fmt.Fprintf(a.Err, "ERROR %s\n", r.Error.Message)
			failed = true
			continue
		}
		t := newTask(r)
		if wait == 0 {
			if err := a.print(format, map[string]string{"Action queued with id": t.id}); err != nil {
				return err
			}
			continue
		}
		done, err := a.taskAfter(c.Context(), t.id, wait)
		if err != nil {
			return err
		}
		failed = failed || done.result.Status != "completed"
		outputs[wire.UnitTag(t.unit)] = done.output()
	}
	if len(outputs) > 0 {
		if err := a.print(format, outputs); err != nil {
			return err
		}
	}
	if failed {
		return errQuiet
	}
	return nil
}

func (a *App) showActionOutput() *cobra.Command {
	var format string
	var wait time.Duration
	c := &cobra.Command{
		Use: "show-action-output ID", Short: "Show what an action has brought, as Juju 2 did", Args: exactly("action id"),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := a.taskAfter(c.Context(), args[0], wait)
			if err != nil {
				return err
			}
			return a.print(format, t.output())
		},
	}
	formatFlag(c, &format, "yaml", "yaml", "json")
	c.Flags().DurationVar(&wait, "wait", 0, "wait so long for it to end")
	return a.modelFlag(c)
}

package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func (a *App) showTask() *cobra.Command {
	var format string
	var wait time.Duration
	c := &cobra.Command{
		Use: "show-task ID", Short: "Show a task's result", Args: exactly("task id"),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := strconv.ParseUint(args[0], 10, 32); err != nil {
				return usage("task ID %q not valid", args[0])
			}
			t, err := a.taskAfter(c.Context(), args[0], wait)
			if err != nil {
				return err
			}
			switch {
			case format != "plain":
				return a.print(format, t.data())
			case !slices.Contains(final, t.result.Status):
				fmt.Fprintf(a.Out, "Task %s %s\n", t.id, t.result.Status)
				return nil
			}
			return a.printPlain([]task{t}, false)
		},
	}
	formatFlag(c, &format, "plain", "plain", "yaml", "json")
	c.Flags().DurationVar(&wait, "wait", 0, "wait so long for it to end")
	return a.modelFlag(c)
}

// taskAfter is a task as it is when it has ended, or after a time.
func (a *App) taskAfter(ctx context.Context, id string, wait time.Duration) (task, error) {
	result, err := a.fetchTask(ctx, id)
	if err != nil {
		return task{}, err
	}
	t := newTask(result)
	if wait > 0 {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if err := a.await(ctx, &t); err != nil {
			return task{}, err
		}
	}
	return t, nil
}

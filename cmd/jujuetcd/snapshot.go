package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/printable"
)

// snapshotOptions are those of the verbs that take snapshots and list them.
type snapshotOptions struct {
	orderOptions
	target, prefix, output string
	verify                 bool
}

func snapshotCommand() *cobra.Command {
	var o snapshotOptions
	c := &cobra.Command{
		Use: "snapshot APPLICATION|UNIT", Short: "Take a snapshot of all keys into a folder of a unit",
		Long: `Take a snapshot of all keys into a folder of a unit: of Juju's leader, or of the
one that is named. The best member sends it; it is verified and packed, and
juju scp fetches it. Credentials come from flags, else from the environment,
else from the juju client's files, as for run.`,
		Example: `  jujuetcd snapshot etcd
  jujuetcd snapshot etcd/2 --target /srv/backup -o json`,
		Args:              wants(1, 1, "the application, or a unit of it", "jujuetcd snapshot APPLICATION|UNIT"),
		ValidArgsFunction: o.completes,
		RunE:              func(c *cobra.Command, args []string) error { return o.take(c, args[0]) },
	}
	o.snapshotFlags(c)
	return c
}

func snapshotsCommand() *cobra.Command {
	var o snapshotOptions
	c := &cobra.Command{
		Use: "snapshots APPLICATION|UNIT", Short: "List the snapshots in the folders of all units",
		Long: `List the snapshots in the folders of all units, or of the one that is named, and
in the store, if there is one; the newest first. VERIFIED says that the bytes are those that were verified when the
snapshot was taken; --verify looks through each database again.`,
		Example: `  jujuetcd snapshots etcd
  jujuetcd snapshots etcd/2 --verify -o yaml
  jujuetcd snapshots etcd/0 --prefix lost-model/etcd`,
		Args:              wants(1, 1, "the application, or a unit of it", "jujuetcd snapshots APPLICATION|UNIT"),
		ValidArgsFunction: o.completes,
		RunE:              func(c *cobra.Command, args []string) error { return o.list(c, args[0]) },
	}
	c.Flags().BoolVar(&o.verify, "verify", false, "look through each database, and not only compare its SHA-256")
	c.Flags().StringVar(&o.prefix, "prefix", "", "folder in the store's bucket (default: the application's own)")
	o.snapshotFlags(c)
	return c
}

func (o *snapshotOptions) snapshotFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.target, "target", "", "folder on the unit (default: /home/ubuntu/etcd-snapshots)")
	c.Flags().StringVarP(&o.output, "output", "o", "", "yaml or json; else for people")
	o.flagsOf(c, v1alpha1.LongestSnapshot)
}

// within opens the model of an application, or of a unit's.
func (o *snapshotOptions) within(c *cobra.Command, name string, do func(ctx context.Context, s link, application string) error) error {
	if !slices.Contains([]string{"", "yaml", "json"}, o.output) {
		return usageError{fmt.Errorf("--output is %q; it must be yaml or json", o.output)}
	}
	application, _, _ := strings.Cut(name, "/")
	return o.in(c, application, func(ctx context.Context, s link) error { return do(ctx, s, application) })
}

// params are those that a person has given.
func (o *snapshotOptions) params() map[string]any {
	params := map[string]any{}
	if o.target != "" {
		params[v1alpha1.ParameterTarget] = o.target
	}
	if o.prefix != "" {
		params[v1alpha1.ParameterFrom] = o.prefix
	}
	if o.verify {
		params[v1alpha1.ParameterVerify] = true
	}
	return params
}

func (o *snapshotOptions) take(c *cobra.Command, name string) error {
	return o.within(c, name, func(ctx context.Context, s link, application string) error {
		unit := name
		if name == application {
			unit += "/leader"
		}
		task, err := s.Enqueue(ctx, unit, v1alpha1.ActionSnapshot, o.params())
		if err != nil {
			return notEnqueued(application, v1alpha1.ActionSnapshot, err)
		}
		said := printable.Writer(c.ErrOrStderr())
		fmt.Fprintf(said, "Task %s: %s of %s.\n", task.ID, v1alpha1.ActionSnapshot, name)
		if task, err = await(ctx, s, task, said); err != nil {
			return err
		}
		if err := completed(task); err != nil {
			return err
		}
		if o.output != "" {
			return printObject(c.OutOrStdout(), o.output, map[string]any{
				"task": task.ID, "unit": task.Unit, "snapshot": task.Output["snapshot"], "copy": task.Output["copy"], "message": task.Output["message"],
			})
		}
		out := c.OutOrStdout()
		fmt.Fprintf(out, "%s has taken a snapshot of revision %s (%s): %s\n", task.Unit,
			result(task, v1alpha1.ResultSnapshotRevision), result(task, v1alpha1.ResultSnapshotSize), result(task, v1alpha1.ResultSnapshotPath))
		if text := result(task, v1alpha1.ResultMessage); text != "" {
			fmt.Fprintln(out, text)
		}
		_, err = fmt.Fprintf(out, "sha256 %s\n%s\n", result(task, v1alpha1.ResultSnapshotSHA256), result(task, v1alpha1.ResultCopy))
		return err
	})
}

// result is one of a task's, which Juju nests by the dots of its key.
func result(task jujuapi.Task, key string) string {
	at := task.Output
	parts := strings.Split(key, ".")
	for _, part := range parts[:len(parts)-1] {
		at, _ = at[part].(map[string]any)
	}
	text, _ := at[parts[len(parts)-1]].(string)
	return text
}

func (o *snapshotOptions) list(c *cobra.Command, name string) error {
	return o.within(c, name, func(ctx context.Context, s link, application string) error {
		units := []string{name}
		if name == application {
			found, err := s.UnitsInfo(ctx, application)
			if err != nil {
				return fmt.Errorf("cannot find out the units of %s: %w", application, err)
			}
			units = nil
			for _, u := range found {
				units = append(units, u.Name)
			}
			slices.Sort(units)
		}
		return o.listAll(ctx, c, s, application, units)
	})
}

// listAll asks all units at once, and prints what each has; one that cannot tell keeps no other back.
func (o *snapshotOptions) listAll(ctx context.Context, c *cobra.Command, s link, application string, units []string) error {
	var tasks []jujuapi.Task
	for _, unit := range units {
		task, err := s.Enqueue(ctx, unit, v1alpha1.ActionListSnapshots, o.params())
		if err != nil {
			return notEnqueued(application, v1alpha1.ActionListSnapshots, err)
		}
		tasks = append(tasks, task)
	}
	lists := map[string]any{}
	var faults []error
	for _, task := range tasks {
		task, err := await(ctx, s, task, printable.Writer(c.ErrOrStderr()))
		if err == nil {
			err = completed(task)
		}
		var list any
		if err == nil {
			err = json.Unmarshal([]byte(result(task, v1alpha1.ResultSnapshots)), &list)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		lists[task.Unit] = list
		if o.output == "" {
			fmt.Fprintf(c.OutOrStdout(), "%s:\n%s\n", task.Unit, result(task, v1alpha1.ResultOutput))
		}
	}
	if o.output != "" {
		faults = append(faults, printObject(c.OutOrStdout(), o.output, lists))
	}
	return errors.Join(faults...)
}

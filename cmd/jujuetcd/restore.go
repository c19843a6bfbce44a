package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/printable"
)

// restoreOptions are those of restore.
type restoreOptions struct {
	orderOptions
	snapshot, from, prefix, sha256, backupTo, replace, output string
	resource, backup, disableAuth, yes                        bool
}

func restoreCommand() *cobra.Command {
	var o restoreOptions
	c := &cobra.Command{
		Use: "restore UNIT", Short: "Put a snapshot in the place of a cluster's data",
		Long: `Put a snapshot in the place of a cluster's data: a file on the unit, an object of
the store, or the charm's resource snapshot. It is verified before anything is touched. What was
there is set aside, never deleted, and all that was written since the snapshot
is gone for clients. Stop writers first.

Where the application has other units, too, the controller goes on when the
action has ended: it stops all members, starts this unit's with the snapshot,
and has the others join; jujuetcd describe tells how it goes. As long as the
cluster has a quorum --replace must name it.

It asks for the application's name, unless --yes is given. The unit runs the
charm's action of the same name, as with juju run, and this command tells how
it goes. Credentials come from flags, else from the environment, else from the
juju client's files, as for run.`,
		Example: `  jujuetcd snapshots etcd
  jujuetcd restore etcd/0 --snapshot etcd-snapshot-2030-04-05-06.07.08.tar.gz
  jujuetcd restore etcd/0 --snapshot /home/ubuntu/db --sha256 9f86d081… --backup
  juju attach-resource etcd snapshot=./snapshot.db
  jujuetcd restore etcd/0 --resource --yes -o json`,
		Args:              wants(1, 1, "the unit", "jujuetcd restore UNIT (--snapshot ID | --resource)"),
		ValidArgsFunction: o.completesUnit,
		RunE:              func(c *cobra.Command, args []string) error { return o.restore(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.snapshot, "snapshot", "", "ID that jujuetcd snapshots shows, or a path on the unit")
	f.StringVar(&o.from, "from", "", "folder on the unit that an ID is in (default: "+defaultSnapshots+", then the store)")
	f.StringVar(&o.prefix, "prefix", "", "folder in the store's bucket that an ID is in (default: the application's own)")
	f.BoolVar(&o.resource, "resource", false, "take the charm's resource snapshot")
	f.StringVar(&o.sha256, "sha256", "", "SHA-256 that the archive must have")
	f.BoolVar(&o.backup, "backup", false, "pack the replaced data into an archive, too, besides setting it aside")
	f.StringVar(&o.backupTo, "backup-to", "", "folder on the unit for that archive (default: "+v1alpha1.LoginHome+")")
	f.BoolVar(&o.disableAuth, "disable-auth", false, "turn authentication off in the restored data")
	f.StringVar(&o.replace, "replace", "", "ID of the cluster that is given up, where several units have a quorum")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.StringVarP(&o.output, "output", "o", "", "yaml or json; else for people")
	o.flagsOf(c, v1alpha1.LongestRestore)
	return c
}

// defaultSnapshots is where the charm's action snapshot puts them, if nobody says otherwise.
const defaultSnapshots = v1alpha1.LoginHome + "/etcd-snapshots"

func (o *restoreOptions) completesUnit(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return o.daemon().names(c.Context(), "unit"), cobra.ShellCompDirectiveNoFileComp
}

// restore asks whether it is meant, and has the action run.
func (o *restoreOptions) restore(c *cobra.Command, unit string) error {
	application, _, is := strings.Cut(unit, "/")
	switch {
	case !is:
		return usageError{fmt.Errorf("%q is an application: name its unit, such as %s/0", unit, unit)}
	case (o.snapshot == "") == !o.resource:
		return usageError{errors.New("name the snapshot (--snapshot ID), or take the charm's resource (--resource)")}
	case o.prefix != "" && (o.snapshot == "" || o.from != "" || strings.Contains(o.snapshot, "/")):
		return usageError{errors.New("--prefix is a folder in the store: give it with the ID of a snapshot (--snapshot ID), and without --from")}
	case o.backupTo != "" && !o.backup:
		return usageError{errors.New("--backup-to is where --backup packs the replaced data to: give both")}
	case !slices.Contains([]string{"", "yaml", "json"}, o.output):
		return usageError{fmt.Errorf("--output is %q; it must be yaml or json", o.output)}
	}
	if err := o.confirm(c, unit, application); err != nil {
		return err
	}
	return o.in(c, application, func(ctx context.Context, s link) error {
		task, err := s.Enqueue(ctx, unit, v1alpha1.ActionRestore, o.params())
		if err != nil {
			return notEnqueued(application, v1alpha1.ActionRestore, err)
		}
		said := printable.Writer(c.ErrOrStderr())
		fmt.Fprintf(said, "Task %s: %s of %s.\n", task.ID, v1alpha1.ActionRestore, unit)
		if task, err = await(ctx, s, task, said); err != nil {
			return err
		}
		if err := completed(task); err != nil {
			return err
		}
		return o.report(c, task)
	})
}

// archive is what is restored, for people.
func (o *restoreOptions) archive() string {
	if o.resource {
		return "the resource " + v1alpha1.ResourceSnapshot
	}
	return o.path()
}

// path is where the snapshot is on the unit, or its ID, which the unit looks for.
func (o *restoreOptions) path() string {
	if strings.Contains(o.snapshot, "/") || o.from == "" {
		return o.snapshot
	}
	return path.Join(o.from, o.snapshot)
}

// params are those of the action, of which none is said that has its default.
func (o *restoreOptions) params() map[string]any {
	params := map[string]any{}
	if !o.resource {
		params[v1alpha1.ParameterSnapshot] = o.path()
	}
	if o.prefix != "" {
		params[v1alpha1.ParameterFrom] = o.prefix
	}
	if o.sha256 != "" {
		params[v1alpha1.ParameterSHA256] = o.sha256
	}
	if o.backup {
		params[v1alpha1.ParameterSkipBackup] = false
	}
	if o.backupTo != "" {
		params[v1alpha1.ParameterTarget] = o.backupTo
	}
	if o.replace != "" {
		params[v1alpha1.ParameterReplace] = o.replace
	}
	if o.disableAuth {
		params[v1alpha1.ParameterAuth] = "disable"
	}
	return params
}

// confirm has a person type the application's name. Who is no person says --yes.
func (o *restoreOptions) confirm(c *cobra.Command, unit, application string) error {
	if o.yes {
		return nil
	}
	in, is := c.InOrStdin().(*os.File)
	if !is || !term.IsTerminal(int(in.Fd())) {
		return usageError{errors.New("nobody can be asked whether this is meant, because the input is no terminal: give --yes")}
	}
	fmt.Fprintf(printable.Writer(c.ErrOrStderr()), "%s takes the place of the data of %s. What was written since it was taken is gone for clients.\nType the application's name to go on: ",
		o.archive(), unit)
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	// It ends with the process: a read from a terminal cannot be called off.
	go func() {
		text, err := bufio.NewReader(in).ReadString('\n')
		typed <- line{text, err}
	}()
	select {
	case <-c.Context().Done():
		return c.Context().Err()
	case l := <-typed:
		if strings.TrimSpace(l.text) != application {
			return errors.New("nothing was done: that is not the application's name")
		}
		return nil
	}
}

// report prints how it has ended.
func (o *restoreOptions) report(c *cobra.Command, task jujuapi.Task) error {
	out := c.OutOrStdout()
	if o.output != "" {
		return printObject(out, o.output, map[string]any{
			"task": task.ID, "unit": task.Unit, "restored": task.Output["restored"], "backup": task.Output["backup"], "message": task.Output[v1alpha1.ResultOutput],
		})
	}
	fmt.Fprintf(out, "%s has restored %s.\n", task.Unit, result(task, v1alpha1.ResultRestoredFrom))
	if aside := result(task, v1alpha1.ResultReplacedData); aside != "" {
		fmt.Fprintf(out, "The data that was there is in %s.\n", aside)
	}
	if packed := result(task, v1alpha1.ResultBackupPath); packed != "" {
		fmt.Fprintf(out, "It is packed in %s (sha256 %s).\n", packed, result(task, v1alpha1.ResultBackupSHA256))
	}
	_, err := fmt.Fprintln(out, result(task, v1alpha1.ResultOutput))
	return err
}

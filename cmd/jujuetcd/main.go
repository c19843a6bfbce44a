// Command jujuetcd keeps the etcd clusters of Juju models where they should be (run), and shows
// what it sees and would do (get, describe, plan, doctor, env). It hands on what a person asks for
// (restart, defrag, rotate-ca, proceed, go-back, snapshot, restore).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/reconcile/policy"
)

// version is set when a release is built.
var version = ""

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	called, err := command().ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintln(printable.Writer(os.Stderr), "jujuetcd: "+err.Error())
		if exitCode(err) == exitUsage {
			fmt.Fprintf(os.Stderr, "See %s --help.\n", called.CommandPath())
		}
	}
	return exitCode(err)
}

// Exit codes.
const (
	exitOK     = 0
	exitError  = 1 // it may pass
	exitUsage  = 2
	exitPerson = 3 // retrying cannot fix it
)

// errReported says that everything there is to say has been printed.
var errReported = errors.New("reported")

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// personError is what only a person can mend, where the error itself does not say so.
type personError struct{ error }

func (e personError) Unwrap() error { return e.error }

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	_, person := errors.AsType[personError](err)
	_, invalid := errors.AsType[*policy.InvalidError](err)
	if person || invalid || jujuapi.NeedsPerson(err) {
		return exitPerson
	}
	return exitError
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "jujuetcd",
		Short: "Keep etcd clusters on Juju where they should be",
		Long: `jujuetcd watches Juju models and keeps every etcd cluster in them where it
should be: the right snap, valid certificates, the right members, known health.

Exit codes: 0 ok; 1 an error that may pass; 2 wrong usage; 3 what retrying
cannot fix (credentials, grants, an unknown model, an invalid policy).`,
		SilenceUsage: true, SilenceErrors: true, Version: versionText(),
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	// Much of what is printed others have written: names, errors, what etcd holds.
	root.SetOut(printable.Writer(os.Stdout))
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(runCommand(), getCommand(), describeCommand(), planCommand(), doctorCommand(), envCommand(), versionCommand())
	root.AddCommand(orderCommands()...)
	root.AddCommand(snapshotCommand(), snapshotsCommand(), restoreCommand())
	return root
}

// usage turns a complaint about arguments into a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// wants checks the number of arguments, and says how they are written.
func wants(least, most int, what, form string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError{fmt.Errorf("%s is missing: %s", what, form)}
		case len(args) > most:
			return usageError{fmt.Errorf("%q is too much: %s", args[most], form)}
		}
		return nil
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), versionText())
			return err
		},
	}
}

// versionText is the release, or what the build knows of its source.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return strings.Trim(info.Main.Version, "()")
}

// Package cli is jujusim's command line: start runs an instance in the foreground, the other verbs
// talk to it through its control socket. Verbs, flags and output are those of the juju client where
// it has them.
//
// Main returns the exit code: 0 for success, 1 when what was asked for failed, 2 when it was asked
// for wrongly.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/fleet"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// EnvDir names the instance's folder.
const EnvDir = "JUJUSIM_DIR"

// EnvModel names the model that verbs act on.
const EnvModel = "JUJUSIM_MODEL"

// App is one call of the program.
type App struct {
	Version  string
	Fleet    fleet.Maker
	Out, Err io.Writer
	Getenv   func(string) string

	dir, model string
}

// Main runs the program, of the given version, with its arguments (without its own name).
func Main(ctx context.Context, args []string, version string, maker fleet.Maker) int {
	a := &App{Version: version, Fleet: maker, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}
	return a.Run(ctx, args)
}

// Run runs one command and returns the exit code.
func (a *App) Run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case isUsage(err):
		fmt.Fprintf(a.Err, "ERROR %v\n", err)
		fmt.Fprintf(a.Err, "See %s --help.\n", root.CommandPath())
		return exitUsage
	}
	if !errors.Is(err, errQuiet) {
		fmt.Fprintf(a.Err, "ERROR %v\n", err)
	}
	return exitFailed
}

// errQuiet is a failure that the output has shown.
var errQuiet = errors.New("failed")

// usageError is a fault of whoever typed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok || strings.HasPrefix(err.Error(), "unknown command")
}

const longHelp = `jujusim is an embedded Juju: a controller with Juju's own API over a TLS websocket, models, unit agents
that run a charm's real hooks and actions, and machines with real processes, all in one folder and
without privileges. It is for trying a charm, for demos, and for tests.

Start it in one shell:

  jujusim start

and use it from another, with the verbs of the juju client:

  jujusim deploy ./easyrsa.charm
  jujusim deploy ./etcd.charm -n 3
  jujusim integrate etcd easyrsa
  jujusim status
  jujusim run etcd/0 health
  jujusim fault kill etcd/1

Programs that speak Juju's API find it through a juju client's files: export JUJU_DATA=DIR/juju
(jujusim info shows the address, the CA and the folder). A folder has one instance; --dir or
$JUJUSIM_DIR says which.`

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use: "jujusim", Short: "An embedded Juju for trying and testing charms", Long: longHelp,
		SilenceErrors: true, SilenceUsage: true, Version: a.Version,
	}
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVar(&a.dir, "dir", a.defaultDir(), "the instance's folder ($"+EnvDir+")")
	groups := []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"instance", "The instance:", []*cobra.Command{a.start(), a.stop(), a.info(), a.fault(), a.version()}},
		{"look", "Looking:", []*cobra.Command{a.status(), a.showUnit(), a.resources(), a.storagePools(), a.listSecrets(), a.showSecret(), a.debugLog(), a.waitFor()}},
		{"change", "Changing a model:", []*cobra.Command{
			a.deploy(), a.refresh(), a.attachResource(), a.addUnit(), a.removeUnit(), a.removeApplication(), a.addMachine(), a.removeMachine(), a.config(),
			a.integrate(), a.removeRelation(), a.expose(), a.unexpose(), a.addStorage(), a.resolve(), a.addSecret(),
			a.updateSecret(), a.removeSecret(),
			a.grantSecret("grant-secret", "GrantSecret", "Let applications read a secret"),
			a.grantSecret("revoke-secret", "RevokeSecret", "Take that back"),
		}},
		{"act", "Acting:", []*cobra.Command{a.run(), a.runAction(), a.exec(), a.scp(), a.operations(), a.showOperation(), a.showTask(), a.showActionOutput()}},
		{"users", "Models and users:", []*cobra.Command{
			a.addModel(), a.offer(), a.removeOffer(), a.consume(), a.removeSAAS(), a.models(), a.addUser(), a.grant("grant"), a.grant("revoke"), a.changePassword(),
		}},
	}
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	return root
}

// modelFlag gives a command the flag that chooses its model.
func (a *App) modelFlag(c *cobra.Command) *cobra.Command {
	c.Flags().StringVarP(&a.model, "model", "m", a.Getenv(EnvModel), "the model, as in admin/demo ($"+EnvModel+"; the first one where empty)")
	return c
}

func (a *App) defaultDir() string {
	if dir := a.Getenv(EnvDir); dir != "" {
		return dir
	}
	if runtime := a.Getenv("XDG_RUNTIME_DIR"); runtime != "" {
		return filepath.Join(runtime, "jujusim")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("jujusim-%d", os.Getuid()))
}

func (a *App) client() *control.Client { return control.NewClient(a.dir) }

// newest is the version of a facade that is as new as what is played has.
const newest = 0

// call makes a call on the chosen model.
func (a *App) call(ctx context.Context, facade string, version int, method string, params, result any) error {
	return a.client().Call(ctx, control.Call{Model: a.model, Facade: facade, Version: version, Method: method}, params, result)
}

// controllerCall makes a call on the controller.
func (a *App) controllerCall(ctx context.Context, facade string, version int, method string, params, result any) error {
	return a.client().Call(ctx, control.Call{Controller: true, Facade: facade, Version: version, Method: method}, params, result)
}

// exactly, atLeast and between check the number of arguments, naming them.
func exactly(names ...string) cobra.PositionalArgs { return between(len(names), len(names), names...) }

func atLeast(n int, names ...string) cobra.PositionalArgs { return between(n, -1, names...) }

func between(low, high int, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < low {
			return usage("%s: no %s is given", c.Name(), names[min(len(args), len(names)-1)])
		}
		if high >= 0 && len(args) > high {
			return usage("%s: too many arguments: %s", c.Name(), strings.Join(args[high:], " "))
		}
		return nil
	}
}

package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/server"
)

func (a *App) deploy() *cobra.Command {
	d := control.Deploy{}
	var settings, to []string
	var bind string
	c := &cobra.Command{
		Use: "deploy PATH [NAME]", Short: "Deploy a local charm",
		Long: `Deploy makes an application of a local charm: a .charm archive, or a folder with metadata.yaml and
dispatch. Each unit gets a machine of its own, unless --to names machines.`,
		Example: "  jujusim deploy ./etcd.charm -n 3 --config channel=3.6/stable\n  jujusim deploy ./easyrsa.charm --to 0",
		Args:    between(1, 2, "path of a charm"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			d.Model = a.model
			if d.Path, err = localCharm(args[0]); err != nil {
				return err
			}
			if len(args) > 1 {
				d.Application = args[1]
			}
			if d.Config, err = keyValues(settings); err != nil {
				return err
			}
			if d.Units < 0 {
				return usage("deploy: the number of units is negative")
			}
			d.Bindings = bindings(bind)
			for _, machine := range to {
				d.To = append(d.To, model.Placement(machine))
			}
			deployed, err := a.client().Deploy(c.Context(), d)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Deployed %q from charm %s\n", deployed.Application, deployed.CharmURL)
			return nil
		},
	}
	f := c.Flags()
	f.IntVarP(&d.Units, "num-units", "n", 1, "how many units")
	f.StringArrayVar(&settings, "config", nil, "an option, as in key=value; may be repeated")
	f.StringSliceVar(&to, "to", nil, "machines to put units on")
	f.StringVar(&bind, "bind", "", `spaces of endpoints, as in "db=clients cluster=peers", or one space for all`)
	return a.modelFlag(c)
}

// bindings reads what --bind says: a word alone is the space of all endpoints that are not named.
func bindings(text string) map[string]string {
	var bound map[string]string
	for _, word := range strings.Fields(text) {
		if bound == nil {
			bound = map[string]string{}
		}
		endpoint, space, named := strings.Cut(word, "=")
		if !named {
			endpoint, space = "", word
		}
		bound[endpoint] = space
	}
	return bound
}

// localCharm makes a path absolute: the instance has another working directory.
func localCharm(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("cannot find charm %s: %w", path, err)
	}
	return abs, nil
}

func (a *App) refresh() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "refresh APPLICATION --path CHARM", Short: "Upgrade an application to another local charm", Args: exactly("application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if path == "" {
				return usage("refresh: say --path CHARM: jujusim has no charm store")
			}
			if path, err = localCharm(path); err != nil {
				return err
			}
			deployed, err := a.client().Deploy(c.Context(), control.Deploy{Model: a.model, Path: path, Application: args[0], Refresh: true})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Upgraded %q to charm %s\n", deployed.Application, deployed.CharmURL)
			return nil
		},
	}
	c.Flags().StringVar(&path, "path", "", "the charm")
	return a.modelFlag(c)
}

func (a *App) addUnit() *cobra.Command {
	var n int
	var to []string
	c := &cobra.Command{
		Use: "add-unit APPLICATION", Short: "Add units to an application", Args: exactly("application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			if n < 1 {
				return usage("add-unit: must add at least one unit")
			}
			params := server.AddUnits{Application: args[0], NumUnits: n}
			for _, machine := range to {
				params.Placement = append(params.Placement, server.Placement{Scope: "#", Directive: machine})
			}
			return a.call(c.Context(), "Application", 19, "AddUnits", params, nil)
		},
	}
	c.Flags().IntVarP(&n, "num-units", "n", 1, "how many")
	c.Flags().StringSliceVar(&to, "to", nil, "machines to put them on")
	return a.modelFlag(c)
}

func (a *App) removeUnit() *cobra.Command {
	var force, noPrompt bool
	c := &cobra.Command{
		Use: "remove-unit UNIT ...", Short: "Remove units", Args: atLeast(1, "unit"), ValidArgsFunction: a.completeUnits,
		RunE: func(c *cobra.Command, args []string) error {
			var params server.DestroyUnits
			for _, unit := range args {
				params.Units = append(params.Units, server.DestroyUnit{UnitTag: wire.UnitTag(unit), Force: force})
			}
			var results server.DestroyResults
			if err := a.call(c.Context(), "Application", 19, "DestroyUnit", params, &results); err != nil {
				return err
			}
			return a.each(args, func(i int) *wire.Error { return results.Results[i].Error }, func(unit string) string { return "will remove unit " + unit })
		},
	}
	c.Flags().BoolVar(&force, "force", false, "remove at once, without the unit's hooks")
	c.Flags().BoolVar(&noPrompt, "no-prompt", true, "accepted for juju's sake: jujusim never asks")
	return a.modelFlag(c)
}

func (a *App) removeApplication() *cobra.Command {
	var force, noPrompt bool
	c := &cobra.Command{
		Use: "remove-application APPLICATION ...", Short: "Remove applications with their units", Args: atLeast(1, "application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			var params server.DestroyApplications
			for _, name := range args {
				params.Applications = append(params.Applications, server.DestroyApplication{ApplicationTag: wire.ApplicationTag(name), Force: force})
			}
			var results server.DestroyResults
			if err := a.call(c.Context(), "Application", 19, "DestroyApplication", params, &results); err != nil {
				return err
			}
			return a.each(args, func(i int) *wire.Error { return results.Results[i].Error }, func(name string) string { return "will remove application " + name })
		},
	}
	c.Flags().BoolVar(&force, "force", false, "remove at once, without hooks")
	c.Flags().BoolVar(&noPrompt, "no-prompt", true, "accepted for juju's sake: jujusim never asks")
	return a.modelFlag(c)
}

// each tells of each thing what was done, or its error, and fails if there was one.
func (a *App) each(names []string, failed func(int) *wire.Error, done func(string) string) error {
	bad := false
	for i, name := range names {
		if e := failed(i); e != nil {
			fmt.Fprintf(a.Err, "ERROR %s\n", e.Message)
			bad = true
		} else if text := done(name); text != "" {
			fmt.Fprintln(a.Out, text)
		}
	}
	if bad {
		return errQuiet
	}
	return nil
}

func (a *App) integrate() *cobra.Command {
	c := &cobra.Command{
		Use: "integrate APPLICATION[:ENDPOINT] APPLICATION[:ENDPOINT]", Aliases: []string{"add-relation", "relate"},
		Short: "Relate two applications", Args: exactly("first application", "second application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			return a.call(c.Context(), "Application", 19, "AddRelation", server.Relation{Endpoints: args}, nil)
		},
	}
	return a.modelFlag(c)
}

func (a *App) removeRelation() *cobra.Command {
	c := &cobra.Command{
		Use: "remove-relation APPLICATION[:ENDPOINT] APPLICATION[:ENDPOINT]", Short: "End the relation of two applications",
		Args: exactly("first application", "second application"), ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			return a.call(c.Context(), "Application", 19, "DestroyRelation", server.Relation{Endpoints: args}, nil)
		},
	}
	return a.modelFlag(c)
}

func (a *App) expose() *cobra.Command {
	var endpoints, spaces, cidrs []string
	c := &cobra.Command{
		Use: "expose APPLICATION", Short: "Open an application's ports to the world, or to parts of it", Args: exactly("application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			params := wire.ApplicationExpose{Application: args[0]}
			if len(endpoints) == 0 && len(spaces)+len(cidrs) > 0 {
				endpoints = []string{""}
			}
			for _, name := range endpoints {
				if params.ExposedEndpoints == nil {
					params.ExposedEndpoints = map[string]wire.ExposedEndpoint{}
				}
				params.ExposedEndpoints[name] = wire.ExposedEndpoint{ExposeToSpaces: spaces, ExposeToCIDRs: cidrs}
			}
			return a.call(c.Context(), "Application", 19, "Expose", params, nil)
		},
	}
	c.Flags().StringSliceVar(&endpoints, "endpoints", nil, "only the ports opened for these endpoints")
	c.Flags().StringSliceVar(&spaces, "to-spaces", nil, "the spaces from which they can be reached")
	c.Flags().StringSliceVar(&cidrs, "to-cidrs", nil, "the CIDRs from which they can be reached")
	return a.modelFlag(c)
}

func (a *App) unexpose() *cobra.Command {
	var endpoints []string
	c := &cobra.Command{
		Use: "unexpose APPLICATION", Short: "Close an application's ports to the world", Args: exactly("application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			return a.call(c.Context(), "Application", 19, "Unexpose", server.Unexpose{Application: args[0], Endpoints: endpoints}, nil)
		},
	}
	c.Flags().StringSliceVar(&endpoints, "endpoints", nil, "only these endpoints")
	return a.modelFlag(c)
}

func (a *App) resolve() *cobra.Command {
	var noRetry, all bool
	c := &cobra.Command{
		Use: "resolve [UNIT ...]", Aliases: []string{"resolved"}, Short: "Retry a failed hook", ValidArgsFunction: a.completeUnits,
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usage("resolve: name units, or say --all")
			}
			params := server.Resolve{All: all, Retry: !noRetry}
			for _, unit := range args {
				params.Tags.Entities = append(params.Tags.Entities, wire.Entity{Tag: wire.UnitTag(unit)})
			}
			var results wire.ErrorResults
			if err := a.call(c.Context(), "Application", 19, "ResolveUnitErrors", params, &results); err != nil {
				return err
			}
			return a.each(args, func(i int) *wire.Error { return results.Results[i].Error }, func(string) string { return "" })
		},
	}
	c.Flags().BoolVar(&noRetry, "no-retry", false, "skip the hook instead")
	c.Flags().BoolVar(&all, "all", false, "all units in error")
	return a.modelFlag(c)
}

func (a *App) config() *cobra.Command {
	var format, reset string
	c := &cobra.Command{
		Use: "config APPLICATION [KEY | KEY=VALUE ...]", Short: "Show or set an application's options",
		Example: "  jujusim config etcd\n  jujusim config etcd channel\n  jujusim config etcd channel=3.6/stable port=2379\n  jujusim config etcd --reset port",
		Args:    atLeast(1, "application"), ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			application, rest := args[0], args[1:]
			switch {
			case reset != "":
				return a.resetConfig(c.Context(), application, strings.Split(reset, ","))
			case len(rest) > 0 && strings.Contains(rest[0], "="):
				return a.setConfig(c.Context(), application, rest)
			case len(rest) > 1:
				return usage("config: ask for one option at a time")
			}
			return a.showConfig(c.Context(), application, rest, format)
		},
	}
	formatFlag(c, &format, "yaml", "yaml", "json")
	c.Flags().StringVar(&reset, "reset", "", "options to reset to their defaults, separated by commas")
	return a.modelFlag(c)
}

func (a *App) setConfig(ctx context.Context, application string, pairs []string) error {
	values, err := keyValues(pairs)
	if err != nil {
		return err
	}
	params := wire.ConfigSetArgs{Args: []wire.ConfigSet{{Application: application, Config: values}}}
	return a.one(ctx, "SetConfigs", params)
}

func (a *App) resetConfig(ctx context.Context, application string, options []string) error {
	return a.one(ctx, "UnsetApplicationsConfig", server.UnsetArgs{Args: []server.Unset{{Application: application, Options: options}}})
}

// one makes a call on Application that has one result.
func (a *App) one(ctx context.Context, method string, params any) error {
	var results wire.ErrorResults
	if err := a.call(ctx, "Application", 19, method, params, &results); err != nil {
		return err
	}
	return firstError(results)
}

func firstError(results wire.ErrorResults) error {
	for _, r := range results.Results {
		if r.Error != nil {
			return fmt.Errorf("%s", r.Error.Message)
		}
	}
	return nil
}

// configData is what juju config shows.
type configData struct {
	Application string                       `json:"application"`
	Settings    map[string]wire.ConfigOption `json:"application-config,omitempty"`
	Charm       string                       `json:"charm"`
	Options     map[string]wire.ConfigOption `json:"settings"`
}

func (a *App) showConfig(ctx context.Context, application string, keys []string, format string) error {
	var got wire.ApplicationGetResults
	if err := a.call(ctx, "Application", 19, "Get", wire.ApplicationGet{Application: application}, &got); err != nil {
		return err
	}
	if len(keys) == 0 {
		return a.print(format, configData{got.Application, got.ApplicationConfig, got.CharmName, got.Config})
	}
	option, ok := got.Config[keys[0]]
	if !ok {
		return fmt.Errorf("key %q not found in %q application config or charm settings", keys[0], application)
	}
	if option.Value != nil {
		fmt.Fprintln(a.Out, option.Value)
	}
	return nil
}

// keyValues reads key=value pairs.
func keyValues(pairs []string) (map[string]string, error) {
	values := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usage("expected key=value, got %q", pair)
		}
		values[key] = value
	}
	return values, nil
}

package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/server"
)

func (a *App) addUnit() *cobra.Command {
	var n int
	var to, attach []string
	c := &cobra.Command{
		Use: "add-unit APPLICATION", Short: "Add units to an application", Args: exactly("application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			if n < 1 {
				return usage("add-unit: must add at least one unit")
			}
			if len(attach) > 0 {
				return fmt.Errorf("cannot add a unit to %s: jujusim does not serve --attach-storage", args[0])
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
	c.Flags().StringSliceVar(&attach, "attach-storage", nil, "refused: jujusim attaches no storage")
	return a.modelFlag(c)
}

// dryRunFlag is that of verbs that remove.
func dryRunFlag(c *cobra.Command, into *bool) {
	c.Flags().BoolVar(into, "dry-run", false, "only tell what would go")
}

func (a *App) removeUnit() *cobra.Command {
	var force, noPrompt, dryRun bool
	c := &cobra.Command{
		Use: "remove-unit UNIT ...", Short: "Remove units", Args: atLeast(1, "unit"), ValidArgsFunction: a.completeUnits,
		RunE: func(c *cobra.Command, args []string) error {
			var params server.DestroyUnits
			for _, unit := range args {
				params.Units = append(params.Units, server.DestroyUnit{UnitTag: wire.UnitTag(unit), Force: force, DryRun: dryRun})
			}
			var results server.DestroyResults
			if err := a.call(c.Context(), "Application", 19, "DestroyUnit", params, &results); err != nil {
				return err
			}
			return a.each(args, func(i int) *wire.Error { return results.Results[i].Error }, func(unit string) string { return "will remove unit " + unit })
		},
	}
	dryRunFlag(c, &dryRun)
	c.Flags().BoolVar(&force, "force", false, "remove at once, without the unit's hooks")
	c.Flags().BoolVar(&noPrompt, "no-prompt", true, "accepted for juju's sake: jujusim never asks")
	return a.modelFlag(c)
}

func (a *App) removeApplication() *cobra.Command {
	var force, noPrompt, dryRun bool
	c := &cobra.Command{
		Use: "remove-application APPLICATION ...", Short: "Remove applications with their units", Args: atLeast(1, "application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			var params server.DestroyApplications
			for _, name := range args {
				params.Applications = append(params.Applications, server.DestroyApplication{
					ApplicationTag: wire.ApplicationTag(name), Force: force, DryRun: dryRun,
				})
			}
			var results server.DestroyResults
			if err := a.call(c.Context(), "Application", 19, "DestroyApplication", params, &results); err != nil {
				return err
			}
			bad := false
			for i, r := range results.Results {
				if r.Error != nil {
					fmt.Fprintf(a.Err, "ERROR removing application %s failed: %s\n", args[i], r.Error.Message)
					bad = true
					continue
				}
				fmt.Fprintf(a.Out, "will remove application %s\n", args[i])
				a.withUnits(r.Info.DestroyedUnits)
			}
			return quiet(bad)
		},
	}
	dryRunFlag(c, &dryRun)
	c.Flags().BoolVar(&force, "force", false, "remove at once, without hooks")
	c.Flags().BoolVar(&noPrompt, "no-prompt", true, "accepted for juju's sake: jujusim never asks")
	return a.modelFlag(c)
}

// withUnits says which units go with what is removed.
func (a *App) withUnits(units []wire.Entity) {
	for _, unit := range units {
		name, _ := wire.UnitName(unit.Tag)
		fmt.Fprintf(a.Out, "- will remove unit %s\n", name)
	}
}

// quiet is the failure that was shown, if one was.
func quiet(bad bool) error {
	if bad {
		return errQuiet
	}
	return nil
}

// each says of each thing what was done, or its error, and fails if there was one.
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
	return quiet(bad)
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
	var force bool
	c := &cobra.Command{
		Use: "remove-relation APPLICATION[:ENDPOINT] APPLICATION[:ENDPOINT] | ID", Short: "End the relation of two applications",
		Args: between(1, 2, "first application", "second application"), ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			params := server.DestroyRelation{Endpoints: args, Force: force}
			if len(args) == 1 {
				id, err := strconv.Atoi(args[0])
				if err != nil || id < 0 {
					return usage("remove-relation: relation ID %q not valid", args[0])
				}
				params = server.DestroyRelation{RelationID: id, Force: force}
			}
			return a.call(c.Context(), "Application", 19, "DestroyRelation", params, nil)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "remove at once, whether or not its units have left it")
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

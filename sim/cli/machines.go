package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/server"
)

func (a *App) addMachine() *cobra.Command {
	var n int
	c := &cobra.Command{
		Use: "add-machine", Short: "Add empty machines, for --to of deploy and add-unit", Args: exactly(),
		Example: "  jujusim add-machine -n 3\n  jujusim deploy ./etcd.charm -n 3 --to 0,1,2",
		RunE: func(c *cobra.Command, _ []string) error {
			if n < 1 {
				return usage("add-machine: must add at least one machine")
			}
			var params server.AddMachines
			for range n {
				params.Params = append(params.Params, server.AddMachine{Jobs: []string{server.JobHostUnits}})
			}
			var results server.AddMachinesResults
			if err := a.call(c.Context(), "MachineManager", newest, "AddMachines", params, &results); err != nil {
				return err
			}
			for _, r := range results.Machines {
				if r.Error != nil {
					return fmt.Errorf("%s", r.Error.Message)
				}
				fmt.Fprintf(a.Err, "created machine %s\n", r.Machine)
			}
			return nil
		},
	}
	c.Flags().IntVarP(&n, "num-machines", "n", 1, "how many")
	return a.modelFlag(c)
}

func (a *App) removeMachine() *cobra.Command {
	var params server.DestroyMachines
	var noPrompt bool
	c := &cobra.Command{
		Use: "remove-machine MACHINE ...", Short: "Remove machines", Args: atLeast(1, "machine"), ValidArgsFunction: a.completeMachines,
		RunE: func(c *cobra.Command, args []string) error {
			for _, id := range args {
				params.MachineTags = append(params.MachineTags, wire.MachineTag(id))
			}
			var results server.DestroyMachineResults
			if err := a.call(c.Context(), "MachineManager", newest, "DestroyMachineWithParams", params, &results); err != nil {
				return err
			}
			bad := false
			for _, r := range results.Results {
				if r.Error != nil {
					fmt.Fprintf(a.Err, "ERROR removing machine failed: %s\n", r.Error.Message)
					bad = true
					continue
				}
				fmt.Fprintf(a.Out, "will remove machine %s\n", r.Info.MachineID)
				a.withUnits(r.Info.DestroyedUnits)
			}
			return quiet(bad)
		},
	}
	c.Flags().BoolVar(&params.Force, "force", false, "with the units on them, at once and without their hooks")
	dryRunFlag(c, &params.DryRun)
	c.Flags().BoolVar(&noPrompt, "no-prompt", true, "accepted for juju's sake: jujusim never asks")
	return a.modelFlag(c)
}

func (a *App) completeMachines(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	s, err := a.fetchStatus(c.Context(), nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(s.Machines)), cobra.ShellCompDirectiveNoFileComp
}

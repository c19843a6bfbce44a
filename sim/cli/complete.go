package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

// The shell's completion asks the running instance; without one it offers nothing.

func (a *App) completeApplications(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.names(c, true, false), cobra.ShellCompDirectiveNoFileComp
}

func (a *App) completeUnits(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.names(c, false, true), cobra.ShellCompDirectiveNoFileComp
}

func (a *App) completeNames(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.names(c, true, true), cobra.ShellCompDirectiveNoFileComp
}

func (a *App) completeWait(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return []string{"application", "unit"}, cobra.ShellCompDirectiveNoFileComp
	}
	return a.names(c, args[0] == "application", args[0] == "unit"), cobra.ShellCompDirectiveNoFileComp
}

func (a *App) names(c *cobra.Command, applications, units bool) []string {
	s, err := a.fetchStatus(c.Context(), nil)
	if err != nil {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.Applications)) {
		if applications {
			names = append(names, name)
		}
		if units {
			names = append(names, sortedUnits(s.Applications[name].Units)...)
		}
	}
	return names
}

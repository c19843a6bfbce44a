package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/reconcile/registry"
)

// completionPatience is how long a shell waits for names: who types notices a longer pause.
const completionPatience = 500 * time.Millisecond

// The kinds that verbs take as their first argument, with what people read beside them. Of the last two, names are completed after it.
var (
	allClusters = cobra.CompletionWithDesc("clusters", "all clusters")
	allUnits    = cobra.CompletionWithDesc("units", "all units")
	oneCluster  = cobra.CompletionWithDesc("cluster", "one cluster")
	oneUnit     = cobra.CompletionWithDesc("unit", "one unit")
)

// completesKinds completes one of the kinds, and after it a name of that kind.
func completesKinds(a *asking, kinds ...cobra.Completion) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0:
			return kinds, cobra.ShellCompDirectiveNoFileComp
		case len(args) == 1:
			return a.names(c.Context(), args[0]), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completesCluster completes the only argument, a cluster's name.
func completesCluster(a *asking) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.names(c.Context(), "cluster"), cobra.ShellCompDirectiveNoFileComp
	}
}

// names are those of the clusters or units, each with its state, that a running daemon has in the model that was asked for. An error is
// no completion: a shell has no place for it, and the verb itself will say it.
func (a *asking) names(ctx context.Context, kind string) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	want := registry.Ref{Model: a.model}
	var found []cobra.Completion
	switch kind {
	case "cluster":
		clusters, _ := a.client().Clusters(ctx, want)
		for _, cluster := range clusters {
			found = append(found, cobra.CompletionWithDesc(cluster.Name, cluster.Namespace+": "+cluster.Status.Message))
		}
	case "unit":
		units, _ := a.client().Units(ctx, want)
		for _, u := range units {
			found = append(found, cobra.CompletionWithDesc(u.Name, u.Namespace+": "+u.Spec.Status.Unit.Message))
		}
	}
	return found
}

// models are the names of the running daemon's models.
func (a *asking) models(ctx context.Context) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	about, _ := a.client().About(ctx)
	var found []cobra.Completion
	for _, m := range about.Models {
		found = append(found, m.Name)
	}
	return found
}

// completesFlags completes --model, and --output where there are outputs.
func completesFlags(c *cobra.Command, a *asking, outputs ...cobra.Completion) {
	err := c.RegisterFlagCompletionFunc("model", func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.models(c.Context()), cobra.ShellCompDirectiveNoFileComp
	})
	if err == nil && len(outputs) > 0 {
		err = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	}
	if err != nil {
		panic(err) // a flag that the command does not have: a mistake in this program, which every start would show
	}
}

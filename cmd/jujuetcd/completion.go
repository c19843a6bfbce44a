package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/reconcile/registry"
)

// completionPatience is how long a shell waits for names: who types notices a longer pause.
const completionPatience = 500 * time.Millisecond

// oneCluster and oneUnit are kinds that are named.
var (
	oneCluster = cobra.CompletionWithDesc("cluster", "one cluster")
	oneUnit    = cobra.CompletionWithDesc("unit", "one unit")
)

// kinds are what a verb takes as its first argument, with what people read beside it.
type kinds []cobra.Completion

// completes completes a kind, and after it the names of that kind that a running daemon knows. Without a daemon there are none.
func (k kinds) completes(a *asking) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0:
			return k, cobra.ShellCompDirectiveNoFileComp
		case len(args) == 1 && (args[0] == "cluster" || args[0] == "unit"):
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

// names are those of the daemon's clusters or units, each with its state, in the model that was asked for.
func (a *asking) names(ctx context.Context, kind string) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	want := registry.Ref{Model: a.model}
	var found []cobra.Completion
	// An error is no completion: a shell has no place for it, and the verb itself will say it.
	if kind == "unit" {
		units, _ := a.client().Units(ctx, want)
		for _, u := range units {
			found = append(found, cobra.CompletionWithDesc(u.Name, u.Namespace+": "+u.Spec.Status.Unit.Message))
		}
		return found
	}
	clusters, _ := a.client().Clusters(ctx, want)
	for _, cluster := range clusters {
		found = append(found, cobra.CompletionWithDesc(cluster.Name, cluster.Namespace+": "+cluster.Status.Message))
	}
	return found
}

// completesFlags completes the flags that take one of a few words, and --model with the daemon's models.
func completesFlags(c *cobra.Command, a *asking, outputs ...cobra.Completion) {
	models := func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), completionPatience)
		defer cancel()
		about, _ := a.client().About(ctx)
		var found []cobra.Completion
		for _, m := range about.Models {
			found = append(found, m.Name)
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
	// They fail for a flag that does not exist, which a test would show.
	must(c.RegisterFlagCompletionFunc("model", models))
	if len(outputs) > 0 {
		must(c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp)))
	}
}

// must is for what only a mistake in this program can make fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

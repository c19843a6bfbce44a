package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/registry"
)

func describeCommand() *cobra.Command {
	var a asking
	c := &cobra.Command{
		Use: "describe cluster NAME", Short: "Tell all about a cluster: members, conditions, the steps ahead",
		Args: usage(cobra.ExactArgs(2)), ValidArgs: []string{"cluster"},
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] != "cluster" {
				return usageError{fmt.Errorf("%q cannot be described: only a cluster can", args[0])}
			}
			clusters, err := a.client().Clusters(c.Context(), registry.Ref{Model: a.model, Name: args[1]})
			if err != nil {
				return advise(err)
			}
			if len(clusters) == 0 {
				return fmt.Errorf("cannot find cluster %s: see jujuetcd get clusters", args[1])
			}
			if len(clusters) > 1 {
				return usageError{errors.New("several models have one: name it with --model")}
			}
			return describe(c.OutOrStdout(), clusters[0])
		},
	}
	a.flags(c, "")
	return c
}

func describe(out io.Writer, c v1alpha1.EtcdCluster) error {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name+":", value)
		}
	}
	line("Cluster", c.Name)
	line("Model", c.Namespace)
	line("Phase", string(c.Status.Phase))
	line("Status", c.Status.Message)
	line("Cluster ID", c.Status.ClusterID)
	line("Epoch", c.Status.Epoch.String())
	line("Observed", c.Status.ObservedAt.UTC().Format(time.RFC3339))

	b.WriteString("\nMembers\n")
	for _, m := range c.Status.Members {
		state := "healthy"
		if !m.Healthy {
			state = "unhealthy: " + m.Reason
		}
		if m.Leader {
			state += ", leader"
		}
		fmt.Fprintf(&b, "  %-10s %-16s %-9s %-8s %s\n", m.Unit, m.ID, m.Role, m.Version, state)
	}
	b.WriteString("\nConditions\n")
	for _, k := range c.Status.Conditions {
		fmt.Fprintf(&b, "  %-13s %-7s %s\n", k.Type, k.Status, k.Reason)
		if k.Message != "" {
			b.WriteString(wrapped(k.Message, "      ", tableWidth))
		}
	}
	b.WriteString("\n")
	printPlan(&b, c)
	_, err := fmt.Fprint(out, b.String())
	return err
}

// printPlan prints the steps ahead, and what could not be seen.
func printPlan(b *strings.Builder, c v1alpha1.EtcdCluster) {
	if len(c.Status.Plan) == 0 {
		b.WriteString("Nothing to do: the cluster is as wanted.\n")
	}
	for i, s := range c.Status.Plan {
		disruptive := ""
		if s.Disruptive {
			disruptive = "  (disruptive)"
		}
		fmt.Fprintf(b, "%3d. %s %s%s\n", i+1, s.Kind, s.Target, disruptive)
		b.WriteString(wrapped(s.Reason, "     ", tableWidth))
	}
	if len(c.Status.Blind) > 0 {
		b.WriteString("\nCould not be seen, so that the plan may be wrong:\n")
		for _, s := range c.Status.Blind {
			b.WriteString(wrapped(s, "  - ", tableWidth))
		}
	}
}

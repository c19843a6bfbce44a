package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/registry"
	"jujuetcd.io/pkg/snapshot"
)

// shownRecords is how much of what has happened a description for people ends with.
const shownRecords = 12

func describeCommand() *cobra.Command {
	var a asking
	c := &cobra.Command{
		Use:   "describe (cluster|unit) NAME",
		Short: "Tell all about a cluster or a unit: state, conditions, the steps ahead, what has happened",
		Example: `  jujuetcd describe cluster etcd
  jujuetcd describe unit etcd/0
  jujuetcd describe cluster etcd -o yaml`,
		Args:              wants(2, 2, "what to describe", "jujuetcd describe (cluster|unit) NAME"),
		ValidArgsFunction: completesKinds(&a, oneCluster, oneUnit),
		RunE: func(c *cobra.Command, args []string) error {
			if a.output != "" && a.output != "yaml" && a.output != "json" {
				return usageError{fmt.Errorf("--output is %q; it must be yaml or json", a.output)}
			}
			ctx, out, want := c.Context(), c.OutOrStdout(), registry.Ref{Model: a.model, Name: args[1]}
			switch args[0] {
			case "cluster":
				return describeOne(ctx, out, &a, "cluster", want, a.client().Clusters,
					func(c v1alpha1.EtcdCluster) registry.Ref { return registry.Ref{Model: c.Namespace, Name: c.Name} }, describeCluster)
			case "unit":
				return describeOne(ctx, out, &a, "unit", want, a.client().Units,
					func(u v1alpha1.EtcdUnit) registry.Ref { return registry.Ref{Model: u.Namespace, Name: u.Name} }, describeUnit)
			}
			return usageError{fmt.Errorf("%q cannot be described: a cluster or a unit can", args[0])}
		},
	}
	a.flags(c, "yaml or json; else text")
	completesFlags(c, &a, "yaml", "json")
	return c
}

// description is an object with what has happened with it.
type description[T any] struct {
	Object T                 `json:"object"`
	Events []registry.Record `json:"events"`
}

func describeOne[T any](ctx context.Context, out io.Writer, a *asking, kind string, want registry.Ref,
	list func(context.Context, registry.Ref) ([]T, error), identify func(T) registry.Ref,
	text func(io.Writer, T, []registry.Record) error,
) error {
	objects, err := list(ctx, want)
	if err != nil {
		return advise(err)
	}
	objects = slices.DeleteFunc(objects, func(o T) bool { return identify(o).Name != want.Name })
	switch {
	case len(objects) == 0:
		return fmt.Errorf("cannot find %s %s: see jujuetcd get %ss", kind, want.Name, kind)
	case len(objects) > 1:
		return usageError{errors.New("several models have one: name it with --model")}
	}
	records, err := a.client().Records(ctx, identify(objects[0]))
	if err != nil {
		return advise(err)
	}
	if a.output != "" {
		return printObject(out, a.output, description[T]{objects[0], records})
	}
	return text(out, objects[0], records)
}

// page is a text that is put together line by line.
type page struct{ strings.Builder }

func (p *page) line(name, value string) {
	if value != "" {
		fmt.Fprintf(p, "%-12s %s\n", name+":", value)
	}
}

func (p *page) conditions(list []metav1.Condition) {
	p.WriteString("\nConditions\n")
	for _, k := range list {
		since := ""
		if !k.LastTransitionTime.IsZero() {
			since = "since " + k.LastTransitionTime.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(p, "  %-13s %-7s %-14s %s\n", k.Type, k.Status, k.Reason, since)
		if k.Message != "" {
			p.WriteString(wrapped(k.Message, "      "))
		}
	}
}

// procedures prints what is under way in several phases, if anything is.
func (p *page) procedures(list []v1alpha1.ProcedureStatus) {
	if len(list) > 0 {
		p.WriteString("\nProcedures\n")
	}
	for _, s := range list {
		phase := "phase " + s.Phase
		if s.Back {
			phase = "going back, " + phase
		}
		if s.WaitsForPerson {
			phase += ", waits for you"
		}
		fmt.Fprintf(p, "  %s of task %s: %s, since %s\n", s.Name, s.ID, phase, s.Since.UTC().Format(time.RFC3339))
		p.WriteString(wrapped(s.Message, "      "))
	}
}

// events prints what has happened last.
func (p *page) events(records []registry.Record) {
	p.WriteString("\nWhat has happened\n")
	if len(records) == 0 {
		p.WriteString("  Nothing since this daemon was started.\n")
	}
	for _, r := range records[max(0, len(records)-shownRecords):] {
		often := ""
		if r.Count > 1 {
			often = fmt.Sprintf(" (%d times since %s)", r.Count, r.First.UTC().Format(time.TimeOnly))
		}
		fmt.Fprintf(p, "  %s %s %s %s%s\n", r.At.UTC().Format(time.TimeOnly), r.Kind, r.Reason, r.Object, often)
		if r.Message != "" {
			p.WriteString(wrapped(r.Message, "           "))
		}
	}
}

func describeCluster(out io.Writer, c v1alpha1.EtcdCluster, records []registry.Record) error {
	var p page
	p.line("Cluster", c.Name)
	p.line("Model", c.Namespace)
	p.line("Phase", string(c.Status.Phase))
	p.line("Status", c.Status.Message)
	p.line("Cluster ID", c.Status.ClusterID)
	p.line("Epoch", c.Status.Epoch.String())
	p.line("Observed", c.Status.ObservedAt.UTC().Format(time.RFC3339))

	p.WriteString("\nMembers\n")
	members := slices.Clone(c.Status.Members)
	slices.SortStableFunc(members, func(a, b v1alpha1.MemberStatus) int { return registry.CompareUnits(a.Unit, b.Unit) })
	for _, m := range members {
		state := "healthy"
		if !m.Healthy {
			state = "unhealthy: " + m.Reason
		}
		if m.Leader {
			state += ", leader"
		}
		fmt.Fprintf(&p, "  %-10s %-16s %-9s %-8s %s\n", m.Unit, m.ID, m.Role, m.Version, state)
	}
	p.procedures(c.Status.Procedures)
	p.conditions(c.Status.Conditions)
	p.WriteString("\nWhat comes next\n")
	printPlan(&p.Builder, c)
	p.events(records)
	_, err := fmt.Fprint(out, p.String())
	return err
}

func describeUnit(out io.Writer, u v1alpha1.EtcdUnit, records []registry.Record) error {
	var p page
	p.line("Unit", u.Name)
	p.line("Model", u.Namespace)
	p.line("Status", u.Spec.Status.Unit.State+": "+u.Spec.Status.Unit.Message)
	if f := u.Status.Facts; f != nil {
		p.line("Agent", strings.TrimSpace(fmt.Sprintf("%s, protocol %d", f.Agent, f.Protocol)))
		p.line("Address", f.Addresses.Client)
		if f.Snap != nil {
			p.line("Snap", fmt.Sprintf("%s from %s", f.Snap.Version, f.Snap.Channel))
		}
		p.line("Member ID", f.Member.MemberID)
		p.line("Cluster ID", f.Member.ClusterID)
		if f.RestartPending {
			p.line("Restart", "pending: the configuration that etcd runs with is not the one that it should")
		}
		if d := f.Defragmented; d != nil && d.Before > 0 {
			p.line("Database", fmt.Sprintf("defragmented: %s before, %s after (task %d)", snapshot.Size(d.Before), snapshot.Size(d.After), d.Stamp))
		}
	} else {
		p.line("Facts", "none published yet")
	}
	if u.Status.Outcome != "" {
		last := string(u.Status.Outcome)
		if u.Status.Reason != "" {
			last += " (" + u.Status.Reason + ")"
		}
		p.line("Delivery", last)
		if u.Status.Message != "" {
			p.WriteString(wrapped(u.Status.Message, "             "))
		}
	}
	p.conditions(u.Status.Conditions)
	p.events(records)
	_, err := fmt.Fprint(out, p.String())
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
		b.WriteString(wrapped(s.Reason, "     "))
	}
	if len(c.Status.Blind) > 0 {
		b.WriteString("\nCould not be seen, so that the plan may be wrong:\n")
		for _, s := range c.Status.Blind {
			b.WriteString(wrapped(s, "  - "))
		}
	}
}

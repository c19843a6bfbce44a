package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/registry"
)

// asking is what the verbs have in common that ask a running daemon.
type asking struct {
	socket, model, output string
	watch                 bool
}

func (a *asking) flags(c *cobra.Command, outputs string) {
	c.Flags().StringVar(&a.socket, "socket", defaultSocket(os.Getenv, os.Geteuid()), "unix socket of the daemon, as in $JUJUETCD_SOCKET")
	c.Flags().StringVar(&a.model, "model", "", "only this model")
	if outputs != "" {
		c.Flags().StringVarP(&a.output, "output", "o", "", outputs)
	}
}

func (a *asking) client() *registry.Client { return registry.NewClient(a.socket) }

func getCommand() *cobra.Command {
	var a asking
	c := &cobra.Command{
		Use:   "get (clusters|units|cluster NAME|unit NAME)",
		Short: "List what the daemon looks after",
		Example: `  jujuetcd get clusters
  jujuetcd get units -o wide
  jujuetcd get unit etcd/0 -o yaml
  jujuetcd get cluster etcd -w`,
		Args:              wants(1, 2, "what to list", "jujuetcd get (clusters|units|cluster NAME|unit NAME)"),
		ValidArgsFunction: completesKinds(&a, allClusters, allUnits, oneCluster, oneUnit),
		RunE:              func(c *cobra.Command, args []string) error { return a.get(c, args) },
	}
	a.flags(c, "yaml, json or wide; else a table")
	completesFlags(c, &a, "yaml", "json", "wide")
	c.Flags().BoolVarP(&a.watch, "watch", "w", false, "go on with each change")
	return c
}

func (a *asking) get(c *cobra.Command, args []string) error {
	want := registry.Ref{Model: a.model}
	if len(args) == 2 {
		want.Name = args[1]
	}
	switch a.output {
	case "", "yaml", "json", "wide":
	default:
		return usageError{fmt.Errorf("--output is %q; it must be yaml, json or wide", a.output)}
	}
	ctx, out := c.Context(), c.OutOrStdout()
	switch args[0] {
	case "clusters", "cluster":
		if args[0] == "cluster" && want.Name == "" {
			return usageError{errors.New("which cluster? jujuetcd get cluster NAME")}
		}
		return show(ctx, out, a, "cluster", want, a.client().Clusters, a.client().WatchClusters, clusterTable)
	case "units", "unit":
		if args[0] == "unit" && want.Name == "" {
			return usageError{errors.New("which unit? jujuetcd get unit NAME")}
		}
		return show(ctx, out, a, "unit", want, a.client().Units, a.client().WatchUnits, a.unitTable)
	}
	return usageError{fmt.Errorf("%q is no kind of object: there are clusters and units", args[0])}
}

// show prints objects once, or their changes until the end.
func show[T any](ctx context.Context, out io.Writer, a *asking, kind string, want registry.Ref,
	list func(context.Context, registry.Ref) ([]T, error),
	watch func(context.Context, registry.Ref, func(registry.Event[T]) error) error,
	table func(wide bool, objects []T) *table,
) error {
	if a.watch {
		header, widths, shown := true, []int(nil), map[string]string{}
		err := watch(ctx, want, func(e registry.Event[T]) error {
			if a.output == "yaml" || a.output == "json" {
				return printObject(out, a.output, e)
			}
			t := table(a.output == "wide", []T{e.Object})
			// An object changes in more than what a table shows of it: a row that has been shown
			// says nothing anew.
			identity, row := strings.Join(t.rows[0][:2], " "), strings.Join(t.rows[0], "\x00")
			switch {
			case e.Type == "DELETED":
				t.note = "  (deleted)"
				delete(shown, identity)
			case shown[identity] == row:
				return nil
			default:
				shown[identity] = row
			}
			t.bare, t.widths = !header, widths
			header = false
			err := t.print(out)
			widths = t.widths
			return err
		})
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return advise(err)
	}
	objects, err := list(ctx, want)
	if err != nil {
		return advise(err)
	}
	a.warn(ctx, os.Stderr)
	if len(objects) == 0 && want.Name != "" {
		return fmt.Errorf("cannot find %s: the daemon looks after no such %s%s (jujuetcd get %ss)", want.Name, kind, a.inModel(), kind)
	}
	if a.output == "yaml" || a.output == "json" {
		if want.Name != "" && len(objects) == 1 {
			return printObject(out, a.output, objects[0])
		}
		return printObject(out, a.output, objects)
	}
	if len(objects) == 0 {
		fmt.Fprintf(os.Stderr, "Nothing there yet%s: no etcd application whose units have published facts.\n", a.inModel())
		return nil
	}
	return table(a.output == "wide", objects).print(out)
}

// inModel names the model that was asked for, if one was.
func (a *asking) inModel() string {
	if a.model == "" {
		return ""
	}
	return " in model " + a.model
}

// warn reports models that cannot be worked with: what is shown of them is what was seen last.
func (a *asking) warn(ctx context.Context, out io.Writer) {
	about, err := a.client().About(ctx)
	if err != nil {
		return // the objects are there; who serves them is a side matter
	}
	for _, m := range about.Models {
		if m.Error != "" && registry.Matches(registry.Ref{Model: a.model}, registry.Ref{Model: m.Name}) {
			since := ""
			if !m.TroubleSince.IsZero() {
				since = fmt.Sprintf(" (since %s)", m.TroubleSince.Format(time.TimeOnly))
			}
			fmt.Fprintf(out, "Model %s%s: %s.\n", m.Name, since, strings.TrimRight(m.Error, "."))
		}
	}
}

// advise adds what to do where no daemon is there.
func advise(err error) error {
	if errors.Is(err, registry.ErrNoDaemon) {
		return fmt.Errorf("%w (start jujuetcd run, or name its socket with --socket)", err)
	}
	return err
}

func printObject(out io.Writer, format string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil && format == "yaml" {
		text, err = yaml.JSONToYAML(text)
	}
	if err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	if format == "yaml" {
		_, err = fmt.Fprintf(out, "---\n%s", text)
	} else {
		_, err = fmt.Fprintf(out, "%s\n", text)
	}
	return err
}

func clusterTable(wide bool, clusters []v1alpha1.EtcdCluster) *table {
	t := &table{head: []string{"MODEL", "CLUSTER", "PHASE", "MEMBERS", "STATUS"}, dull: true}
	if wide {
		t = &table{head: []string{"MODEL", "CLUSTER", "PHASE", "MEMBERS", "CLUSTER-ID", "EPOCH", "STEPS", "BLIND", "STATUS"}, wide: true}
	}
	for _, c := range clusters {
		healthy := 0
		for _, m := range c.Status.Members {
			if m.Healthy {
				healthy++
			}
		}
		members := fmt.Sprintf("%d/%d", healthy, len(c.Status.Members))
		if !wide {
			t.add(c.Namespace, c.Name, string(c.Status.Phase), members, c.Status.Message)
			continue
		}
		t.add(c.Namespace, c.Name, string(c.Status.Phase), members, c.Status.ClusterID, c.Status.Epoch.String(),
			fmt.Sprint(len(c.Status.Plan)), fmt.Sprint(len(c.Status.Blind)), c.Status.Message)
	}
	return t
}

func (a *asking) unitTable(wide bool, units []v1alpha1.EtcdUnit) *table {
	t := &table{head: []string{"MODEL", "UNIT", "MEMBER", "VERSION", "APPLIED", "STATUS"}, dull: true}
	if wide {
		t = &table{head: []string{"MODEL", "UNIT", "MEMBER", "VERSION", "CHANNEL", "ADDRESS", "APPLIED", "OUTCOME", "STATUS"}, wide: true}
	}
	for _, u := range units {
		member, version, channel, address, applied := "", "", "", "", "no"
		if f := u.Status.Facts; f != nil {
			member, address = f.Member.MemberID, f.Addresses.Client
			if f.Snap != nil {
				version, channel = f.Snap.Version, f.Snap.Channel
			}
		}
		for _, c := range u.Status.Conditions {
			if c.Type == "Applied" && c.Status == "True" {
				applied = "yes"
			}
		}
		status := u.Spec.Status.Unit.State + ": " + u.Spec.Status.Unit.Message
		if !wide {
			t.add(u.Namespace, u.Name, member, version, applied, status)
			continue
		}
		outcome := string(u.Status.Outcome)
		if u.Status.Reason != "" {
			outcome += " (" + u.Status.Reason + ")"
		}
		t.add(u.Namespace, u.Name, member, version, channel, address, applied, outcome, status)
	}
	return t
}

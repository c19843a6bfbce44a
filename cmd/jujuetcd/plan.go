package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile"
	"jujuetcd.io/pkg/reconcile/policy"
	"jujuetcd.io/pkg/reconcile/registry"
)

type planOptions struct {
	connection
	// daemon is asked first.
	daemon              asking
	configDir, stateDir string
	standalone          bool
}

func planCommand() *cobra.Command {
	var o planOptions
	c := &cobra.Command{
		Use:   "plan [CLUSTER]",
		Short: "Show what would be done, and why",
		Long: `Show exactly what would be done next, step by step, each with its reason, and
what could not be seen. Nothing is changed.

A running daemon is asked over its socket. Where there is none, or with
--standalone, plan connects to Juju and etcd itself, as run would; windows of
time (how long a cluster has been stable) then begin with this look.`,
		Args:              wants(0, 1, "the cluster", "jujuetcd plan [CLUSTER]"),
		ValidArgsFunction: completesCluster(&o.daemon),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return o.run(c, name)
		},
	}
	o.connection.flags(c)
	f := c.Flags()
	f.StringVar(&o.daemon.socket, "socket", defaultSocket(os.Getenv, os.Geteuid()), "unix socket of the daemon, as in $JUJUETCD_SOCKET")
	f.StringVar(&o.configDir, "config-dir", "", "directory with EtcdCluster policies, for --standalone")
	f.StringVar(&o.stateDir, "state-dir", defaultStateDir(os.Getenv, os.Geteuid()), "directory with the daemon's identity, for --standalone")
	f.BoolVar(&o.standalone, "standalone", false, "do not ask a daemon")
	f.StringVarP(&o.daemon.output, "output", "o", "", "yaml or json; else for people")
	completesFlags(c, &o.daemon, "yaml", "json")
	return c
}

func (o *planOptions) run(c *cobra.Command, name string) error {
	switch o.daemon.output {
	case "", "yaml", "json":
	default:
		return usageError{fmt.Errorf("--output is %q; it must be yaml or json", o.daemon.output)}
	}
	clusters, err := o.clusters(c.Context(), name)
	if err != nil {
		return err
	}
	if name != "" && len(clusters) == 0 {
		return fmt.Errorf("cannot find cluster %s: no etcd application of this name has units that have published facts (jujuetcd plan shows all)", name)
	}
	if o.daemon.output != "" {
		return printObject(c.OutOrStdout(), o.daemon.output, planned(clusters))
	}
	var b strings.Builder
	for i, cluster := range clusters {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s in %s: %s, %s\n", cluster.Name, cluster.Namespace, cluster.Status.Phase, cluster.Status.Message)
		printPlan(&b, cluster)
	}
	if len(clusters) == 0 {
		b.WriteString("No etcd application whose units have published facts.\n")
	}
	_, err = fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}

// clusters are the clusters with their plans, from a daemon or by looking ourselves.
func (o *planOptions) clusters(ctx context.Context, name string) ([]v1alpha1.EtcdCluster, error) {
	if !o.standalone {
		want := registry.Ref{Name: name}
		if len(o.models) == 1 {
			want.Model = withoutController(o.models[0])
		}
		clusters, err := o.daemon.client().Clusters(ctx, want)
		if !errors.Is(err, registry.ErrNoDaemon) {
			return clusters, err
		}
	}
	policies, err := policy.Open(o.configDir)
	if err != nil {
		return nil, err
	}
	targets, err := o.targets()
	if err != nil && !o.standalone {
		return nil, fmt.Errorf("no daemon listens at %s (start jujuetcd run, or name its socket with --socket), and without one: %w", o.daemon.socket, err)
	}
	if err != nil {
		return nil, err
	}
	links, err := open(ctx, targets, knownBookIn(o.stateDir), false, logr.Discard(), func(error) {})
	if err != nil {
		return nil, err
	}
	defer links.close()
	// Without an identity of our own the plan is the one of whoever holds the epoch.
	self, err := readIdentity(o.stateDir)
	keys := knownKeysIn(o.stateDir)
	if err != nil {
		self, keys = "", nil
	}
	var all []v1alpha1.EtcdCluster
	for _, s := range links.all {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		clusters, err := reconcile.Look(ctx, reconcile.Model{Ref: s.Model(), Juju: s, User: s.user, Link: s.State}, reconcile.Config{
			Self: self, Policies: policies, Dial: reconcile.DialEtcd, Keys: keys,
		})
		cancel()
		if err != nil {
			return nil, err
		}
		for _, c := range clusters {
			if registry.Matches(registry.Ref{Name: name}, registry.Ref{Name: c.Name}) {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// withoutController is admin/prod of lab:admin/prod.
func withoutController(model string) string {
	if _, name, ok := strings.Cut(model, ":"); ok {
		return name
	}
	return model
}

// plan is what plan -o prints of a cluster.
type plan struct {
	Model       string                 `json:"model"`
	Application string                 `json:"application"`
	Phase       v1alpha1.ClusterPhase  `json:"phase"`
	Message     string                 `json:"message,omitempty"`
	ObservedAt  metav1.Time            `json:"observedAt"`
	Steps       []v1alpha1.PlannedStep `json:"steps"`
	Blind       []string               `json:"blind,omitempty"`
}

func planned(clusters []v1alpha1.EtcdCluster) []plan {
	plans := []plan{}
	for _, c := range clusters {
		p := plan{Model: c.Namespace, Application: c.Name, Phase: c.Status.Phase, Message: c.Status.Message,
			ObservedAt: c.Status.ObservedAt, Steps: c.Status.Plan, Blind: c.Status.Blind}
		if p.Steps == nil {
			p.Steps = []v1alpha1.PlannedStep{}
		}
		plans = append(plans, p)
	}
	return plans
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"jujuetcd.io/pkg/reconcile"
	"jujuetcd.io/pkg/reconcile/policy"
	"jujuetcd.io/pkg/reconcile/registry"
)

type runOptions struct {
	connection
	logs
	configDir, stateDir, socket, metrics string
	takeOver                             bool
	probe                                time.Duration
}

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run",
		Short: "Look after the etcd clusters of one model or several",
		Long: `Look after the etcd clusters of one model or several, until SIGTERM.

Credentials come from flags, else from the environment (JUJU_CONTROLLER_ADDRESSES,
JUJU_USERNAME, JUJU_PASSWORD, JUJU_CA_CERT), else from the juju client's files.
The user needs a grant of its own: juju grant USER write MODEL.`,
		Example: `  jujuetcd run --model admin/prod
  jujuetcd run --model admin/prod --model admin/test --config-dir /etc/jujuetcd`,
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	o.connection.flags(c)
	o.logs.flags(c)
	f := c.Flags()
	f.StringVar(&o.configDir, "config-dir", "", "directory with EtcdCluster policies (*.yaml); none is needed")
	f.StringVar(&o.stateDir, "state-dir", defaultStateDir(os.Getenv, os.Geteuid()), "directory for the daemon's identity and keys")
	f.StringVar(&o.socket, "socket", defaultSocket(os.Getenv, os.Geteuid()), "unix socket for get, describe, plan and env")
	f.StringVar(&o.metrics, "metrics-address", "127.0.0.1:8093", "address of /metrics, /healthz and /readyz; 0 serves none")
	f.BoolVar(&o.takeOver, "take-over", false, "take over clusters that another daemon looks after")
	f.DurationVar(&o.probe, "probe-interval", time.Second, "time between two reads through each voter")
	return c
}

func (o *runOptions) run(ctx context.Context) error {
	log, err := o.logs.logger()
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	policies, err := policy.Open(o.configDir)
	if err != nil {
		return err
	}
	targets, err := o.targets()
	if err != nil {
		return err
	}
	id, release, err := claimIdentity(o.stateDir)
	if err != nil {
		return err
	}
	defer release()
	listener, err := registry.Listen(o.socket)
	if err != nil {
		return err
	}
	defer listener.Close()

	var ready notifier
	links, err := open(ctx, targets, bookIn(o.stateDir, log), true, log, func(err error) { ready.ready("waiting for Juju: " + err.Error()) })
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while Juju was away
		}
		return err
	}
	defer links.close()

	started := time.Now()
	var models []reconcile.Model
	for _, s := range links.all {
		models = append(models, reconcile.Model{Ref: s.Model(), Juju: s, User: s.user, Link: s.State})
	}
	objects := registry.New(time.Now)
	d, err := reconcile.New(reconcile.Config{
		Self: id, TakeOver: o.takeOver, Registry: objects, Policies: policies, Dial: reconcile.DialEtcd, Log: log,
		ProbeEvery: o.probe, MetricsAddress: o.metrics, Keys: keysIn(o.stateDir),
	}, models)
	if err != nil {
		return err
	}
	server := &registry.Server{Registry: objects, Access: d.Access, About: func() registry.About {
		return registry.About{Version: versionText(), Identity: id, Started: started, Models: d.Models()}
	}}
	for _, s := range links.all {
		log.Info("Logged in", "model", s.Model().Owner+"/"+s.Model().Name, "user", s.user, "controller", s.State().Address, "juju", s.State().Login.ServerVersion)
	}
	log.Info("Started", "version", versionText(), "identity", id, "socket", o.socket)
	ready.ready("looking after " + plural(len(models), "model"))

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.Start(ctx) })
	group.Go(func() error { return server.Serve(ctx, listener) })
	group.Go(func() error {
		return policies.Watch(ctx, func(err error) {
			if err != nil {
				log.Error(err, "Policies are not all valid, the last good ones stay")
			} else {
				log.Info("Policies were read again")
			}
			d.Wake()
		})
	})
	group.Go(func() error { ready.watch(ctx, log, func() { _ = d.Models() }); return nil })
	err = group.Wait()
	log.Info("Stopped")
	return err
}

func (o *runOptions) check() error {
	if o.probe < 100*time.Millisecond || o.probe > time.Minute {
		return usageError{fmt.Errorf("--probe-interval is %s; it must be between 100ms and 1m", o.probe)}
	}
	if o.metrics != "0" {
		if _, _, err := net.SplitHostPort(o.metrics); err != nil {
			return usageError{fmt.Errorf("--metrics-address is %q; it must be host:port, or 0", o.metrics)}
		}
	}
	if o.stateDir == "" {
		return usageError{errors.New("no --state-dir is given, and there is no home directory")}
	}
	if o.socket == "" {
		return usageError{errors.New("no --socket is given, and there is no runtime directory")}
	}
	return nil
}

// notifier tells systemd how we are; without systemd it does nothing.
type notifier struct{ sent bool }

// ready says, once, that starting is over: waiting for a controller that is away is work, not
// starting.
func (n *notifier) ready(status string) {
	text := "STATUS=" + status
	if !n.sent {
		n.sent = true
		text = daemon.SdNotifyReady + "\n" + text
	}
	_, _ = daemon.SdNotify(false, text) // no systemd, or one that does not listen: nothing to do about it
}

// watch feeds the watchdog while alive returns, until ctx ends.
func (n *notifier) watch(ctx context.Context, log logr.Logger, alive func()) {
	defer func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyStopping) }()
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Error(err, "Watchdog cannot be fed")
	}
	if every == 0 {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(every / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			alive() // hangs where the daemon's locks hang
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

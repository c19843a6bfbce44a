package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"jujuetcd.io/sim"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
)

const startHelp = `Start runs a controller with the model admin/demo in the foreground, until interrupted or stopped
with jujusim stop; then all that it started has ended.

Below the folder are, for programs that speak Juju's API: juju/ (a juju client's files; set JUJU_DATA
to it) and ca.crt; and for the curious m/0, m/1 …, the machines' roots.

A snap store is a folder STORE/SNAP/TRACK/RISK with the snap's programs and a file named version, as
in store/etcd/3.6/stable/{etcd,etcdctl,etcdutl,version}.`

func (a *App) start() *cobra.Command {
	var (
		o                        sim.Options
		profileName, pace, level string
		lease, updateStatus      time.Duration
	)
	c := &cobra.Command{
		Use: "start", Short: "Run an instance in the foreground", Long: startHelp, Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) (err error) {
			o.Dir, o.Lease = a.dir, lease
			if o.OwnNetworks && o.Machines.IsValid() {
				return usage("start: machines have networks of their own, or one of this host's: say --own-networks or --machine-network")
			}
			if o.Profile, err = profile.ByName(profileName); err != nil {
				return usageError{err}
			}
			if o.Pace, err = model.ParsePace(pace); err != nil {
				return usageError{err}
			}
			if o.Log, err = a.logger(level); err != nil {
				return usageError{err}
			}
			o.Fleet = func(options fleet.Options) (fleet.Fleet, error) {
				options.UpdateStatus = updateStatus
				return a.Fleet(options)
			}
			o.Ready = a.ready
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return sim.Run(ctx, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Store, "store", "", "the folder that plays the snap store")
	f.StringVar(&profileName, "profile", profile.V40.Name, "the Juju to play: "+strings.Join(profile.Names(), ", "))
	f.StringVar(&pace, "change-stream", "instant", "how soon agents see changes: instant, or juju (as late as Juju 4.0: 0.1 s to 10 s)")
	f.StringVar(&o.Record, "record", "", "a file to which every API frame is appended, without credentials")
	f.StringSliceVar(&o.Spaces, "space", nil, "a space that machines are in beside alpha, with an address of its own; may be repeated")
	f.BoolVar(&o.Public, "public-addresses", false, "give each machine an address that other models use")
	f.TextVar(&o.Machines, "machine-network", netip.Prefix{}, "a network of addresses that this host has, for the machines; loopback where empty")
	f.BoolVar(&o.OwnNetworks, "own-networks", false, "give each machine a network of its own, for fault partition; takes root, ip and nft")
	f.DurationVar(&lease, "lease", 0, "how long leadership outlives its agent (30s where zero)")
	f.DurationVar(&updateStatus, "update-status", 0, "the interval of update-status hooks (5m where zero)")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return c
}

func (a *App) logger(level string) (*zap.Logger, error) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, err
	}
	encoder := zap.NewDevelopmentEncoderConfig()
	encoder.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), zapcore.Lock(zapcore.AddSync(a.Err)), at)), nil
}

func (a *App) ready(info control.Info) {
	fmt.Fprintf(a.Out, "jujusim plays Juju %s on %s; its folder is %s\n", info.Version, info.Address, info.Dir)
	fmt.Fprintf(a.Out, "In another shell:\n\n  export %s=%s JUJU_DATA=%s\n  jujusim status\n\n", EnvDir, info.Dir, info.JujuData)
}

func (a *App) stop() *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use: "stop", Short: "Stop the instance and wait until it has ended", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), wait)
			defer cancel()
			info, err := a.client().Info(ctx)
			if err != nil {
				return err
			}
			if err := a.client().Stop(ctx); err != nil {
				return err
			}
			return awaitEnd(ctx, info.PID)
		},
	}
	c.Flags().DurationVar(&wait, "wait", time.Minute, "how long to wait")
	return c
}

// awaitEnd waits until there is no such process.
func awaitEnd(ctx context.Context, pid int) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
			return nil
		}
		if pid == os.Getpid() {
			return nil // A test's instance is a goroutine.
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot wait any longer: process %d has not ended", pid)
		case <-tick.C:
		}
	}
}

func (a *App) info() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "info", Short: "Show what runs, and how to reach it", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			info, err := a.client().Info(c.Context())
			if err != nil {
				return err
			}
			return a.print(format, info)
		},
	}
	formatFlag(c, &format, "yaml", "yaml", "json")
	return c
}

func (a *App) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version of Juju that is played, or would be where none runs", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			version := profile.V40.Version
			if info, err := a.client().Info(c.Context()); err == nil {
				version = info.Version
			}
			fmt.Fprintln(a.Out, version)
			return nil
		},
	}
}

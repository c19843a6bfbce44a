// Command jujuetcd-agent is the charm's dispatch: Juju runs it on a unit for each hook and action.
// By other hands:
//
//	jujuetcd-agent --version        print its version
//	jujuetcd-agent alarms UNIT      write the list of alarms for the Nagios check; cron runs this each minute
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/machine"
)

// version is set when the program is built.
var version = "devel"

// alarmsLongest is how long etcd may take to answer, less than cron's minute.
const alarmsLongest = 40 * time.Second

func main() {
	if len(os.Args) > 1 {
		switch {
		case os.Args[1] == "--version":
			fmt.Println("jujuetcd-agent", version, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
		case os.Args[1] == "alarms" && len(os.Args) == 3:
			end(within(alarmsLongest, alarms))
		default:
			fmt.Fprintf(os.Stderr, "jujuetcd-agent: unknown argument %q; Juju runs it as a charm's dispatch, without arguments\n", os.Args[1])
			os.Exit(2)
		}
		return
	}
	end(within(longest(os.Getenv("JUJU_DISPATCH_PATH")), run))
}

// longest is how long a dispatch may take; Juju sets no limit of its own. A reconcile's is the one
// that the daemon reckons with.
func longest(path string) time.Duration {
	switch path {
	case dispatch.KindAction + "/" + v1alpha1.ActionReconcile:
		return v1alpha1.LongestRun
	case dispatch.KindAction + "/" + v1alpha1.ActionSnapshot, dispatch.KindAction + "/" + v1alpha1.ActionListSnapshots:
		return v1alpha1.LongestSnapshot
	case dispatch.KindAction + "/" + v1alpha1.ActionRestore:
		return v1alpha1.LongestRestore
	}
	return v1alpha1.LongestHook
}

// within runs one thing for at most so long, and ends it when it is asked to.
func within(d time.Duration, do func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return do(ctx)
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "jujuetcd-agent:", err)
		os.Exit(1)
	}
}

// root is the machine's root, as jujusim sets it; / on a real machine.
func root() string { return cmp.Or(os.Getenv("JUJUETCD_ROOT"), "/") }

// alarms takes no turn among hooks and actions: one may take minutes, and the list must not turn
// stale meanwhile.
func alarms(ctx context.Context) error {
	return machine.New(machine.Options{Root: root(), Unit: os.Args[2], Agent: version}).CacheAlarms(ctx)
}

func run(ctx context.Context) error {
	env, err := dispatch.ReadEnv(os.Getenv)
	if err != nil {
		return err
	}
	release, err := dispatch.Lock(ctx, root(), env.Unit)
	if err != nil {
		return err
	}
	defer release()
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	tools := hooktool.New(hooktool.Exec{})
	log := dispatch.JujuLog(ctx, tools)
	return charm.New(charm.Options{
		Env:      env,
		Tools:    tools,
		Log:      log,
		Hostname: hostname,
		Machine: machine.New(machine.Options{
			Root: root(), Unit: env.Unit, ModelUUID: env.ModelUUID, Agent: version, Log: log,
			Interfaces: machine.Interfaces,
		}),
	}).Dispatch(ctx)
}

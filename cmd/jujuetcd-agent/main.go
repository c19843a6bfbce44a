// Command jujuetcd-agent is the charm's dispatch: Juju runs it on a unit for each hook and action.
// By other hands:
//
//	jujuetcd-agent --version        print its version
//	jujuetcd-agent alarms UNIT      write the list of alarms for the Nagios check; cron runs this each minute
//	jujuetcd-agent restore          restore what the order on standard input names; the action runs this in a systemd unit
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr/funcr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm"
	"jujuetcd.io/pkg/charm/actions"
	"jujuetcd.io/pkg/charm/detached"
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
		case os.Args[1] == restoreCommand && len(os.Args) == 2:
			end(within(v1alpha1.LongestRestore, restore))
		default:
			fmt.Fprintf(os.Stderr, "jujuetcd-agent: unknown argument %q; Juju runs it as a charm's dispatch, without arguments\n", os.Args[1])
			os.Exit(2)
		}
		return
	}
	path := os.Getenv("JUJU_DISPATCH_PATH")
	end(within(patience(path)+longest(path), func(ctx context.Context) error { return run(ctx, longest(path)) }))
}

// patience is how long a hook waits for its turn, besides: what was to outlive the action that began
// it holds up hooks for as long as that action would have. An action that is late fails, and can be run
// again.
func patience(path string) time.Duration {
	if strings.HasPrefix(path, dispatch.KindAction+"/") {
		return 0
	}
	return v1alpha1.LongestRestore
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

func run(ctx context.Context, longest time.Duration) error {
	env, err := dispatch.ReadEnv(os.Getenv)
	if err != nil {
		return err
	}
	release, err := dispatch.Lock(ctx, root(), env.Unit)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
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
		Worker:   worker,
		Machine: machine.New(machine.Options{
			Root: root(), Unit: env.Unit, ModelUUID: env.ModelUUID, Agent: version, Log: log,
			Interfaces: machine.Interfaces,
		}),
	}).Dispatch(ctx)
}

const restoreCommand = "restore"

// worker has a restore done by this program, in a systemd unit of its own.
func worker(ctx context.Context, order actions.RestoreOrder, tell detached.Tell) (outcome actions.RestoreOutcome, err error) {
	program, err := os.Executable()
	if err != nil {
		return outcome, err
	}
	work := detached.Work{
		Root: root(), Unit: order.Unit, Command: []string{program, restoreCommand},
		Name: fmt.Sprintf("jujuetcd-restore-%s-%d", strings.ReplaceAll(order.Unit, "/", "-"), order.Task),
	}
	err = detached.Run(ctx, work, order, &outcome, tell)
	return outcome, err
}

// restore is what worker starts.
func restore(ctx context.Context) error {
	return detached.Serve(ctx, os.Stdin, os.Stdout, func(ctx context.Context, o actions.RestoreOrder, tell detached.Tell) actions.RestoreOutcome {
		log := funcr.New(func(_, text string) { tell.Log(text) }, funcr.Options{})
		return actions.PerformRestore(ctx, machine.New(machine.Options{
			Root: root(), Unit: o.Unit, ModelUUID: o.ModelUUID, Agent: version, Log: log, Interfaces: machine.Interfaces,
		}), o, tell.Progress)
	})
}

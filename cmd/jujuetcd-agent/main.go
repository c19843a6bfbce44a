// Command jujuetcd-agent is the charm's dispatch: Juju runs it on a unit for each hook and action. By hand, it only tells its
// version:
//
//	jujuetcd-agent --version
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

	"jujuetcd.io/pkg/charm"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/machine"
)

// version is set when the program is built.
var version = "devel"

// longest is how long a dispatch may take; Juju sets no limit of its own.
const longest = 4 * time.Minute

func main() {
	if len(os.Args) > 1 {
		if os.Args[1] == "--version" {
			fmt.Println("jujuetcd-agent", version, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
			return
		}
		fmt.Fprintf(os.Stderr, "jujuetcd-agent: unknown argument %q; Juju runs it as a charm's dispatch, without arguments\n", os.Args[1])
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, longest)
	err := run(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "jujuetcd-agent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	env, err := charm.ReadEnv(os.Getenv)
	if err != nil {
		return err
	}
	root := cmp.Or(os.Getenv("JUJUETCD_ROOT"), "/")
	release, err := charm.Lock(ctx, root, env.Unit)
	if err != nil {
		return err
	}
	defer release()
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	tools := hooktool.New(hooktool.Exec{})
	log := charm.JujuLog(ctx, tools)
	return charm.New(charm.Options{
		Env:      env,
		Tools:    tools,
		Log:      log,
		Hostname: hostname,
		Machine: machine.New(machine.Options{
			Root: root, Unit: env.Unit, ModelUUID: env.ModelUUID, Agent: version, Log: log,
		}),
	}).Dispatch(ctx)
}

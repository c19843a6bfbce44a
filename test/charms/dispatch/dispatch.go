// Package dispatch is the main function of the small charms.
//
//	func main() { dispatch.Main("grafana", func(ctx context.Context) error { return run(ctx, os.Getenv("JUJU_HOOK_NAME")) }) }
package dispatch

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Main runs a hook or action, which ends when it is told to, and exits with 1 and the error in the charm's name if there is one.
func Main(charm string, run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, charm+":", err)
		os.Exit(1)
	}
}

// Broken is the id of the relation that the running hook takes down, empty in any other: Juju still lists it.
func Broken() string {
	if strings.HasSuffix(os.Getenv("JUJU_HOOK_NAME"), "-relation-broken") {
		return os.Getenv("JUJU_RELATION_ID")
	}
	return ""
}

// Jujusim is an embedded Juju: see sim/cli for its verbs. Called by the name of a hook tool or of systemctl, it is that.
package main

import (
	"context"
	"os"

	"jujuetcd.io/sim/cli"
	"jujuetcd.io/sim/machine"
)

// version is set when it is built for release.
var version = "devel"

func main() {
	if code, handled := machine.MultiCall(os.Args); handled {
		os.Exit(code)
	}
	os.Exit(cli.Main(context.Background(), os.Args[1:], version, machine.NewFleet))
}

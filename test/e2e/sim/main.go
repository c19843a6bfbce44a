// Sim is jujusim whose machines are real where etcd runs: systemd-nspawn containers with systemd and snapd, entered for each hook
// and action. It is used by the end-to-end tests, which see to the namespaces that it lives in. Its verbs are jujusim's; the faults
// are real ones: stop-machine is a power cut.
//
// E2E_IMAGE is the machines' root file system (see nspawn.Image), E2E_SNAPS a folder with etcd.snap, which units get as the
// charm's resource etcd.
package main

import (
	"context"
	"os"

	"jujuetcd.io/sim/cli"
	"jujuetcd.io/sim/machine"
)

func main() {
	if code, handled := machine.MultiCall(os.Args); handled {
		os.Exit(code)
	}
	os.Exit(cli.Main(context.Background(), os.Args[1:], "e2e", newFleet))
}

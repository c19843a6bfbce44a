// Package e2e holds the end-to-end tests: the whole product on machines with real systemd and real snapd (package nspawn). Juju
// is jujusim (package sim), the daemon, the charm with its agent, and etcd are the real programs; etcd is a snap, installed by snapd
// from the charm's resource.
//
//	make test-e2e
//
// make test runs it last where it can, and says where it cannot.
//
// It takes root, and some minutes where the machines' image is not in the user's cache yet. All runs in network, mount and process
// namespaces that the test makes for itself: when it ends, in whatever way, the kernel ends what it has started, and the test's
// first process removes its folder and control groups. Each part prints how long it took.
package e2e

// Package snapd stands in for snapd on a simulated machine: the same REST API on ROOT/run/snapd.socket, with a folder as
// its store.
//
// # Use
//
// New opens (or finds again) the state of one machine, Serve listens on the socket, Close ends both. Command turns the
// ExecStart of a snap's service into a process for package service.
//
// # The store
//
//	STORE/<snap>/<track>/<risk>/     one channel, such as etcd/3.6/stable
//	    version                      text: 3.6.16
//	    revision                     text, optional; without it the revision follows from the version (3.6.16 is 30616)
//	    <program> ...                executables; the one named as the snap is its service, the others are plain apps
//
// A risk that is missing falls back to the next safer one, as in the real store.
//
// # Local files
//
// POST /v2/snaps with a file takes any of
//
//   - a tar (gzipped or not) or zip of the same content as a channel's folder; folders inside are flattened, and
//     meta/snap.yaml may give name and version;
//   - a stub: YAML of the form {jujusim-snap: NAME, version: V, programs: FOLDER}, for programs that are too large to pack.
//
// Without meta/snap.yaml or a stub the snap's name is the file's name up to the first underscore or period.
//
// # The programs
//
// A service is run as the etcd snap's wrapper does: with --config-file $SNAP_COMMON/<snap>.conf.yml; without that file it
// exits 1. The program gets a translated copy, because a folder is not a machine: absolute paths are put below the
// machine's root, 0.0.0.0 and [::] in listen-... become the machine's addresses, and the loopback the first of them. Nothing
// else is changed.
//
// # Guarantees
//
//   - Status, keys, types and kinds of the answers are those of the recordings in test/recordings/snapd (2.57.6, 2.68.3,
//     2.77.1; Options.Version chooses): the test holds them against each other.
//   - Changes run one task after another in the background. State is written to ROOT/var/lib/snapd/state.json after each
//     step, and a change that was under way goes on after a restart.
//   - All methods are safe for concurrent use.
//
// # Who writes what
//
//	ROOT/snap, ROOT/var/lib/snapd            this package
//	ROOT/var/snap/NAME/REVISION, current     this package, at install and refresh (copied from revision to revision)
//	ROOT/var/snap/NAME/common                made here, filled by the charm
//	ROOT/etc/systemd/system/snap.*.service   this package
//	ROOT/run/jujusim                         this package: translated configuration
package snapd

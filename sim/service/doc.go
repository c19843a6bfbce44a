// Package service is systemd's part of a simulated machine: it reads unit files and drop-ins below the machine's root,
// starts, watches and restarts the processes, and answers the forms of systemctl and systemd-run that a charm uses.
//
// # Use
//
// New makes the supervisor of one machine. Unit files are files, as on a real machine: whoever installs a service writes
// ROOT/etc/systemd/system/NAME.service and calls DaemonReload. Drop-ins in ROOT/etc/systemd/system/NAME.service.d/*.conf
// count after the next DaemonReload only. Serve opens the socket that the systemctl stand-in (Systemctl, a program form of
// the jujusim binary) talks to. Close stops everything.
//
// # What is read
//
// [Unit] ConditionPathExists, StartLimitIntervalSec, StartLimitBurst (and their old names); [Service] ExecStart, Restart,
// RestartSec, TimeoutStopSec. All else is ignored. Defaults are systemd's, and what a unit file of snapd says comes on top:
// Restart=on-failure, RestartSec=100ms, five starts in 10 s, TimeoutStopSec=30.
//
// systemd-run makes a unit without a file: --quiet --pipe --wait --collect --service-type=exec --unit= --property=; others are
// refused. Its process has the caller's open files, and runs on when the caller is gone.
//
// # Guarantees
//
//   - ExecStart and the paths of conditions are those of production; the supervisor puts the machine's root before them, and
//     Options.Command turns an ExecStart into a process.
//   - No process outlives the program that holds the supervisor, also if that one is killed by SIGKILL: children carry a
//     parent-death signal, and are started on a thread that lives as long as the supervisor does.
//   - A unit whose start limit is hit stays failed until reset-failed; an unmet condition leaves it inactive, without an error.
//   - All methods are safe for concurrent use; Close may be called twice.
//
// # Who writes what
//
//	ROOT/var/log/NAME.log       this package (the process's standard output and error)
//	ROOT/run/systemd/private    this package (a socket)
//	unit files, enablement      the snapd stand-in
//	drop-ins                    the charm
package service

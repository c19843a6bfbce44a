// Package detached runs what must not end with Juju's agent in a systemd unit of its own: whoever
// restarts the agent kills the hooks and actions that run, and Juju runs no action again.
//
// # Use
//
// An action calls Run with a command line of this charm's program and an order; that program calls
// Serve, which reads the order, and answers with what has come of it. Who begins a hook or action
// calls Wait first.
//
// # Guarantees
//
//   - One work at a time is done for a unit. Wait ends when it has ended, however that was, and there is
//     no moment at which a work that was begun is not seen: its lock is the file that the order is
//     read from, which the two programs share, and the kernel gives it back when both are gone.
//   - The work goes on when Run's context ends, or its program is killed. It is told to stop, by
//     SIGTERM, when the machine is shut down.
//   - The order and the answer are in no argument, and in no file that others than root can read.
//
// # Who writes what
//
//	/var/lib/jujuetcd/UNIT/work     Run
package detached

// Package agent is Juju's unit agent: it runs a unit's charm, hook by hook, in Juju's order.
//
// # Use
//
// New makes the agent of one unit on one machine, Run works until its context is done (the agent was stopped) or the unit is
// gone. An agent that is run again goes on where the last one was: what it has done is in its state file.
//
// # What it runs, and when
//
// next decides, as a pure function of the model's Snapshot and the agent's own state; highest first:
//
//  1. start, once more after the machine was started anew
//  2. relation-created, leader-elected
//  3. tasks (actions, juju-exec), in no order on 4.0, also while a hook is in error
//  4. the hook that failed: after 5 s, doubling to 5 min; at once when resolved, or left out (no-hooks)
//  5. of a dying unit: relation departed and broken, storage-detaching, stop, remove; then the unit is gone
//  6. storage-attached, install, upgrade-charm (when the application has another charm), config-changed, start;
//     on 4.0 config-changed runs twice for a change of options
//  7. of a relation: departed; changed of the application (on 4.0 also for the leader that wrote it); joined,
//     followed by changed of the same unit; changed. One that ends: departed, broken. (A peer relation never breaks: a dying unit's last hooks there are departed.)
//  8. update-status, when its interval has passed
//
// # Guarantees
//
//   - One operation at a time; operations of several units of one machine exclude each other, but for tasks that may run in
//     parallel, of which 4.0 knows none.
//   - What Juju buffers is committed only when the operation ended well, before the state says that it is done. A commit
//     that is refused fails a hook, and is logged for an action.
//   - An operation that was cut off (agent stopped, process killed) is not recorded: a hook runs again, a task fails when the
//     next agent comes up.
//   - The process is the charm's dispatch, in a process group of its own, and dies with jujusim. Its environment is Juju's and
//     nothing of jujusim's own, plus JUJUETCD_ROOT.
//   - update-status does not show as executing, as in Juju: a settled unit's agent status does not change.
//
// # Who writes what
//
//	ROOT/var/lib/juju/agents/unit-APP-N/charm         the unpacked charm
//	ROOT/var/lib/juju/agents/unit-APP-N/state.json    what has been done
//	ROOT/var/lib/juju/agents/unit-APP-N/agent.socket  for the hook tools
//	ROOT/var/lib/juju/tools/unit-APP-N                links to the hook tools, systemctl and systemd-run
//	the model                                         as in package model's table, row unit agent
package agent

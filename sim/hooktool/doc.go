// Package hooktool is Juju's hook tools: one program under many names, and the server in the unit agent that answers it.
//
// # Use
//
// The program side is Main: called first thing by a main function (and by TestMain), it looks at the name that the program
// was called by, and if that is a hook tool, sends the command line to the agent's socket, prints the answer and returns the
// exit code. Link puts links with all names into a folder for PATH.
//
// The agent side is a Server, which listens on the unit's socket. Each hook or action is a Context: the agent registers one
// before it starts the charm's process, hands its Environment to it, and asks the Context afterwards for Changes, to be
// committed if all went well, and for what an action has set.
//
// # Guarantees
//
//   - Reads go to the model as it is, with the context's own uncommitted writes on top, as Juju does it.
//   - Relation settings, ports, unit state and what is done to secrets are buffered; what secret-get registers, statuses, workload version, logs take effect at once.
//   - Output formats are --format=smart (the default), json and yaml. Errors are one line on standard error that begins with
//     ERROR, exit code 1; 2 for a wrong command line.
//   - Tools of one unit run one at a time. A tool called outside a context is refused.
//
// What Juju 4.0 has no more (leader-get, leader-set) is there in the profiles of older ones only. Secrets do not expire, are not
// rotated by Juju, and are not shared across models: what asks for it is refused.
package hooktool

// Package actions are what a person's actions do on a unit: those that the unit carries out by
// itself (health, alarm-list, alarm-disarm, compact, debug, package-client-credentials, snapshot,
// list-snapshots, restore), and those that ask the controller for something that takes more than this unit
// (restart, rotate-ca, proceed, go-back, begin-anew).
//
// # Use
//
//	err := actions.Do(ctx, run, machine, worker) // run.Env says which action, and its task
//
// # How the controller is asked
//
// The unit only records in its facts who asked for what, under Juju's number of the task. The
// controller sees to it once, and says in the latch which task of the unit was the last that it has
// seen to. Juju runs actions in no certain order.
//
// # Guarantees
//
//   - Nothing is done here that a person asks the controller for. On the machine nothing is changed
//     but for files that are handed out: in the home of whom juju scp logs in as, for that user
//     alone (machine.HandOut), and snapshots, where a person wants them (machine.TakeSnapshot); and
//     by restore, which verifies before it touches anything and goes back where it cannot end
//     (machine.Restore, machine.RestoreV2), in a program that Juju's agent does not end (Worker). It alone writes the
//     latch: see FollowRestore.
//   - No private key is in a result or a log.
//   - A request that waits is never lost to one for something else, and none is recorded that is
//     older than one that was seen to: the action fails, and says so. Only what was asked of a
//     cluster that has ended, which nobody sees to, does not hold up that it is given up.
//   - An action that cannot be taken fails in Juju, with a sentence. An error that is returned means
//     that it could not be carried to an outcome, and Juju commits nothing of it.
//
// The action reconcile is the controller's and not here: see package charm.
package actions

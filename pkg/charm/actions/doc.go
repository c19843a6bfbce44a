// Package actions are what a person's actions do on a unit: health, which looks, and those that ask
// the controller for something that takes more than this unit (restart, rotate-ca, proceed, go-back,
// begin-anew).
//
// # Use
//
//	err := actions.Do(ctx, run, machine) // run.Env says which action, and its task
//
// # How the controller is asked
//
// The unit only records in its facts who asked for what, under Juju's number of the task. The controller
// sees to it once, and says in the latch which task of the unit was the last that it has seen to. Juju
// runs actions in no certain order.
//
// # Guarantees
//
//   - Nothing is done here that a person asks the controller for, and nothing on the machine.
//   - A request that waits is never lost to one for something else, nor is one recorded that is older
//     than what was seen to: the action fails, and says so. To give up a cluster is for one that is no more:
//     once it has ended, nobody sees to what was asked of it, and that holds nothing up.
//   - An action that cannot be taken fails in Juju, with a sentence; an error that is returned means that
//     it could not be carried to an outcome, and Juju commits nothing of it.
//
// The action reconcile is the controller's and not here: see package charm.
package actions

// Package act performs what the planner decides, one Step at a time, through Juju and etcd.
//
// # Use
//
//	actor := act.New(act.Config{...})
//	err := actor.Act(ctx, observation, step)      // membership steps are done; deliveries are handed to the courier
//	progress, err := actor.Deliver(ctx, "etcd/0") // moves one unit's delivery on; never waits. Call it until Done
//
// The unit controller calls Deliver as often as Progress.After says; a simulation calls it in a loop of its own.
//
// # Guarantees
//
//   - A membership step re-reads the latch's epoch right before it acts and refuses (ErrFenced) if it is not ours; holds the
//     lock key in that etcd while it acts; looks again, and asks the same guard that the planner asked, between the two; and
//     looks once more afterwards. What the change's own answer says is not believed when it was lost.
//   - A delivery is good for two minutes. A unit never has two at a time, whoever sent the first.
//   - A delivery's end is recorded whatever it was: applied, refused, failed, in progress, or Juju's own failure. What was not
//     applied bars the next one for 5 s, doubling to 2 min, jittered; what is in progress is asked for again sooner.
//   - Cancelling the context abandons a step safely: before its change nothing has happened, after it the next observation
//     finds the change.
//
// # Who writes what
//
//	Delivery.NotAfter, Protocol, Hash   this package, right before the delivery is queued
//	what the endpoint db is exposed to  this package adds to it, for the daemon
//	the rest of an EtcdUnitSpec         the planner
//	the member list, the lock key       this package, for the daemon
package act

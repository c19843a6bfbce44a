// Package simulation runs the real planner, observer and actor, in process and on a virtual clock,
// against small models of Juju, of the units' agents and of etcd's membership rules.
//
// It answers what neither a pure test of the planner nor a test with real processes can: what
// happens if the daemon dies right before, or right after, each single thing that it does to the
// world; what ten quiet minutes cost; what a delivery does that arrives hours late. Hours take
// milliseconds, and the same seed gives the same run.
//
//	s := simulation.New(simulation.Config{Seed: 1}) // its own methods speak of the first application
//	s.Relate()                  // the certificate authority
//	s.AddUnits(3)
//	s.StartDaemon("daemon-a")
//	err := s.Until(s.Settled, 10*time.Minute)
//	s.Violations()              // must be empty
//
// # What is real and what is modelled
//
//	real      planner, observe.Observer, act.Actor, memory, etcdops' guards and words, v1alpha1.Latch.Apply,
//	          machine.Admit: what an agent refuses
//	juju.go         units, agents' queue (one operation at a time, pick-up and run times), databags, tasks
//	application.go  an application, its options, its latch, leadership; there may be two, and one that is deployed anew
//	model.go        what Juju shows: FullStatus, UnitsInfo
//	machine.go      what outlives a unit: its records, etcd and its data, a clock that may be wrong
//	tenancy.go      whose a machine is, and what the agent clears of it and leaves on it; the judges are machine.WhoseMachine, etcdops.Gone
//	leave.go        how a unit goes: dying, dead, gone; by force; with its machine or from it
//	agent.go        what a unit does with an admitted delivery: record, snap, start, reset, status
//	power.go        a machine without power, and what a unit sees of its own member when it is back
//	client.go       who needs to know where etcd serves, and reads it in hooks of its own
//	etcd.go         what a process does with its data
//	cluster.go      members, voters and learners, quorum, the five-second rule, catch-up
//	daemon.go       one process: its poll rate, and its death
//	daemonworld.go  what that process sees and changes of Juju and etcd, and what Juju does not tell it
//	disturb.go      lost disks, hooks in error, questions without an answer, forged deliveries
//
// # Guarantees
//
// Invariants (invariants.go, judges.go) are judged at every side effect, not only in the end, and
// those of a decision (decisions.go) at every look.
// Nothing sleeps, nothing runs in the background, and nothing outside the package is touched.
//
// # How to add a fault
//
// A fault is a change of the model at a virtual time: write a method of *Sim that changes a Unit,
// an Agent or a Member, and call it from s.At(delay, func()), or between two calls of Until. A
// fault of the daemon's calls goes into session.effect (daemon.go), through which every act on the
// world passes; give Kill a new Mode. A new invariant goes into judges.go and is called where its
// side effect happens. Whatever the model cannot express yet (partitions, slow disks, storage)
// belongs into cluster.go as a field of Member that reachable or serves looks at.
package simulation

// Package observation is what the daemon has seen of one cluster at one time: Juju's side, etcd's side,
// and what this process remembers.
//
// It has types, and what a unit or a task says by itself; what follows from them is the planner's.
// observe fills an Observation, memory keeps what outlives one, planner reads it.
//
// # Guarantees
//
// An Observation is immutable once made, so that it is safe for concurrent use, and holds no secret,
// no clock and no connection.
package observation

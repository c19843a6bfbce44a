// Package observe assembles what is known of one cluster into an observation.Observation: Juju's snapshot of the model, what its
// units publish (facts, latch, certificates), the application's options and reconcile tasks, one look at etcd, and what this
// process remembers.
//
// Where the network is closed to the daemon, the look goes through a unit, if the configuration allows it (package through).
//
// One Observer serves one cluster for the life of the process and keeps its history: since when things are as they are. A
// restart begins every window anew.
//
// Guarantees: what could not be read is in Observation.Blind, in sentences, and is never taken for absence: the last known
// value is kept, LatchRead is false where the latch was not read, View.Listed is false where the member list was not.
// No observation, error or log holds a key: credentials go from the relation straight into the connection.
//
// An Observer is not safe for concurrent use, but for Etcd, Direct, Heard, Endpoints, Credentials and Close.
package observe

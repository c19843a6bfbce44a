// Package wire holds what passes over a Juju API connection: frames, and the parameters and results of the calls that
// this project makes, as Go structs with the exact JSON keys.
//
// Both sides use it: pkg/jujuapi as a client, sim as a server. A reply that is decoded into these types and
// encoded again is the reply that the real controller sent (the tests hold that against recordings), so a server that
// fills them speaks like the real one. The types carry no meaning of their own: names and versions that Juju spells
// differently between releases keep their differences here, and pkg/jujuapi takes them out.
//
// Keys that only one side of Juju's history has are optional: 3.6 sends meter statuses and an SLA, 4.0 does not.
package wire

// Package hooktool speaks to Juju from inside a hook or an action, through the programs that the unit agent puts on PATH.
//
// Tools has one method for each thing that the charm says or asks. All of them go through one Runner: Exec starts the real
// programs, and a test brings its own. What a tool prints is read as JSON, never in its "smart" form.
//
// # Guarantees
//
// A tool that fails is an error, with the tool's own words in it: the caller must end the dispatch with a non-zero exit, so
// that Juju commits nothing half-done. Databag values go over standard input, never over the command line, because some of
// them are private keys and every user of the machine can read command lines; no error holds what was sent.
//
// Juju buffers SetRelation, SetApplicationRelation, OpenPort and ClosePort until the dispatch ends well, and then commits them
// together: one that cannot be committed takes the others with it. Tools counts them (Pending), so that the charm can keep
// ports apart from the rest. Status, version, logs and action results take effect at once.
//
// A Tools serves one dispatch, from one goroutine.
package hooktool

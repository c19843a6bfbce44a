// Package options reads the options of the application that say how etcd runs.
//
// Parse takes them as Juju gives them, whatever JSON, YAML and Juju's own wire make of a value, and
// reports all faults at once. A faulty option has its default until OrLast puts the last good value
// in its place; options that are good or bad only together are kept together.
//
//	o := options.Parse(raw).OrLast(applied)
//
// # How to add an option
//
// A row of groups (options.go), with how it is read and how its last good value is kept, and its
// field in v1alpha1.ClusterOptions; CONTRIBUTING.md has the whole list.
//
// # Guarantees
//
// Every function is pure. What Parse returns lies within what each option may be; each fault is a
// sentence that names the option, its value and what is allowed.
package options

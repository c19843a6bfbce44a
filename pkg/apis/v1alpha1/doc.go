// Package v1alpha1 holds the objects of jujuetcd: EtcdCluster, the policy and state of one etcd application, and EtcdUnit,
// the whole desired state of one of its units.
//
// They have the shape of Kubernetes objects (metadata, spec, status, conditions), so that people and tools can read them,
// but no API server keeps them: an EtcdCluster's spec is read from the daemon's policy directory (every field has a default,
// no file is needed), and EtcdUnits are built by the controller on every pass.
//
// # What goes over the wire
//
// An EtcdUnit's spec is the only parameter of the charm's action reconcile, as JSON; its status is the action's only result.
// A unit publishes UnitFacts as one JSON value in its peer databag, and the Latch lives in the peer relation's application
// databag. Readers tolerate unknown fields there, so that daemon and agent may differ in version; files that people write
// are decoded strictly.
//
// # Guarantees
//
// The package imports nothing of ours and does no I/O. All functions are safe for concurrent use. No type here has a field
// for a private key.
//
// +kubebuilder:object:generate=true
// +groupName=jujuetcd.io
package v1alpha1

// Package through reaches etcd through its units, where no packet of the daemon's gets there: a
// closed network. What a direct connection would do, a unit's agent does, asked by a delivery of
// ops (v1alpha1.EtcdOp) in the action reconcile.
//
// # Use
//
//	cluster := through.New(through.Config{...})
//	view, unit, err := cluster.See(ctx, situation) // in every observation; looks only if that is due
//	err = cluster.Do(ctx, view, change)            // a world.Etcd like the direct one
//
// # What it costs
//
// A look is an action. In a cluster where nothing is done there is one a minute, and one when Juju
// shows that something has changed: a unit that comes or goes, new facts, a workload status (a
// unit's own update-status reports its trouble), the end of a delivery. Between two looks a settled
// cluster costs nothing. While a step is waited for, looks follow each other after two seconds,
// later and later up to a minute as long as they show nothing new. A change costs one action more.
// So health is seen up to a minute late, where a direct connection sees it within a second or two.
//
// # Guarantees
//
//   - A change is made by the unit under the cluster's lock key, after a fresh look, behind the
//     same guard (etcdops.Change), and only if the latch's epoch is ours and the members are those
//     that the change was decided on.
//   - A unit that has another reconcile is not asked. One that did not answer is not asked again
//     for a minute, if another can be.
//   - An agent that does not know ops refuses the delivery and touches nothing.
//   - After a change whose answer was lost there is no view until a new look has succeeded.
//
// # Who writes what
//
//	the member list, the lock key   the unit's agent, when this package asks it to
//	the delivery of ops             this package; deliveries of a desired state are package act's
package through

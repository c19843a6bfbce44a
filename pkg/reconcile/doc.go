// Package reconcile is the daemon: it watches models, and keeps every etcd cluster in them where it
// should be.
//
// # Use
//
//	daemon, err := reconcile.New(reconcile.Config{Self: identity, ...}, models)
//	err = daemon.Start(ctx) // until ctx ends
//
// # How it works
//
// Each model has a jujuapi.Source that asks for snapshots, when Juju hints at a change or by
// itself. When one shows something new, the model's watcher wakes the cluster controller for each
// of the model's etcd applications. A pass (clusterReconciler.Reconcile) observes everything
// (package observe), asks the planner for the next step, has it performed (package act), and files
// what is known in the registry. Membership steps are done in the pass; deliveries to units are
// handed to the unit controller (unitReconciler.Reconcile), which queues the charm's action,
// follows the task, and wakes the cluster again. A prober per cluster reads through every voter
// once a second and wakes the cluster when health, leader or members changed. A pass that finds
// nothing to do costs one look at etcd: no action, no write, no further request to Juju.
//
// controller-runtime gives queues, workers, limiters, recovery, metrics and signals; there is no
// Kubernetes API server, and none is imitated.
//
// # Errors
//
// A controller's Reconcile returns an error only where its pass could not be made and nobody else
// says why: Juju answers something that we do not know what to make of. controller-runtime logs it,
// counts it in controller_runtime_reconcile_errors_total, and tries again later and later, at most
// 30 s apart; a panic is treated alike. So that metric stays 0 for years, and whoever watches the
// daemon looks at others, too:
//
//   - trouble with Juju (see Trouble) is the model's and not the cluster's. It is reported once
//     when it begins and once when it is over, however many clusters wait for its end:
//     jujuetcd_juju_requests_total with outcome "error", jujuetcd_model_connected.
//   - a step that failed is in the cluster's memory, which says when it may be tried again; the
//     pass itself went well: jujuetcd_steps_total with outcome "failed".
//   - so is a delivery: jujuetcd_deliveries_total by outcome.
//
// # Who writes what
//
//	juju tasks (action reconcile)   unit controller, through act.Actor; with ops in a closed network: cluster controller, package through
//	etcd member list, lock key      cluster controller, through act.Actor
//	registry                        cluster controller
//	latch, databags, unit status    the units' agents: never this package
package reconcile

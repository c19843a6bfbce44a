// Package charm is the charm of etcd: what runs in a unit's hooks and actions.
//
// Juju starts the program with one dispatch path, hooks/NAME or actions/NAME; Agent.Dispatch runs
// it. Hooks gather facts, ask for certificates and answer relations, from what was applied last;
// only the action reconcile changes the machine, by handing the daemon's desired state to package
// machine, and a person's restore. Nothing here waits for the daemon, except the hook stop, for a bounded time.
//
// It brings its rooms together, none of which knows it: actions, what a person's do; certificates,
// what authorities are asked for and have given; dispatch, what Juju says in one hook or action;
// and hooktool, how it is asked.
//
// # Who writes what
//
//	what                                              who, when
//	peer databag of the unit, key facts               every hook and reconcile, only when it changed
//	peer databag of the application (the latch)       reconcile on the Juju leader, in a delivery that asks for it; restore on the Juju leader, or the hook that ends it
//	certificates databag of the unit                  every hook and reconcile, only when a name is missing, a renewal is due, or the
//	                                                  provider has shown which dialect it speaks
//	keys and signing requests on disk                 every hook and reconcile, through machine.Requests, before the databag
//	peer databag of the unit, key db-ingress-address  with the facts, while the spec applied last publishes the cluster to clients
//	db and proxy databags of the unit                 every hook and reconcile, from the spec applied last: complete or empty
//	                                                  with the policy clients.ownCertificates, a client's own certificate stays until a better one has arrived
//	prometheus, grafana databag of the unit           every hook and reconcile, from the spec applied last; the leader's asks, and
//	                                                  every other unit withdraws what it asked for
//	nrpe-external-master databag of the unit          every hook, once the checks are on disk
//	Nagios checks on disk                             every hook, through machine.WriteChecks and machine.RemoveChecks
//	TLS leaves on disk                                every hook and reconcile, through machine.WriteLeaves
//	CA bundle and everything else on disk             reconcile, through machine.Apply
//	unit status                                       hooks until the first reconcile; then reconcile, and update-status and start
//	                                                  where local health is worse than the daemon's word
//	application status                                reconcile on the Juju leader
//	opened ports                                      reconcile, in a dispatch that hands Juju nothing else to commit, save the
//	                                                  mark in facts that the spec is applied
//	application version                               whoever publishes facts with another etcd version
//
// # Guarantees
//
// A delivery that is refused touches nothing. Every other one is granted its change of the latch,
// whatever becomes of the machine. One that asks for what is already so writes nothing. No private
// key is in a log, an error, an action's result or the peer databag; the databags of db, proxy and
// prometheus carry one because their protocols do.
//
// Hooks and actions of a unit never run at once: Juju runs them one at a time, and a lock on the
// unit's state directory holds also for a dispatch that outlives its agent. A hook ends with an
// error only where Juju's retry can help.
package charm

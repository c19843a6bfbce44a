// Package model is the state of the embedded Juju: a controller with users and models; in a model
// charms, applications, units, machines, relations with databags, leadership, configuration,
// statuses, ports, actions and logs. It runs nothing: the API server shows it, unit agents and
// machines act on it.
//
// Everything is safe for concurrent use. What is returned is a copy. One lock guards a model, so
// each method is atomic.
//
// # Who writes what
//
//	user (API, CLI)   Deploy, AddUnits, AddMachine, SetConfig, AddRelation, DestroyUnit, DestroyRelation, DestroyApplication, DestroyMachine,
//	                  Refresh, AttachResource, Enqueue, Resolve, AddSecret, UpdateSecret, RemoveSecret, GrantSecret, RevokeSecret
//	machine layer     MachineStarted, MachineStopped, MachineGone
//	unit agent        ReadSecret, AgentUp, AgentGone, Set...Status, FailHook, SetUnitCharm, SetWorkloadVersion, EnterScope, LeaveScope, Commit, ClaimTask, LogTask,
//	                  FetchResource, FinishTask, ClearResolved, UnitGone, Log
//	model itself      leadership, databag addresses, numbers, removal of what is dying and empty
//
// # How a machine layer uses it
//
// MachineIDs lists machines; one that Machine shows as not Started is to be made: MachineStarted
// reports its address. A machine whose Life is Dying has no units left, or never had any: take it
// down, then MachineGone. MachineStopped says that its agent no longer answers.
//
// # How a unit agent uses it
//
// One agent per unit, one operation at a time. It calls AgentUp when it starts (which fails tasks
// that a former agent left running, and asks for leadership) and AgentGone when it stops or is
// killed. Then it loops:
//
//	rev := uint64(0)
//	for {
//		snapshot, err := m.Snapshot(unit)      // IsNotFound: the unit is gone
//		... compare with what was done so far, run the next hooks or the next task ...
//		rev, err = m.Wait(ctx, max(rev, snapshot.Revision))
//	}
//
// Take a new Snapshot only after Wait: with PaceJuju, Wait reports changes as late as Juju's change
// stream would, and an agent that looked between would be faster than a real one.
//
// A Snapshot holds what Juju's agents watch: life, leadership, a version of the charm and of the
// configuration, the relations with the version of each remote unit's and application's databag,
// storage, secrets to be told of, the next tasks, and Resolved. New version numbers mean the hooks config-changed and
// relation-changed; a unit that appears in Members means joined, one that disappears departed; a
// new CharmURL, or ResourceVersion, means to unpack it, SetUnitCharm and upgrade-charm; a relation that is Dying, or the
// unit's own dying, means departed, broken and LeaveScope.
//
// A hook or action reads through View(unit), which mirrors the hook tools. What Juju buffers
// (relation settings, ports, unit state, secrets) is collected in Changes and given to Commit after exit
// code 0 (for an action also after action-fail): all or nothing. Statuses, workload version, action
// log and juju-log act at once. Commit refuses, with nothing changed: an application databag
// written by another unit than the leader (cannot write relation settings), a port range that
// another unit of the machine has opened (ErrPortConflict), and a change of a secret that is not the
// unit's (ErrSecretRefused, for which alone Juju fails an action). Juju reads an action as completed all
// the same: call FinishTask with what the charm said, then log the failed commit.
//
// ClaimTask returns the oldest pending task and makes it running; tasks whose parameters do not fit
// the schema end in error before any agent sees them. FinishTask ends it. A task is taken between
// hooks, before other pending hooks, and also while the unit is in error.
//
// Subordinate applications have no units of their own choice: EnterScope of a relation with scope
// container makes one beside the unit that enters, which is in the scope once its own agent has
// entered. It goes with the relation or with its principal, whose agent waits for that
// (Snapshot.Subordinates) before UnitGone.
//
// A failed hook: FailHook; FullStatus shows the workload as in error until the agent sets its
// status again. Retry it by backoff or when Snapshot.Resolved asks (then ClearResolved).
//
// A unit that is dying: after its last hook the agent has left all scopes, and calls UnitGone,
// which removes the unit, frees its leadership, and marks its machine as dying if it was the last
// there.
package model

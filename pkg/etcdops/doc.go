// Package etcdops is all that is said to etcd: connections, what a cluster looks like, membership
// changes, the lock that whoever disturbs a cluster holds, quorum arithmetic, and the words in
// which health is shown to people.
//
// # Use
//
//	pool := etcdops.NewPool(tlsConfig)
//	defer pool.Close()
//	view := pool.Look(ctx, endpoints)
//	if err := etcdops.CanAdd(view); err != nil {
//		return err // a sentence with the numbers
//	}
//	hold := etcdops.Hold{Endpoints: endpoints, Holder: holder, Purpose: "add etcd/2", TTL: 15 * time.Second}
//	err := etcdops.Under(ctx, pool, hold, func(ctx context.Context) error {
//		member, members, err = pool.AddLearner(ctx, view, "https://10.0.0.3:2380")
//		return err
//	})
//
// # Guarantees
//
//   - A View is a value. Everything that decides on one (Quorum, Tolerance, CanStop, CanAdd,
//     CanPromote, CanRemove, UnitWords, ApplicationWords) is a pure function: no clock, no I/O.
//   - The guards are pessimistic: who has not been seen to serve counts as down, an unstarted
//     member counts as down, and without a linearizable member list nothing is allowed.
//   - A Pool is safe for concurrent use. Each call has a deadline of its own, and no endpoint waits
//     for another one.
//   - A membership change looks again before it acts, and again after it. What the change's own
//     answer says is never taken for the outcome when that answer is lost: the member list is.
//   - A settled cluster is not written to: looking at it adds nothing to etcd's log.
//   - No error, detail or word holds key material.
//
// # Who writes what in etcd
//
//	jujuetcd.io/lock   whoever holds the lock (Under), leased
//	the member list    whoever holds the lock (Pool.Do)
//	alarms             the daemon, or an agent for it or for a person, without the lock (Disarm)
//	a database's file  an agent, under the lock if anybody can take that (Pool.Defragment)
//	history            an agent for a person, without the lock (Pool.Compact)
//
// # How to add a change
//
// A change in etcd is one file here, with its tests, and one row in the planner:
//
//	pkg/etcdops/change_<kind>.go          its type with the methods of Change, and the method of Pool that it is made with
//	pkg/etcdops/change.go                 its ChangeKind and, if a unit's agent can be asked for it, its row in kinds
//	pkg/etcdops/quorum.go                 its guard, if it is one of quorum; mutation_test.go has a row for each
//	pkg/reconcile/planner/change.go       its StepKind and its row: the verb, whether it disturbs, what is expected of it
//	pkg/reconcile/planner                 the check that decides on it, which gives a Step with the Change
//	pkg/reconcile/planner/next.go         that check's row, if it is a new one
//	test/simulation/changes.go            what the imitated etcd does for it, if it can come to want it
//	test/statuswords/walk_test.go         its file, whose errors are no words of a status
//
// A change for when nobody can take the lock has the method Unlocked (Disarm). Its reasons and
// waits in the plan have rows in docs/reference/status.md.
//
// What can be asked of an agent is said to agents of other versions, too:
// pkg/apis/v1alpha1/op_types.go gets its OpKind (then make generate), and
// pkg/apis/v1alpha1/protocol.go a Protocol that promises it; docs/reference/interfaces.md and
// CHANGELOG.md name that number. Until all agents have it, either the daemon does without where the
// network is closed (Disarm), or the change has an Op that the older ones know (Touch). Actor,
// agent, pkg/reconcile/through and the fakes know no kinds. Tests have a row each:
// TestAChangeIsDoneOnlyWhereAListShowsIt, TestAnOpMakesTheChangeThatItCameFrom, and the guard's
// own.
//
// The package imports nothing of ours but pkg/printable, which cleans what others write.
package etcdops

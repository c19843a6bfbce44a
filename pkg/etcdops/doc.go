// Package etcdops is all that is said to etcd: connections, what a cluster looks like, membership changes, the lock that
// whoever disturbs a cluster holds, quorum arithmetic, and the words in which health is told to people.
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
//   - A View is a value. Everything that decides on one (Quorum, Tolerance, CanStop, CanAdd, CanPromote, CanRemove,
//     UnitWords, ApplicationWords) is a pure function: no clock, no I/O.
//   - The guards are pessimistic: who has not been seen to serve counts as down, an unstarted member counts as down, and
//     without a linearizable member list nothing is allowed.
//   - A Pool is safe for concurrent use. Each call has a deadline of its own, and no endpoint waits for another one.
//   - A membership change looks again before it acts, and again after it. What the change's own answer says is never taken
//     for the outcome when that answer is lost: the member list is.
//   - A settled cluster is not written to: looking at it adds nothing to etcd's log.
//   - No error, detail or word holds key material.
//
// # Who writes what in etcd
//
//	jujuetcd.io/lock   whoever holds the lock (Under), leased
//	the member list    whoever holds the lock (Pool.AddLearner, Promote, Remove, MoveLeader)
//
// The package imports nothing of ours but pkg/printable, which cleans what others write.
package etcdops

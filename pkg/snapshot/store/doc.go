// Package store keeps snapshots of a schedule in an S3-compatible store, lists what is there, and
// fetches it.
//
// # Use
//
//	related, err := store.FromRelation(provider)  // what the relation s3-credentials says, if it is there
//	s, err := store.Open(policy, related, "/")    // nothing is asked of the store yet
//	url, err := s.Put(ctx, archive)               // uploads, and reads back
//	removed, err := s.Prune(ctx, archive, 14)     // older ones of the same schedule
//	list, err := s.List(ctx, "", false, identity) // of the own folder, or of another
//	err = s.Fetch(ctx, id, "", path)              // into a new file
//
// It is for the unit's agent: the daemon knows a store by its names only.
//
// # What is in the store
//
// An object PREFIX/NAME, where NAME is that of the file on the unit, which tells cluster and time
// (snapshot.ScheduledName). Its metadata say where it is from: application, model, unit, member,
// cluster, revision, etcd's version, time, tick, and the SHA-256 of its bytes.
//
// # Guarantees
//
//   - What Put has ended well for is in the store as it is on the unit's disk: all of its bytes have
//     been read back. The file on the disk is only read.
//   - Nothing is removed but what has the name of the cluster's schedule directly in the folder, says
//     in its metadata that it is of the same application, model, cluster and time, and is older than
//     what was just read back. An object of somebody else is neither overwritten.
//   - Nothing goes on for longer than its context; what a store says is cut, cleaned and searched for
//     the credentials before it is passed on.
//   - Memory does not grow with the size of a snapshot.
//
// Values are safe for concurrent use.
package store

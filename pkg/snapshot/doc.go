// Package snapshot reads and writes the archives that etcd's data is kept in: what is in one,
// whether its bytes are those that were written, and the plain form that etcd's own tools restore.
//
// # Use
//
//	archive, err := snapshot.Inspect(ctx, "/home/ubuntu/db.tar.gz", "") // changes nothing
//	err = archive.Extract(ctx, "/var/snap/etcd/common/restore.db")       // for etcdutl snapshot restore
//
//	proven, err := snapshot.Prove(ctx, "/home/ubuntu/db.tar.gz", "", "/var/snap/etcd/common", identity)
//	defer proven.Close()
//	err = proven.Restore(ctx, "/var/snap/etcd/common/data", cluster) // what was looked at, read once
//
// An error is a sentence for the person who named the archive.
//
// # Forms
//
// Ours is a tar.gz of ./, ./origin.json and ./db, or, of v2 keys, of what etcdctl backup writes. The charm before this one wrote the same without
// ./origin.json, and finds ./db in ours. Its db was a copy of a file in use; ours is what the server
// sent, with the SHA-256 of it as the last 32 bytes, which etcd's tools look for. The others are what
// etcdctl snapshot save writes, a copy of member/snap/db, and the v2 archive, which holds
// member/wal: on 3.x it holds member/snap/db, too, and is a v2 archive all the same. A tar of a whole
// data directory, which may be no gzip, is told from it by its v3 keys and its members; of it the
// database is taken.
//
// What a schedule takes may be encrypted with age: the tar.gz is what comes out of it. Beside it stands
// NAME.json, which says what it is; NAME.sha256 is of what is kept. Inspect and List open nothing.
//
// # Guarantees
//
//   - What is to be encrypted has no name on the disk in the clear, whenever this program is ended; it is
//     refused, and not written, where it cannot be encrypted.
//   - An identity is read from a file that is for its owner alone, when something is to be opened, and
//     no error has anything of it.
//   - An archive is read once, from one open file, and nothing is written that has a name. What is
//     unpacked to be looked at is a file without a name beside the archive, in /var/tmp, or in the
//     folder that Prove is given; it needs as much free disk as the database is large, which is seen
//     to before.
//   - What a Proven restores is the file without a name that was looked at: nobody else can write to it.
//   - Memory does not grow with the size of an archive, but for the list of its pages (about one byte
//     in a hundred), which the child below holds.
//   - Of each digest that there is none may differ: the trailer, gzip's CRC, the SHA-256 in
//     origin.json, those in the files NAME.sha256 and NAME.json beside the archive, the one that was given.
//   - A database is opened in a child process, which is this program once more: the library that
//     reads it panics on damaged files, and the kernel ends a program that touches pages which are
//     cut off. The child has limits of its own for memory and stack, and whatever becomes of it is
//     an error.
//   - What a schedule has taken is known by its name and by its origin, and only that is ever named as
//     outdated: not the last good one, and nothing later than it.
//   - What leads out of an archive, is no plain file or folder, or grows beyond the limit, is refused.
//
// Values are immutable; all of it is safe for concurrent use.
package snapshot

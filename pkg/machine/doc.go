// Package machine makes one unit's machine be as an EtcdUnitSpec says, and reports what is true on
// it.
//
// # Use
//
//	m := machine.New(machine.Options{Root: "/", Unit: "etcd/0", ModelUUID: uuid, Log: log})
//	status := m.Apply(ctx, &spec, machine.Situation{Latch: latch, Leader: leader, Action: task, Server: leaf})
//	facts, err := m.Facts(ctx)
//
// Apply judges a delivery (Admit, a pure function), records it, and then goes through the machine
// in one order: what is left of a removed member, snap, certificates, configuration, drop-ins,
// service. It may be killed after any of its acts; the next Apply ends where an undisturbed one
// would have.
//
// A delivery with ops is another matter: the agent says to etcd what a daemon asks for that cannot
// reach it, with the unit's own client certificate, and touches nothing on the machine.
//
// # Guarantees
//
//   - A refused delivery touches nothing.
//   - Nothing is installed, written, started or stopped on a machine before the owner's file names
//     this unit, and nothing that lies on another's machine is reported as this unit's own. See
//     WhoseMachine.
//   - Only what the owner's file and the data's member call this unit's is stopped or set aside;
//     and what a unit has left that is gone, if the delivery names it, the data is its member's,
//     and nobody misses that.
//   - A second Apply of the same delivery writes nothing, and starts nothing.
//   - etcd is started with state new only where there is no data, as one of the latched seeds, and
//     after the intent is on disk; never again once data has been seen there, or the latch names
//     the cluster.
//   - A member that runs is stopped only for a restart that the delivery allows, only while this
//     unit holds the cluster's lock, and only if the guard that the planner uses (etcdops.CanStop)
//     agrees on a fresh look; or because a fresh member list of its cluster does not have it any
//     more (etcdops.Gone); or because its unit leaves; or because a person restores an archive on
//     a sole unit (Restore), or v2 keys there (RestoreV2); or to be halted, which no guard of a quorum
//     could allow: for that the journal of the committed latch must have the very phase under which
//     the delivery was sent. Service state Stopped never stops it.
//   - A member is had to defragment its database once for a stamp, only where the delivery says that
//     it is its turn, only while every voter serves (etcdops.CanDefragment), and only where the disk
//     has room for what is in use.
//   - A member that was halted stays stopped, with its data in place, through hooks and boots. A
//     delivery with service state Running starts it, and nothing else of ours does.
//   - An op changes members only for the daemon that holds the latch's epoch, while this unit holds
//     the cluster's lock, if a fresh look shows the cluster and the members that the daemon saw,
//     and the guard that the planner uses agrees.
//   - Data is set aside, never deleted.
//   - Every call is bounded: long work (an installation, a start) is begun, watched for some
//     seconds, and answered as InProgress.
//   - A snapshot of a schedule is called good only after it was verified, packed, and recorded with its
//     SHA-256; older ones go only after that, and nothing goes that another cluster or a person has
//     taken. Why there is none is in the facts; it fails no delivery.
//   - No key is in a status, a fact, an error or a log.
//
// One Machine is used by one goroutine at a time: hooks and actions of a unit never run at once.
// CacheAlarms alone may run beside them, in a process of its own.
//
// # Who writes what
//
//	/var/lib/jujuetcd/owner.json                  the first WriteLeaves or Apply; Facts for a unit that is older than the file; Leave
//	/var/lib/jujuetcd/<unit>/applied.json         record (Apply; Facts when it sees data for the first time)
//	/var/lib/jujuetcd/<unit>/requests/            Requests().Save and Remove: the unit's own keys and what it has asked to be signed
//	/var/snap/etcd/common/ca.crt                  Apply
//	/var/snap/etcd/common/{server,client}.{crt,key}  WriteLeaves, called by every hook and by Apply
//	/var/snap/etcd/common/.{server,client}{,-a,-b}   the same: where those four lead to (durable.Set)
//	/var/snap/etcd/common/etcd.conf.yml           Apply
//	/etc/systemd/system/snap.etcd.etcd.service.d  Apply
//	/root/.bash_aliases                           Apply, between its marks; everything else in it is the user's
//	Nagios checks, their plugins, cron's job      WriteChecks and RemoveChecks, called by every hook (package nagios)
//	/var/lib/nagios/etcd-alarm-list.txt           CacheAlarms, called by cron through the agent, and by WriteChecks
//	/home/ubuntu/NAME                             HandOut, called by actions of a person
//	/var/lib/jujuetcd/<unit>/v2-backup            TakeV2Snapshot, which removes it
//	v2 keys                                       etcd, asked by RestoreV2
//	/var/snap/etcd/common/data.restore-TASK       Restore, which moves what is in it to data, or removes it
//	/home/ubuntu, or where a person says          HandOut, TakeSnapshot, and Restore for a backup
//	/home/ubuntu/etcd-snapshots/etcd-scheduled-*  Apply, which removes those that are more than are kept
//	/var/snap/etcd/common/data                    etcd; Restore renames it; Apply renames it when the member was removed, Leave when the unit goes
//	snaps, services, refresh.timer                snapd, asked by Apply; by Leave to stop and disable etcd
//	the member list, the lock key                 Apply of a delivery with ops, for the daemon
//	the database's file                           etcd, asked by Apply to defragment it
//	etcd's alarms, its history                    Disarm and Compact, for a person
package machine

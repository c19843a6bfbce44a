package v1alpha1

import "time"

// This file is what daemon, agent, charm and stand-in have agreed on: each name, path and time
// limit stands here once.

// Protocol is the version of what daemon and agent say to each other. The agent answers with its
// own in UnitFacts; either side may be newer, and neither relies on what the other's number does
// not promise.
//
//	1  the first one
//	2  the agent keeps keys of the latch that it does not know, leaves the journal undecoded, and knows Rebirth, Ending, Handled
//	   and deliveries that bring only words
//	3  the agent writes journal and stamps, takes leaves of the authorities that it is told, and says what handshakes have proven
//	4  the agent halts its member under a phase of the journal
//	5  the agent knows the op Disarm, and its looks report quotas
//	6  the agent defragments its member's database
//	7  the agent takes snapshots of a schedule
//	8  the agent restores what an action has made ready, under a phase of the journal
//	9  the agent puts snapshots of a schedule into a store
//	10 the agent tries whether a snapshot of the schedule can be restored
//	11 the agent encrypts snapshots of a schedule
//	12 the agent has etcd up to 3.5 serve the v2 API
//	13 the agent tries also what is in the store
const Protocol = 13

// ProtocolDrillStored is the first Protocol whose agents know DrillOrder.Stored.
const ProtocolDrillStored = 13

// ProtocolV2 is the first Protocol whose agents know EtcdSpec.EnableV2.
const ProtocolV2 = 12

// ProtocolEncryption is the first Protocol whose agents know EtcdUnitSpec.Encryption.
const ProtocolEncryption = 11

// ProtocolStore is the first Protocol whose agents know EtcdUnitSpec.Store.
const ProtocolStore = 9

// ProtocolDrill is the first Protocol whose agents know Delivery.Drill.
const ProtocolDrill = 10

// ProtocolRestore is the first Protocol whose agents know EtcdSpec.Restore.
const ProtocolRestore = 8

// ProtocolDefrag is the first Protocol whose agents know ServiceSpec.DefragStamp and
// Delivery.AllowDefrag.
const ProtocolDefrag = 6

// ProtocolSchedule is the first Protocol whose agents know Delivery.Snapshot.
const ProtocolSchedule = 7

// ProtocolDisarm is the first Protocol whose agents know OpDisarm.
const ProtocolDisarm = 5

// ProtocolHalt is the first Protocol whose agents know ServiceHalted and Delivery.Under.
const ProtocolHalt = 4

// ProtocolProcedures is the first Protocol whose agents can take part in procedures: journal,
// stamps, TLSSpec.Leaves and TLSSpec.Next.
const ProtocolProcedures = 3

// ProtocolWords is the first Protocol whose agents know deliveries that bring only words
// (Delivery.WordsOnly).
const ProtocolWords = 2

// Actions of the charm.
const (
	ActionReconcile = "reconcile" // one delivery of the daemon
	ActionHealth    = "health"
	ActionBeginAnew = "begin-anew" // gives the latched cluster up
	ActionRestart   = "restart"    // restarts all members, one at a time
	ActionDefrag    = "defrag"     // has all members defragment their databases, one at a time
	ActionRotateCA  = "rotate-ca"  // has members trust another authority, and then it alone
	ActionProceed   = "proceed"    // goes on with a procedure that waits for a person
	ActionGoBack    = "go-back"    // goes back to before a procedure that has a way back

	ActionClientCredentials = "package-client-credentials" // hands out what a client of etcd needs
	ActionAlarmList         = "alarm-list"
	ActionAlarmDisarm       = "alarm-disarm"
	ActionDebug             = "debug"          // hands out what a fault is looked into with
	ActionCompact           = "compact"        // has etcd forget its history before a revision
	ActionSnapshot          = "snapshot"       // takes a snapshot into a folder of the unit
	ActionListSnapshots     = "list-snapshots" // lists those in a folder of the unit
	ActionRestore           = "restore"        // puts an archive in the place of a cluster's data
)

// disturbs says of each action of the charm that a person runs whether it may stop etcd, change its
// members, or change what they run on or with. ActionReconcile is not in it: what a delivery may do
// is said by its spec.
var disturbs = map[string]bool{
	ActionHealth:  false,
	ActionRestore: true,
	// These record what a person wants; the daemon does it.
	ActionBeginAnew: false,
	ActionRestart:   false,
	ActionDefrag:    false,
	ActionRotateCA:  false,
	ActionProceed:   false,
	ActionGoBack:    false,
	// These read what is on the unit's disk, or say to etcd what stops no member and moves none.
	ActionClientCredentials: false,
	ActionAlarmList:         false,
	ActionAlarmDisarm:       false,
	ActionCompact:           false,
	ActionDebug:             false,
	// These read what a member sends, and what is on the unit's disk.
	ActionSnapshot:      false,
	ActionListSnapshots: false,
}

// Disturbs says that nothing else may be disrupted beside the action. One that is not known may do
// anything: an action of a newer charm, or the command of a juju exec.
func Disturbs(action string) bool {
	may, known := disturbs[action]
	return may || !known
}

// Parameters and results of actions.
const (
	ParameterClusterID = "cluster-id" // of begin-anew: the ID that a person types in
	ParameterDesired   = "desired"    // of reconcile: an EtcdUnitSpec as JSON
	ParameterProvider  = "provider"   // of rotate-ca: the application that is trusted next
	ParameterRevision  = "revision"   // of compact: the first that is kept; empty for the present one
	ParameterPhysical  = "physical"   // of compact: whether the space is waited for
	ResultStatus       = "status"     // of reconcile: an EtcdUnitStatus as JSON

	// ResultOutput is what the charm before this one had of etcdctl, or a sentence.
	ResultOutput = "output"
	// ResultMapMessage is where older revisions of it, and its documentation, had that of health.
	ResultMapMessage = "result-map.message"

	// Of actions that hand out a file: its path on the machine, the command that fetches it, and
	// what it is.
	ResultPath    = "path"
	ResultCommand = "command"
	ResultMessage = "message"

	ParameterReplace = "replace" // of restore: the ID of the cluster that is replaced, as a person types it in
	ParameterTarget  = "target"  // of actions that write or read files: the folder

	// Of snapshot.
	ParameterKeysVersion   = "keys-version" // v3 or v2
	ResultSnapshotPath     = "snapshot.path"
	ResultSnapshotSize     = "snapshot.size" // as du -h says it
	ResultSnapshotSHA256   = "snapshot.sha256"
	ResultSnapshotVersion  = "snapshot.version" // as etcdctl version says it
	ResultSnapshotRevision = "snapshot.revision"
	ResultSnapshotKeys     = "snapshot.keys"
	ResultSnapshotMember   = "snapshot.member"
	ResultSnapshotCluster  = "snapshot.cluster-id"
	ResultCopy             = "copy.cmd"

	// Of list-snapshots.
	ParameterVerify = "verify"    // a flag: inspect each
	ParameterFrom   = "from"      // of restore, too: a folder in the store
	ResultSnapshots = "snapshots" // a list of snapshot.Listed as JSON

	// Of restore.
	ParameterSkipBackup   = "skip-backup" // a flag
	ParameterSnapshot     = "snapshot"    // a file on the unit, in place of the resource
	ParameterSHA256       = "sha256"      // what the archive must have
	ParameterAuth         = "auth"        // "disable" turns authentication off
	ResultBackupPath      = "backup.path"
	ResultBackupSHA256    = "backup.sha256sum"
	ResultRestoredCluster = "restored.cluster-id"
	ResultRestoredFrom    = "restored.from"
	ResultReplacedData    = "restored.replaced-data"
)

// ResourceSnapshot is the charm's resource that restore takes.
const ResourceSnapshot = "snapshot"

// Endpoints of the charm.
const (
	EndpointCluster      = "cluster" // the peer relation
	EndpointCertificates = "certificates"
	EndpointDB           = "db"
	EndpointProxy        = "proxy"
	EndpointPrometheus   = "prometheus"
	EndpointGrafana      = "grafana"
	EndpointNagios       = "nrpe-external-master"
	EndpointStore        = "s3-credentials"
)

// FactsKey is the key of a unit's peer databag that holds its UnitFacts as JSON.
const FactsKey = "facts"

// Keys of the peer relation's application databag: the latch. An agent writes those that a request
// names, and leaves every other one as it is.
const (
	LatchSeedsKey     = "seeds"
	LatchClusterIDKey = "cluster-id"
	LatchEpochKey     = "epoch"
	LatchJournalKey   = "journal"
	LatchEndingKey    = "ending"
	LatchHandledKey   = "handled"
	LatchStampsKey    = "stamps"
)

// The snap, its service, and where both of them and the agent keep what they have, as paths of a
// machine.
const (
	SnapName    = "etcd"
	ServiceName = "snap.etcd.etcd"
	CommonDir   = "/var/snap/etcd/common"
	ConfigFile  = CommonDir + "/etcd.conf.yml"
	// DataDir is where new members keep their data: below the snap's common directory, which no
	// revision owns.
	DataDir = CommonDir + "/data"
	// AgentDir is the agent's own folder: what units on this machine remember.
	AgentDir = "/var/lib/jujuetcd"
)

// Whom juju ssh and juju scp log in as on a machine, and where their relative paths begin.
const (
	LoginUser = "ubuntu"
	LoginHome = "/home/" + LoginUser
)

// ResultText is the result of a reconcile among the results of its task: what the agent has set,
// or, where that would have been too long for a hook tool's argument, what it has printed. Daemons
// before protocol 2 know the first only.
func ResultText(output map[string]any) string {
	if text, _ := output[ResultStatus].(string); text != "" {
		return text
	}
	text, _ := output["stdout"].(string)
	return text
}

// MaxClaimStep is by how much a claim may raise the epoch. The daemon takes the next number; agents
// of other versions may skip some. Without a bound one claim would use up all the numbers there
// are.
const MaxClaimStep = 16

// Time limits that both sides reckon with.
const (
	// DeliveryTTL is how long after it was enqueued a delivery may still be accepted by its unit:
	// NotAfter is at most this far ahead.
	DeliveryTTL = 2 * time.Minute
	// LongestRun is how long a reconcile that has begun may run: the agent ends itself then, and
	// until then the daemon holds back what must not happen beside it. Long work is started and
	// answered "in progress"; what is waited for (8 s for snapd, 8 s for etcd, 3 s for the lock)
	// adds up to less than half of it.
	LongestRun = 2 * time.Minute
	// LongestHook is how long a hook or another action may run: the hook stop alone waits for 75 s.
	LongestHook = 4 * time.Minute
	// LongestScheduled is how long the snapshot of a schedule may take, which is a part of a
	// reconcile: with what else is waited for it stays below LongestRun. A larger database is for
	// the action snapshot.
	LongestScheduled = 75 * time.Second
	// LongestDrill is how long a trial of restoring may take, for the same reason, with what is fetched
	// from a store for it.
	LongestDrill = LongestScheduled
	// LongestSnapshot is how long the action snapshot, or list-snapshots, may run. 8 GiB, the largest
	// database that etcd's documentation recommends, are sent, read, packed and written in 14 minutes
	// at 10 MiB a second.
	LongestSnapshot = 30 * time.Minute
	// LongestRestore is how long the action restore may run: 8 GiB, the largest database that etcd's
	// documentation recommends, are read and written some four times, at 20 MiB/s in 27 minutes.
	LongestRestore = time.Hour
)

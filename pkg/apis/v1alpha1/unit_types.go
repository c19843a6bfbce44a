package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EtcdUnit is everything that one unit's machine should be. The controller builds it; nobody writes
// it by hand.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type EtcdUnit struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EtcdUnitSpec   `json:"spec"`
	Status EtcdUnitStatus `json:"status,omitempty"`
}

// EtcdUnitList is a list of EtcdUnits.
//
// +kubebuilder:object:root=true
type EtcdUnitList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EtcdUnit `json:"items"`
}

// EtcdUnitSpec is handed to the unit whole, as the parameter of its action reconcile. Delivery,
// Latch and Ops belong to one delivery; the rest is the desired state, which Hash identifies.
type EtcdUnitSpec struct {
	// Unit is the Juju unit's name, such as etcd/0.
	Unit string `json:"unit"`
	// Application is the Juju application's name.
	Application string `json:"application"`
	// ModelUUID names the Juju model.
	ModelUUID string `json:"modelUUID"`

	// Delivery says who sent this, until when it is good, and what it takes for granted.
	Delivery Delivery `json:"delivery"`

	Snap    SnapSpec    `json:"snap"`
	Etcd    EtcdSpec    `json:"etcd"`
	TLS     TLSSpec     `json:"tls"`
	Service ServiceSpec `json:"service"`
	// OpenPorts are the TCP ports that Juju should open for this unit; all others of ours are
	// closed.
	OpenPorts []int32     `json:"openPorts,omitempty"`
	Clients   ClientsSpec `json:"clients,omitempty"`
	Status    StatusSpec  `json:"status"`
	// Store is where snapshots of the schedule are kept beside the unit; nil for nowhere. Agents whose
	// Protocol is below ProtocolStore do not know it, and are handed none.
	Store *SnapshotStore `json:"store,omitempty"`
	// Encryption is to whom snapshots of the schedule are encrypted; nil for nobody. Agents whose Protocol
	// is below ProtocolEncryption do not know it, and must not be asked for a snapshot that wants it.
	Encryption *SnapshotEncryption `json:"encryption,omitempty"`
	// Options are what this desired state was made from. The unit only reports them with what it
	// has applied.
	Options *ClusterOptions `json:"options,omitempty"`

	// Latch asks the Juju leader's unit to write the cluster's latch. Other units refuse it.
	Latch *LatchRequest `json:"latch,omitempty"`

	// Ops are what the unit should say to etcd for a daemon that cannot reach it. A delivery with
	// ops asks for nothing else: only unit, application, model and Delivery are read beside them,
	// and the machine stays as it is.
	Ops []EtcdOp `json:"ops,omitempty"`
}

// Delivery is what differs between two deliveries of the same desired state.
type Delivery struct {
	// Protocol is the sender's Protocol.
	Protocol int `json:"protocol"`
	// Epoch is the epoch that the sending daemon holds. The unit refuses one that is older than the
	// latch's or than what it applied before.
	Epoch Epoch `json:"epoch"`
	// NotAfter is when the delivery turns stale by the unit's clock: a Juju task cannot be
	// cancelled, and may run days later.
	NotAfter metav1.Time `json:"notAfter"`
	// Hash is what the sender takes for the hash of the desired state, and the unit reports as
	// applied. An agent that is older than the sender does not know all the fields that the sender
	// hashed; empty, it hashes those that it knows.
	Hash string `json:"hash,omitempty"`
	// ExpectClusterID and ExpectMemberID (16 hex digits) are what the sender saw; empty means that
	// it expects none yet. The unit refuses a delivery that its data directory or its etcd
	// contradicts.
	ExpectClusterID string `json:"expectClusterID,omitempty"`
	ExpectMemberID  string `json:"expectMemberID,omitempty"`
	// AllowRestart permits to stop a running etcd, behind the quorum guard, if what it was started
	// with differs.
	AllowRestart bool `json:"allowRestart,omitempty"`
	// AllowDefrag permits to have the member defragment its database, behind a guard: it serves
	// nobody meanwhile. Agents whose Protocol is below ProtocolDefrag are not asked.
	AllowDefrag bool `json:"allowDefrag,omitempty"`
	// Endpoints are where members answered the sender, for the guards before a restart and before a
	// reset: one that has moved does so at a client URL that is in no list yet.
	Endpoints []string `json:"endpoints,omitempty"`
	// AllowReset permits to set aside the record that a member was started here, and what is left
	// of its data, because the member was removed from the cluster. The unit checks that its own
	// member ID is none of Members before it does so.
	AllowReset bool `json:"allowReset,omitempty"`
	// Members are the member IDs of the cluster as the sender saw them, for AllowReset.
	Members []string `json:"members,omitempty"`
	// Orphans permits to clear the machine of what units have left on it that are gone. The unit
	// checks that it is theirs, and that their member serves nobody any more.
	Orphans *Orphans `json:"orphans,omitempty"`
	// WordsOnly says that the delivery brings words, and at most a claim of the epoch: beside
	// Delivery only unit, application, model, Status and Latch.Claim are read, and machine,
	// certificates, databags and ports stay as they are. It is how the reason is shown why a unit
	// is handed nothing else. Agents whose Protocol is below ProtocolWords do not know it, and are
	// not asked.
	WordsOnly bool `json:"wordsOnly,omitempty"`
	// Under is the entry of the cluster's journal, in its phase, under which this was sent. What is
	// permitted by a phase alone, such as to halt a member (see NeedsPhase), the unit refuses
	// unless the committed latch has that very entry in that very phase: what arrives after the
	// procedure has gone on, has turned back or has ended does nothing.
	Under *JournalPhase `json:"under,omitempty"`
	// Snapshot asks for a snapshot of the schedule, from ProtocolSchedule on. It is one-shot work: the
	// unit remembers what it has begun and done, and does nothing for the same order again.
	Snapshot *SnapshotOrder `json:"snapshot,omitempty"`
	// Drill asks for a trial of restoring, as Snapshot does for a snapshot, from ProtocolDrill on.
	Drill *DrillOrder `json:"drill,omitempty"`
}

// SnapSpec says which snap the unit runs.
type SnapSpec struct {
	// Name is the snap's name: etcd.
	Name string `json:"name"`
	// Channel is a snap channel such as 3.6/stable. Empty keeps what is installed.
	Channel string `json:"channel,omitempty"`
	// RefreshTimer is snapd's refresh.timer, already computed; nil leaves it alone.
	RefreshTimer *string `json:"refreshTimer,omitempty"`
}

// InitialState is etcd's initial-cluster-state.
//
// +kubebuilder:validation:Enum=new;existing
type InitialState string

// The two states a member can be started in without data.
const (
	InitialNew      InitialState = "new"
	InitialExisting InitialState = "existing"
)

// InitialCluster is what a member that has no data yet is started with.
type InitialCluster struct {
	Token   string        `json:"token,omitempty"`
	State   InitialState  `json:"state"`
	Members []NamedMember `json:"members"`
}

// NamedMember is a member's name and peer URL, as in initial-cluster.
type NamedMember struct {
	Name    string `json:"name"`
	PeerURL string `json:"peerURL"`
}

// EtcdSpec is etcd's configuration. Durations are in milliseconds, sizes in bytes, as etcd counts
// them.
type EtcdSpec struct {
	// Name is the member's name: the unit's name without the slash.
	Name string `json:"name"`
	// DataDir is the member's data directory, below the snap's common directory for new members.
	DataDir             string   `json:"dataDir"`
	ListenPeerURLs      []string `json:"listenPeerURLs"`
	ListenClientURLs    []string `json:"listenClientURLs"`
	AdvertisePeerURLs   []string `json:"advertisePeerURLs"`
	AdvertiseClientURLs []string `json:"advertiseClientURLs"`
	// Initial is set only while the unit is to be started without data. Nil on a unit without data
	// means: do not start.
	Initial             *InitialCluster `json:"initial,omitempty"`
	HeartbeatIntervalMs int32           `json:"heartbeatIntervalMs"`
	ElectionTimeoutMs   int32           `json:"electionTimeoutMs"`
	SnapshotCount       int64           `json:"snapshotCount,omitempty"`
	QuotaBackendBytes   int64           `json:"quotaBackendBytes,omitempty"`
	MaxRequestBytes     int64           `json:"maxRequestBytes,omitempty"`
	CipherSuites        []string        `json:"cipherSuites,omitempty"`
	LogLevel            string          `json:"logLevel,omitempty"`
	// AutoCompactionMode is periodic or revision, and the retention a duration or a number of
	// revisions; both or none are set.
	AutoCompactionMode      string `json:"autoCompactionMode,omitempty"`
	AutoCompactionRetention string `json:"autoCompactionRetention,omitempty"`
	// ListenMetricsURLs are where metrics are served beside the client URLs: over TLS as there, or
	// in clear on the loopback.
	ListenMetricsURLs []string `json:"listenMetricsURLs,omitempty"`
	// EnableV2 has etcd serve the v2 API, which ends with 3.5: later ones are not told. Agents whose
	// Protocol is below ProtocolV2 do not know it, and are not asked.
	EnableV2 bool `json:"enableV2,omitempty"`
	// Restore has the unit put data in the place of its own that an action has made ready there. It
	// needs its phase: see Delivery.Under.
	Restore *RestoreSpec `json:"restore,omitempty"`
}

// TLSSpec is the public part of the unit's TLS material. Keys never leave the machine that uses
// them.
type TLSSpec struct {
	// CABundle is one or more PEM certificates that members and clients are verified with.
	CABundle string `json:"caBundle,omitempty"`
	// ExtraSANs are asked for beside the unit's own addresses.
	ExtraSANs []string `json:"extraSANs,omitempty"`
	// Leaves are the authorities, by the SHA-256 fingerprints (hex) of their certificates in
	// CABundle, whose leaves the unit uses; none means all. While an authority is replaced members
	// trust two, and use the leaves of one; so, too, while a provider offers a further one that not
	// every member's process has read.
	Leaves []string `json:"leaves,omitempty"`
	// Next are those whose leaves come next: the unit asks them, too, and proves that its member
	// accepts what they have given, before any member shows it to another.
	Next []string `json:"next,omitempty"`
	// ControllerRequests are the certificate signing requests (PEM) for the controller's own client
	// certificate, whose key stays with it. The Juju leader's unit, which alone is handed them,
	// puts them before a provider that signs requests.
	ControllerRequests []string `json:"controllerRequests,omitempty"`
	// OwnClientCertificates asks for a client certificate for each relation db, which has the
	// shared one until its own has arrived.
	OwnClientCertificates bool `json:"ownClientCertificates,omitempty"`
}

// ServiceState is whether etcd should run.
//
// +kubebuilder:validation:Enum=Stopped;Running;Halted
type ServiceState string

// Service states. Stopped is asked for only while a unit is made ready: it never stops a running
// member. Halted does, for a procedure, and needs its phase: see Delivery.Under. The member stays
// stopped, also when the machine boots, with its data in place, until the unit is handed Running.
// Agents whose Protocol is below ProtocolHalt do not know it, and are not asked.
const (
	ServiceStopped ServiceState = "Stopped"
	ServiceRunning ServiceState = "Running"
	ServiceHalted  ServiceState = "Halted"
)

// ServiceSpec is etcd's service on the machine.
type ServiceSpec struct {
	State ServiceState `json:"state"`
	// RestartStamp is the newest stamp of a rolling restart: a process that was started under an
	// older one is restarted, behind the guard, like one with another configuration.
	RestartStamp int64 `json:"restartStamp,omitempty"`
	// DefragStamp is the newest stamp of a defragmentation: a member that was there before, and has
	// not defragmented its database since, does so when Delivery.AllowDefrag says that it is its
	// turn.
	DefragStamp int64 `json:"defragStamp,omitempty"`
}

// ClientsSpec is what the unit publishes to the clients of its relations db and proxy; nothing
// without Endpoints.
type ClientsSpec struct {
	// Endpoints are the client URLs of members that serve.
	Endpoints []string `json:"endpoints,omitempty"`
	// Relations are, by the id of a relation such as db:7, the endpoints for its clients, where
	// they are not Endpoints.
	Relations map[string][]string `json:"relations,omitempty"`
	// Cluster are the same members as their peers know them, one entry for each peer URL.
	Cluster []NamedMember `json:"cluster,omitempty"`
	// Members are the client URLs of all voters, whether they serve or not: a monitor must see the
	// one that does not.
	Members []string `json:"members,omitempty"`
	Version string   `json:"version,omitempty"`
}

// StatusText is a Juju workload status.
type StatusText struct {
	// State is active, blocked, waiting or maintenance.
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

// StatusSpec is the controller's word on the unit, and on the application where the unit is the
// Juju leader.
type StatusSpec struct {
	Unit        StatusText  `json:"unit"`
	Application *StatusText `json:"application,omitempty"`
	// Notice is what the controller alone knows and Unit shows beside health: the unit goes on
	// showing it with what it sees itself.
	Notice string `json:"notice,omitempty"`
}

// Outcome is how a reconcile ended.
//
// +kubebuilder:validation:Enum=Applied;InProgress;Refused;Failed
type Outcome string

// Outcomes of a reconcile.
const (
	// OutcomeApplied: the machine is as the spec says.
	OutcomeApplied Outcome = "Applied"
	// OutcomeInProgress: long work was started; ask again.
	OutcomeInProgress Outcome = "InProgress"
	// OutcomeRefused: nothing was touched. Reason says why.
	OutcomeRefused Outcome = "Refused"
	// OutcomeFailed: something went wrong half way; the next delivery goes on. Message says what.
	OutcomeFailed Outcome = "Failed"
)

// Reasons of a refusal or failure.
const (
	ReasonLate           = "Late"           // delivered after Delivery.NotAfter
	ReasonOlderEpoch     = "OlderEpoch"     // a newer daemon has claimed the cluster
	ReasonForeignHolder  = "ForeignHolder"  // the epoch's number is current, its holder is not the latch's
	ReasonOlderAction    = "OlderAction"    // a later action of the same epoch was applied before
	ReasonOtherCluster   = "OtherCluster"   // ExpectClusterID is not what the data directory or etcd says
	ReasonOtherMember    = "OtherMember"    // ExpectMemberID is not what the data directory or etcd says
	ReasonOtherUnit      = "OtherUnit"      // the spec is for another unit or model
	ReasonBadSpec        = "BadSpec"        // the spec does not decode or validate
	ReasonNotLeader      = "NotLeader"      // a latch request reached a unit that is not the Juju leader
	ReasonLatchDiffers   = "LatchDiffers"   // a latch key is there with another value, or the epoch is not the expected one
	ReasonDataPresent    = "DataPresent"    // state new, but the data directory holds a member
	ReasonDataLost       = "DataLost"       // the member was started here before, and its data is gone
	ReasonNotSeed        = "NotSeed"        // state new, but the latched seeds differ
	ReasonOtherPhase     = "OtherPhase"     // the journal does not have the phase that alone permits what is desired
	ReasonQuorumGuard    = "QuorumGuard"    // stopping etcd now would cost the cluster its quorum
	ReasonNoCertificate  = "NoCertificate"  // no server certificate has arrived yet
	ReasonSnapInProgress = "SnapInProgress" // snapd is busy with a change
	ReasonStartFailed    = "StartFailed"    // etcd does not stay up
	ReasonPortInUse      = "PortInUse"      // another process listens where etcd is to
	ReasonTaken          = "Taken"          // the machine is another unit's
	ReasonDiskFull       = "DiskFull"       // nothing can be written on the machine's disk
	ReasonMachine        = "MachineError"   // a file, snapd or systemd failed
	ReasonOtherMembers   = "OtherMembers"   // the member list is not the one that the sender of an op saw
	ReasonLocked         = "Locked"         // somebody else holds the cluster's lock
	ReasonEtcd           = "EtcdError"      // etcd could not be asked, or did not do what an op asked for
)

// EtcdUnitStatus is the result of a reconcile.
type EtcdUnitStatus struct {
	Outcome Outcome `json:"outcome,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Message string  `json:"message,omitempty"`
	// Clock is what the unit's clock showed when the delivery ended; nil from an agent of before.
	Clock *metav1.MicroTime `json:"clock,omitempty"`
	// Facts are what the unit published, or would publish, after this reconcile.
	Facts *UnitFacts `json:"facts,omitempty"`
	// Changed names what was written or done; empty means that all was as it should be.
	Changed []string `json:"changed,omitempty"`
	// RestartPending says that etcd runs with a configuration that differs from the spec, and
	// AllowRestart was not given.
	RestartPending bool `json:"restartPending,omitempty"`
	// Channels are those in which the store has the snap for this machine, where it has none in the
	// one that the spec wants.
	Channels []string `json:"channels,omitempty"`
	// Ops are the results of the delivery's ops.
	Ops []EtcdOpResult `json:"ops,omitempty"`
	// Conditions are set by the controller, never by the unit.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EtcdCluster is one Juju application that runs etcd. Its spec is policy that Juju has no words
// for; the application's own options say what should run, and always win.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type EtcdCluster struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta names the application (name) and its model (namespace, such as admin/prod or just
	// prod).
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EtcdClusterSpec   `json:"spec,omitempty"`
	Status EtcdClusterStatus `json:"status,omitempty"`
}

// EtcdClusterList is a list of EtcdClusters.
//
// +kubebuilder:object:root=true
type EtcdClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EtcdCluster `json:"items"`
}

// EtcdClusterSpec is how a cluster is run. Every field has a default.
type EtcdClusterSpec struct {
	// Paused stops all acts on the cluster; observing and reporting go on.
	// +optional
	Paused bool `json:"paused,omitempty"`
	// +optional
	Bootstrap BootstrapPolicy `json:"bootstrap,omitempty"`
	// +optional
	Growth GrowthPolicy `json:"growth,omitempty"`
	// +optional
	Removal RemovalPolicy `json:"removal,omitempty"`
	// +optional
	Certificates CertificatePolicy `json:"certificates,omitempty"`
	// +optional
	Network NetworkPolicy `json:"network,omitempty"`
	// +optional
	Clients ClientPolicy `json:"clients,omitempty"`
	// +optional
	Snapshots SnapshotPolicy `json:"snapshots,omitempty"`
}

// BootstrapPolicy rules how a cluster is born.
type BootstrapPolicy struct {
	// Grace is how long bootstrap waits for units that Juju has not provisioned yet. Default 60s.
	// +optional
	// +kubebuilder:default="60s"
	Grace metav1.Duration `json:"grace,omitempty"`
}

// GrowthPolicy rules how members join.
type GrowthPolicy struct {
	// LagLimit is how many raft entries a learner may be behind when it is promoted. Default 1000.
	// +optional
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=1
	LagLimit int64 `json:"lagLimit,omitempty"`
	// Stable is how long all voters must have been healthy, under one leader, before a membership
	// change. Default 5s, which is etcd's own rule for counting a peer as connected.
	// +optional
	// +kubebuilder:default="5s"
	Stable metav1.Duration `json:"stable,omitempty"`
	// StallTimeout is how long a learner may make no progress before it is removed and tried again.
	// Default 5m.
	// +optional
	// +kubebuilder:default="5m"
	StallTimeout metav1.Duration `json:"stallTimeout,omitempty"`
}

// RemovalPolicy rules how members go.
type RemovalPolicy struct {
	// Grace is how long a member without a unit must have been out of reach, while Juju does not
	// show the unit, before it is removed. Juju has said by then that the unit is gone; the grace
	// is for a Juju that is wrong for a while. Default 5m.
	// +optional
	// +kubebuilder:default="5m"
	Grace metav1.Duration `json:"grace,omitempty"`
}

// CertificatePolicy rules what certificates are asked for.
type CertificatePolicy struct {
	// ExtraSANs are DNS names or IP addresses beside the unit's own addresses.
	// +optional
	ExtraSANs []string `json:"extraSANs,omitempty"`
}

// ClientPolicy rules how clients of relations are let in.
type ClientPolicy struct {
	// OwnCertificates asks for a client certificate for each relation db, whose common name is the
	// application's and the relation's number. By default all share one. A client keeps the shared
	// one until its own has arrived, and where the provider issues none.
	// +optional
	OwnCertificates bool `json:"ownCertificates,omitempty"`
}

// NetworkPolicy rules how the daemon gets to etcd's client port.
type NetworkPolicy struct {
	// ExposeTo allows the daemon, where no client port of the units can be reached from it, to
	// expose the application's endpoint db to these CIDRs, beside what it is exposed to already.
	// The word auto stands for the address from which the daemon is connected to Juju; behind an
	// address translation, its CIDR as the units' cloud sees it must be given. By default nothing
	// is exposed.
	// +optional
	ExposeTo []string `json:"exposeTo,omitempty"`
}

// ExposeToSelf is the word in NetworkPolicy.ExposeTo that stands for the daemon's own address.
const ExposeToSelf = "auto"

// ClusterPhase sums a cluster up in one word.
type ClusterPhase string

// Phases of a cluster.
const (
	PhasePending       ClusterPhase = "Pending"       // something that only a person or Juju can give is missing
	PhaseBootstrapping ClusterPhase = "Bootstrapping" // before the cluster ID is latched
	PhaseProgressing   ClusterPhase = "Progressing"   // a step is under way
	PhaseSteady        ClusterPhase = "Steady"        // nothing to do
	PhaseDegraded      ClusterPhase = "Degraded"      // quorum, but not every voter is healthy
	PhaseLost          ClusterPhase = "Lost"          // no quorum
	PhaseStandby       ClusterPhase = "Standby"       // another daemon leads this cluster
	PhasePaused        ClusterPhase = "Paused"
)

// EtcdClusterStatus is what the controller sees and does.
type EtcdClusterStatus struct {
	// +optional
	Phase ClusterPhase `json:"phase,omitempty"`
	// Message is the application's status line.
	// +optional
	Message string `json:"message,omitempty"`
	// +optional
	ClusterID string `json:"clusterID,omitempty"`
	// +optional
	Epoch *Epoch `json:"epoch,omitempty"`
	// +optional
	Members []MemberStatus `json:"members,omitempty"`
	// Plan are the steps ahead, first the one under way.
	// +optional
	Plan []PlannedStep `json:"plan,omitempty"`
	// Procedures are the operations of several phases that are under way, the one that began first
	// in front.
	// +optional
	Procedures []ProcedureStatus `json:"procedures,omitempty"`
	// Snapshots is how the schedule of snapshots is kept; nil without a schedule.
	// +optional
	Snapshots *SnapshotStatus `json:"snapshots,omitempty"`
	// Drills is how the timetable of restore drills is kept; nil without one.
	// +optional
	Drills *DrillStatus `json:"drills,omitempty"`
	// Blind names what could not be seen when the plan was made.
	// +optional
	Blind []string `json:"blind,omitempty"`
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// +optional
	ObservedAt metav1.Time `json:"observedAt,omitempty"`
}

// MemberStatus is one member as etcd and Juju see it.
type MemberStatus struct {
	// +optional
	ID string `json:"id,omitempty"`
	// +optional
	Name string `json:"name,omitempty"`
	// +optional
	Unit string `json:"unit,omitempty"`
	// Role is voter, learner or unstarted.
	// +optional
	Role string `json:"role,omitempty"`
	// +optional
	Leader bool `json:"leader,omitempty"`
	// +optional
	Healthy bool `json:"healthy"`
	// Reason says why it is not healthy.
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	ClientURL string `json:"clientURL,omitempty"`
	// +optional
	PeerURL string `json:"peerURL,omitempty"`
	// +optional
	Version string `json:"version,omitempty"`
	// DBSize is the backend's size in bytes.
	// +optional
	DBSize int64 `json:"dbSize,omitempty"`
	// Lag is how many raft entries the member is behind its leader.
	// +optional
	Lag int64 `json:"lag,omitempty"`
}

// ProcedureStatus is an operation of several phases that is under way.
type ProcedureStatus struct {
	Name string `json:"name"`
	// ID is Juju's number of the task that asked for it.
	ID string `json:"id"`
	// Phase is where in the operation it is, or, if Back, where on its way back.
	Phase string `json:"phase"`
	// +optional
	Back bool `json:"back,omitempty"`
	// Since is when the phase began.
	Since metav1.Time `json:"since"`
	// Message says what the phase is, and what it waits for or what a person has to do.
	// +optional
	Message string `json:"message,omitempty"`
	// WaitsForPerson says that it goes on only when a person acts, as Message says.
	// +optional
	WaitsForPerson bool `json:"waitsForPerson,omitempty"`
}

// SnapshotStatus is how a schedule of snapshots is kept.
type SnapshotStatus struct {
	// Last is the last good one; nil if there is none.
	// +optional
	Last *TakenSnapshot `json:"last,omitempty"`
	// Stored is the last one that is in the store, too; nil without a store, or if there is none yet.
	// +optional
	Stored *TakenSnapshot `json:"stored,omitempty"`
	// Next is when the next one is due.
	// +optional
	Next metav1.Time `json:"next,omitempty"`
	// Overdue says that the schedule was not kept at two times in a row.
	// +optional
	Overdue bool `json:"overdue,omitempty"`
}

// PlannedStep is one step of a plan in words.
type PlannedStep struct {
	Kind string `json:"kind"`
	// Target is a unit, a member or the cluster.
	Target string `json:"target"`
	Reason string `json:"reason"`
	// Disruptive steps are done one at a time, behind the quorum guard.
	// +optional
	Disruptive bool `json:"disruptive,omitempty"`
}

// Condition types of an EtcdCluster.
const (
	ConditionReady        = "Ready"        // every wanted unit is a healthy voter
	ConditionProgressing  = "Progressing"  // a step is under way or waited for
	ConditionReachable    = "Reachable"    // the daemon reaches every member's client port
	ConditionCertificates = "Certificates" // a certificate authority is related and has answered
	ConditionIdentity     = "Identity"     // one cluster ID, the latched one
	ConditionLeading      = "Leading"      // this daemon holds the cluster's epoch
	ConditionPolicy       = "PolicyValid"  // options and policy file can be carried out
	ConditionSnapshots    = "Snapshots"    // the schedule of snapshots is kept; absent without one
	ConditionDrill        = "RestoreDrill" // a snapshot was restored for a trial when it was due; absent without drills
	ConditionJuju         = "Juju"         // the Juju controller can be worked with
)

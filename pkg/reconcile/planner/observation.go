package planner

import (
	"fmt"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
)

// Observation is everything that a plan is made from, as it was at one time. It is immutable, and holds no secret, no
// clock and no connection: what the daemon remembers (since when, how often) is in it, so that Next is a pure function.
type Observation struct {
	Now time.Time
	// JujuAsked is when Juju was asked for what it shows: status, ports, leaders. Results of tasks may be younger.
	JujuAsked time.Time
	// Model and Application name the cluster.
	ModelName   string
	ModelUUID   string
	Application string
	// ApplicationDying says that Juju is removing the application.
	ApplicationDying bool
	// ApplicationStatus is the application's status as Juju shows it.
	ApplicationStatus v1alpha1.StatusText

	// Self is this daemon's identity; Claimed is the epoch that this process has claimed for this cluster, zero before.
	Self     string
	Claimed  int64
	TakeOver bool

	// Policy has its defaults filled in.
	Policy  v1alpha1.EtcdClusterSpec
	Options Options

	// PeerRelationID is the id of the peer relation; Latch is its application databag, valid only if LatchRead.
	PeerRelationID int
	Latch          v1alpha1.Latch
	LatchRead      bool

	Units []Unit // sorted by number
	// Clients are those that the units tell where etcd serves, sorted by name.
	Clients []Client
	CA      CertificateAuthority
	Etcd    etcdops.View
	// Volumes are the application's storage, attached or kept by Juju; VolumesTold says that Juju tells of it.
	Volumes     []string
	VolumesTold bool
	// Closed says that the daemon cannot reach etcd's client port though units have members. Etcd is then what the unit
	// Through saw; an empty Through means that no unit has told yet.
	Closed  bool
	Through string
	// Exposures are what the application is exposed to, by endpoint. Local is the address from which we are connected to Juju; empty
	// if it is not known.
	Exposures map[string]jujuapi.Exposure
	Local     string

	// TooLarge are databags of others that are too large to be read, sorted.
	TooLarge []Databag

	History History
	// Blind names, in sentences, what could not be seen. A plan made with blind spots says so; facts that are missing because
	// of one are never taken for absence.
	Blind []string
}

// Unit is one unit as Juju, its databag and its tasks show it.
type Unit struct {
	// Name is etcd/0; Number is 0.
	Name   string
	Number int
	Dying  bool
	// Dead says that the unit has run its last hook: its agent takes no more tasks.
	Dead bool
	// Unread says that Juju could not tell what the unit has published: Facts are the last that were read, or nil, which then says
	// nothing.
	Unread bool
	Leader bool
	// Provisioned says that Juju shows a started machine with a unit agent on it.
	Provisioned bool
	// Lost says that Juju has lost contact with the unit's agent.
	Lost bool
	// Failed says that a hook of the unit is in error.
	Failed    bool
	FirstSeen time.Time
	// Facts are nil until the unit has published them.
	Facts *v1alpha1.UnitFacts
	// Shown is the unit's workload status in juju status.
	Shown       v1alpha1.StatusText
	OpenedPorts []int32
	// Task is the reconcile that Juju has for this unit and that is not final; nil if none.
	Task *Task
	// Others are the tasks of other actions that Juju has for this unit and that are not final: a person's.
	Others []Task
	// Last is the result of the last reconcile that this process has seen end; nil if none. Told is that of the last one that brought
	// words only, which says nothing of the machine.
	Last *Result
	Told *Result
	// Clock is what the unit's clock has shown with its last answer; nil if it has told none.
	Clock *Clock
}

// Task is a pending or running reconcile, or another action.
type Task struct {
	// ID is Juju's number, zero for one that is about to be queued, or of which only the unit's agent has told.
	ID int64
	// Name is the action's; empty for a reconcile. The fields after Enqueued are a reconcile's only.
	Name     string
	Running  bool
	Enqueued time.Time
	// Ours says that this process enqueued it, and Deadline is its NotAfter.
	Ours     bool
	Deadline time.Time
	// Harmless says that it is ours and may neither stop nor reset a member: others need not wait for it.
	Harmless bool
}

// String names the task as part of a sentence. Juju has not numbered yet what is only about to be queued.
func (t *Task) String() string {
	switch {
	case t.ID == 0 && t.Name == "":
		return "a delivery"
	case t.ID == 0:
		return "the action " + t.Name
	case t.Name != "":
		return fmt.Sprintf("task %d (%s)", t.ID, t.Name)
	}
	return fmt.Sprintf("task %d", t.ID)
}

// Result is how a reconcile that this process enqueued ended.
type Result struct {
	Task    int64
	Hash    string
	At      time.Time
	Outcome v1alpha1.Outcome
	Reason  string
	Message string
	// Told is where the unit told its clients to find the cluster when it ended.
	Told []string
	// Ports are those that it asked Juju to have open.
	Ports []int32
	// Channels are those in which the store has the snap, where it has none in the one that was asked for.
	Channels []string
	// Failures counts consecutive deliveries that were not applied; NotBefore is when the next one may go out.
	Failures  int
	NotBefore time.Time
}

// CertificateAuthority is the certificates relation as Juju shows it.
type CertificateAuthority struct {
	// Related says that the relation exists.
	Related bool
	// Application is the provider's name: of several that are related, of the one whose authority members trust.
	Application string
	// Unused are those that are related, too, and offer another authority: applications, or units of the one in use; sorted.
	Unused []string
	// Offers are all authorities that are offered now, the one in use among them.
	Offers []AuthorityOffer
	// Own are the authorities, as fingerprints, that the daemon's client certificate verifies against.
	Own []string
	// Bundle is the PEM that the provider offers.
	Bundle string
	// ControllerRequests are the daemon's own requests, for a provider that signs: Juju's leader puts them before it.
	ControllerRequests []string
	// Signs says that the provider signs requests, and Answered that it has given a controller a certificate for one, ours or not.
	Signs, Answered bool
	// ClientCertificate says that the daemon holds a client certificate for this cluster, valid now.
	ClientCertificate bool
}

// AuthorityOffer is an authority, as PEM, that an application offers.
type AuthorityOffer struct {
	Application string
	Bundle      string
}

// Databag is somebody's databag in a relation of the application.
type Databag struct {
	// Endpoint is the application's own, and Writer the unit or application that writes the databag.
	Endpoint, Writer string
}

// History is what this process remembers; a restart begins it anew.
type History struct {
	// StableSince is since when every voter has been healthy under one leader; zero while that is not so.
	StableSince time.Time
	// LastChange is when the member list was last seen to change, or this process started to watch.
	LastChange time.Time
	// Progress is, by member, when a learner's applied index was last seen to grow.
	Progress map[etcdops.MemberID]time.Time
	// UnhealthySince is, by client URL, since when an endpoint does not serve.
	UnhealthySince map[string]time.Time
	// ServesSince is, by client URL, since when an endpoint serves without a break.
	ServesSince map[string]time.Time
	// Attempts counts, by step key, failures in a row; NotBefore is when the next attempt may be made, and Faults why the last failed.
	Attempts  map[string]int
	NotBefore map[string]time.Time
	Faults    map[string]string
	// Notices are, by piece of News, when clients were told of it.
	Notices map[string]Notice
	// Held is what stands between the cluster and its next step, and since when it is the same.
	Held HeldUp
	// Gone are, by name, those units of the model that a unit of this cluster names as having its machine, and that Juju does not show.
	Gone map[string]Gone
	// NoQuorumSince is since when no linearizable read has succeeded anywhere; zero while one does.
	NoQuorumSince time.Time
}

// HeldUp is a reason to wait, and since when it stands.
type HeldUp struct {
	Reason string
	Since  time.Time
}

// Gone is a unit that Juju does not show any more.
type Gone struct {
	// Since is when it was first missed.
	Since time.Time
	// Whole says that Juju does not show its application either.
	Whole bool
}

// Clock is how far a unit's clock is from ours, as far as a task's own run tells: at least so much, and zero where it may be right.
type Clock struct {
	// Ahead is negative where the unit's clock is behind.
	Ahead time.Duration
	// At is when it was told, by our clock.
	At time.Time
}

package observation

import (
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/options"
)

// Observation is everything that a plan is made from, as it was at one time. It is immutable, and
// holds no secret, no clock and no connection: what the daemon remembers (since when, how often) is
// in it, so that Next is a pure function.
type Observation struct {
	Now time.Time
	// JujuAsked is when Juju was asked for what it shows: status, ports, leaders. Results of tasks
	// may be younger.
	JujuAsked time.Time
	// TasksStale says that what is pending and runs on the units was read at an earlier look. An
	// action that waits for its turn changes nothing that Juju shows of the model.
	TasksStale bool
	// Model and Application name the cluster.
	ModelName   string
	ModelUUID   string
	Application string
	// ApplicationDying says that Juju is removing the application.
	ApplicationDying bool
	// ApplicationStatus is the application's status as Juju shows it.
	ApplicationStatus v1alpha1.StatusText

	// Self is this daemon's identity; Claimed is the epoch that this process has claimed for this
	// cluster, zero before.
	Self     string
	Claimed  int64
	TakeOver bool

	// Policy has its defaults filled in.
	Policy  v1alpha1.EtcdClusterSpec
	Options options.Options

	// PeerRelationID is the id of the peer relation; Latch is its application databag, valid only
	// if LatchRead.
	PeerRelationID int
	Latch          v1alpha1.Latch
	LatchRead      bool

	Units []Unit // sorted by number
	// StoreRelated says that the application is related to who gives credentials for a store of
	// snapshots.
	StoreRelated bool
	// Clients are those to whom the units publish where etcd serves, sorted by name.
	Clients []Client
	CA      CertificateAuthority
	Etcd    etcdops.View
	// Volumes are the application's storage, attached or kept by Juju; VolumesReported says that
	// Juju reports it.
	Volumes         []string
	VolumesReported bool
	// Closed says that the daemon cannot reach etcd's client port though units have members. Etcd
	// is then what the unit Through saw; an empty Through means that no unit has reported yet.
	Closed  bool
	Through string
	// Exposures are what the application is exposed to, by endpoint. Local is the address from
	// which we are connected to Juju; empty if it is not known.
	Exposures map[string]jujuapi.Exposure
	Local     string

	// TooLarge are databags of others that are too large to be read, sorted.
	TooLarge []Databag

	History History
	// Blind names, in sentences, what could not be seen. A plan made with blind spots says so;
	// facts that are missing because of one are never taken for absence.
	Blind []string
}

// CertificateAuthority is the certificates relation as Juju shows it.
type CertificateAuthority struct {
	// Related says that the relation exists.
	Related bool
	// Application is the provider's name: of several that are related, of the one whose authority
	// members trust.
	Application string
	// Unused are those that are related, too, and offer another authority: applications, or units
	// of the one in use; sorted.
	Unused []string
	// Offers are all authorities that are offered now, the one in use among them.
	Offers []AuthorityOffer
	// Own are the authorities, as fingerprints, that the daemon's client certificate verifies
	// against.
	Own []string
	// Bundle is the PEM that the provider offers.
	Bundle string
	// ControllerRequests are the daemon's own requests, for a provider that signs: Juju's leader
	// puts them before it.
	ControllerRequests []string
	// Signs says that the provider signs requests, and Answered that it has given a controller a
	// certificate for one, ours or not.
	Signs, Answered bool
	// ClientCertificate says that the daemon holds a client certificate for this cluster, valid
	// now.
	ClientCertificate bool
}

// AuthorityOffer is an authority, as PEM, that an application offers.
type AuthorityOffer struct {
	Application string
	Bundle      string
}

// Databag is somebody's databag in a relation of the application.
type Databag struct {
	// Endpoint is the application's own, and Writer the unit or application that writes the
	// databag.
	Endpoint, Writer string
}

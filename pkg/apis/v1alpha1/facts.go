package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// UnitFacts is what only the machine knows. It is written only when it changed and holds nothing
// volatile, because each write runs a hook on every peer.
type UnitFacts struct {
	// Protocol is the agent's Protocol.
	Protocol int    `json:"protocol"`
	Agent    string `json:"agent,omitempty"`

	Addresses UnitAddresses `json:"addresses"`
	// MachineAddresses are those that peers may see the unit's machine come from, sorted: none of
	// bridges, virtual interfaces or the loopback.
	MachineAddresses []string `json:"machineAddresses,omitempty"`
	// Refused are addresses, sorted, from which peers came that the unit's etcd has not let in,
	// because their certificates are not good for them.
	Refused      []string         `json:"refused,omitempty"`
	Snap         *SnapFacts       `json:"snap,omitempty"`
	Certificates CertificateFacts `json:"certificates"`
	Member       MemberFacts      `json:"member"`
	// Running is what the process has read that runs now, or ran last; nil where that is not known.
	Running *RunningFacts `json:"running,omitempty"`
	Applied *AppliedFacts `json:"applied,omitempty"`
	// RestartPending says that etcd runs with another configuration than the one applied last.
	RestartPending bool `json:"restartPending,omitempty"`
	// Taken is set where the machine is not this unit's. Then nothing else here is about the
	// machine.
	Taken *TakenFacts `json:"taken,omitempty"`
	// Request is the last one that a person has made by an action of this unit; nil if there was
	// none.
	Request *Request `json:"request,omitempty"`
	// Busy is what the unit is at though no task runs there; nil if nothing. The agent sets it
	// before it begins work for which its member must be down and which outlives the task that
	// began it, such as a restore or a move of the data, and takes it back when that has ended.
	// Meanwhile no lock key protects the cluster, whose lease has died with that task: nothing
	// disruptive is begun on any unit.
	Busy *BusyFacts `json:"busy,omitempty"`
	// Snapshots is what the unit has done for the schedule of snapshots; nil if nothing.
	Snapshots *SnapshotFacts `json:"snapshots,omitempty"`
	// Drill is what the unit has done for the timetable of drills; nil if nothing.
	Drill *DrillFacts `json:"drill,omitempty"`
	// Defragmented is what the member's last defragmentation has come to; nil if nobody has asked
	// for one since the member is there.
	Defragmented *DefragFacts `json:"defragmented,omitempty"`
	// Restore is data that an action has made ready on the unit, until the latch tells of it; nil if
	// there is none.
	Restore *RestoreFacts `json:"restore,omitempty"`
}

// DefragFacts is a defragmentation that is over.
type DefragFacts struct {
	// Stamp is the newest one that is seen to: see ServiceSpec.DefragStamp. A member that was begun
	// under a stamp owes nothing for it.
	Stamp int64 `json:"stamp"`
	// Before and After are the sizes of the database's file, in bytes; zero where nothing was done.
	Before int64 `json:"before,omitempty"`
	After  int64 `json:"after,omitempty"`
}

// RestoreSpec is a restore by its action's task.
type RestoreSpec struct {
	// ID is Juju's number of the task, under which the unit has recorded what it has made ready.
	ID string `json:"id"`
	// Back has the unit put in its place again what was there before.
	Back bool `json:"back,omitempty"`
}

// RestoreFacts is the sole member of a cluster that is to take the place of the one that is here.
type RestoreFacts struct {
	// ID is Juju's number of the action's task.
	ID string `json:"id"`
	// ClusterID, Token, Name and PeerURL are the member's.
	ClusterID string `json:"clusterID"`
	Token     string `json:"token"`
	Name      string `json:"name"`
	PeerURL   string `json:"peerURL"`
	// Done says that the data is in its place, and that the member has answered.
	Done bool `json:"done,omitempty"`
}

// BusyFacts is work that lasts.
type BusyFacts struct {
	// ID is that of the spec's work, by which a unit is known to be at the one that it was asked
	// for.
	ID string `json:"id"`
	// Kind is what it is, in a word for people, such as restore.
	Kind string `json:"kind"`
}

// UnitAddresses are the unit's addresses by Juju's bindings, IPv4 first, without brackets or port.
type UnitAddresses struct {
	// Peer and PeerBind are the ingress and bind address of the endpoint cluster.
	Peer     string `json:"peer,omitempty"`
	PeerBind string `json:"peerBind,omitempty"`
	// Client and ClientBind are those of the endpoint db.
	Client     string `json:"client,omitempty"`
	ClientBind string `json:"clientBind,omitempty"`
	// Relations are, by the id of a relation such as db:7, where Juju says that its clients reach
	// the unit, if that is not Client: those of another model.
	Relations map[string]string `json:"relations,omitempty"`
}

// SnapFacts is the snap as snapd knows it.
type SnapFacts struct {
	Revision string `json:"revision,omitempty"`
	Version  string `json:"version,omitempty"`
	Channel  string `json:"channel,omitempty"`
}

// CertificateProvider is the dialect of the certificates relation.
type CertificateProvider string

// Dialects of the certificates relation; empty means that there is no relation.
const (
	ProviderNone    CertificateProvider = ""
	ProviderClassic CertificateProvider = "classic"
	ProviderCSR     CertificateProvider = "csr"
)

// CertificateFacts is what the unit has of TLS, by fingerprint and date.
type CertificateFacts struct {
	Provider CertificateProvider `json:"provider,omitempty"`
	// From is the application of which OfferedCA is.
	From string `json:"from,omitempty"`
	// Unused are those that are related, too, and offer another authority than the one in use:
	// applications, or units of From.
	Unused []string `json:"unused,omitempty"`
	// UnusedCA are, by application, the CA bundles of those, as PEM.
	UnusedCA map[string]string `json:"unusedCA,omitempty"`
	// TrustedCA is the bundle on disk, as PEM, where it is not OfferedCA.
	TrustedCA string `json:"trustedCA,omitempty"`
	// Proof is what fresh handshakes have shown of the authorities in the unit's spec.
	Proof *ProofFacts `json:"proof,omitempty"`
	// OfferedCA is the CA bundle that the provider offers now, as PEM; what is in use is CA.
	OfferedCA string `json:"offeredCA,omitempty"`
	// CA are the SHA-256 fingerprints (hex) of the certificates in the bundle on disk.
	CA []string `json:"ca,omitempty"`
	// Of are those of CA that each of Server and Client is signed by, directly or through others:
	// who trusts one of them lets the unit in. Older agents report none.
	Of     []string   `json:"of,omitempty"`
	Server *LeafFacts `json:"server,omitempty"`
	Client *LeafFacts `json:"client,omitempty"`
	// Authority is, of the authorities that Server and Client need, the one that ends first; it has
	// no names.
	Authority *LeafFacts `json:"authority,omitempty"`
	// Trouble is what stands between the unit and its next certificate, in sentences; empty if
	// nothing does.
	Trouble string `json:"trouble,omitempty"`
	// Controller are the answers to TLSSpec.ControllerRequests; an unanswered one has none.
	Controller []SignedRequest `json:"controller,omitempty"`
}

// ProofFacts are what fresh handshakes on both ports of the unit's own member have shown, since its
// process was started.
type ProofFacts struct {
	// Serves are TLSSpec.Leaves: the member serves a certificate of theirs, and the unit's client
	// certificate is theirs, too.
	Serves []string `json:"serves,omitempty"`
	// Accepts are TLSSpec.Next: the member lets in who shows a certificate of theirs.
	Accepts []string `json:"accepts,omitempty"`
}

// SignedRequest is a certificate signing request with its certificate, both as PEM, and what
// further certificates verify it.
type SignedRequest struct {
	Request     string `json:"request"`
	Certificate string `json:"certificate"`
}

// LeafFacts is one leaf on disk, whose key fits.
type LeafFacts struct {
	// Fingerprint is the certificate's SHA-256 in hex.
	Fingerprint string      `json:"fingerprint"`
	NotBefore   metav1.Time `json:"notBefore,omitempty"`
	NotAfter    metav1.Time `json:"notAfter"`
	SANs        []string    `json:"sans,omitempty"`
	// Key is the algorithm of its key, RSA or ECDSA: it decides which cipher suites of TLS 1.2 a
	// server can serve.
	Key string `json:"key,omitempty"`
}

// MemberFacts is what the data directory says.
type MemberFacts struct {
	// Present says that the data directory holds a write-ahead log.
	Present bool `json:"present"`
	// ClusterID and MemberID are read from it, 16 hex digits.
	ClusterID string `json:"clusterID,omitempty"`
	MemberID  string `json:"memberID,omitempty"`
	// StartedNew says that this unit was once started with state new; it is recorded before the
	// start, and reported when data was seen to come of it, or is lost.
	StartedNew bool `json:"startedNew,omitempty"`
	// Started says that a member was started here; with Present false its data is lost.
	Started bool `json:"started,omitempty"`
	// Token is that of the cluster which a member whose data is lost was begun in; empty where that
	// is not known.
	Token string `json:"token,omitempty"`
}

// AppliedFacts is what the unit applied last.
type AppliedFacts struct {
	// Hash is EtcdUnitSpec.Hash of it.
	Hash string `json:"hash"`
	// Epoch and Action order deliveries: by epoch, then by Juju's task number.
	Epoch  int64 `json:"epoch"`
	Action int64 `json:"action"`
	// Clients are the spec's Clients.Endpoints: where the unit's clients are told to find the
	// cluster.
	Clients []string `json:"clients,omitempty"`
	// ExtraSANs are the spec's TLS.ExtraSANs.
	ExtraSANs []string `json:"extraSANs,omitempty"`
	// Leaves are the spec's TLS.Leaves.
	Leaves []string `json:"leaves,omitempty"`
	// Options are those of the spec that was applied.
	Options *ClusterOptions `json:"options,omitempty"`
}

// DataLost says that a member was started on this unit and its data is gone.
func (m MemberFacts) DataLost() bool { return (m.Started || m.StartedNew) && !m.Present }

// Trusts are the fingerprints of the authorities that the unit's member lets in, now and after a
// crash: of the bundle on disk what its process has read, too. An older agent tells the former
// alone.
func (f UnitFacts) Trusts() []string {
	if f.Running == nil || len(f.Running.CA) == 0 {
		return f.Certificates.CA
	}
	var both []string
	for _, print := range f.Certificates.CA {
		if slices.Contains(f.Running.CA, print) {
			both = append(both, print)
		}
	}
	if len(both) == 0 {
		return f.Running.CA // it is asked now, and none at all would be taken for not known
	}
	return both
}

// NamedLeaf is a certificate with what people call it.
type NamedLeaf struct {
	Name string
	LeafFacts
}

// Named are the certificates that the unit has on disk.
func (c CertificateFacts) Named() []NamedLeaf {
	var named []NamedLeaf
	for _, n := range []struct {
		name string
		leaf *LeafFacts
	}{{"server certificate", c.Server}, {"client certificate", c.Client}, {"certificate authority", c.Authority}} {
		// An older agent reported no beginning: without it nothing can be said of the end.
		if n.leaf != nil && !n.leaf.NotBefore.IsZero() {
			named = append(named, NamedLeaf{Name: n.name, LeafFacts: *n.leaf})
		}
	}
	return named
}

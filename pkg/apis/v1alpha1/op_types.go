package v1alpha1

// OpKind names something that a unit's agent says to etcd for the daemon.
//
// +kubebuilder:validation:Enum=Look;AddLearner;Promote;Remove;MoveLeader;UpdatePeerURL;Disarm
type OpKind string

// Kinds of ops. All but Look change something in etcd.
const (
	OpLook       OpKind = "Look"
	OpAddLearner OpKind = "AddLearner"
	OpPromote    OpKind = "Promote"
	OpRemove     OpKind = "Remove"
	OpMoveLeader OpKind = "MoveLeader"
	// OpPeerURL tells the others where a member's peers find it now.
	OpPeerURL OpKind = "UpdatePeerURL"
	// OpDisarm takes a member's NOSPACE alarm back. Agents whose Protocol is below ProtocolDisarm
	// do not know it, and are not asked.
	OpDisarm OpKind = "Disarm"
)

// EtcdOp is one thing that the unit's agent says to etcd in the daemon's place, because the daemon cannot reach it.
type EtcdOp struct {
	Kind OpKind `json:"kind"`
	// Endpoints are client URLs to look from, beside the unit's own and those that members name themselves.
	Endpoints []string `json:"endpoints,omitempty"`
	// Member is the member (16 hex digits) that is promoted or removed, becomes the leader, has
	// moved, or has the alarm.
	Member string `json:"member,omitempty"`
	// PeerURL is the new learner's, or the one that a member has moved to.
	PeerURL string `json:"peerURL,omitempty"`
	// LagLimit is how many entries a learner may be behind when it is promoted.
	LagLimit int64 `json:"lagLimit,omitempty"`
	// ExpectMembers are the members (16 hex digits) that the sender saw. A change is refused if there are others, unless it
	// is there already.
	ExpectMembers []string `json:"expectMembers,omitempty"`
}

// Changes says that the op changes something in etcd.
func (o EtcdOp) Changes() bool { return o.Kind != OpLook }

// EtcdOpResult is how one op ended, in the order of the ops that were asked for. Ops after one that was not done are left out,
// save looks.
type EtcdOpResult struct {
	Kind    OpKind  `json:"kind"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	Message string  `json:"message,omitempty"`
	// View is what a look saw, as JSON.
	View string `json:"view,omitempty"`
}

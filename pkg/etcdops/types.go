package etcdops

import (
	"fmt"
	"strconv"
	"time"
)

// MemberID is etcd's identity of a member; it is written as 16 hex digits.
type MemberID uint64

// ClusterID is etcd's identity of a cluster; it is written as 16 hex digits.
type ClusterID uint64

// String is the ID as 16 hex digits; zero is the empty string.
func (id MemberID) String() string { return formatID(uint64(id)) }

// String is the ID as 16 hex digits; zero is the empty string.
func (id ClusterID) String() string { return formatID(uint64(id)) }

func formatID(id uint64) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", id)
}

// ParseMemberID reads hex digits; the empty string is zero.
func ParseMemberID(text string) (MemberID, error) {
	id, err := parseID(text)
	if err != nil {
		return 0, fmt.Errorf("cannot read member ID %q: %w", text, err)
	}
	return MemberID(id), nil
}

// ParseClusterID reads hex digits; the empty string is zero.
func ParseClusterID(text string) (ClusterID, error) {
	id, err := parseID(text)
	if err != nil {
		return 0, fmt.Errorf("cannot read cluster ID %q: %w", text, err)
	}
	return ClusterID(id), nil
}

func parseID(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseUint(text, 16, 64)
}

// Member is one entry of the member list. An empty Name means that it never started.
type Member struct {
	ID         MemberID `json:"id"`
	Name       string   `json:"name,omitempty"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs,omitempty"`
	Learner    bool     `json:"learner,omitempty"`
}

// Started says that the member has published its name.
func (m Member) Started() bool { return m.Name != "" }

// Fault classes why an endpoint does not serve.
type Fault string

// Faults, worst last. Their words are part of the status that users read.
const (
	FaultNone        Fault = ""
	FaultRefused     Fault = "down (connection refused)"
	FaultUnreachable Fault = "unreachable (no answer)"
	FaultTLS         Fault = "TLS handshake failed"
	FaultNoLeader    Fault = "no leader"
	FaultLagging     Fault = "lagging"
	FaultAlarm       Fault = "alarm"
	FaultOtherID     Fault = "foreign cluster ID"
	FaultOther       Fault = "failed"
)

// EndpointHealth is what one endpoint answered at one time.
type EndpointHealth struct {
	Endpoint string    `json:"endpoint"`
	At       time.Time `json:"at"`
	// Serves says that a linearizable read went through this endpoint (for a learner: a serializable one).
	Serves bool   `json:"serves"`
	Fault  Fault  `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Answered says that etcd's Status call was answered, served or not: something that is etcd lives there.
	Answered bool `json:"answered"`

	ClusterID    ClusterID `json:"clusterID,omitempty"`
	MemberID     MemberID  `json:"memberID,omitempty"`
	Leader       MemberID  `json:"leader,omitempty"`
	Learner      bool      `json:"learner,omitempty"`
	Version      string    `json:"version,omitempty"`
	RaftTerm     uint64    `json:"raftTerm,omitempty"`
	RaftIndex    uint64    `json:"raftIndex,omitempty"`
	AppliedIndex uint64    `json:"appliedIndex,omitempty"`
	Revision     int64     `json:"revision,omitempty"`
	DBSize       int64     `json:"dbSize,omitempty"`
	DBSizeInUse  int64     `json:"dbSizeInUse,omitempty"`
	// Quota is what DBSize may grow to in the process that runs; zero where etcd, before 3.6, does
	// not report it.
	Quota int64         `json:"quota,omitempty"`
	RTT   time.Duration `json:"rtt,omitempty"`

	// Alarmed says that the endpoint's Status knows of an alarm: reason enough to ask for the list.
	Alarmed bool `json:"alarmed,omitempty"`
}

// Alarm is an active alarm of a member.
type Alarm struct {
	Member MemberID `json:"member"`
	// Kind is NOSPACE or CORRUPT.
	Kind string `json:"kind"`
}

// NoSpace says that the alarm is about room, which a disarm may end: any other one says that data
// differ.
func (a Alarm) NoSpace() bool { return a.Kind == alarmSpace }

// View is one look at a cluster: the member list as a voter gave it linearizably, and each endpoint's own answer.
type View struct {
	At time.Time `json:"at"`
	// Listed says that Members comes from a linearizable list; without it the list is empty or last known, and no membership
	// change may be decided.
	Listed  bool     `json:"listed"`
	Members []Member `json:"members,omitempty"`
	// ClusterID is the identity of the cluster that gave the list.
	ClusterID ClusterID `json:"clusterID,omitempty"`
	// Health is by client URL, for every member and every further endpoint that was asked for.
	Health map[string]EndpointHealth `json:"health,omitempty"`
	Alarms []Alarm                   `json:"alarms,omitempty"`
	// Stray are active alarms of members that are gone: writes stop for those, too.
	Stray []Alarm `json:"stray,omitempty"`
	// AlarmsErr is why the alarms could not be listed although a member knows of one, for people.
	AlarmsErr string `json:"alarmsErr,omitempty"`
	// Err is why there is no list, for people.
	Err string `json:"err,omitempty"`
}

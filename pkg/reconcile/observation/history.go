package observation

import (
	"time"

	"jujuetcd.io/pkg/etcdops"
)

// History is what this process remembers; a restart begins it anew.
type History struct {
	// StableSince is since when every voter has been healthy under one leader; zero while that is
	// not so.
	StableSince time.Time
	// LastChange is when the member list was last seen to change, or this process started to watch.
	LastChange time.Time
	// Progress is, by member, when a learner's applied index was last seen to grow.
	Progress map[etcdops.MemberID]time.Time
	// UnhealthySince is, by client URL, since when an endpoint does not serve.
	UnhealthySince map[string]time.Time
	// ServesSince is, by client URL, since when an endpoint serves without a break.
	ServesSince map[string]time.Time
	// Attempts counts, by step key, failures in a row; NotBefore is when the next attempt may be
	// made, and Faults why the last failed.
	Attempts  map[string]int
	NotBefore map[string]time.Time
	Faults    map[string]string
	// Notices are, by piece of News, when it was published to clients.
	Notices map[string]Notice
	// Held is what stands between the cluster and its next step, and since when it is the same.
	Held HeldUp
	// Gone are, by name, those units of the model that a unit of this cluster names as having its
	// machine, and that Juju does not show.
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

// Client is to whom it is published where etcd serves: a unit of another application of the model,
// or a whole application of another model.
type Client struct {
	// Name is a unit's, or an application's where Unseen.
	Name string
	// Unseen says that it is of another model: whether its hooks have run does not show here.
	Unseen bool
	// Idle says that no hook runs on it or is about to, and Since when its agent's status has changed last, by the
	// controller's clock: however short a hook was, it leaves a new Since.
	Idle  bool
	Since time.Time
}

// Notice is that clients' databags have a piece of news.
type Notice struct {
	// At is when this process saw it first, by its own clock.
	At time.Time
	// After is a time by the controller's clock, at most one look before the last of the databags
	// was written: a client whose agent's status has changed since has heard of it.
	After time.Time
}

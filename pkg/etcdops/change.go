package etcdops

import (
	"context"
	"fmt"
	"slices"
)

// ChangeKind names a change of membership or leadership.
type ChangeKind string

// Changes.
const (
	ChangeAddLearner ChangeKind = "AddLearner"
	ChangePromote    ChangeKind = "Promote"
	ChangeRemove     ChangeKind = "Remove"
	ChangeMoveLeader ChangeKind = "MoveLeader"
	// ChangePeerURL tells the others where a member's peers find it now.
	ChangePeerURL ChangeKind = "UpdatePeerURL"
)

// Change is one change of membership or leadership, as whoever decides on it says it to whoever carries it out: the daemon
// itself, or a unit's agent where the daemon cannot reach etcd.
type Change struct {
	Kind ChangeKind
	// Member is the member that is promoted or removed, becomes the leader, or has moved.
	Member MemberID
	// PeerURL is the new learner's, or the one that a member has moved to.
	PeerURL string
}

// Changer carries changes out; *Pool is one.
type Changer interface {
	AddLearner(ctx context.Context, v View, peerURL string) (Member, []Member, error)
	Promote(ctx context.Context, v View, id MemberID) error
	Remove(ctx context.Context, v View, id MemberID) error
	MoveLeader(ctx context.Context, v View, to MemberID) error
	UpdatePeerURL(ctx context.Context, v View, id MemberID, peerURL string) error
}

// Done says that the world is already as the change would make it. Without a member list that cannot be told.
func (c Change) Done(v View) bool {
	if !v.Listed {
		return false
	}
	m, found := v.Member(c.Member)
	switch c.Kind {
	case ChangeAddLearner:
		return slices.ContainsFunc(v.Members, func(m Member) bool { return slices.Contains(m.PeerURLs, c.PeerURL) })
	case ChangePromote:
		return found && !m.Learner
	case ChangeRemove:
		return !found
	case ChangeMoveLeader:
		return v.Leader() == c.Member
	case ChangePeerURL:
		return found && slices.Equal(m.PeerURLs, []string{c.PeerURL})
	}
	return false
}

// Guard is why the change may not be made on what v shows; nil if it may.
func (c Change) Guard(v View, lagLimit int64) error {
	switch c.Kind {
	case ChangeAddLearner:
		return CanAdd(v)
	case ChangePromote:
		return CanPromote(v, c.Member, lagLimit)
	case ChangeRemove:
		return CanRemove(v, c.Member)
	case ChangeMoveLeader:
		return CanLead(v, c.Member)
	case ChangePeerURL:
		return CanMove(v, c.Member, c.PeerURL)
	}
	return fmt.Errorf("%q is no change of membership", c.Kind)
}

// Make has the change carried out. v is the view that it was decided on.
func (c Change) Make(ctx context.Context, by Changer, v View) error {
	switch c.Kind {
	case ChangeAddLearner:
		_, _, err := by.AddLearner(ctx, v, c.PeerURL)
		return err
	case ChangePromote:
		return by.Promote(ctx, v, c.Member)
	case ChangeRemove:
		return by.Remove(ctx, v, c.Member)
	case ChangeMoveLeader:
		return by.MoveLeader(ctx, v, c.Member)
	case ChangePeerURL:
		return by.UpdatePeerURL(ctx, v, c.Member, c.PeerURL)
	}
	return fmt.Errorf("%q is no change of membership", c.Kind)
}

package etcdops

import (
	"context"
	"fmt"
)

// ChangeKind names a change in etcd.
type ChangeKind string

// Changes. But for ChangeTouch they are kinds of ops, too (v1alpha1.OpKind): agents of other
// versions read them.
const (
	ChangeAddLearner ChangeKind = "AddLearner"
	ChangePromote    ChangeKind = "Promote"
	ChangeRemove     ChangeKind = "Remove"
	ChangeMoveLeader ChangeKind = "MoveLeader"
	ChangePeerURL    ChangeKind = "UpdatePeerURL"
	ChangeTouch      ChangeKind = "Touch"
	ChangeDisarm     ChangeKind = "Disarm"
)

// Change is one change of membership, leadership or alarms, as whoever decides on it says it to
// whoever carries it out: the daemon itself, or a unit's agent where the daemon cannot reach etcd.
// It is a plain value that can be compared. Both go the same way with it, under the lock unless it
// is Unlocked: look; nothing to do if it is Done; Guard; Make; and, where the answer was lost, look
// once more whether it is Done.
type Change interface {
	// Kind names the change in logs.
	Kind() ChangeKind
	// Op is what an agent is asked for that is to make the change.
	Op() Op
	// Subject is the member that the change is about, which is the last one to be asked for it;
	// zero if nobody is.
	Subject() MemberID
	// Done says that v shows the world as the change would make it. Without a member list that
	// cannot be known.
	Done(v View) bool
	// Guard is why the change may not be made on what v shows; nil if it may.
	Guard(v View, l Limits) error
	// Make has the change carried out. v is the view that it was decided on.
	Make(ctx context.Context, p *Pool, v View) error
}

// withoutLock is a Change that is made where nobody can take the lock, and harms nobody who has it.
type withoutLock interface{ Unlocked() }

// Unlocked says that the change is made without the lock (Hold.Unlocked).
func Unlocked(c Change) bool {
	_, without := c.(withoutLock)
	return without
}

// Limits are what a policy has guards reckon with.
type Limits struct {
	// Lag is how many entries a learner may be behind when it is promoted.
	Lag int64
}

// Do makes a change. v is the view that it was decided on.
func (p *Pool) Do(ctx context.Context, v View, c Change) error { return c.Make(ctx, p, v) }

// Op is a change in words that another program makes the same change of.
type Op struct {
	Kind ChangeKind
	// Member is the member that is promoted or removed, becomes the leader, has moved, or has the
	// alarm.
	Member MemberID
	// PeerURL is the new learner's, or the one that a member has moved to.
	PeerURL string
}

// Needs are what an op of some kind has to say.
type Needs struct{ Member, PeerURL, LagLimit bool }

// kinds are the ops that there are: what each needs, and the change that it is.
var kinds = map[ChangeKind]struct {
	needs  Needs
	change func(Op) Change
}{
	ChangeAddLearner: {Needs{PeerURL: true}, func(o Op) Change { return AddLearner{PeerURL: o.PeerURL} }},
	ChangePromote:    {Needs{Member: true, LagLimit: true}, func(o Op) Change { return Promote{Member: o.Member} }},
	ChangeRemove:     {Needs{Member: true}, func(o Op) Change { return Remove{Member: o.Member} }},
	ChangeMoveLeader: {Needs{Member: true}, func(o Op) Change { return MoveLeader{To: o.Member} }},
	ChangePeerURL:    {Needs{Member: true, PeerURL: true}, func(o Op) Change { return UpdatePeerURL{Member: o.Member, PeerURL: o.PeerURL} }},
	ChangeDisarm:     {Needs{Member: true}, func(o Op) Change { return Disarm{Member: o.Member} }},
}

// NeedsOf is what an op of the kind has to say; false if there is no such op.
func NeedsOf(kind ChangeKind) (Needs, bool) {
	row, known := kinds[kind]
	return row.needs, known
}

// Change is the change that the op asks for.
func (o Op) Change() (Change, error) {
	row, known := kinds[o.Kind]
	if !known {
		return nil, fmt.Errorf("%q is no change of membership", o.Kind)
	}
	return row.change(o), nil
}

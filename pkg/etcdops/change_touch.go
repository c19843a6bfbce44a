package etcdops

import (
	"context"
	"fmt"
)

// Touch writes an entry into the log, for a member that waits for one. The entry is the lock, under which every change is made:
// nothing else is written.
type Touch struct {
	// Member is the one that waits, and PeerURL the one that it has.
	Member  MemberID
	PeerURL string
}

// Kind implements Change.
func (c Touch) Kind() ChangeKind { return ChangeTouch }

// Op implements Change. An agent up to protocol 2 knows no op of this kind, and would refuse the whole delivery. It is asked for
// the peer URL that the member has already: that is done at its first look, after the agent has written the lock. No op is made a
// Touch, therefore, and kinds has no row for it.
func (c Touch) Op() Op { return Op{Kind: ChangePeerURL, Member: c.Member, PeerURL: c.PeerURL} }

// Subject implements Change.
func (c Touch) Subject() MemberID { return c.Member }

// Done implements Change: no list shows it.
func (c Touch) Done(View) bool { return false }

// Guard implements Change. It disturbs nobody: it wants no more than a cluster that answers.
func (c Touch) Guard(v View, _ Limits) error {
	if !v.Listed {
		return fmt.Errorf("cannot touch the cluster: %w (%s)", ErrUnlisted, v.Err)
	}
	return nil
}

// Make implements Change: the lock has been written.
func (c Touch) Make(context.Context, *Pool, View) error { return nil }
